package expr

import "strings"

// PartitionOnly reports whether e refers to no column but the given partition
// columns (in any case), so that partition values alone decide it.
func PartitionOnly(e Expr, partitionColumns []string) bool {
	only := true
	walk(e, func(c *column) {
		only = only && len(c.path) == 1 && contains(partitionColumns, c.path[0])
	})
	return only
}

// SplitPartition returns two conditions whose conjunction is e: the terms that
// refer to partition columns only, and the others. Either is [True] if it has no
// terms.
func SplitPartition(e Expr, partitionColumns []string) (partition, rest Expr) {
	terms := []Expr{e}
	if l, isLogic := e.(*logic); isLogic && !l.or {
		terms = l.args
	}
	var p, r []Expr
	for _, t := range terms {
		switch {
		case t == True:
		case PartitionOnly(t, partitionColumns):
			p = append(p, t)
		default:
			r = append(r, t)
		}
	}
	return and(p), and(r)
}

func and(xs []Expr) Expr {
	if len(xs) == 0 {
		return True
	}
	return And(xs...)
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// Split returns the conjuncts of e: the terms of an AND, or e itself. Terms that
// are [True] are left out.
func Split(e Expr) []Expr {
	terms := []Expr{e}
	if l, isLogic := e.(*logic); isLogic && !l.or {
		terms = l.args
	}
	var out []Expr
	for _, t := range terms {
		if l, is := t.(*literal); is && l.value.Bool() {
			continue
		}
		out = append(out, t)
	}
	return out
}
