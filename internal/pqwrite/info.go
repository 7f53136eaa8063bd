package pqwrite

import (
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A FileInfo says what a file holds.
type FileInfo struct {
	Rows   int64
	Size   int64 // bytes
	Leaves []Leaf
}

// A Leaf is what Delta's statistics tell of a column: one for each column that is
// not a struct, in schema order, the fields of structs included. An array, a map
// and a variant is one Leaf, whatever is inside. Void columns have none.
type Leaf struct {
	// Path is the column's name, behind those of the structs it is in.
	Path []string
	Type schema.DataType
	// NullCount is the number of rows in which the column is null, or a struct
	// around it is.
	NullCount int64
	// HasMinMax says that Min and Max are bounds of all values that are not null
	// and not NaN, and that there are such values. Arrays, maps and variants have
	// no bounds. If values are -0.0 or 0.0 at a bound, Min is -0.0 and Max 0.0.
	HasMinMax bool
	// HasNaN says that a float or double column has a NaN, which is not within
	// its bounds.
	HasNaN bool
	// MaxCut says that Max is the beginning, about 4096 bytes, of a longer string
	// or binary value, and so is less than it. Min may be such a beginning without
	// a word: it is a lower bound all the same.
	MaxCut   bool
	Min, Max schema.Value // of the column's type
}

// count adds a page to the file's counts.
func (c *column) count(p *page) {
	if c.nulls == nil {
		c.nulls = make([]int64, c.maxDef+1)
	}
	if p.levels == nil {
		c.nulls[0] += int64(p.entries - p.n)
		return
	}
	for d, n := range p.levels {
		c.nulls[d] += n
	}
}

func (w *Writer) info() *FileInfo {
	f := &FileInfo{Rows: w.fileRows, Size: w.out.off}
	for _, n := range w.root.children {
		f.Leaves = n.appendLeaves(f.Leaves)
	}
	return f
}

func (n *node) appendLeaves(out []Leaf) []Leaf {
	l := Leaf{Path: n.path, Type: n.typ}
	if n.kind == vec.Struct && n.typ.Kind() == schema.KindStruct {
		for _, c := range n.children {
			out = c.appendLeaves(out)
		}
		return out
	}
	// A null here leaves an entry of a lower definition level in each column
	// below; in the first of them it is counted.
	if c := n.first; c.nulls != nil {
		for d := range n.def {
			l.NullCount += c.nulls[d]
		}
	}
	if c := n.col; c != nil {
		b := &c.bounds
		l.HasMinMax, l.HasNaN, l.MaxCut = b.ok, b.nan, b.maxCut
		if b.ok {
			l.Min, l.Max = b.min.value(n.typ), b.max.value(n.typ)
		}
	}
	return append(out, l)
}

// value returns b as a scalar of type t.
func (b *bound) value(t schema.DataType) schema.Value {
	switch t.Kind() {
	case schema.KindBoolean:
		return schema.BooleanValue(b.int == 1)
	case schema.KindByte:
		return schema.ByteValue(int8(b.int))
	case schema.KindShort:
		return schema.ShortValue(int16(b.int))
	case schema.KindInteger:
		return schema.IntegerValue(int32(b.int))
	case schema.KindLong:
		return schema.LongValue(b.int)
	case schema.KindFloat:
		return schema.FloatValue(float32(b.float))
	case schema.KindDouble:
		return schema.DoubleValue(b.float)
	case schema.KindDate:
		return schema.DateValue(int32(b.int))
	case schema.KindTimestamp:
		return schema.TimestampValue(b.int)
	case schema.KindTimestampNTZ:
		return schema.TimestampNTZValue(b.int)
	case schema.KindDecimal:
		return schema.DecimalValue(schema.NewDecimal128(b.high, uint64(b.int)), t.(schema.Decimal).Scale)
	case schema.KindString:
		return schema.StringValue(string(b.bytes))
	}
	return schema.BinaryValue(string(b.bytes))
}
