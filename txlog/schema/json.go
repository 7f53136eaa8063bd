package schema

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// maxSchemaBytes bounds the text that [Parse] takes. A column needs about 60
// bytes, so this is room for a million of them.
const maxSchemaBytes = 64 << 20

// An UnsupportedTypeError says that a column has a type that this package does
// not know, such as geometry or an interval. Such a table can be neither read
// nor written.
type UnsupportedTypeError struct {
	Type   string // as in the schema
	Column string // path of the column; empty: the schema itself
}

func (e *UnsupportedTypeError) Error() string {
	if e.Column == "" {
		return fmt.Sprintf("schema: type %q is not supported", e.Type)
	}
	return fmt.Sprintf("schema: column %s has type %q, which is not supported", e.Column, e.Type)
}

// Parse reads a schemaString. It refuses what other engines could read in
// another way: duplicate keys, keys in another case, missing attributes.
// Attributes that the protocol does not name are ignored. Field metadata keeps
// the text of its values.
//
// An error for a type that is not known matches [*UnsupportedTypeError].
// Parse does not check names; see [Struct.Validate].
//
// PROTOCOL.md, "Schema Serialization Format".
func Parse(schemaString string) (*Struct, error) {
	if len(schemaString) > maxSchemaBytes {
		return nil, fmt.Errorf("schema: text is %d bytes long, more than the limit of %d", len(schemaString), maxSchemaBytes)
	}
	p := &parser{scanner: scanner{s: schemaString}}
	t, err := p.dataType(0)
	if p.space(); err == nil && p.i < len(p.s) {
		err = p.unexpected("the end of the text")
	}
	if err != nil {
		return nil, p.wrap(err)
	}
	s, ok := t.(*Struct)
	if !ok {
		return nil, fmt.Errorf("schema: a table's type must be a struct, got %s", t)
	}
	return s, nil
}

// A parser is a scanner that knows the path of the column it is in; after an
// error, of the column where that is.
type parser struct {
	scanner
	path []string
}

func (p *parser) wrap(err error) error {
	var unsupported *UnsupportedTypeError
	switch {
	case errors.As(err, &unsupported):
		unsupported.Column = ColumnPath(p.path)
		return unsupported
	case len(p.path) > 0:
		return fmt.Errorf("schema: column %s: %w", ColumnPath(p.path), err)
	default:
		return fmt.Errorf("schema: %w", err)
	}
}

func (p *parser) dataType(depth int) (DataType, error) {
	if depth > maxDepth {
		return nil, p.errorf("types are nested deeper than %d", maxDepth)
	}
	switch p.peek() {
	case '"':
		name, err := p.str()
		if err != nil {
			return nil, err
		}
		return p.named(name)
	case '{':
		return p.complex(depth)
	default:
		return nil, p.unexpected("a type")
	}
}

// named is a primitive or a decimal. "null" is what old versions of Spark
// called void, and a bare decimal is decimal(10,0), as in SQL.
func (p *parser) named(name string) (DataType, error) {
	for k := KindBoolean; k <= KindVariant; k++ {
		if k != KindDecimal && jsonNames[k] == name {
			return Primitive(k), nil
		}
	}
	switch {
	case name == "null":
		return Void, nil
	case name == "decimal":
		return Decimal{Precision: 10}, nil
	case strings.HasPrefix(name, "decimal(") && strings.HasSuffix(name, ")"):
		if d, ok := parseDecimalType(name[len("decimal(") : len(name)-1]); ok {
			return d, nil
		}
		return nil, p.errorf("%q is not a valid decimal type: want 1 to 38 digits, and a scale from 0 to that", name)
	}
	return nil, &UnsupportedTypeError{Type: name}
}

func parseDecimalType(args string) (Decimal, bool) {
	precision, scale, ok := strings.Cut(args, ",")
	if !ok {
		return Decimal{}, false
	}
	d := Decimal{smallInt(precision), smallInt(scale)}
	return d, d.valid()
}

// smallInt reads a number of one or two digits; -1 for anything else.
func smallInt(s string) int {
	s = strings.Trim(s, " ")
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil || len(s) > 2 {
		return -1
	}
	return int(n)
}

func (d Decimal) valid() bool {
	return d.Precision >= 1 && d.Precision <= MaxPrecision && d.Scale >= 0 && d.Scale <= d.Precision
}

// complexType gathers the attributes of a type's object, which may stand in any order.
type complexType struct {
	name               string
	fields             []Field
	element, key, val  DataType
	containsNull       bool
	hasType, hasFields bool
	hasContainsNull    bool
	hasValContainsNull bool
}

func (p *parser) complex(depth int) (DataType, error) {
	var c complexType
	err := p.object(func(attr string) (err error) {
		switch attr {
		case "type":
			c.hasType = true
			c.name, err = p.str()
		case "fields":
			c.hasFields = true
			c.fields, err = p.fields(depth)
		case "elementType":
			c.element, err = p.child("element", depth)
		case "keyType":
			c.key, err = p.child("key", depth)
		case "valueType":
			c.val, err = p.child("value", depth)
		case "containsNull":
			c.hasContainsNull = true
			c.containsNull, err = p.boolean()
		case "valueContainsNull":
			c.hasValContainsNull = true
			c.containsNull, err = p.boolean()
		default:
			err = p.skip(depth)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return p.build(&c)
}

func (p *parser) build(c *complexType) (DataType, error) {
	missing := ""
	switch {
	case !c.hasType:
		missing = "type"
	case c.name == "struct":
		if !c.hasFields {
			missing = "fields"
			break
		}
		return &Struct{Fields: c.fields}, nil
	case c.name == "array":
		if c.element == nil {
			missing = "elementType"
		} else if !c.hasContainsNull {
			missing = "containsNull"
		} else {
			return &Array{Element: c.element, ContainsNull: c.containsNull}, nil
		}
	case c.name == "map":
		if c.key == nil {
			missing = "keyType"
		} else if c.val == nil {
			missing = "valueType"
		} else if !c.hasValContainsNull {
			missing = "valueContainsNull"
		} else {
			return &Map{Key: c.key, Value: c.val, ValueContainsNull: c.containsNull}, nil
		}
	default:
		return nil, &UnsupportedTypeError{Type: c.name}
	}
	return nil, p.errorf("type has no attribute %q", missing)
}

// child reads the type of an element, key or value. On an error the step stays
// in the path, for the message.
func (p *parser) child(step string, depth int) (DataType, error) {
	p.path = append(p.path, step)
	t, err := p.dataType(depth + 1)
	if err == nil {
		p.path = p.path[:len(p.path)-1]
	}
	return t, err
}

func (p *parser) fields(depth int) ([]Field, error) {
	fields := []Field{}
	err := p.array(func() error {
		f, err := p.field(depth)
		if err != nil {
			return err
		}
		fields = append(fields, f)
		return nil
	})
	return slices.Clip(fields), err
}

func (p *parser) field(depth int) (Field, error) {
	start, at := p.i, len(p.path)
	p.path = append(p.path, "")
	var f Field
	hasName, hasNullable := false, false
	err := p.object(func(attr string) (err error) {
		switch attr {
		case "name":
			hasName = true
			f.Name, err = p.str()
			p.path[at] = f.Name
		case "type":
			f.Type, err = p.dataType(depth + 1)
		case "nullable":
			hasNullable = true
			f.Nullable, err = p.boolean()
		case "metadata":
			f.Metadata, err = p.metadata()
		default:
			err = p.skip(0)
		}
		return err
	})
	if err == nil {
		switch {
		case !hasName:
			err = p.errorf("field has no attribute %q", "name")
		case f.Type == nil:
			err = p.errorf("field has no attribute %q", "type")
		case !hasNullable:
			err = p.errorf("field has no attribute %q", "nullable")
		}
	}
	if err != nil {
		if !hasName {
			p.path[at] = nameAhead(p.s[start:])
		}
		return Field{}, err
	}
	p.path = p.path[:at]
	return f, nil
}

// nameAhead finds the name of the field whose object s begins with, for an
// error that came before the name. It looks no further than a megabyte.
func nameAhead(s string) string {
	look := scanner{s: s[:min(len(s), 1<<20)]}
	name := "?"
	_ = look.object(func(attr string) (err error) {
		if attr == "name" {
			name, err = look.str()
			return err
		}
		return look.skip(0)
	})
	return name
}

func (p *parser) metadata() (Metadata, error) {
	if p.peek() == 'n' {
		return nil, p.literal("null")
	}
	var m Metadata
	err := p.object(func(key string) error {
		raw, err := p.raw(0)
		if m == nil {
			m = make(Metadata, 2)
		}
		m[key] = raw
		return err
	})
	return m, err
}

// JSON returns the schemaString: what [Parse] reads. Attributes stand in the
// protocol's order, metadata keys in byte order with their values verbatim.
func (s *Struct) JSON() string { return string(appendType(nil, s)) }

func appendType(dst []byte, t DataType) []byte {
	switch t := t.(type) {
	case *Struct:
		dst = append(dst, `{"type":"struct","fields":[`...)
		for i := range t.Fields {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendField(dst, &t.Fields[i])
		}
		return append(dst, `]}`...)
	case *Array:
		dst = appendType(append(dst, `{"type":"array","elementType":`...), t.Element)
		dst = strconv.AppendBool(append(dst, `,"containsNull":`...), t.ContainsNull)
		return append(dst, '}')
	case *Map:
		dst = appendType(append(dst, `{"type":"map","keyType":`...), t.Key)
		dst = appendType(append(dst, `,"valueType":`...), t.Value)
		dst = strconv.AppendBool(append(dst, `,"valueContainsNull":`...), t.ValueContainsNull)
		return append(dst, '}')
	case Decimal:
		return appendQuoted(dst, t.String())
	default:
		return appendQuoted(dst, t.Kind().String())
	}
}

func appendField(dst []byte, f *Field) []byte {
	dst = appendQuoted(append(dst, `{"name":`...), f.Name)
	dst = appendType(append(dst, `,"type":`...), f.Type)
	dst = strconv.AppendBool(append(dst, `,"nullable":`...), f.Nullable)
	dst = append(dst, `,"metadata":{`...)
	for i, key := range slices.Sorted(maps.Keys(f.Metadata)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendQuoted(dst, key), ':')
		dst = append(dst, f.Metadata[key]...)
	}
	return append(dst, `}}`...)
}
