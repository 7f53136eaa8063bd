package pqwrite

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// maxDepth is how deep types may nest. Levels are held in bytes, and a list adds
// two of them.
const maxDepth = 100

// A node is a column of the schema at any level, with its place in the file.
//
// def is the definition level of a non-null value here and rep the repetition
// level of its first child; the elements of a list are at def+1 and rep+1.
type node struct {
	name     string // in the file
	typ      schema.DataType
	kind     vec.Kind // the layout of its Vecs
	optional bool
	def, rep int
	children []*node
	index    int     // among the children of the parent's Vecs
	col      *column // of a leaf
	fieldID  int32
	first    *column // the leftmost leaf, whose levels tell of nulls here
	path     []string
}

// A tree is a schema made ready for writing.
type tree struct {
	root   *node
	fields []field
	cols   []*column
	ids    bool
	extra  int // from which field of the root on ids may be missing
}

func buildTree(s *schema.Struct, fieldIDs bool, extra int) (*tree, error) {
	t := &tree{ids: fieldIDs, root: &node{name: "schema", kind: vec.Struct}}
	if s == nil {
		return nil, fmt.Errorf("pqwrite: no schema")
	}
	t.extra = len(s.Fields) - extra
	for i := range s.Fields {
		f := &s.Fields[i]
		c, err := t.field(f, t.root, i, maxDepth)
		if err != nil {
			return nil, err
		}
		t.fields = append(t.fields, field{f.Name, c})
	}
	if len(t.root.children) == 0 {
		return nil, fmt.Errorf("pqwrite: the schema has no column to write")
	}
	for _, c := range t.cols {
		slices.Reverse(c.steps)
	}
	return t, nil
}

// field adds f to its parent; it returns nil for a void field.
func (t *tree) field(f *schema.Field, parent *node, index, depth int) (*node, error) {
	if f.Type != nil && f.Type.Kind() == schema.KindVoid {
		return nil, nil
	}
	n := &node{name: f.Name, typ: f.Type, optional: f.Nullable}
	_, has := f.Metadata["delta.columnMapping.id"]
	if t.ids && (has || parent != t.root || index < t.extra) {
		id, err := fieldID(f)
		if err != nil {
			return nil, err
		}
		n.fieldID = id
	}
	return n, t.add(n, parent, index, depth)
}

// add makes n a child of parent and builds what is below it. index is where n's
// Vec is among its parent's children.
func (t *tree) add(n, parent *node, index, depth int) error {
	n.path = append(parent.path[:len(parent.path):len(parent.path)], n.name)
	if depth == 0 {
		return fmt.Errorf("pqwrite: column %s: nested deeper than %d levels", pathName(n.path), maxDepth)
	}
	if n.name == "" {
		return fmt.Errorf("pqwrite: column %s: a column without a name", pathName(n.path))
	}
	parent.children = append(parent.children, n)
	n.index = index
	n.def, n.rep = parent.def, parent.rep
	if parent.kind == vec.List || parent.kind == vec.Map {
		n.def, n.rep = n.def+1, n.rep+1
	}
	if n.optional {
		n.def++
	}
	from := len(t.cols)
	if err := t.build(n, depth); err != nil {
		return err
	}
	if len(t.cols) == from {
		return fmt.Errorf("pqwrite: column %s: a struct whose every field is void cannot be written; add a column to it first", pathName(n.path))
	}
	n.first = t.cols[from]
	for _, c := range t.cols[from:] {
		c.steps = append(c.steps, step{n, n.index}) // innermost first
	}
	return nil
}

func (t *tree) build(n *node, depth int) error {
	switch typ := n.typ.(type) {
	case *schema.Struct:
		n.kind = vec.Struct
		for i := range typ.Fields {
			if _, err := t.field(&typ.Fields[i], n, i, depth-1); err != nil {
				return err
			}
		}
		return nil
	case *schema.Array:
		n.kind = vec.List
		return t.element(n, 0, "element", typ.Element, typ.ContainsNull, depth)
	case *schema.Map:
		n.kind = vec.Map
		if err := t.element(n, 0, "key", typ.Key, false, depth); err != nil {
			return err
		}
		return t.element(n, 1, "value", typ.Value, typ.ValueContainsNull, depth)
	}
	if n.typ != nil && n.typ.Kind() == schema.KindVariant {
		// As Spark writes it: two required binaries in a group of no annotation.
		n.kind = vec.Struct
		for i, name := range []string{"metadata", "value"} {
			c := &node{name: name, typ: schema.Binary}
			if err := t.add(c, n, i, depth-1); err != nil {
				return err
			}
		}
		return nil
	}
	return t.leaf(n)
}

func (t *tree) element(n *node, index int, name string, typ schema.DataType, nullable bool, depth int) error {
	if typ != nil && typ.Kind() == schema.KindVoid {
		return fmt.Errorf("pqwrite: column %s: void inside an array or map cannot be written", pathName(n.path))
	}
	return t.add(&node{name: name, typ: typ, optional: nullable}, n, index, depth-1)
}

func (t *tree) leaf(n *node) error {
	c := &column{node: n, name: pathName(n.path), maxDef: n.def, maxRep: n.rep}
	if n.typ == nil {
		return fmt.Errorf("pqwrite: column %s: no type", c.name)
	}
	if err := c.setType(n.typ); err != nil {
		return err
	}
	n.kind, n.col = c.kind, c
	c.path = filePath(t.root, n.path)
	t.cols = append(t.cols, c)
	return nil
}

// setType chooses the physical type.
func (c *column) setType(typ schema.DataType) error {
	fixed := func(k vec.Kind, p format.Type, width int) { c.kind, c.phys, c.width = k, p, width }
	switch typ.Kind() {
	case schema.KindBoolean:
		fixed(vec.Bool, format.Boolean, 0)
	case schema.KindByte:
		fixed(vec.Int8, format.Int32, 4)
	case schema.KindShort:
		fixed(vec.Int16, format.Int32, 4)
	case schema.KindInteger, schema.KindDate:
		fixed(vec.Int32, format.Int32, 4)
	case schema.KindLong, schema.KindTimestamp, schema.KindTimestampNTZ:
		fixed(vec.Int64, format.Int64, 8)
	case schema.KindFloat:
		fixed(vec.Float32, format.Float, 4)
	case schema.KindDouble:
		fixed(vec.Float64, format.Double, 8)
	case schema.KindString, schema.KindBinary:
		fixed(vec.Bytes, format.ByteArray, 0)
	case schema.KindDecimal:
		d := typ.(schema.Decimal)
		if d.Precision < 1 || d.Precision > 38 || d.Scale < 0 || d.Scale > d.Precision {
			return fmt.Errorf("pqwrite: column %s: %s is not a decimal type", c.name, d)
		}
		c.precision = d.Precision
		switch {
		case d.Precision <= 9:
			fixed(vec.Decimal128, format.Int32, 4)
		case d.Precision <= 18:
			fixed(vec.Decimal128, format.Int64, 8)
		default:
			fixed(vec.Decimal128, format.FixedLenByteArray, d.ByteWidth())
		}
	default:
		return fmt.Errorf("pqwrite: column %s: type %s cannot be written", c.name, typ)
	}
	return nil
}

// pow10 returns 10^p as a 128-bit number; p ≤ 38.
func pow10(p int) (hi, lo uint64) {
	lo = 1
	for range p {
		c, l := bits.Mul64(lo, 10)
		hi, lo = hi*10+c, l
	}
	return hi, lo
}

// pathName returns a column's name for messages: a.b.element.
func pathName(path []string) string { return strings.Join(path, ".") }

// fieldID returns f's column mapping id; a missing one is 0, not written.
func fieldID(f *schema.Field) (int32, error) {
	raw, ok := f.Metadata["delta.columnMapping.id"]
	if !ok {
		return 0, fmt.Errorf("pqwrite: column %s: no delta.columnMapping.id in its metadata", f.Name)
	}
	id, err := strconv.ParseInt(raw, 10, 32)
	if err != nil || id < 1 {
		return 0, fmt.Errorf("pqwrite: column %s: delta.columnMapping.id is %s, want a positive 32-bit number", f.Name, raw)
	}
	return int32(id), nil
}

// filePath returns a leaf's path_in_schema, which names the repeated groups too.
func filePath(root *node, names []string) []string {
	var path []string
	n := root
	for _, name := range names {
		switch n.kind {
		case vec.List:
			path = append(path, "list")
		case vec.Map:
			path = append(path, "key_value")
		}
		path = append(path, name)
		n = n.children[len(n.children)-1] // the one being built is the last
	}
	return path
}

// elements returns the schema of the file, depth first.
func (n *node) elements() []format.SchemaElement {
	root := format.SchemaElement{
		Name:        n.name,
		NumChildren: thrift.New(int32(len(n.children))),
	}
	out := []format.SchemaElement{root}
	for _, c := range n.children {
		out = c.appendElements(out)
	}
	return out
}

func (n *node) appendElements(out []format.SchemaElement) []format.SchemaElement {
	e := format.SchemaElement{Name: n.name, FieldID: n.fieldID, RepetitionType: thrift.New(format.Required)}
	if n.optional {
		e.RepetitionType = thrift.New(format.Optional)
	}
	repeated := func(name string) format.SchemaElement {
		return format.SchemaElement{
			Name: name, RepetitionType: thrift.New(format.Repeated),
			NumChildren: thrift.New(int32(len(n.children))),
		}
	}
	switch n.kind {
	case vec.Struct:
		e.NumChildren = thrift.New(int32(len(n.children)))
		out = append(out, e)
	case vec.List:
		e.NumChildren = thrift.New(int32(1))
		e.ConvertedType = thrift.New(deprecated.List)
		e.LogicalType.Value = &format.ListType{}
		out = append(out, e, repeated("list"))
	case vec.Map:
		e.NumChildren = thrift.New(int32(1))
		e.ConvertedType = thrift.New(deprecated.Map)
		e.LogicalType.Value = &format.MapType{}
		out = append(out, e, repeated("key_value"))
	default:
		return append(out, n.leafElement(e))
	}
	for _, c := range n.children {
		out = c.appendElements(out)
	}
	return out
}

func (n *node) leafElement(e format.SchemaElement) format.SchemaElement {
	e.Type = thrift.New(n.col.phys)
	if n.col.phys == format.FixedLenByteArray {
		e.TypeLength = thrift.New(int32(n.col.width))
	}
	annotate := func(c deprecated.ConvertedType, l format.LogicalTypeValue) {
		e.ConvertedType = thrift.New(c)
		e.LogicalType.Value = l
	}
	switch n.typ.Kind() {
	case schema.KindByte:
		annotate(deprecated.Int8, &format.IntType{BitWidth: 8, IsSigned: true})
	case schema.KindShort:
		annotate(deprecated.Int16, &format.IntType{BitWidth: 16, IsSigned: true})
	case schema.KindInteger:
		annotate(deprecated.Int32, &format.IntType{BitWidth: 32, IsSigned: true})
	case schema.KindLong:
		annotate(deprecated.Int64, &format.IntType{BitWidth: 64, IsSigned: true})
	case schema.KindString:
		annotate(deprecated.UTF8, &format.StringType{})
	case schema.KindDate:
		annotate(deprecated.Date, &format.DateType{})
	case schema.KindTimestamp:
		annotate(deprecated.TimestampMicros, timestampType(true))
	case schema.KindTimestampNTZ:
		// TIMESTAMP_MICROS would mean UTC: a local timestamp has no converted type.
		e.LogicalType.Value = timestampType(false)
	case schema.KindDecimal:
		d := n.typ.(schema.Decimal)
		annotate(deprecated.Decimal, &format.DecimalType{Scale: int32(d.Scale), Precision: int32(d.Precision)})
		e.Scale, e.Precision = thrift.New(int32(d.Scale)), thrift.New(int32(d.Precision))
	}
	return e
}

func timestampType(utc bool) *format.TimestampType {
	return &format.TimestampType{
		IsAdjustedToUTC: utc,
		Unit:            format.TimeUnit{Value: &format.MicroSeconds{}},
	}
}
