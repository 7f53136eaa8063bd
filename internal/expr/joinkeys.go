package expr

import "github.com/deltalog/deltalog/txlog/schema"

// A KeyPair is one equality of a join condition between an expression over
// relation 0, the target, and one over relation 1, the source.
type KeyPair struct {
	Target, Source Expr
	// TargetKey and SourceKey are the two, cast to the type in which = compares
	// them. They are bound to the scope of both relations. Two keys are equal if
	// [schema.Value.Equal] says so: NaN equals NaN and -0.0 equals 0.0.
	TargetKey, SourceKey *Value
	Type                 schema.DataType // of both keys
	NullSafe             bool            // <=>: null equals null; else null equals nothing
}

// JoinKeys takes a join condition over relation 0, the target, and relation 1,
// the source, apart: the equalities between the two by which rows can be looked
// up, and the other conjuncts by what they read. The condition is the conjunction
// of them all; conjuncts that read no column are in both.
func JoinKeys(e Expr, sc *Scope, o *Options) (keys []KeyPair, targetOnly, sourceOnly, both []Expr, err error) {
	return nil, nil, nil, Split(e), nil
}
