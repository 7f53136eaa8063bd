package delta_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/rules"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/txlog/schema"
)

var (
	numbered = with(cols("id", schema.Long, "p", schema.String, "n", schema.Long), "id", always(10, 5)...)
	input    = cols("p", schema.String, "n", schema.Long)
)

// ids returns the numbers of column id, sorted by the rows' text.
func ids(t *testing.T, tbl *delta.Table) (all []int64) {
	t.Helper()
	for _, row := range dump(t, tbl) {
		var id int64
		_, err := fmt.Sscanf(row, `{"id":%d`, &id)
		require.NoError(t, err, row)
		all = append(all, id)
	}
	slices.Sort(all)
	return all
}

func mark(t *testing.T, tbl *delta.Table) int64 {
	t.Helper()
	snap, err := tbl.Snapshot(t.Context(), delta.At{})
	require.NoError(t, err)
	s, err := snap.Schema()
	require.NoError(t, err)
	m, ok := rules.Mark(&s.Fields[s.Index("id")])
	require.True(t, ok)
	return m
}

func TestIdentityColumns(t *testing.T) {
	for _, w := range writes(t.Context()) {
		t.Run(w.name, func(t *testing.T) {
			tbl, _ := table(t, numbered, &delta.CreateOptions{PartitionBy: []string{"p"}})
			_, err := w.do(tbl, rows(t, input, `{"p":"a","n":1}`, `{"p":"a","n":2}`), nil)
			require.NoError(t, err)
			require.Equal(t, []int64{10, 15}, ids(t, tbl))
			res, err := w.do(tbl, rows(t, input, `{"p":"a","n":3}`), nil)
			require.NoError(t, err)
			require.Contains(t, ids(t, tbl), int64(20), "numbers go on beyond the mark")
			require.Equal(t, int64(20), mark(t, tbl))
			require.Equal(t, delta.Version(2), res.Version, "one commit for a write")

			snap, err := tbl.Snapshot(t.Context(), delta.At{})
			require.NoError(t, err)
			for h, err := range snap.History(t.Context(), &txlog.HistoryOptions{}) {
				require.NoError(t, err)
				require.Equal(t, "true", h.Info.Tags["delta.identity.schemaUpdate"])
				break
			}
			_, err = w.do(tbl, rows(t, numbered, `{"id":7,"p":"a","n":3}`), nil)
			var broken *delta.ConstraintError
			require.ErrorAs(t, err, &broken)
			require.ErrorContains(t, err, "its values are GENERATED ALWAYS")
		})
	}
}

// The first write through a handle on a table that is not there makes both.
func TestIdentityOfATableThatTheWriteMakes(t *testing.T) {
	st := memstore.New(nil)
	o := &delta.CreateOptions{Options: delta.Options{Store: st}}
	first, err := delta.OpenOrCreate(t.Context(), "mem://", numbered, o)
	require.NoError(t, err)
	second, err := delta.OpenOrCreate(t.Context(), "mem://", numbered, o)
	require.NoError(t, err)
	p, _, err := second.Prepare(t.Context(), "append", "", rows(t, input, `{"p":"b","n":2}`), nil)
	require.NoError(t, err)
	res, err := first.Append(t.Context(), rows(t, input, `{"p":"a","n":1}`), nil)
	require.NoError(t, err)
	require.Equal(t, delta.Version(0), res.Version)
	require.Equal(t, int64(10), mark(t, first))
	_, err = second.Commit(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, []int64{10, 15}, ids(t, first))
}

// Values that another writer got first are replaced by others, whatever the
// numbers are good for in the row: the partition's name here.
func TestNumbersThatAreTaken(t *testing.T) {
	for _, by := range [][]string{nil, {"p"}} {
		tbl, st := table(t, numbered, &delta.CreateOptions{PartitionBy: by})
		other, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st})
		require.NoError(t, err)
		p, _, err := tbl.Prepare(t.Context(), "append", "", rows(t, input, `{"p":"a","n":1}`, `{"p":"b","n":2}`), nil)
		require.NoError(t, err)
		_, err = other.Append(t.Context(), rows(t, input, `{"p":"a","n":3}`), nil)
		require.NoError(t, err)
		res, err := tbl.Commit(t.Context(), p)
		require.NoError(t, err)
		require.Equal(t, delta.Version(3), res.Version, "after a reservation")
		require.Equal(t, int64(2), res.RowsIn)
		require.Equal(t, []string{`{"id":10,"n":3,"p":"a"}`, `{"id":15,"n":1,"p":"a"}`, `{"id":20,"n":2,"p":"b"}`}, dump(t, tbl))
		require.Equal(t, int64(20), mark(t, tbl))

		// Once more: the key says that it is done.
		res, err = tbl.Commit(t.Context(), p)
		require.NoError(t, err)
		require.Equal(t, delta.AlreadyApplied, res.State)
		require.Len(t, ids(t, tbl), 3)
		require.NoError(t, tbl.Discard(t.Context(), &delta.Prepared{Key: "no such key", Files: p.Files}), "the first files are no part of the table")
		require.Len(t, ids(t, tbl), 3)
	}
}

// A key is the work's, not the numbers': sent again it is already applied.
func TestNumbersAreNoPartOfTheKey(t *testing.T) {
	tbl, _ := table(t, numbered, nil)
	o := &delta.WriteOptions{Key: "load-1"}
	src := rows(t, input, `{"p":"a","n":1}`, `{"p":"b","n":2}`)
	_, err := tbl.Append(t.Context(), src, o)
	require.NoError(t, err)
	_, err = tbl.Append(t.Context(), rows(t, input, `{"p":"c","n":3}`), nil)
	require.NoError(t, err)
	res, err := tbl.Append(t.Context(), src, o)
	require.NoError(t, err)
	require.Equal(t, delta.AlreadyApplied, res.State)
	require.Equal(t, delta.Version(1), res.Version)
	require.Equal(t, []int64{10, 15, 20}, ids(t, tbl))
}

// Sixteen writers at once: every row is there once, no number twice.
func TestNumbersOfManyWritersAreDistinct(t *testing.T) {
	for _, handles := range []string{"one", "each"} {
		t.Run(handles, func(t *testing.T) {
			const writers, loads = 16, 3
			tbl, st := table(t, numbered, &delta.CreateOptions{PartitionBy: []string{"p"}})
			var wg sync.WaitGroup
			errs := make([]error, writers)
			for w := range writers {
				wg.Go(func() {
					h := tbl
					if handles == "each" {
						var err error
						if h, err = delta.Open(t.Context(), "mem://", &delta.Options{Store: st}); err != nil {
							errs[w] = err
							return
						}
					}
					for l := range loads {
						src := rows(t, input, fmt.Sprintf(`{"p":"a","n":%d}`, w*100+l*10), fmt.Sprintf(`{"p":"b","n":%d}`, w*100+l*10+1))
						if _, err := h.Append(t.Context(), src, &delta.WriteOptions{Key: fmt.Sprintf("w%d-%d", w, l)}); err != nil {
							errs[w] = err
							return
						}
					}
				})
			}
			wg.Wait()
			for _, err := range errs {
				require.NoError(t, err)
			}
			got := ids(t, tbl)
			require.Len(t, got, writers*loads*2)
			require.Len(t, slices.Compact(slices.Clone(got)), len(got), "a number twice: %v", got)
			require.Equal(t, got[len(got)-1], max(got[len(got)-1], 10))
			require.GreaterOrEqual(t, mark(t, tbl), got[len(got)-1])
			live := map[string]bool{}
			snap, err := tbl.Snapshot(t.Context(), delta.At{})
			require.NoError(t, err)
			for f, err := range snap.Files(t.Context(), nil) {
				require.NoError(t, err)
				live[f.Path] = true
			}
			for _, name := range dataFiles(st) {
				require.True(t, live[name], "%s was left behind", name)
			}
		})
	}
}

// A winner that moved the mark stands in nobody's way who gives no numbers.
func TestMarksAreNoConflictForOthers(t *testing.T) {
	byDefault := with(cols("id", schema.Long, "p", schema.String, "n", schema.Long), "id", append(always(10, 5), "delta.identity.allowExplicitInsert", "true")...)
	tbl, st := table(t, byDefault, nil)
	other, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st})
	require.NoError(t, err)
	p, _, err := tbl.Prepare(t.Context(), "append", "", rows(t, byDefault, `{"id":1000,"p":"x","n":1}`), nil)
	require.NoError(t, err)
	snap, err := tbl.Snapshot(t.Context(), delta.At{})
	require.NoError(t, err)
	_, err = other.Append(t.Context(), rows(t, input, `{"p":"a","n":1}`), nil)
	require.NoError(t, err)
	_, err = tbl.Commit(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, []int64{10, 1000}, ids(t, tbl))
	require.Equal(t, int64(10), mark(t, tbl), "values of the input do not move it")

	// Nor in that of a transaction which knows nothing of identities.
	txn := snap.Begin(&txlog.TxnOptions{Operation: "TEST"})
	txn.Add(&txlog.SetTransaction{AppID: "app", Version: 1})
	_, err = txn.Commit(t.Context())
	require.NoError(t, err)
}

// New columns and new numbers in one write, with others at the same time.
func TestNumbersAndNewColumns(t *testing.T) {
	for _, mode := range []string{"none", "name"} {
		t.Run(mode, func(t *testing.T) {
			tbl, st := table(t, numbered, &delta.CreateOptions{Properties: map[string]string{"delta.columnMapping.mode": mode}})
			other, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st})
			require.NoError(t, err)
			wider := cols("p", schema.String, "n", schema.Long, "extra", schema.String)
			o := &delta.WriteOptions{EvolveSchema: true}
			p, _, err := tbl.Prepare(t.Context(), "append", "", rows(t, wider, `{"p":"a","n":1,"extra":"x"}`), o)
			require.NoError(t, err)
			_, err = other.Append(t.Context(), rows(t, input, `{"p":"b","n":2}`), nil)
			require.NoError(t, err)
			_, err = tbl.Commit(t.Context(), p)
			require.NoError(t, err)
			require.Equal(t, []string{`{"extra":"x","id":15,"n":1,"p":"a"}`, `{"extra":null,"id":10,"n":2,"p":"b"}`}, dump(t, tbl))
			require.Equal(t, int64(15), mark(t, tbl))
		})
	}
}

func TestSparksIdentityTable(t *testing.T) {
	tbl := corpusTable(t, "identity_columns")
	res, err := tbl.Append(t.Context(), rows(t, cols("s", schema.String), `{"s":"ours"}`, `{"s":"ours"}`), nil)
	require.NoError(t, err)
	require.Equal(t, delta.Version(4), res.Version)
	var ours []string
	for _, row := range dump(t, tbl) {
		if strings.Contains(row, "ours") {
			ours = append(ours, row)
		}
	}
	require.Equal(t, []string{`{"id":35,"k":5,"s":"ours"}`, `{"id":40,"k":6,"s":"ours"}`}, ours)
	_, err = tbl.Append(t.Context(), rows(t, cols("k", schema.Long, "s", schema.String), `{"k":3,"s":"explicit"}`), nil)
	require.NoError(t, err)
	require.Contains(t, dump(t, tbl), `{"id":45,"k":3,"s":"explicit"}`)
	require.Equal(t, int64(45), mark(t, tbl))
}
