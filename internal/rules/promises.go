package rules

import (
	"maps"
	"slices"
	"strings"

	"github.com/deltalog/deltalog/txlog/schema"
)

// Promises returns what t promises of its rows, so far as its protocol says that
// it is kept: one line for each rule, sorted, to compare with those of another
// version by [Broken]. It does not look at the SQL.
func (t *Table) Promises() []string {
	var all []string
	if t.Has(featureChecks) {
		for k, sql := range t.Properties {
			if name, ok := strings.CutPrefix(k, ConstraintPrefix); ok {
				all = append(all, "constraint "+name+": "+sql)
			}
		}
	}
	for path, f := range t.Schema.Walk() {
		name := schema.ColumnPath(path)
		if raw, ok := f.Metadata[keyInvariant]; ok && t.Has(featureInvariants) {
			all = append(all, "invariant of column "+name+": "+raw)
		}
		if raw, ok := f.Metadata[keyDefault]; ok && t.Has(featureDefaults) {
			all = append(all, fills+"default of column "+name+": "+raw)
		}
		if raw, ok := f.Metadata[keyGeneration]; ok && t.Has(featureGenerated) {
			all = append(all, fills+"generation expression of column "+name+": "+raw)
		}
		if IsIdentity(f) && t.Has(featureIdentity) {
			id := []string{}
			for _, k := range []string{keyStart, keyStep, keyExplicit} {
				id = append(id, f.Metadata[k])
			}
			all = append(all, fills+"identity of column "+name+": "+strings.Join(id, ", "))
		}
	}
	slices.Sort(all)
	return all
}

// fills begins the promises by which columns get values. Rows written without one
// may have others than rows written with it, so that neither fits the other.
const fills = "the "

// Broken compares the promises that rows were written under with those that a
// table makes now. It returns one that the rows may not keep, "" if there is none:
// a rule less is no harm to rows, a value less is.
func Broken(were, are []string) string {
	old := map[string]bool{}
	for _, p := range were {
		old[p] = true
	}
	for _, p := range are {
		if !old[p] {
			return "it has now " + p
		}
		delete(old, p)
	}
	for _, p := range slices.Sorted(maps.Keys(old)) {
		if strings.HasPrefix(p, fills) {
			return "it has no longer " + p
		}
	}
	return ""
}
