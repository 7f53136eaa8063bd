package txlog

import (
	"math"
	"strconv"

	"github.com/deltalog/deltalog/internal/pqread"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// parsedStats returns the type of add.stats_parsed in a checkpoint that has
// statistics in that form only; else nil.
func parsedStats(f *pqread.File) *schema.Struct {
	file, err := f.Schema()
	if err != nil {
		return nil // a type that Delta does not have: not the statistics' concern
	}
	i := file.Index("add")
	if i < 0 {
		return nil
	}
	add, ok := file.Fields[i].Type.(*schema.Struct)
	if !ok || add.Index("stats") >= 0 {
		return nil
	}
	j := add.Index("stats_parsed")
	if j < 0 {
		return nil
	}
	parsed, _ := add.Fields[j].Type.(*schema.Struct)
	return parsed
}

// A statsWriter turns rows of a stats_parsed column into statistics' JSON text,
// so that there is one form to read.
type statsWriter struct {
	typ  *schema.Struct
	root statsNode
	buf  []byte
}

// A statsNode is one field, bound to its column of the current batch.
type statsNode struct {
	name     string // as a JSON key, with the colon
	typ      schema.DataType
	v        *vec.Vec
	children []statsNode
}

func (w *statsWriter) bind(v *vec.Vec) { w.root = bindStats("", w.typ, v) }

func bindStats(name string, t schema.DataType, v *vec.Vec) statsNode {
	n := statsNode{name: name, typ: t, v: v}
	s, ok := t.(*schema.Struct)
	if !ok || v.Kind == vec.Null {
		return n
	}
	for i, c := range rowsOf(v).children {
		f := &s.Fields[i]
		n.children = append(n.children, bindStats(string(appendText(nil, f.Name))+":", f.Type, c))
	}
	return n
}

// text returns the statistics of row i. What is null is left out.
func (w *statsWriter) text(i int) string {
	w.buf, _ = w.root.append(w.buf[:0], i)
	return string(w.buf)
}

// append appends the value of row i, and reports whether it is one that
// statistics can hold.
func (n *statsNode) append(dst []byte, i int) ([]byte, bool) {
	if n.v.IsNull(i) {
		return dst, false
	}
	if _, ok := n.typ.(*schema.Struct); ok {
		return n.object(dst, i), true
	}
	switch t := n.typ.(type) {
	case schema.Primitive:
		return appendBound(dst, t, n.v, i)
	case schema.Decimal:
		d := schema.Decimal128FromLittleEndian(vec.Values[[16]byte](n.v)[i])
		return d.Append(dst, t.Scale), true
	}
	return dst, false
}

func (n *statsNode) object(dst []byte, i int) []byte {
	dst = append(dst, '{')
	some := false
	for k := range n.children {
		c := &n.children[k]
		start := len(dst)
		if some {
			dst = append(dst, ',')
		}
		dst = append(dst, c.name...)
		out, ok := c.append(dst, i)
		if !ok {
			dst = dst[:start]
			continue
		}
		dst, some = out, true
	}
	return append(dst, '}')
}

// appendBound appends a bound or a count as statistics have it.
func appendBound(dst []byte, t schema.Primitive, v *vec.Vec, i int) ([]byte, bool) {
	switch t {
	case schema.Boolean:
		return strconv.AppendBool(dst, v.Bool(i)), true
	case schema.Byte:
		return strconv.AppendInt(dst, int64(vec.Values[int8](v)[i]), 10), true
	case schema.Short:
		return strconv.AppendInt(dst, int64(vec.Values[int16](v)[i]), 10), true
	case schema.Integer:
		return strconv.AppendInt(dst, int64(vec.Values[int32](v)[i]), 10), true
	case schema.Long:
		return strconv.AppendInt(dst, vec.Values[int64](v)[i], 10), true
	case schema.Float:
		return appendFloat(dst, float64(vec.Values[float32](v)[i]), 32), true
	case schema.Double:
		return appendFloat(dst, vec.Values[float64](v)[i], 64), true
	case schema.String:
		return appendText(dst, view(v.At(i))), true
	case schema.Date:
		return append(schema.AppendDate(append(dst, '"'), vec.Values[int32](v)[i]), '"'), true
	case schema.Timestamp:
		return append(appendTime(append(dst, '"'), vec.Values[int64](v)[i]), 'Z', '"'), true
	case schema.TimestampNTZ:
		return append(appendTime(append(dst, '"'), vec.Values[int64](v)[i]), '"'), true
	}
	return dst, false
}

// appendTime writes milliseconds, as statistics have them, unless that would
// cut something off.
func appendTime(dst []byte, micros int64) []byte {
	if micros%1000 == 0 {
		return schema.AppendDateTime(dst, micros, 'T', 3)
	}
	return schema.AppendDateTime(dst, micros, 'T', 6)
}

// appendFloat writes what is no number in JSON as text, as other writers do.
func appendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, bits)
}
