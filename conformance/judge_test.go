package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What may and may not be said about rows that are there.
func TestExplain(t *testing.T) {
	t.Parallel()
	one, two := Row{1, "a", 1}, Row{2, "a", 2}
	add := func(r Row) Op { return Op{Verb: Append, Rows: []Row{r}} }
	key := func(v int64, r Row) Op { return Op{Verb: Append, Rows: []Row{r}, App: "app", Version: v} }
	replace := func(r Row) Op { return Op{Verb: Replace, Parts: []string{"a"}, Rows: []Row{r}} }
	for _, c := range []struct {
		name  string
		all   []told
		after []Row
		want  string // of the error; empty: none
	}{
		{"done", []told{{"w", add(one), Answer{Said: Done}}}, []Row{one}, ""},
		{"done, and lost", []told{{"w", add(one), Answer{Said: Done}}}, nil, `missing: (1, "a", 1)`},
		{"done twice", []told{{"w", add(one), Answer{Said: Done}}}, []Row{one, one}, `too many: (1, "a", 1)`},
		{"refused", []told{{"w", add(one), Answer{Said: Refused}}}, nil, ""},
		{"refused, and there", []told{{"w", add(one), Answer{Said: Refused}}}, []Row{one}, `too many: (1, "a", 1)`},
		{"open, there", []told{{"w", add(one), Answer{Said: Unknown}}}, []Row{one}, ""},
		{"open, not there", []told{{"w", add(one), Answer{Said: Failed}}}, nil, ""},
		{"open, twice", []told{{"w", add(one), Answer{Said: Failed}}}, []Row{one, one}, "too many"},
		{"one key, two attempts", []told{{"w", key(1, one), Answer{Said: Done}}, {"w2", key(1, one), Answer{Said: Done}}}, []Row{one}, ""},
		{"one key, applied twice", []told{{"w", key(1, one), Answer{Said: Done}}, {"w2", key(1, one), Answer{Said: Done}}}, []Row{one, one}, "too many"},
		{"skipped, and nothing there", []told{{"w", key(1, one), Answer{Said: Skipped}}}, nil, "cannot all be true"},
		{"an older number, said to be skipped", []told{{"w", key(2, one), Answer{Said: Done}}, {"w2", key(1, two), Answer{Said: Skipped}}}, []Row{one}, ""},
		{"an older number, lost in silence", []told{{"w", key(2, one), Answer{Said: Done}}, {"w2", key(1, two), Answer{Said: Done}}}, []Row{one}, `missing: (2, "a", 2)`},
		{"two replacements, one stays", []told{{"w", replace(one), Answer{Said: Done}}, {"w2", replace(two), Answer{Said: Done}}}, []Row{one}, ""},
		{"two replacements, both stay", []told{{"w", replace(one), Answer{Said: Done}}, {"w2", replace(two), Answer{Said: Done}}}, []Row{one, two}, "too many"},
	} {
		err := explain(bag{}, c.all, bagOf(c.after))
		if c.want == "" {
			require.NoError(t, err, c.name)
			continue
		}
		require.ErrorContains(t, err, c.want, c.name)
	}
}

// The reference of operations.
func TestApply(t *testing.T) {
	t.Parallel()
	before := bagOf([]Row{{1, "a", 1}, {2, "a", 2}, {2, "b", 3}, {2, "b", 3}})
	for _, c := range []struct {
		op   Op
		want []Row
	}{
		{Op{Verb: Append, Rows: []Row{{1, "a", 1}}}, []Row{{1, "a", 1}, {1, "a", 1}, {2, "a", 2}, {2, "b", 3}, {2, "b", 3}}},
		{Op{Verb: Replace, Parts: []string{"a", "c"}, Rows: []Row{{9, "c", 9}}}, []Row{{9, "c", 9}, {2, "b", 3}, {2, "b", 3}}},
		{Op{Verb: Reload, Rows: []Row{{9, "c", 9}}}, []Row{{9, "c", 9}}},
		{Op{Verb: Merge, Rows: []Row{{2, "b", 9}, {7, "a", 7}}}, []Row{{1, "a", 1}, {2, "a", 2}, {2, "b", 9}, {2, "b", 9}, {7, "a", 7}}},
		{Op{Verb: Update, IDs: []int64{2}, Value: 3}, []Row{{1, "a", 1}, {2, "a", 3}, {2, "b", 3}, {2, "b", 3}}},
		{Op{Verb: Delete, IDs: []int64{2}}, []Row{{1, "a", 1}}},
		{Op{Verb: Create}, []Row{{1, "a", 1}, {2, "a", 2}, {2, "b", 3}, {2, "b", 3}}},
	} {
		require.Equal(t, bagOf(c.want), c.op.apply(before), c.op.String())
	}
}
