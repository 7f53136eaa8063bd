package files

import (
	"fmt"
	"unicode/utf8"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// checkTexts returns an error if a string in columns that came as bytes is not
// UTF-8. Parquet and Arrow files say that theirs are, and are not always right;
// here the error can still name the file.
func checkTexts(cols []*vec.Vec, fields []schema.Field) error {
	for i := range fields {
		if err := checkText(cols[i], fields[i].Type); err != nil {
			return within(fields[i].Name, err)
		}
	}
	return nil
}

func checkText(v *vec.Vec, t schema.DataType) error {
	if v.Kind == vec.Null {
		return nil
	}
	switch t := t.(type) {
	case *schema.Struct:
		return checkTexts(v.Children, t.Fields)
	case *schema.Array:
		return checkTexts(v.Children, []schema.Field{{Name: "element", Type: t.Element}})
	case *schema.Map:
		return checkTexts(v.Children, []schema.Field{{Name: "key", Type: t.Key}, {Name: "value", Type: t.Value}})
	}
	if t.Kind() != schema.KindString || v.Kind != vec.Bytes || wholeText(v) {
		return nil
	}
	for i := range v.Len {
		if b := v.At(i); !v.IsNull(i) && !utf8.Valid(b) {
			return fmt.Errorf("%s is not UTF-8, as strings must be; make the column a binary", quote(b))
		}
	}
	return nil
}

// wholeText reports whether all values are UTF-8: they are together, and none
// begins in the middle of a character.
func wholeText(v *vec.Vec) bool {
	if v.Len == 0 {
		return true
	}
	offsets := v.Offsets[v.Off : v.Off+v.Len+1]
	all := v.Data[offsets[0]:offsets[v.Len]]
	if !utf8.Valid(all) {
		return false
	}
	for _, o := range offsets[:v.Len] {
		if at := int(o - offsets[0]); at < len(all) && !utf8.RuneStart(all[at]) {
			return false
		}
	}
	return true
}
