package expr

import (
	"errors"
	"slices"
	"strings"

	"github.com/deltalog/deltalog/txlog/schema"
)

// A Predicate is a condition bound to a schema. It is immutable and safe for
// concurrent use.
type Predicate struct {
	columns []BoundColumn
	root    cond
	fixed   *constants // may be nil
}

// A BoundColumn is a column that a [Predicate] reads.
type BoundColumn struct {
	Path  []string // as the schema spells it
	Index []int    // the field's position in the schema, then in each struct
	Type  schema.DataType
}

// Columns returns the distinct columns that p reads, in the order in which
// [Predicate.Prune] takes their statistics. Do not modify the result.
func (p *Predicate) Columns() []BoundColumn { return p.columns }

// Bind resolves e's columns in s and checks its types. Names match in any case;
// more than one match is an error. An error is an [*Error].
func Bind(e Expr, s *schema.Struct, o *Options) (*Predicate, error) {
	b := binder{schema: s, options: o}
	root, err := b.cond(e, 0)
	if err != nil {
		return nil, err
	}
	return &Predicate{columns: b.columns, root: fold(root, newConstants(b.columns, nil))}, nil
}

// Compile parses and binds a condition. Errors of both show the text.
func Compile(text string, s *schema.Struct, o *Options) (Expr, *Predicate, error) {
	e, err := Parse(text, o)
	if err != nil {
		return nil, nil, err
	}
	p, err := Bind(e, s, o)
	if bad := (*Error)(nil); errors.As(err, &bad) {
		bad.Text = text
	}
	return e, p, err
}

type binder struct {
	schema  *schema.Struct
	options *Options
	columns []BoundColumn
	known   map[string]int // a path as written → its position in columns
}

// maxBindDepth is what Parse can produce with all forms between parentheses.
const maxBindDepth = 5 * MaxDepth

// cond binds e where a condition is wanted.
func (b *binder) cond(e Expr, depth int) (cond, error) {
	if depth++; depth > maxBindDepth {
		return nil, &Error{Msg: "the condition is nested too deep", Pos: -1}
	}
	switch e := e.(type) {
	case *literal:
		switch {
		case e.value.IsNull():
			return isUnknown, nil
		case e.value.Kind() == schema.KindBoolean:
			return constant(e.value.Bool()), nil
		}
		return nil, errorAt(e, "%v is not a condition: it is of type %v", e, literalType(e.value))
	case *column:
		i, err := b.resolve(e)
		if err != nil {
			return nil, err
		}
		if t := b.columns[i].Type; t.Kind() != schema.KindBoolean {
			return nil, errorAt(e, "column %v is not a condition: it is of type %v", e, t)
		}
		return boolColumn{i}, nil
	case *logic:
		l := logicCond{or: e.or}
		for _, x := range e.args {
			c, err := b.cond(x, depth)
			if err != nil {
				return nil, err
			}
			l.args = append(l.args, c)
		}
		return l, nil
	case *not:
		x, err := b.cond(e.x, depth)
		return notCond{x}, err
	case *isTrue:
		x, err := b.cond(e.x, depth)
		return isTrueCond{x, e.want}, err
	case *compare:
		return b.compare(e, depth)
	case *between:
		return b.between(e, depth)
	case *in:
		return b.in(e, depth)
	case *like:
		return b.like(e)
	case *isNull:
		return b.isNull(e, depth)
	}
	return nil, &Error{Msg: "an Expr is nil or not made by this package", Pos: -1}
}

// resolve returns the position in b.columns of the column that e names.
func (b *binder) resolve(e *column) (int, error) {
	if len(e.path) == 0 {
		return 0, errorAt(e, "a column without a name")
	}
	written := strings.Join(e.path, "\x00") // a long IN has its column many times
	if i, ok := b.known[written]; ok {
		return i, nil
	}
	i, err := b.find(e)
	if err != nil {
		return 0, err
	}
	if b.known == nil {
		b.known = map[string]int{}
	}
	b.known[written] = i
	return i, nil
}

// find looks a column up in the schema.
func (b *binder) find(e *column) (int, error) {
	c := BoundColumn{Type: b.schema}
	for depth, name := range e.path {
		s, isStruct := c.Type.(*schema.Struct)
		if !isStruct {
			return 0, errorAt(e, "%v does not exist: %s is of type %v, not a struct",
				e, schema.ColumnPath(c.Path), c.Type)
		}
		i, err := b.field(e, s, name, depth)
		if err != nil {
			return 0, err
		}
		c.Index = append(c.Index, i)
		c.Path = append(c.Path, s.Fields[i].Name)
		c.Type = s.Fields[i].Type
	}
	for i, known := range b.columns {
		if slices.Equal(known.Index, c.Index) {
			return i, nil
		}
	}
	b.columns = append(b.columns, c)
	return len(b.columns) - 1, nil
}

func (b *binder) field(e *column, s *schema.Struct, name string, depth int) (int, error) {
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
		return 0, errorAt(e, "column %v does not exist; %s", Column(e.path[:depth+1]...), choices(s))
	}
	return found, nil
}

// choices lists the names that there are.
func choices(s *schema.Struct) string {
	const most = 20
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

func (b *binder) compare(e *compare, depth int) (cond, error) {
	l, lLiteral := e.l.(*literal)
	r, rLiteral := e.r.(*literal)
	switch {
	case lLiteral && rLiteral:
		return b.compareLiterals(e, l.value, r.value)
	case lLiteral:
		return b.compareTo(e, e.op.flip(), e.r, l.value, depth)
	case rLiteral:
		return b.compareTo(e, e.op, e.l, r.value, depth)
	}
	lc, lColumn := e.l.(*column)
	rc, rColumn := e.r.(*column)
	if lColumn && rColumn {
		i, err := b.resolve(lc)
		if err != nil {
			return nil, err
		}
		j, err := b.resolve(rc)
		if err != nil {
			return nil, err
		}
		return b.compareColumns(e, i, j)
	}
	x, err := b.cond(e.l, depth)
	if err != nil {
		return nil, err
	}
	y, err := b.cond(e.r, depth)
	return boolCompare{e.op, x, y}, err
}

// compareTo binds x op v.
func (b *binder) compareTo(e Expr, op Op, x Expr, v schema.Value, depth int) (cond, error) {
	c, isColumn := x.(*column)
	if !isColumn {
		y, err := b.cond(x, depth)
		switch {
		case err != nil:
			return nil, err
		case v.IsNull():
			return boolCompare{op, y, isUnknown}, nil
		case v.Kind() == schema.KindString:
			if v, err = castText(v.Text(), schema.Boolean, b.options.location()); err != nil {
				return nil, errorAt(e, "%v: %v", e, err)
			}
		case v.Kind() != schema.KindBoolean:
			return nil, errorAt(e, "%v compares a condition with a value of type %v", e, literalType(v))
		}
		return boolCompare{op, y, constant(v.Bool())}, nil
	}
	i, err := b.resolve(c)
	if err != nil {
		return nil, err
	}
	return b.compareColumn(e, op, i, v)
}

// compareLiterals decides a comparison of two literals, as that of a column
// which has the one value with the other.
func (b *binder) compareLiterals(e Expr, l, r schema.Value) (cond, error) {
	op := e.(*compare).op
	if l.Kind() == schema.KindString || l.IsNull() { // a string is cast to the other's type, not the other way round
		l, r, op = r, l, op.flip()
	}
	if l.IsNull() {
		return constantOrNull(op == EqNullSafe, op != EqNullSafe), nil
	}
	return b.withLiteral(l, func(sub *binder) (cond, error) { return sub.compareColumn(e, op, 0, r) })
}

// withLiteral decides a condition on a column 0 that has one value.
func (b *binder) withLiteral(v schema.Value, bind func(sub *binder) (cond, error)) (cond, error) {
	sub := &binder{options: b.options, columns: []BoundColumn{{Type: literalType(v)}}}
	c, err := bind(sub)
	if err != nil {
		return nil, err
	}
	return fold(c, newConstants(sub.columns, map[int]schema.Value{0: v})), nil
}

func (b *binder) between(e *between, depth int) (cond, error) {
	if err := b.simple(e.x, "BETWEEN"); err != nil {
		return nil, err
	}
	lo, err := b.compare(&compare{e.at, Ge, e.x, e.lo}, depth)
	if err != nil {
		return nil, err
	}
	hi, err := b.compare(&compare{e.at, Le, e.x, e.hi}, depth)
	return logicCond{args: []cond{lo, hi}}, err
}

// simple refuses operands that would be evaluated more than once and are not
// free: nested within each other their cost would be exponential.
func (b *binder) simple(x Expr, form string) error {
	switch x.(type) {
	case *column, *literal:
		return nil
	}
	return errorAt(x, "%s wants a column or a value before it, not a condition", form)
}

func (b *binder) in(e *in, depth int) (cond, error) {
	if err := b.simple(e.x, "IN"); err != nil {
		return nil, err
	}
	any := logicCond{or: true}
	for _, x := range e.list {
		c, err := b.compare(&compare{e.at, Eq, e.x, x}, depth)
		if err != nil {
			return nil, err
		}
		any.args = append(any.args, c)
	}
	if len(any.args) == 0 {
		return constant(false), nil
	}
	if set, ok := newSet(any.args); ok {
		return set, nil
	}
	return any, nil
}

func (b *binder) like(e *like) (cond, error) {
	pattern, err := compileLike(e.pattern, e.escape)
	if err != nil {
		return nil, errorAt(e, "%v: %v", e, err)
	}
	switch x := e.x.(type) {
	case *column:
		i, err := b.resolve(x)
		if err != nil {
			return nil, err
		}
		if t := b.columns[i].Type; t.Kind() != schema.KindString {
			return nil, errorAt(e, "LIKE wants a string, and %v is of type %v", x, t)
		}
		return likeColumn{i, pattern}, nil
	case *literal:
		if x.value.IsNull() {
			return isUnknown, nil
		}
		if x.value.Kind() == schema.KindString {
			return constant(pattern.match([]byte(x.value.Text()))), nil
		}
	}
	return nil, errorAt(e, "LIKE wants a string column before it")
}

func (b *binder) isNull(e *isNull, depth int) (cond, error) {
	switch x := e.x.(type) {
	case *column:
		i, err := b.resolve(x)
		return nullColumn{i}, err
	case *literal:
		return constant(x.value.IsNull()), nil
	}
	x, err := b.cond(e.x, depth)
	return isNullCond{x}, err
}

// literalType returns the type of a value; a decimal's has the digits it needs.
func literalType(v schema.Value) schema.DataType {
	if v.Kind() != schema.KindDecimal {
		if v.Kind() == schema.KindInvalid {
			return schema.Void
		}
		return schema.Primitive(v.Kind())
	}
	d, scale := v.Decimal()
	return schema.Decimal{Precision: max(d.Precision(), scale), Scale: scale}
}
