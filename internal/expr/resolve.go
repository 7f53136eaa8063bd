package expr

import (
	"slices"
	"strings"

	"github.com/deltalog/deltalog/txlog/schema"
)

// resolve returns the position in b.columns of the column that e names.
func (b *binder) resolve(e *column) (int, error) {
	if len(e.path) == 0 {
		return 0, errorAt(e, "a column without a name")
	}
	written := strings.Join(e.path, "\x00") // a long IN has its column many times
	if i, ok := b.known[written]; ok {
		return i, nil
	}
	c, null, err := b.find(e)
	if err != nil {
		return 0, err
	}
	i := slices.IndexFunc(b.columns, func(known BoundColumn) bool { return slices.Equal(known.Index, c.Index) })
	if i < 0 {
		i = len(b.columns)
		b.columns, b.nullable = append(b.columns, c), append(b.nullable, null)
	}
	if b.known == nil {
		b.known = map[string]int{}
	}
	b.known[written] = i
	return i, nil
}

// find looks a column up: as a qualified name first, then as one without a
// qualifier.
func (b *binder) find(e *column) (BoundColumn, bool, error) {
	var matches []int // relations that have e, unqualified
	base := 0
	bases := make([]int, len(b.scope.Relations))
	qualified := -1
	for i := range b.scope.Relations {
		r := &b.scope.Relations[i]
		bases[i] = base
		base += len(r.Schema.Fields)
		if r.Hidden {
			continue
		}
		if len(e.path) > 1 && contains(r.Names, e.path[0]) && hasField(r.Schema, e.path[1]) {
			if qualified >= 0 {
				return BoundColumn{}, false, errorAt(e, "%v is ambiguous: two relations are called %s", e, e.path[0])
			}
			qualified = i
		}
		if hasField(r.Schema, e.path[0]) {
			matches = append(matches, i)
		}
	}
	switch {
	case qualified >= 0:
		return b.into(e, e.path[1:], qualified, bases[qualified])
	case len(matches) == 1:
		return b.into(e, e.path, matches[0], bases[matches[0]])
	case len(matches) > 1:
		return BoundColumn{}, false, b.ambiguous(e, matches)
	}
	return BoundColumn{}, false, b.missing(e)
}

func hasField(s *schema.Struct, name string) bool {
	return slices.ContainsFunc(s.Fields, func(f schema.Field) bool { return strings.EqualFold(f.Name, name) })
}

// into follows a path into relation r.
func (b *binder) into(e *column, path []string, r, base int) (BoundColumn, bool, error) {
	c := BoundColumn{Type: b.scope.Relations[r].Schema}
	null := false
	for depth, name := range path {
		s, isStruct := c.Type.(*schema.Struct)
		if !isStruct {
			return c, false, errorAt(e, "%v does not exist: %s is of type %v, not a struct",
				e, schema.ColumnPath(c.Path), c.Type)
		}
		i, err := fieldIndex(e, s, name, Column(path[:depth+1]...))
		if err != nil {
			return c, false, err
		}
		c.Index = append(c.Index, i)
		c.Path = append(c.Path, s.Fields[i].Name)
		c.Type = s.Fields[i].Type
		null = null || s.Fields[i].Nullable
	}
	c.Index[0] += base
	return c, null, nil
}

// fieldIndex returns the field of a struct that has a name in any case. what is
// the field for errors.
func fieldIndex(e Expr, s *schema.Struct, name string, what Expr) (int, error) {
	found := -1
	for i := range s.Fields {
		if !strings.EqualFold(s.Fields[i].Name, name) {
			continue
		}
		if found >= 0 {
			return 0, errorAt(e, "%v is ambiguous: it can be %s or %s", e, s.Fields[found].Name, s.Fields[i].Name)
		}
		found = i
	}
	if found < 0 {
		return 0, errorAt(e, "column %v does not exist; %s", what, choices(s))
	}
	return found, nil
}

func (b *binder) ambiguous(e *column, matches []int) error {
	var names []string
	for _, i := range matches {
		r := &b.scope.Relations[i]
		name := []string{e.path[0]}
		if len(r.Names) > 0 {
			name = []string{r.Names[0], e.path[0]}
		}
		names = append(names, schema.ColumnPath(name))
	}
	return errorAt(e, "%v is ambiguous: it can be %s", e, strings.Join(names, " or "))
}

// missing says which names there are: those of the relation that e names, or of
// all.
func (b *binder) missing(e *column) error {
	for i := range b.scope.Relations {
		if r := &b.scope.Relations[i]; len(e.path) > 1 && !r.Hidden && contains(r.Names, e.path[0]) {
			return errorAt(e, "column %v does not exist; %s", Column(e.path[:2]...), choices(r.Schema))
		}
	}
	all := &schema.Struct{}
	for i := range b.scope.Relations {
		r := &b.scope.Relations[i]
		for k := range r.Schema.Fields {
			if f := &r.Schema.Fields[k]; !r.Hidden && !hasField(all, f.Name) {
				all.Fields = append(all.Fields, *f)
			}
		}
	}
	return errorAt(e, "column %v does not exist; %s", Column(e.path[:1]...), choices(all))
}

// choices lists the names that there are.
func choices(s *schema.Struct) string {
	const most = 20
	if len(s.Fields) == 0 {
		return "no columns may be used here"
	}
	var names []string
	for i := range s.Fields[:min(most, len(s.Fields))] {
		names = append(names, schema.ColumnPath([]string{s.Fields[i].Name}))
	}
	list := "there are " + strings.Join(names, ", ")
	if len(s.Fields) > most {
		list += " and " + itoa(len(s.Fields)-most) + " more"
	}
	return list
}

// newSlot returns a slot for values of a type.
func (b *binder) newSlot(t schema.DataType, text Expr) int {
	b.slots, b.slotTexts = append(b.slots, t), append(b.slotTexts, text)
	return slotBase + len(b.slots) - 1
}

// typeAt returns the type of a column or slot.
func (b *binder) typeAt(i int) schema.DataType {
	if i >= slotBase {
		return b.slots[i-slotBase]
	}
	return b.columns[i].Type
}

// nameAt returns the name of a column or slot for errors.
func (b *binder) nameAt(i int) string {
	if i >= slotBase {
		return show(b.slotTexts[i-slotBase])
	}
	return schema.ColumnPath(b.columns[i].Path)
}
