package vec

import (
	"fmt"
	"math"
)

// Check returns an error if a method or kernel could read outside v's buffers:
// a buffer too short for its window, offsets that fall or lead outside, children
// of the wrong number or length. Makers of Vecs from foreign memory call it once;
// everything else trusts a Vec. It takes time in proportion to the offsets.
func Check(v *Vec) error { return check(v, 200) }

func check(v *Vec, depth int) error {
	switch {
	case v == nil:
		return fmt.Errorf("vec: no vec")
	case depth == 0:
		return fmt.Errorf("vec: nested more than 200 deep")
	case v.Kind > Map:
		return fmt.Errorf("vec: unknown %v", v.Kind)
	case v.Len < 0 || v.Off < 0 || v.Len > math.MaxInt32 || v.Off > math.MaxInt32:
		return fmt.Errorf("vec: %v window of %d values at %d", v.Kind, v.Len, v.Off)
	case int64(v.Off)+int64(v.Len) > math.MaxInt:
		return fmt.Errorf("vec: %v window of %d values at %d ends after %d", v.Kind, v.Len, v.Off, math.MaxInt)
	case v.Kind == Null:
		return nil
	}
	end := v.Off + v.Len
	if v.Valid != nil && len(v.Valid) < BitmapLen(end) {
		return fmt.Errorf("vec: %v validity of %d bytes for %d values", v.Kind, len(v.Valid), end)
	}
	children := map[Kind]int{List: 1, Map: 2, Struct: len(v.Children)}[v.Kind]
	if len(v.Children) != children {
		return fmt.Errorf("vec: %v with %d children", v.Kind, len(v.Children))
	}
	need := int64(end) // bytes of Data or values of children
	switch v.Kind {
	case Bool:
		need = int64(BitmapLen(end))
	case Bytes, List, Map:
		n, err := checkOffsets(v, end)
		if err != nil {
			return err
		}
		need = n
	default:
		need *= int64(v.Kind.Width())
	}
	if v.Kind != Struct && v.Kind != List && v.Kind != Map {
		if v.Len > 0 && int64(len(v.Data)) < need {
			return fmt.Errorf("vec: %v data of %d bytes, want %d", v.Kind, len(v.Data), need)
		}
		return nil
	}
	if v.Kind == Struct {
		need = int64(end)
	}
	for i, c := range v.Children {
		if err := check(c, depth-1); err != nil {
			return fmt.Errorf("%w; in child %d of a %v", err, i, v.Kind)
		}
		if int64(c.Len) < need {
			return fmt.Errorf("vec: %v child %d of %d values, want %d", v.Kind, i, c.Len, need)
		}
	}
	return nil
}

// checkOffsets returns where the window's last value ends.
func checkOffsets(v *Vec, end int) (int64, error) {
	if v.Len == 0 {
		return 0, nil
	}
	if len(v.Offsets)-1 < end {
		return 0, fmt.Errorf("vec: %v with %d offsets for %d values", v.Kind, len(v.Offsets), end)
	}
	last := v.Offsets[v.Off]
	if last < 0 {
		return 0, fmt.Errorf("vec: %v offset %d is negative", v.Kind, last)
	}
	for _, o := range v.Offsets[v.Off : end+1] {
		if o < last {
			return 0, fmt.Errorf("vec: %v offset %d after %d", v.Kind, o, last)
		}
		last = o
	}
	return int64(last), nil
}
