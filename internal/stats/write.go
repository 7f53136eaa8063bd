package stats

import (
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/deltalog/deltalog/txlog/schema"
)

// Append appends the JSON text of f to dst. f.Columns is parallel to the
// layout's leaves. Written are
//
//   - numRecords, unless it is negative, and tightBounds if it is false, since
//     it is true where absent;
//   - null counts of all columns but void ones, unless negative;
//   - bounds of columns of a numeric type, strings, dates and timestamps, except
//     those that other readers could misread: NaN and infinities, strings that
//     are not UTF-8, years outside 1 to 9999. A bound of another kind than its
//     column's is left out too.
//
// Timestamps have milliseconds. A min is rounded down. A max is rounded up,
// although the protocol asks for truncation: readers add the millisecond that
// truncation may have cost, but not all of them do. Where rounding up would end
// in the year 10000 it is truncated after all.
//
// A float is written with the digits of the double it is, so that readers that
// take it for a double see no smaller range. A zero is -0.0 as a min and 0.0 as
// a max. Decimals have all of their digits; strings are written whole, see
// [TruncateMin] and [TruncateMax].
func (l *Layout) Append(dst []byte, f *File) []byte {
	dst = append(dst, '{')
	if f.NumRecords >= 0 {
		dst = append(dst, `"numRecords":`...)
		dst = append(strconv.AppendInt(dst, f.NumRecords, 10), ',')
	}
	for s := sectionMin; s <= sectionNulls; s++ {
		w := writer{layout: l, file: f, section: s}
		start := len(dst)
		dst = append(append(append(dst, '"'), sectionNames[s]...), `":`...)
		var ok bool
		if dst, ok = w.node(dst, &l.root); ok {
			dst = append(dst, ',')
		} else if f.NumRecords >= 0 {
			// delta-rs cannot read statistics that lack one of the three objects.
			dst = append(dst, `{},`...)
		} else {
			dst = dst[:start]
		}
	}
	if !f.TightBounds {
		dst = append(dst, `"tightBounds":false,`...)
	}
	if dst[len(dst)-1] == ',' {
		dst = dst[:len(dst)-1]
	}
	return append(dst, '}')
}

// A section is one of the objects in the statistics that mirror the columns.
type section uint8

const (
	sectionMin section = iota
	sectionMax
	sectionNulls
)

var sectionNames = [...]string{"minValues", "maxValues", "nullCount"}

type writer struct {
	layout  *Layout
	file    *File
	section section
}

// node appends the object of one level, or nothing if it would be empty.
func (w *writer) node(dst []byte, n *node) ([]byte, bool) {
	start := len(dst)
	dst = append(dst, '{')
	any := false
	for i, kid := range n.kids {
		before := len(dst)
		if any {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, n.names[i]), ':')
		var ok bool
		if kid.leaf < 0 {
			dst, ok = w.node(dst, kid)
		} else {
			dst, ok = w.leaf(dst, kid.leaf)
		}
		if !ok {
			dst = dst[:before]
		}
		any = any || ok
	}
	if !any {
		return dst[:start], false
	}
	return append(dst, '}'), true
}

func (w *writer) leaf(dst []byte, i int) ([]byte, bool) {
	c := &w.file.Columns[i]
	t := w.layout.leaves[i].Type
	switch {
	case w.section == sectionNulls:
		if c.NullCount < 0 || t.Kind() == schema.KindVoid {
			return dst, false
		}
		return strconv.AppendInt(dst, c.NullCount, 10), true
	case w.section == sectionMin:
		return appendBound(dst, c.Min, c.HasMin, t.Kind(), false)
	default:
		return appendBound(dst, c.Max, c.HasMax, t.Kind(), true)
	}
}

func appendBound(dst []byte, v schema.Value, has bool, k schema.Kind, isMax bool) ([]byte, bool) {
	if !has || v.IsNull() || v.Kind() != k || !bounded(k) {
		return dst, false
	}
	switch k {
	case schema.KindFloat, schema.KindDouble:
		return appendFloat(dst, v.Float64(), isMax)
	case schema.KindDecimal:
		d, scale := v.Decimal()
		return d.Append(dst, scale), true
	case schema.KindString:
		if !utf8.ValidString(v.Text()) {
			return dst, false
		}
		return appendString(dst, v.Text()), true
	case schema.KindDate:
		if days := v.Int64(); days < minDays || days > maxDays {
			return dst, false
		}
		return append(schema.AppendDate(append(dst, '"'), int32(v.Int64())), '"'), true
	case schema.KindTimestamp:
		return appendTimestamp(dst, v.Int64(), isMax, `Z"`)
	case schema.KindTimestampNTZ:
		return appendTimestamp(dst, v.Int64(), isMax, `"`)
	default:
		return strconv.AppendInt(dst, v.Int64(), 10), true
	}
}

func appendFloat(dst []byte, f float64, isMax bool) ([]byte, bool) {
	if f != f || math.IsInf(f, 0) {
		return dst, false
	}
	if f == 0 {
		if isMax {
			return append(dst, "0.0"...), true
		}
		return append(dst, "-0.0"...), true
	}
	return schema.AppendFloat(dst, f, 64), true
}

// The days 0001-01-01 and 9999-12-31: what all readers can parse.
const (
	minDays      = -719162
	maxDays      = 2932896
	microsPerDay = 86_400_000_000
	minMicros    = minDays * microsPerDay
	maxMicros    = (maxDays+1)*microsPerDay - 1
)

func appendTimestamp(dst []byte, micros int64, isMax bool, end string) ([]byte, bool) {
	if micros < minMicros || micros > maxMicros {
		return dst, false
	}
	if isMax && micros <= maxMicros-999 {
		micros += 999 // AppendDateTime drops what is below a millisecond
	}
	dst = schema.AppendDateTime(append(dst, '"'), micros, 'T', 3)
	return append(dst, end...), true
}

// appendString writes a JSON string.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[start:i]...)
		if c >= 0x20 {
			dst = append(dst, '\\', c)
		} else {
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		start = i + 1
	}
	return append(append(dst, s[start:]...), '"')
}
