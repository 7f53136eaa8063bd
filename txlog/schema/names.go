package schema

import (
	"strconv"
	"strings"
)

// jsonNames are the primitive types as schemaString spells them.
var jsonNames = [...]string{
	KindBoolean: "boolean", KindByte: "byte", KindShort: "short", KindInteger: "integer",
	KindLong: "long", KindFloat: "float", KindDouble: "double", KindString: "string",
	KindBinary: "binary", KindDate: "date", KindTimestamp: "timestamp",
	KindTimestampNTZ: "timestamp_ntz", KindVoid: "void", KindVariant: "variant",
	KindDecimal: "decimal", KindStruct: "struct", KindArray: "array", KindMap: "map",
}

// ddlNames are the names that differ in Spark's DDL.
var ddlNames = [...]string{
	KindByte: "tinyint", KindShort: "smallint", KindInteger: "int", KindLong: "bigint", KindMap: "",
}

// String returns the kind as a schemaString spells it: integer, long, struct.
func (k Kind) String() string {
	if int(k) < len(jsonNames) && jsonNames[k] != "" {
		return jsonNames[k]
	}
	return "invalid(" + strconv.Itoa(int(k)) + ")"
}

func (p Primitive) String() string {
	if int(p) < len(ddlNames) && ddlNames[p] != "" {
		return ddlNames[p]
	}
	return Kind(p).String()
}

func (s *Struct) String() string {
	var b strings.Builder
	b.WriteString("struct<")
	for i := range s.Fields {
		f := &s.Fields[i]
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(quoteName(f.Name))
		b.WriteByte(':')
		b.WriteString(typeString(f.Type))
		if !f.Nullable {
			b.WriteString(" not null")
		}
	}
	b.WriteByte('>')
	return b.String()
}

func (a *Array) String() string { return "array<" + typeString(a.Element) + ">" }

func (m *Map) String() string {
	return "map<" + typeString(m.Key) + "," + typeString(m.Value) + ">"
}

func typeString(t DataType) string {
	if t == nil {
		return "none"
	}
	return t.String()
}

// ColumnPath writes the path of a nested column for people: names joined with
// dots, in backticks where a name is not a plain identifier.
func ColumnPath(path []string) string {
	var b strings.Builder
	for i, name := range path {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(quoteName(name))
	}
	return b.String()
}

// quoteName puts a name that is not a plain identifier into backticks.
func quoteName(name string) string {
	plain := name != ""
	for i := 0; i < len(name) && plain; i++ {
		c := name[i]
		plain = c == '_' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
	}
	if plain {
		return name
	}
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}
