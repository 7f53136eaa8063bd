package expr

import (
	"math"
	"strconv"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// numberTo casts between number types.
func numberTo(from, to schema.DataType) caster {
	k, l := from.Kind(), to.Kind()
	switch {
	case isInteger(k) && isInteger(l):
		return func(v *vec.Vec, f *failures) (*vec.Vec, error) { return intsTo(toInts(v, false), to, f), nil }
	case isInteger(k) && l == schema.KindDecimal:
		return func(v *vec.Vec, f *failures) (*vec.Vec, error) { return decimalsTo(toDecimals(v), 0, to, f), nil }
	case isFloat(k) && isInteger(l):
		return func(v *vec.Vec, f *failures) (*vec.Vec, error) { return floatsToInts(toFloats(v, 0), to, f), nil }
	case isFloat(k) && l == schema.KindDecimal:
		return func(v *vec.Vec, f *failures) (*vec.Vec, error) {
			return floatsToDecimals(toFloats(v, 0), to.(schema.Decimal), f), nil
		}
	case isFloat(l):
		scale := scaleOf(from)
		return func(v *vec.Vec, f *failures) (*vec.Vec, error) {
			// A long becomes a float in one step: two would round twice.
			if l == schema.KindFloat && v.Kind == vec.Int64 {
				return vec.Of(vec.Float32, convert[float32](vec.Values[int64](v)), nil), nil
			}
			return floatsOf(toFloats(v, scale), l), nil
		}
	case l == schema.KindDecimal:
		scale := scaleOf(from)
		return func(v *vec.Vec, f *failures) (*vec.Vec, error) { return decimalsTo(toDecimals(v), scale, to, f), nil }
	}
	scale := scaleOf(from)
	return func(v *vec.Vec, f *failures) (*vec.Vec, error) {
		d := toDecimals(v)
		out := make([]int64, len(d))
		for i := range d {
			n, ok := truncateDecimal(d[i], scale).Int64()
			if !ok && f.bad(i, "%s: %w of %v", d[i].Text(scale), errOverflow, to) {
				break
			}
			out[i] = n
		}
		return intsTo(out, to, f), nil
	}
}

// intsTo narrows integers to an integer type.
func intsTo(v []int64, to schema.DataType, f *failures) *vec.Vec {
	switch to.Kind() {
	case schema.KindByte:
		return vec.Of(vec.Int8, narrowTo[int8](v, to, f), nil)
	case schema.KindShort:
		return vec.Of(vec.Int16, narrowTo[int16](v, to, f), nil)
	case schema.KindInteger:
		return vec.Of(vec.Int32, narrowTo[int32](v, to, f), nil)
	}
	return vec.Of(vec.Int64, v, nil)
}

func narrowTo[T int8 | int16 | int32](v []int64, to schema.DataType, f *failures) []T {
	out := make([]T, len(v))
	var lost int64
	for i, x := range v {
		out[i] = T(x)
		lost |= int64(out[i]) ^ x
	}
	if lost == 0 {
		return out
	}
	for i, x := range v {
		if int64(out[i]) != x && f.bad(i, "%d: %w of %v", x, errOverflow, to) {
			break
		}
	}
	return out
}

func floatsOf(v []float64, l schema.Kind) *vec.Vec {
	if l == schema.KindFloat {
		return vec.Of(vec.Float32, convert[float32](v), nil)
	}
	return vec.Of(vec.Float64, v, nil)
}

// floatsToInts drops the fraction.
func floatsToInts(v []float64, to schema.DataType, f *failures) *vec.Vec {
	out := make([]int64, len(v))
	for i, x := range v {
		// 2^63 itself is out of range; NaN compares as neither.
		if !(math.Floor(x) < 1<<63 && math.Ceil(x) >= -1<<63) {
			if f.bad(i, "%s: %w of %v", floatString(x), errOverflow, to) {
				break
			}
			continue
		}
		out[i] = int64(x)
	}
	return intsTo(out, to, f)
}

func floatString(x float64) string { return string(schema.AppendFloat(nil, x, 64)) }

// floatsToDecimals takes the shortest digits that read back as the number, as
// Java does. What is no number, or infinite, is null, as in Spark.
func floatsToDecimals(v []float64, to schema.Decimal, f *failures) *vec.Vec {
	out := make([][16]byte, len(v))
	var buf [32]byte
	for i, x := range v {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			f.null = append(f.null, i)
			continue
		}
		d, scale, ok := schema.ParseDecimal(string(strconv.AppendFloat(buf[:0], x, 'e', -1, 64)))
		if ok {
			d, ok = roundDecimal(d, scale, to)
		}
		if !ok && f.bad(i, "%s: %w of %v", floatString(x), errOverflow, to) {
			break
		}
		out[i] = d.LittleEndian()
	}
	return vec.Of(vec.Decimal128, out, nil)
}

func decimalsTo(v []schema.Decimal128, scale int, typ schema.DataType, f *failures) *vec.Vec {
	to := typ.(schema.Decimal)
	out := make([][16]byte, len(v))
	for i, x := range v {
		d, ok := roundDecimal(x, scale, to)
		if !ok && f.bad(i, "%s: %w of %v", x.Text(scale), errOverflow, to) {
			break
		}
		out[i] = d.LittleEndian()
	}
	return vec.Of(vec.Decimal128, out, nil)
}

// roundDecimal returns d as a decimal of the type, rounded half up.
func roundDecimal(d schema.Decimal128, scale int, to schema.Decimal) (schema.Decimal128, bool) {
	d, _, ok := d.Rescale(scale, to.Scale)
	return d, ok && d.Fits(to.Precision)
}

// truncateDecimal drops the fraction.
func truncateDecimal(d schema.Decimal128, scale int) schema.Decimal128 {
	r, exact, ok := d.Rescale(scale, 0)
	if !ok || exact {
		return r
	}
	one := int64(0)
	switch c := schema.CompareDecimals(r, 0, d, scale); {
	case d.Sign() > 0 && c > 0:
		one = -1
	case d.Sign() < 0 && c < 0:
		one = 1
	}
	r, _ = r.Add(schema.Decimal128FromInt64(one))
	return r
}

func boolToNumber(to schema.DataType) caster {
	return func(v *vec.Vec, f *failures) (*vec.Vec, error) {
		n := make([]int64, v.Len)
		for i := range n {
			if v.Bool(i) {
				n[i] = 1
			}
		}
		switch l := to.Kind(); {
		case isFloat(l):
			return floatsOf(convert[float64](n), l), nil
		case l == schema.KindDecimal:
			return decimalsTo(toDecimals(vec.Of(vec.Int64, n, nil)), 0, to, f), nil
		}
		return intsTo(n, to, f), nil
	}
}

func numberToBool(from schema.DataType) caster {
	return func(v *vec.Vec, _ *failures) (*vec.Vec, error) {
		out := make([]bool, v.Len)
		switch {
		case isFloat(from.Kind()):
			for i, x := range toFloats(v, 0) {
				out[i] = x != 0
			}
		default:
			for i, x := range toDecimals(v) {
				out[i] = x.Sign() != 0
			}
		}
		return vec.OfBools(out, nil), nil
	}
}
