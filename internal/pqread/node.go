package pqread

import (
	"fmt"

	"github.com/parquet-go/parquet-go/format"

	"github.com/deltalog/deltalog/txlog/schema"
)

// maxSchemaDepth bounds the nesting of columns. It keeps levels in a byte.
const maxSchemaDepth = 100

// A node is an element of the file's schema, with its place in the tree.
type node struct {
	elem     element
	path     string // dotted
	parent   *node
	children []*node

	maxDef uint8 // definition level of a value that is there
	maxRep uint8 // repetition levels down to and including this node
	column int   // of a leaf: index of its chunk; -1 for groups
}

func (n *node) isLeaf() bool   { return n.column >= 0 }
func (n *node) optional() bool { return n.elem.repetition == format.Optional }
func (n *node) repeated() bool { return n.elem.repetition == format.Repeated }

// buildTree makes the tree of nodes from the footer's flat list.
func (f *File) buildTree() error {
	elems := f.meta.schema
	if len(elems) == 0 {
		return corruptf("the schema is empty")
	}
	next := 0
	var build func(parent *node, depth int) (*node, error)
	build = func(parent *node, depth int) (*node, error) {
		if next >= len(elems) {
			return nil, corruptf("the schema lists fewer elements than it states")
		}
		if depth > maxSchemaDepth {
			return nil, corruptf("columns are nested more than %d deep", maxSchemaDepth)
		}
		n := &node{elem: elems[next], parent: parent, column: -1}
		next++
		if parent != nil {
			if err := n.place(parent); err != nil {
				return nil, err
			}
		}
		if n.elem.children < 0 || int(n.elem.children) > len(elems)-next {
			return nil, corruptf("element %q states %d children", n.elem.name, n.elem.children)
		}
		if n.elem.hasType && n.elem.children == 0 && parent != nil {
			if t := n.elem.typ; t < format.Boolean || t > format.FixedLenByteArray {
				return nil, corruptf("column %q has unknown type %d", n.path, t)
			}
			if n.elem.typ == format.FixedLenByteArray && (n.elem.typeLength <= 0 || n.elem.typeLength > 1<<20) {
				return nil, corruptf("column %q has values of %d bytes", n.path, n.elem.typeLength)
			}
			n.column = len(f.leaf)
			f.leaf = append(f.leaf, n)
			return n, nil
		}
		for range n.elem.children {
			child, err := build(n, depth+1)
			if err != nil {
				return nil, err
			}
			n.children = append(n.children, child)
		}
		return n, nil
	}
	root, err := build(nil, 0)
	if err != nil {
		return err
	}
	if next != len(elems) {
		return corruptf("the schema has %d elements outside its root", len(elems)-next)
	}
	f.root = root
	return nil
}

// place sets the path and the levels.
func (n *node) place(parent *node) error {
	n.path = n.elem.name
	if parent.parent != nil {
		n.path = parent.path + "." + n.elem.name
	}
	n.maxDef, n.maxRep = parent.maxDef, parent.maxRep
	switch n.elem.repetition {
	case format.Required:
	case format.Optional:
		n.maxDef++
	case format.Repeated:
		n.maxDef++
		n.maxRep++
	default:
		return corruptf("column %q has unknown repetition %d", n.path, n.elem.repetition)
	}
	return nil
}

// typeName says what the file holds, for error messages.
func (n *node) typeName() string {
	if !n.isLeaf() {
		return "a group"
	}
	s := n.elem.typ.String()
	if n.elem.typ == format.FixedLenByteArray {
		s = fmt.Sprintf("%s(%d)", s, n.elem.typeLength)
	}
	if a := n.elem.logical.String(); a != "" {
		s += " " + a
	}
	return s
}

func (t logicalType) String() string {
	unit := [...]string{"MILLIS", "MICROS", "NANOS"}[t.unit]
	switch t.kind {
	case logicalDecimal:
		return fmt.Sprintf("DECIMAL(%d,%d)", t.precision, t.scale)
	case logicalTime:
		return "TIME(" + unit + ")"
	case logicalTimestamp:
		return fmt.Sprintf("TIMESTAMP(%s, UTC %t)", unit, t.utc)
	case logicalInt:
		return fmt.Sprintf("INT(%d, signed %t)", t.bits, t.signed)
	}
	return [...]string{
		logicalString: "STRING", logicalMap: "MAP", logicalMapKeyValue: "MAP_KEY_VALUE",
		logicalList: "LIST", logicalEnum: "ENUM", logicalDate: "DATE", logicalNull: "NULL",
		logicalJSON: "JSON", logicalBSON: "BSON", logicalUUID: "UUID", logicalFloat16: "FLOAT16",
		logicalVariant: "VARIANT", logicalInterval: "INTERVAL", logicalOther: "of an unknown kind",
	}[t.kind]
}

// listElement returns the element node of a list group, following the
// backward-compatibility rules of the specification's "Lists", and whether
// the element is the repeated node itself. ok is false when n is no list.
func (n *node) listElement() (elem *node, ok bool) {
	if n.isLeaf() || len(n.children) != 1 || !n.children[0].repeated() {
		return nil, false
	}
	r := n.children[0]
	switch {
	case r.isLeaf(), len(r.children) != 1, r.children[0].repeated(),
		r.elem.name == "array", r.elem.name == n.elem.name+"_tuple":
		return r, true
	}
	return r.children[0], true
}

// mapEntry returns the repeated group of a map group. ok is false when n is no
// map. A map whose entries have no value is a set of keys: value is nil.
func (n *node) mapEntry() (entry, key, value *node, ok bool) {
	if n.isLeaf() || len(n.children) != 1 || !n.children[0].repeated() || n.children[0].isLeaf() {
		return nil, nil, nil, false
	}
	entry = n.children[0]
	switch len(entry.children) {
	case 1:
		return entry, entry.children[0], nil, true
	case 2:
		key, value = entry.children[0], entry.children[1]
		if key.elem.name == "value" && value.elem.name == "key" {
			key, value = value, key
		}
		return entry, key, value, true
	}
	return nil, nil, nil, false
}

// variantParts returns the fields of a variant group, by name: writers differ
// in their order.
func (n *node) variantParts() (metadata, value *node, err error) {
	for _, c := range n.children {
		switch c.elem.name {
		case "metadata":
			metadata = c
		case "value":
			value = c
		case "typed_value":
			return nil, nil, fmt.Errorf("parquet: column %q is a shredded variant, which is not supported", n.path)
		}
	}
	for _, c := range []*node{metadata, value} {
		if c == nil || !c.isLeaf() || c.elem.typ != format.ByteArray || c.repeated() {
			return nil, nil, fmt.Errorf("parquet: column %q is %s, not a variant of metadata and value", n.path, n.typeName())
		}
	}
	return metadata, value, nil
}

func (n *node) inferStruct() (*schema.Struct, error) {
	s := &schema.Struct{Fields: make([]schema.Field, 0, len(n.children))}
	for _, c := range n.children {
		t, err := c.inferField()
		if err != nil {
			return nil, err
		}
		s.Fields = append(s.Fields, schema.Field{Name: c.elem.name, Type: t, Nullable: !c.required()})
	}
	return s, nil
}

// required reports whether a field that holds n can never be null. A repeated
// field without a LIST around it is a list that may be empty but is there.
func (n *node) required() bool { return !n.optional() }

// inferField returns the type of a field, where a repeated node stands for a
// list of itself.
func (n *node) inferField() (schema.DataType, error) {
	if !n.repeated() {
		return n.inferType()
	}
	t, err := n.inferType()
	if err != nil {
		return nil, err
	}
	return &schema.Array{Element: t}, nil
}

func (n *node) inferType() (schema.DataType, error) {
	if n.isLeaf() {
		return n.inferLeaf()
	}
	switch n.elem.logical.kind {
	case logicalVariant:
		if _, _, err := n.variantParts(); err != nil {
			return nil, err
		}
		return schema.Variant, nil
	case logicalList:
		elem, ok := n.listElement()
		if !ok {
			return nil, fmt.Errorf("parquet: column %q is annotated LIST but has another shape", n.path)
		}
		t, err := elem.inferType()
		if err != nil {
			return nil, err
		}
		return &schema.Array{Element: t, ContainsNull: elem.optional()}, nil
	case logicalMap, logicalMapKeyValue:
		_, key, value, ok := n.mapEntry()
		if !ok || key.repeated() {
			return nil, fmt.Errorf("parquet: column %q is annotated MAP but has another shape", n.path)
		}
		k, err := key.inferType()
		if err != nil {
			return nil, err
		}
		if value == nil {
			return nil, fmt.Errorf("parquet: column %q is a map without values, for which there is no Delta type", n.path)
		}
		v, err := value.inferField()
		if err != nil {
			return nil, err
		}
		return &schema.Map{Key: k, Value: v, ValueContainsNull: value.optional()}, nil
	}
	if len(n.children) == 0 {
		return nil, fmt.Errorf("parquet: column %q is a group without fields, for which there is no Delta type", n.path)
	}
	return n.inferStruct()
}

func (n *node) inferLeaf() (schema.DataType, error) {
	l := n.elem.logical
	switch l.kind {
	case logicalDecimal:
		if l.precision < 1 || l.precision > 38 || l.scale < 0 || l.scale > l.precision {
			break
		}
		return schema.Decimal{Precision: int(l.precision), Scale: int(l.scale)}, nil
	case logicalTime, logicalInterval, logicalOther:
	case logicalNull:
		return schema.Void, nil
	default:
		if t := n.inferPlainLeaf(); t != nil {
			return t, nil
		}
	}
	return nil, fmt.Errorf("parquet: column %q is %s, for which there is no Delta type; leave it out or convert it", n.path, n.typeName())
}

func (n *node) inferPlainLeaf() schema.DataType {
	l := n.elem.logical
	switch n.elem.typ {
	case format.Boolean:
		return schema.Boolean
	case format.Int32:
		switch {
		case l.kind == logicalDate:
			return schema.Date
		case l.kind != logicalInt || l.bits == 32 && l.signed:
			return schema.Integer
		case l.bits == 8 && l.signed:
			return schema.Byte
		case l.bits <= 16 && (l.signed || l.bits == 8):
			return schema.Short
		case l.bits == 16:
			return schema.Integer
		}
		return schema.Long
	case format.Int64:
		switch {
		case l.kind == logicalTimestamp && l.utc:
			return schema.Timestamp
		case l.kind == logicalTimestamp:
			return schema.TimestampNTZ
		case l.kind == logicalInt && !l.signed:
			return schema.Decimal{Precision: 20}
		}
		return schema.Long
	case format.Int96:
		return schema.Timestamp
	case format.Float:
		return schema.Float
	case format.Double:
		return schema.Double
	case format.ByteArray:
		switch l.kind {
		case logicalString, logicalEnum, logicalJSON:
			return schema.String
		}
		return schema.Binary
	case format.FixedLenByteArray:
		if l.kind == logicalFloat16 {
			return schema.Float
		}
		return schema.Binary
	}
	return nil
}
