package reader

import (
	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A Predicate selects the rows for which it is true. The zero Predicate selects
// all rows. Columns are resolved, in any case, when a scan is made of it.
type Predicate struct{ e expr.Expr }

// Parse reads a condition in Spark's SQL: comparisons, AND, OR, NOT, IN, BETWEEN,
// LIKE, IS NULL, on columns and literals. It is for text that people write;
// programs use [Col], which quotes nothing and so injects nothing.
func Parse(sql string) (Predicate, error) {
	e, err := expr.Parse(sql, nil)
	return Predicate{e}, err
}

// Where returns the predicate that an expression is. A nil one selects all rows.
func Where(e expr.Expr) Predicate { return Predicate{e} }

// IsZero reports whether p selects all rows.
func (p Predicate) IsZero() bool { return p.e == nil }

// String returns SQL that [Parse] reads back.
func (p Predicate) String() string {
	if p.e == nil {
		return "TRUE"
	}
	return p.e.String()
}

// A Ref is a column in a predicate.
type Ref struct{ e expr.Expr }

// Col refers to a column, or with more names to a field inside of one.
func Col(path ...string) Ref { return Ref{expr.Column(path...)} }

func (r Ref) compare(op expr.Op, v schema.Value) Predicate {
	return Predicate{expr.Compare(op, r.e, expr.Literal(v))}
}

// Eq, Ne, Lt, Le, Gt and Ge compare with a value; they are null for null rows.
func (r Ref) Eq(v schema.Value) Predicate { return r.compare(expr.Eq, v) }

// Ne: see [Ref.Eq].
func (r Ref) Ne(v schema.Value) Predicate { return r.compare(expr.Ne, v) }

// Lt: see [Ref.Eq].
func (r Ref) Lt(v schema.Value) Predicate { return r.compare(expr.Lt, v) }

// Le: see [Ref.Eq].
func (r Ref) Le(v schema.Value) Predicate { return r.compare(expr.Le, v) }

// Gt: see [Ref.Eq].
func (r Ref) Gt(v schema.Value) Predicate { return r.compare(expr.Gt, v) }

// Ge: see [Ref.Eq].
func (r Ref) Ge(v schema.Value) Predicate { return r.compare(expr.Ge, v) }

// In is true for rows with one of the values.
func (r Ref) In(values ...schema.Value) Predicate { return Predicate{expr.In(r.e, values...)} }

// Between is true from lo to hi, both included.
func (r Ref) Between(lo, hi schema.Value) Predicate {
	return Predicate{expr.Between(r.e, expr.Literal(lo), expr.Literal(hi))}
}

// HasPrefix is true for strings that begin with prefix.
func (r Ref) HasPrefix(prefix string) Predicate { return Predicate{expr.Prefix(r.e, prefix)} }

// IsNull is true for null rows.
func (r Ref) IsNull() Predicate { return Predicate{expr.IsNull(r.e)} }

// NotNull is true for rows that are not null.
func (r Ref) NotNull() Predicate { return Not(r.IsNull()) }

// And is true where all of ps are.
func And(ps ...Predicate) Predicate { return join(expr.And, ps) }

// Or is true where one of ps is.
func Or(ps ...Predicate) Predicate { return join(expr.Or, ps) }

// Not is true where p is false; where p is null, so is Not.
func Not(p Predicate) Predicate {
	if p.e == nil {
		p.e = expr.True
	}
	return Predicate{expr.Not(p.e)}
}

func join(op func(...expr.Expr) expr.Expr, ps []Predicate) Predicate {
	es := make([]expr.Expr, len(ps))
	for i, p := range ps {
		if es[i] = p.e; p.e == nil {
			es[i] = expr.True
		}
	}
	return Predicate{op(es...)}
}
