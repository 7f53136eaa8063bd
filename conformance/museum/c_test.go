package museum_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog"
)

// A fickle source gives other rows each time it is read.
type fickle struct {
	delta.Source
	times int
}

func (f *fickle) Batches(context.Context) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		f.times++
		yield(batch(fmt.Sprintf("a|1|reading %d", f.times), fmt.Sprintf("a|%d|reading %d", 100+f.times, f.times)), nil)
	}
}

// A source is read once, so that what is matched and what is inserted are one.
func TestC1_delta527_SourceIsReadOnce(t *testing.T) {
	l := newLab(t, nil)
	l.append("a|1|x")
	src := &fickle{Source: rows()}
	res, err := l.open().Merge(src).OnColumns("id").Upsert().Run(t.Context(), nil)
	committed(t, 2, res, err)
	require.Equal(t, 1, src.times)
	require.Equal(t, []string{"a|101|reading 1", "a|1|reading 1"}, l.rows())
}

// Merges with different options at once, through one handle.
func TestC2_delta2104_OptionsAreEachMergesOwn(t *testing.T) {
	l := newLab(t, withDVs, byPart...)
	for p := range 8 {
		l.append(fmt.Sprintf("p%d|1|x", p), fmt.Sprintf("p%d|2|y", p))
	}
	tbl := l.open()
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for p := range errs {
		o := &delta.ChangeOptions{Strategy: delta.Strategy(p % 3)}
		o.Parallel = 1 + p%2
		if p%2 == 0 {
			o.Dedupe = []string{"note"}
		}
		src := rows(fmt.Sprintf("p%d|1|merged", p))
		if p%2 == 0 {
			src = rows(fmt.Sprintf("p%d|1|before", p), fmt.Sprintf("p%d|1|merged", p))
		}
		wg.Go(func() {
			_, errs[p] = tbl.Merge(src).OnColumns("part", "id").Upsert().Run(t.Context(), o)
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	want := []string{}
	for p := range errs {
		want = append(want, fmt.Sprintf("p%d|1|merged", p), fmt.Sprintf("p%d|2|y", p))
	}
	slices.Sort(want)
	require.Equal(t, want, l.rows())
	l.sound()
}

// Values that are one thing in a path, another in a URL, and a third in a log.
var strangeValues = []string{
	"new york", "50%", "a%20b", "a+b", "a/b", "a=b", "a:b", "ü ö", "'quoted'", `"quoted"`, `back\slash`, "..", ".", "#?&", "__HIVE_DEFAULT_PARTITION__x", "{}[]", "tab\tbed",
	strings.Repeat("long ", 40),
}

// The same merge again finds the rows that it has written, and removes the files
// that it has replaced.
func TestC3_deltars4352_PartitionValueWithASpace(t *testing.T) {
	l := newLab(t, nil, byPart...)
	var first, second []string
	for i, v := range append([]string{"-"}, strangeValues...) {
		first = append(first, fmt.Sprintf("%s|%d|first", v, i))
		second = append(second, fmt.Sprintf("%s|%d|second", v, i))
	}
	merge := func(rs ...string) *delta.Result {
		res, err := l.open().Merge(rows(rs...)).On("t.part <=> s.part AND t.id = s.id").
			WhenMatched().UpdateAll().WhenNotMatched().InsertAll().Run(t.Context(), nil)
		require.NoError(t, err)
		return res
	}
	require.Equal(t, int64(len(first)), merge(first...).Rows.Inserted)
	require.Equal(t, int64(len(first)), merge(second...).Rows.Updated)
	res := merge(second...)
	require.Equal(t, delta.NoOp, res.State, "nothing is left to do")
	slices.Sort(second)
	require.Equal(t, second, l.rows())
	_, err := l.open().Checkpoint(t.Context())
	require.NoError(t, err)
	require.Equal(t, second, l.rows())
	l.sound()
}

// Several rows of the source have one key: nobody says which of them counts.
func TestC4_deltars6bcdf04_DuplicateKeysOfTheSource(t *testing.T) {
	for name, src := range map[string][]string{
		"matched":     {"a|1|first", "a|1|second"},
		"not matched": {"a|7|first", "a|7|second"},
	} {
		l := newLab(t, nil)
		l.append("a|1|x")
		_, err := l.open().Merge(rows(src...)).OnColumns("id").Upsert().Run(t.Context(), nil)
		var dup *delta.DuplicateKeyError
		require.ErrorAs(t, err, &dup, name)
		require.Equal(t, int64(2), dup.Rows, name)
		_, err = l.open().InsertNew(t.Context(), rows("a|7|first", "a|7|second"), []string{"id"}, nil)
		require.ErrorAs(t, err, &dup, name)
		require.Equal(t, []string{"a|1|x"}, l.rows(), name)
		require.Len(t, l.commits(2), 0, name)
	}
}

// Two writers insert one key at once, into files that have nothing in common.
func TestC5_hudi9831_InsertBesideInsert(t *testing.T) {
	l := newLab(t, nil)
	l.append("a|1|x")
	tbl, _ := l.faulty(meanwhile(2, func() {
		_, err := l.open().InsertNew(context.Background(), rows("a|2|first", "a|3|first"), []string{"id"}, nil)
		require.NoError(t, err)
	}))
	res, err := tbl.InsertNew(t.Context(), rows("a|2|second", "a|4|second"), []string{"id"}, nil)
	committed(t, 3, res, err)
	require.Equal(t, int64(1), res.Rows.Inserted)
	require.Equal(t, []string{"a|1|x", "a|2|first", "a|3|first", "a|4|second"}, l.rows())
	l.sound()
}

// Planned again because others came first, a merge still has the rows that it read.
func TestC6_spark55858_SourceIsNotReadAgainForANewPlan(t *testing.T) {
	l := newLab(t, nil)
	l.append("a|1|x")
	src := &fickle{Source: rows()}
	tbl, _ := l.faulty(meanwhile(2, func() { l.append("a|101|came") }))
	res, err := tbl.Merge(src).OnColumns("id").Upsert().Run(t.Context(), nil)
	committed(t, 3, res, err)
	require.Equal(t, int64(2), res.Rows.Plans)
	require.Equal(t, 1, src.times)
	require.Equal(t, []string{"a|101|reading 1", "a|1|reading 1"}, l.rows())
	l.sound()
}

// rename moves every file to a name that a path must escape, as engines do that
// make directories of partition values: part=a b:50%20c in the store is
// part=a%20b%3A50%2520c in the log.
func rename(l *lab) {
	l.t.Helper()
	s := l.snapshot()
	txn := s.Begin(&txlog.TxnOptions{Operation: "OPTIMIZE", Env: process("foreign"), SkipPostCommit: true})
	for f, err := range s.Files(context.Background(), nil) {
		require.NoError(l.t, err)
		name, err := f.ObjectName(l.st.URL())
		require.NoError(l.t, err)
		base := name[strings.LastIndexByte(name, '/')+1:]
		l.put("part=a b:50%20c/"+base, l.read(name))
		moved := *f
		moved.Path, moved.DataChange = "part=a%20b%3A50%2520c/"+base, false
		txn.ReadFile(f.Path)
		txn.Add(f.Remove(1, false), &moved)
	}
	_, err := txn.Commit(context.Background())
	require.NoError(l.t, err)
}

// The same merge on a table whose files another engine has named.
func TestC3_deltars4352_PathsOfOtherEngines(t *testing.T) {
	l := newLab(t, withDVs, byPart...)
	l.append("new york|1|old", "new york|2|old", "50%|3|old")
	rename(l)
	require.Equal(t, []string{"50%|3|old", "new york|1|old", "new york|2|old"}, l.rows())
	for _, state := range []delta.State{delta.Committed, delta.NoOp} {
		res, err := l.open().Merge(rows("new york|1|merged", "50%|3|merged")).OnColumns("part", "id").Upsert().Run(t.Context(), nil)
		require.NoError(t, err)
		require.Equal(t, state, res.State)
		require.Equal(t, []string{"50%|3|merged", "new york|1|merged", "new york|2|old"}, l.rows())
	}
	_, err := l.open().Delete(t.Context(), "part = 'new york'", nil)
	require.NoError(t, err)
	require.Equal(t, []string{"50%|3|merged"}, l.rows())
	l.sound()
}

// Without the promise of an upsert, too, it must be one row that acts.
func TestC4_deltars6bcdf04_SeveralRowsActOnOne(t *testing.T) {
	l := newLab(t, nil)
	l.append("a|1|x", "a|2|y")
	_, err := l.open().Merge(rows("a|1|first", "a|1|second")).On("t.id = s.id").WhenMatched().UpdateAll().Run(t.Context(), nil)
	var dup *delta.DuplicateKeyError
	require.ErrorAs(t, err, &dup)
	require.Equal(t, []string{"a|1|x", "a|2|y"}, l.rows())
	// A condition decides which of them it is.
	res, err := l.open().Merge(rows("a|1|first", "a|1|second")).On("t.id = s.id").WhenMatched("s.note = 'second'").UpdateAll().Run(t.Context(), nil)
	committed(t, 2, res, err)
	require.Equal(t, []string{"a|1|second", "a|2|y"}, l.rows())
}

// A row without a key meets no row, also none without a key.
func TestC4_deltars6bcdf04_NullMeetsNothing(t *testing.T) {
	l := newLab(t, nil)
	l.append("a|-|x", "a|1|y")
	res, err := l.open().Merge(rows("a|-|merged", "a|1|merged")).On("t.id = s.id").
		WhenMatched().UpdateAll().WhenNotMatched().InsertAll().Run(t.Context(), nil)
	committed(t, 2, res, err)
	require.Equal(t, []string{"a|-|merged", "a|-|x", "a|1|merged"}, l.rows())
	_, err = l.open().Merge(rows("a|-|merged")).OnColumns("id").Upsert().Run(t.Context(), nil)
	var nul *delta.NullKeyError
	require.ErrorAs(t, err, &nul, "it would be inserted each time")
}
