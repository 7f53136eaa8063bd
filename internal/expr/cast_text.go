package expr

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A textBuilder gathers texts into a column.
type textBuilder struct {
	data    []byte
	offsets []int32
}

func newTextBuilder(n int) *textBuilder {
	return &textBuilder{offsets: make([]int32, 1, n+1)}
}

// end ends a text, which was appended to data.
func (t *textBuilder) end() error {
	if len(t.data) > math.MaxInt32 {
		return vec.ErrTooLarge
	}
	t.offsets = append(t.offsets, int32(len(t.data)))
	return nil
}

func (t *textBuilder) vec() *vec.Vec {
	return &vec.Vec{Kind: vec.Bytes, Len: len(t.offsets) - 1, Offsets: t.offsets, Data: t.data}
}

// toText casts to string, in Spark's forms.
func toText(from schema.DataType, loc *time.Location) caster {
	if isBytes(from.Kind()) {
		return asItIs
	}
	return func(v *vec.Vec, _ *failures) (*vec.Vec, error) {
		write := textWriter(v, from, loc)
		t := newTextBuilder(v.Len)
		for i := range v.Len {
			if !v.IsNull(i) {
				t.data = write(t.data, i)
			}
			if err := t.end(); err != nil {
				return nil, err
			}
		}
		return t.vec(), nil
	}
}

// textWriter returns a function that appends the text of row i.
func textWriter(v *vec.Vec, from schema.DataType, loc *time.Location) func(dst []byte, i int) []byte {
	switch k := from.Kind(); {
	case k == schema.KindBoolean:
		return func(dst []byte, i int) []byte { return strconv.AppendBool(dst, v.Bool(i)) }
	case k == schema.KindFloat:
		x := vec.Values[float32](v)
		return func(dst []byte, i int) []byte { return schema.AppendFloat(dst, float64(x[i]), 32) }
	case k == schema.KindDouble:
		x := vec.Values[float64](v)
		return func(dst []byte, i int) []byte { return schema.AppendFloat(dst, x[i], 64) }
	case k == schema.KindDecimal:
		x, scale := vec.Values[[16]byte](v), scaleOf(from)
		return func(dst []byte, i int) []byte { return schema.Decimal128FromLittleEndian(x[i]).Append(dst, scale) }
	case k == schema.KindDate:
		x := vec.Values[int32](v)
		return func(dst []byte, i int) []byte { return schema.AppendDate(dst, x[i]) }
	case k == schema.KindTimestamp:
		x := vec.Values[int64](v)
		return func(dst []byte, i int) []byte { return appendWall(dst, toWall(x[i], loc)) }
	case k == schema.KindTimestampNTZ:
		x := vec.Values[int64](v)
		return func(dst []byte, i int) []byte { return appendWall(dst, x[i]) }
	}
	x := toInts(v, false)
	return func(dst []byte, i int) []byte { return strconv.AppendInt(dst, x[i], 10) }
}

// appendWall writes yyyy-MM-dd HH:mm:ss and the fraction without zeros at its end.
func appendWall(dst []byte, micros int64) []byte {
	digits := 6
	rest := micros - floorDiv(micros, 1e6)*1e6
	if rest == 0 {
		digits = 0
	}
	for ; digits > 0 && rest%10 == 0; digits-- {
		rest /= 10
	}
	return schema.AppendDateTime(dst, micros, ' ', digits)
}

// fromTextTo casts strings.
func fromTextTo(to schema.DataType, loc *time.Location) caster {
	if to.Kind() == schema.KindBinary {
		return asItIs
	}
	return func(v *vec.Vec, f *failures) (*vec.Vec, error) {
		read, out := textReader(v.Len, to, loc)
		for i := range v.Len {
			if v.IsNull(i) {
				continue
			}
			s := string(v.At(i))
			if !read(i, trim(s)) && f.bad(i, "%s is not a valid %v", quote(clip(s)), to) {
				break
			}
		}
		return out(), nil
	}
}

// trim drops spaces and control characters at both ends, as Spark's casts do.
func trim(s string) string { return strings.Trim(s, spaces) }

var spaces = func() string {
	b := []byte{' ', 0x7f}
	for c := range byte(0x20) {
		b = append(b, c)
	}
	return string(b)
}()

// textReader returns a function that reads row i, and one that returns the rows.
func textReader(n int, to schema.DataType, loc *time.Location) (read func(i int, s string) bool, out func() *vec.Vec) {
	switch to.Kind() {
	case schema.KindBoolean:
		v := make([]bool, n)
		return func(i int, s string) (ok bool) { v[i], ok = parseBool(s); return ok },
			func() *vec.Vec { return vec.OfBools(v, nil) }
	case schema.KindByte:
		return intReader[int8](n, vec.Int8, 8)
	case schema.KindShort:
		return intReader[int16](n, vec.Int16, 16)
	case schema.KindInteger:
		return intReader[int32](n, vec.Int32, 32)
	case schema.KindLong:
		return intReader[int64](n, vec.Int64, 64)
	case schema.KindFloat:
		v := make([]float32, n)
		return func(i int, s string) bool {
			x, ok := schema.ParseFloat(s, 32)
			v[i] = float32(x)
			return ok
		}, func() *vec.Vec { return vec.Of(vec.Float32, v, nil) }
	case schema.KindDouble:
		v := make([]float64, n)
		return func(i int, s string) (ok bool) { v[i], ok = schema.ParseFloat(s, 64); return ok },
			func() *vec.Vec { return vec.Of(vec.Float64, v, nil) }
	case schema.KindDecimal:
		v, typ := make([][16]byte, n), to.(schema.Decimal)
		return func(i int, s string) bool {
			d, ok := textToDecimal(s, typ)
			v[i] = d.LittleEndian()
			return ok
		}, func() *vec.Vec { return vec.Of(vec.Decimal128, v, nil) }
	case schema.KindDate:
		v := make([]int32, n)
		return func(i int, s string) (ok bool) { v[i], ok = textToDate(s); return ok },
			func() *vec.Vec { return vec.Of(vec.Int32, v, nil) }
	case schema.KindTimestamp:
		v := make([]int64, n)
		return func(i int, s string) (ok bool) { v[i], ok = textToTimestamp(s, loc); return ok },
			func() *vec.Vec { return vec.Of(vec.Int64, v, nil) }
	}
	v := make([]int64, n)
	return func(i int, s string) (ok bool) { v[i], ok = schema.ParseTimestampNTZ(fullDate(s)); return ok },
		func() *vec.Vec { return vec.Of(vec.Int64, v, nil) }
}

func intReader[T integer](n int, kind vec.Kind, bits int) (func(int, string) bool, func() *vec.Vec) {
	v := make([]T, n)
	return func(i int, s string) bool {
		x, err := strconv.ParseInt(s, 10, bits)
		v[i] = T(x)
		return err == nil
	}, func() *vec.Vec { return vec.Of(kind, v, nil) }
}

func parseBool(s string) (v, ok bool) {
	switch strings.ToLower(s) {
	case "true", "t", "yes", "y", "1":
		return true, true
	case "false", "f", "no", "n", "0":
		return false, true
	}
	return false, false
}

// fullDate completes the dates yyyy and yyyy-MM, which Spark reads too.
func fullDate(s string) string {
	sign := 0
	if s != "" && (s[0] == '-' || s[0] == '+') {
		sign = 1
	}
	switch rest := s[sign:]; {
	case len(rest) >= 4 && len(rest) <= 7 && isDigits(rest):
		return s + "-01-01"
	case len(rest) >= 6 && len(rest) <= 10 && strings.Count(rest, "-") == 1:
		return s + "-01"
	}
	return s
}

// textToDate reads a date and passes over a time after it.
func textToDate(s string) (int32, bool) {
	if i := strings.IndexAny(s, " T"); i > 0 {
		s = s[:i]
	}
	return schema.ParseDate(fullDate(s))
}

func textToTimestamp(s string, loc *time.Location) (int64, bool) {
	return schema.ParseTimestamp(fullDate(s), loc)
}

// maxDecimalText is how long a number may be that is read as a decimal with more
// digits than a decimal has.
const maxDecimalText = 4096

// textToDecimal reads a decimal and rounds it half up to its type.
func textToDecimal(s string, to schema.Decimal) (schema.Decimal128, bool) {
	if d, scale, ok := schema.ParseDecimal(s); ok {
		return roundDecimal(d, scale, to)
	}
	// More than 38 digits: those after the scale but one do not matter.
	whole, fraction, _ := strings.Cut(s, ".")
	negative := strings.HasPrefix(whole, "-")
	if whole != "" && (negative || whole[0] == '+') {
		whole = whole[1:]
	}
	if len(s) > maxDecimalText || strings.Trim(whole+fraction, "0123456789") != "" || whole+fraction == "" {
		return schema.Decimal128{}, false
	}
	fraction = fraction[:min(len(fraction), to.Scale+1)]
	var c bigDecimals
	if _, ok := c.r.SetString("0"+whole+fraction, 10); !ok {
		return schema.Decimal128{}, false
	}
	if negative {
		c.r.Neg(&c.r)
	}
	d, ok := c.round(len(fraction), to.Scale)
	return d, ok && d.Fits(to.Precision)
}

// castLiteral is the cast of a text that is written in the expression.
func castLiteral(text string, to schema.DataType, loc *time.Location) (schema.Value, error) {
	if isBytes(to.Kind()) {
		return castText(text, to, loc)
	}
	one, err := vec.OfBytes([]string{text}, nil)
	if err != nil {
		return schema.Value{}, err
	}
	v, err := fromTextTo(to, loc).run(one, false)
	if err != nil {
		return schema.Value{}, fmt.Errorf("%s is not a valid %v", quote(clip(text)), to)
	}
	value, _ := valueOf(v, to)
	return value, nil
}
