package rules

import (
	"strings"

	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/internal/schemavec"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// Limits of a sample, in characters and columns.
const (
	sampleValue   = 60
	sampleColumns = 8
)

// Sample shows the values that a row has in some columns: "a = 1, b.c = 'text'".
func Sample(columns []expr.BoundColumn, cols []*vec.Vec, row int) string {
	var b strings.Builder
	for i, c := range columns {
		if i > 0 {
			b.WriteString(", ")
		}
		if i == sampleColumns {
			b.WriteString("…")
			break
		}
		b.WriteString(schema.ColumnPath(c.Path) + " = " + valueText(c, cols, row))
	}
	return b.String()
}

func valueText(c expr.BoundColumn, cols []*vec.Vec, row int) string {
	v := cols[c.Index[0]]
	for _, field := range c.Index[1:] {
		if v.IsNull(row) {
			return "NULL"
		}
		v = v.Children[field].Slice(v.Off, v.Off+v.Len)
	}
	if v.IsNull(row) {
		return "NULL"
	}
	switch c.Type.Kind() {
	case schema.KindStruct:
		return "a struct"
	case schema.KindArray:
		return "an array"
	case schema.KindMap:
		return "a map"
	case schema.KindVariant:
		return "a variant"
	}
	value := schemavec.Value(v, c.Type, row)
	if k := c.Type.Kind(); k != schema.KindString && k != schema.KindBinary {
		if text, err := schema.FormatPartition(value); err == nil && text != nil {
			return *text
		}
	}
	return clip(expr.Literal(value).String(), sampleValue)
}
