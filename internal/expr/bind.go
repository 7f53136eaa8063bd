package expr

import (
	"errors"

	"github.com/deltalog/deltalog/internal/sqlfn"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A Predicate is a condition bound to a schema. It is immutable and safe for
// concurrent use.
type Predicate struct {
	columns []BoundColumn
	slots   []schema.DataType
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
	return BindIn(e, OneScope(s), o)
}

// BindIn resolves e's columns in the relations of sc and checks its types. The
// Index of a column begins with its position among the fields of all relations,
// one after the other. A name without a qualifier that two relations have is an
// error.
func BindIn(e Expr, sc *Scope, o *Options) (*Predicate, error) {
	b := newBinder(sc, o)
	root, err := b.cond(e, 0)
	if err != nil {
		return nil, err
	}
	root = fold(root, newConstants(b.columns, len(b.slots), nil))
	return &Predicate{columns: b.columns, slots: b.slots, root: root}, nil
}

// Compile parses and binds a condition. Errors of both show the text.
func Compile(text string, s *schema.Struct, o *Options) (Expr, *Predicate, error) {
	e, err := Parse(text, o)
	if err != nil {
		return nil, nil, err
	}
	p, err := Bind(e, s, o)
	return e, p, showing(err, text)
}

// showing completes an error of binding with the text that was parsed.
func showing(err error, text string) error {
	if bad := (*Error)(nil); errors.As(err, &bad) {
		bad.Text = text
	}
	return err
}

type binder struct {
	scope     *Scope
	options   *Options
	env       *sqlfn.Env
	columns   []BoundColumn
	nullable  []bool         // of columns
	known     map[string]int // a path as written → its position in columns
	slots     []schema.DataType
	slotTexts []Expr // what the slots are, for errors
}

func newBinder(sc *Scope, o *Options) *binder {
	b := &binder{scope: sc, options: o}
	b.env = &sqlfn.Env{Location: o.location()}
	if o != nil {
		b.env.Now, b.env.User = o.Now, o.User
	}
	return b
}

// maxBindDepth is what Parse can produce with all forms between parentheses.
const maxBindDepth = 5 * MaxDepth

// cond binds e where a condition is wanted.
func (b *binder) cond(e Expr, depth int) (cond, error) {
	if depth++; depth > maxBindDepth {
		return nil, &Error{Msg: "the condition is nested too deep", Pos: -1}
	}
	switch e := e.(type) {
	case *logic:
		args := make([]cond, len(e.args))
		for i, x := range e.args {
			c, err := b.cond(x, depth)
			if err != nil {
				return nil, err
			}
			args[i] = c
		}
		return newLogicCond(e.or, args...), nil
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
		return b.like(e, depth)
	case *regex:
		return b.regex(e, depth)
	case *isNull:
		x, err := b.value(e.x, depth)
		if err != nil {
			return nil, err
		}
		return newNullValue(x), nil
	}
	x, err := b.value(e, depth)
	if err != nil {
		return nil, err
	}
	switch x.typ().Kind() {
	case schema.KindBoolean:
		return newValueCond(x), nil
	case schema.KindVoid:
		if _, is := x.(constNode); is && !isInterval(x.typ()) {
			return isUnknown, nil
		}
	}
	if _, is := e.(*column); is {
		return nil, errorAt(e, "column %v is not a condition: it is of type %v", e, x.typ())
	}
	return nil, errorAt(e, "%s is not a condition: it is of type %s", show(e), typeText(x.typ()))
}

// value binds e where a value is wanted.
func (b *binder) value(e Expr, depth int) (node, error) {
	if depth++; depth > maxBindDepth {
		return nil, &Error{Msg: "the expression is nested too deep", Pos: -1}
	}
	switch e := e.(type) {
	case *literal:
		return literalNode(e)
	case *column:
		i, err := b.resolve(e)
		if err != nil {
			return nil, err
		}
		return columnNode{i, b.columns[i].Type, b.nullable[i]}, nil
	case *interval:
		return intervalNode(e.span), nil
	case *arith:
		return b.arith(e, depth)
	case *negate:
		return b.negate(e, depth)
	case *castTo:
		x, err := b.value(e.x, depth)
		if err != nil {
			return nil, err
		}
		return b.castNodeAs(e, x, e.typ, e.try)
	case *caseWhen:
		return b.caseWhen(e, depth)
	case *call:
		return b.call(e, depth)
	case *fieldOf:
		x, err := b.value(e.x, depth)
		if err != nil {
			return nil, err
		}
		return b.fieldOf(e, x, e.name)
	case *index:
		return b.index(e, depth)
	case *logic, *not, *isTrue, *compare, *between, *in, *like, *regex, *isNull:
		c, err := b.cond(e, depth)
		if err != nil {
			return nil, err
		}
		return newCondNode(fold(c, newConstants(b.columns, len(b.slots), nil))), nil
	}
	return nil, &Error{Msg: "an Expr is nil or not made by this package", Pos: -1}
}

// values binds a list.
func (b *binder) values(xs []Expr, depth int) ([]node, error) {
	out := make([]node, len(xs))
	for i, x := range xs {
		n, err := b.value(x, depth)
		if err != nil {
			return nil, err
		}
		out[i] = n
	}
	return out, nil
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

func literalNode(e *literal) (node, error) {
	t := literalType(e.value)
	if e.value.IsNull() {
		if t.Kind() == schema.KindDecimal {
			t = schema.Decimal{Precision: 10}
		}
		if !isAtomic(t.Kind()) {
			t = schema.Void
		}
		return nullNode(t), nil
	}
	v := oneValue(t, e.value)
	if v == nil {
		return nil, errorAt(e, "%s is not a value of type %v", show(e), t)
	}
	return constNode{v, t}, nil
}
