package expr

import "github.com/deltalog/deltalog/txlog/schema"

// A Scope is the relations whose columns an expression may name: a table, or the
// target and the source of a merge.
type Scope struct{ Relations []Relation }

// A Relation is the columns of one table.
type Relation struct {
	// Names are the aliases by which its columns may be qualified, in any case:
	// t for t.id. Without a name columns are not qualified.
	Names  []string
	Schema *schema.Struct
	// Hidden takes its columns out of sight: it is there only so that the columns of
	// the relations after it keep their positions.
	Hidden bool
}

// OneScope returns the scope of one relation.
func OneScope(s *schema.Struct, names ...string) *Scope {
	return &Scope{Relations: []Relation{{Names: names, Schema: s}}}
}

// Fields returns the number of fields of all relations: the length of the
// batches that values of the scope are evaluated on.
func (sc *Scope) Fields() int {
	n := 0
	for i := range sc.Relations {
		n += len(sc.Relations[i].Schema.Fields)
	}
	return n
}

// RelationOf returns the relation that the field at a position of the
// concatenation belongs to.
func (sc *Scope) RelationOf(field int) int {
	for i := range sc.Relations {
		if field -= len(sc.Relations[i].Schema.Fields); field < 0 {
			return i
		}
	}
	return -1
}
