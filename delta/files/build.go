package files

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/deltalog/deltalog/internal/schemavec"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A column gathers values read from text, in Arrow's layout.
type column struct {
	name     string
	typ      schema.DataType
	kind     schema.Kind
	inferred bool // the type was told from the first rows
	isInt    bool // int or bigint, which most numbers are

	n       int
	valid   []byte // nil: no nulls yet
	data    []byte
	offsets []int32
	kids    []*column // fields; element; key, value
	fields  map[string]int
	scratch []byte
}

// newColumn returns a column of a type, which must have a text form.
func newColumn(name string, t schema.DataType) (*column, error) {
	c := &column{name: name, typ: t, kind: t.Kind()}
	c.isInt = c.kind == schema.KindInteger || c.kind == schema.KindLong
	var kids []schema.Field
	switch t := t.(type) {
	case *schema.Struct:
		kids = t.Fields
		c.fields = make(map[string]int, len(kids))
	case *schema.Array:
		kids = []schema.Field{{Name: "element", Type: t.Element}}
	case *schema.Map:
		if k := t.Key.Kind(); k == schema.KindStruct || k == schema.KindArray || k == schema.KindMap {
			return nil, &columnError{name, fmt.Errorf("a map whose keys are %s cannot be read from text; use parquet or arrow", t.Key)}
		}
		kids = []schema.Field{{Name: "key", Type: t.Key}, {Name: "value", Type: t.Value}}
	default:
		if c.kind == schema.KindVariant {
			return nil, &columnError{name, fmt.Errorf("a column of type %s cannot be read from text; use parquet or arrow", t)}
		}
	}
	for i := range kids {
		k, err := newColumn(kids[i].Name, kids[i].Type)
		if err != nil {
			return nil, within(name, err)
		}
		c.kids = append(c.kids, k)
		if c.fields != nil {
			c.fields[kids[i].Name] = i
		}
	}
	c.reset(firstRows)
	return c, nil
}

// firstRows is how many rows the first batch has at most: small inputs take little
// memory, and after it the size of a row is known.
const firstRows = 4096

// A columnError says which column a text is no value of.
type columnError struct {
	path string
	err  error
}

func (e *columnError) Error() string { return fmt.Sprintf("column %s: %v", e.path, e.err) }
func (e *columnError) Unwrap() error { return e.err }

// within puts the name of an outer column before that in an error.
func within(name string, err error) error {
	switch e, ok := err.(*columnError); {
	case name == "":
		return err
	case ok:
		return &columnError{name + "." + e.path, e.err}
	}
	return &columnError{name, err}
}

// reset begins anew, with memory for about n values. What finish gave is not
// touched.
func (c *column) reset(n int) {
	c.n, c.valid, c.data, c.offsets = 0, nil, nil, nil
	switch w := schemavec.Layout(c.typ); w {
	case vec.Null, vec.Struct:
	case vec.List, vec.Map:
		c.offsets = append(make([]int32, 0, n+1), 0)
	case vec.Bytes:
		c.offsets = append(make([]int32, 0, n+1), 0)
		c.data = make([]byte, 0, 64)
	case vec.Bool:
		c.data = make([]byte, 0, vec.BitmapLen(n)+8)
	default:
		c.data = make([]byte, 0, max(64, n*w.Width()))
	}
}

// finish returns the values and begins anew, with memory for about next rows like
// those so far.
func (c *column) finish(next int) *vec.Vec {
	v := &vec.Vec{Kind: schemavec.Layout(c.typ), Len: c.n, Valid: c.valid, Data: c.data, Offsets: c.offsets}
	for _, k := range c.kids {
		inner := next
		if v.Kind == vec.List || v.Kind == vec.Map {
			inner = scaled(k.n, c.n, next)
		}
		v.Children = append(v.Children, k.finish(inner))
	}
	n, size := c.n, len(c.data)
	c.reset(next)
	if v.Kind == vec.Bytes {
		c.data = make([]byte, 0, scaled(size, n, next))
	}
	return v
}

// scaled returns how much next rows take if rows took size.
func scaled(size, rows, next int) int {
	if rows == 0 {
		return 0
	}
	return int(min(float64(size)*float64(next)/float64(rows)*9/8, batchBytes))
}

// appended counts a value that is not null, whose bytes are in data.
func (c *column) appended() {
	if c.valid != nil {
		c.bit(&c.valid, true)
	}
	c.n++
}

// bit sets bit c.n, the one after the last of *b.
func (c *column) bit(b *[]byte, set bool) {
	if c.n&7 == 0 {
		*b = append(*b, 0)
	}
	if set {
		(*b)[c.n>>3] |= 1 << (c.n & 7)
	}
}

func (c *column) appendNull() {
	if c.valid == nil {
		c.valid = make([]byte, vec.BitmapLen(c.n), vec.BitmapLen(max(c.n, cap(c.offsets)))+8)
		vec.SetBits(c.valid, 0, c.n)
	}
	c.bit(&c.valid, false)
	switch w := schemavec.Layout(c.typ); w {
	case vec.Null:
	case vec.Struct:
		for _, k := range c.kids {
			k.appendNull()
		}
	case vec.Bytes:
		c.offsets = append(c.offsets, int32(len(c.data)))
	case vec.List, vec.Map:
		c.offsets = append(c.offsets, int32(c.kids[0].n))
	case vec.Bool:
		c.bit(&c.data, false)
	default:
		c.data = append(c.data, zeros[:w.Width()]...)
	}
	c.n++
}

var zeros [16]byte

func (c *column) appendBool(v bool) {
	c.bit(&c.data, v)
	c.appended()
}

// appendInt appends a value of an integer kind, a date or a timestamp, which it
// is in the range of.
func (c *column) appendInt(v int64) {
	switch c.kind {
	case schema.KindByte:
		c.data = append(c.data, byte(v))
	case schema.KindShort:
		c.data = binary.LittleEndian.AppendUint16(c.data, uint16(v))
	case schema.KindInteger, schema.KindDate:
		c.data = binary.LittleEndian.AppendUint32(c.data, uint32(v))
	default:
		c.data = binary.LittleEndian.AppendUint64(c.data, uint64(v))
	}
	c.appended()
}

func (c *column) appendFloat(v float64) {
	if c.kind == schema.KindFloat {
		c.data = binary.LittleEndian.AppendUint32(c.data, math.Float32bits(float32(v)))
	} else {
		c.data = binary.LittleEndian.AppendUint64(c.data, math.Float64bits(v))
	}
	c.appended()
}

func (c *column) appendDecimal(d schema.Decimal128) {
	b := d.LittleEndian()
	c.data = append(c.data, b[:]...)
	c.appended()
}

// appendBytes appends a string or a binary. Their sum per batch is bounded by
// batchBytes and a row, far below what offsets hold.
func (c *column) appendBytes(b []byte) {
	c.data = append(c.data, b...)
	c.offsets = append(c.offsets, int32(len(c.data)))
	c.appended()
}

// find returns the field with a name, in any case; nil if there is none.
func (c *column) find(name []byte) *column {
	if i, ok := c.fields[string(name)]; ok {
		return c.kids[i]
	}
	for _, k := range c.kids {
		if strings.EqualFold(k.name, string(name)) {
			if len(c.fields) < 4*len(c.kids) {
				c.fields[string(name)] = c.fields[k.name]
			}
			return k
		}
	}
	return nil
}

// values returns how many values a row has at least: its columns, at all levels.
func (c *column) values() int {
	n := 1
	for _, k := range c.kids {
		n += k.values()
	}
	return n
}

// batchBytes is how much text makes a batch, however few rows that is;
// batchValues, how many values, however short.
const (
	batchBytes  = 32 << 20
	batchValues = 4 << 20
)

// batchRows returns how many rows a batch may have.
func (c *column) batchRows(limit int) int { return max(1, min(limit, batchValues/c.values())) }
