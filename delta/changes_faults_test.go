package delta_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/txlog/schema"
)

// changing makes a table with changes of every kind in version 1 (an append), 2 (an
// update, by change data), 3 (a deletion vector that another writer made) and 4 (a
// file that goes).
func changing(t testing.TB) (*memstore.Store, []string) {
	t.Helper()
	s := cols("n", schema.Long)
	tbl, st := noted(t, s, nil)
	appendJSON(t, tbl, s, `{"n":1}`, `{"n":2}`, `{"n":3}`, `{"n":4}`)
	_, err := tbl.Update(t.Context(), delta.Set{"n": "n * 10"}, "n = 2", nil)
	require.NoError(t, err)
	f := filesAt(t, tbl, 2)[0]
	g := withVector(f, inlineVector(0))
	commitBy(t, st, 3, f.Remove(1, true), g)
	commitBy(t, st, 4, g.Remove(1, true))
	want := texted(changesOf(t, tbl, delta.At{}, delta.At{}, nil))
	require.Len(t, want, 4+2+1+3)
	return st, want
}

func reopenedOn(t testing.TB, st logstore.Store) *delta.Table {
	t.Helper()
	tbl, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st})
	require.NoError(t, err)
	return tbl
}

// drained reads changes to the end or the first error.
func drained(ctx context.Context, c *delta.Changes) (rows int64, err error) {
	for rec, err := range c.Batches(ctx) {
		if err != nil {
			return rows, err
		}
		rows += rec.NumRows()
	}
	return rows, nil
}

// A file that is gone, or broken, is named with the version that needs it and why.
func TestChangesNameFilesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	base, _ := changing(t)
	old := filesAt(t, reopenedOn(t, base), 1)[0].Path
	now := filesAt(t, reopenedOn(t, base), 2)[0].Path
	var cdc string
	for _, name := range dataFiles(base) {
		if strings.HasPrefix(name, "_change_data/") {
			cdc = name
		}
	}
	for _, c := range []struct {
		file, what string
		from       delta.Version
	}{
		{old, "rows that version 1 inserted", 1},
		{cdc, "change data of version 2", 2},
		{now, "rows that version 3 deleted", 3},
		{now, "rows that version 4 deleted", 4},
	} {
		for _, net := range []bool{false, true} {
			o := &delta.ChangesOptions{Net: net}
			st := base.Clone()
			require.NoError(t, st.Delete(t.Context(), c.file))
			ch, err := reopenedOn(t, st).Changes(t.Context(), delta.AtVersion(c.from), delta.At{}, o)
			require.NoError(t, err)
			_, err = drained(t.Context(), ch)
			require.ErrorIs(t, err, delta.ErrChangesUnavailable)
			require.ErrorIs(t, err, logstore.ErrNotExist)
			require.ErrorContains(t, err, "delta: changes of mem://: changes are not available: "+c.what+": file "+c.file+" is gone: vacuum deletes files")
			require.NotContains(t, err.Error(), "though version")

			st = base.Clone()
			body, err := st.Read(t.Context(), c.file, 0)
			require.NoError(t, err)
			require.NoError(t, st.Put(t.Context(), c.file, body[:len(body)-20], logstore.Overwrite))
			ch, err = reopenedOn(t, st).Changes(t.Context(), delta.AtVersion(c.from), delta.At{}, o)
			require.NoError(t, err)
			_, err = drained(t.Context(), ch)
			require.ErrorContains(t, err, c.what+": file "+c.file+": ")
			require.NotErrorIs(t, err, delta.ErrChangesUnavailable)
		}
	}
}

// A deletion vector's object that is gone is named too.
func TestChangesNameVectorsThatAreGone(t *testing.T) {
	t.Parallel()
	s := cols("n", schema.Long)
	tbl, st := table(t, s, &delta.CreateOptions{Properties: map[string]string{"delta.enableDeletionVectors": "true"}})
	appendJSON(t, tbl, s, `{"n":1}`, `{"n":2}`, `{"n":3}`, `{"n":4}`, `{"n":5}`)
	_, err := tbl.Delete(t.Context(), "n = 2", nil)
	require.NoError(t, err)
	gone := ""
	for _, name := range dataFiles(st) {
		if strings.HasSuffix(name, ".bin") {
			gone = name
			require.NoError(t, st.Delete(t.Context(), name))
		}
	}
	require.NotEmpty(t, gone)
	for _, net := range []bool{false, true} {
		c, err := tbl.Changes(t.Context(), delta.AtVersion(2), delta.At{}, &delta.ChangesOptions{Derived: true, Net: net})
		require.NoError(t, err)
		_, err = drained(t.Context(), c)
		require.ErrorIs(t, err, delta.ErrChangesUnavailable)
		require.ErrorContains(t, err, "rows that version 2 deleted")
		require.ErrorContains(t, err, "deletion vector "+gone)
	}
}

// Change data that does not say what happened is refused.
func TestChangeDataWithoutTypesIsCorrupt(t *testing.T) {
	t.Parallel()
	st, _ := changing(t)
	tbl := reopenedOn(t, st)
	f := filesAt(t, tbl, 1)[0]
	commitBy(t, st, 5, &txlog.AddCDCFile{Path: f.Path, PartitionValues: map[string]*string{}, Size: f.Size})
	c, err := tbl.Changes(t.Context(), delta.AtVersion(5), delta.At{}, nil)
	require.NoError(t, err)
	_, err = drained(t.Context(), c)
	require.ErrorIs(t, err, delta.ErrCorrupt)
	require.ErrorContains(t, err, "change data of version 5: file "+f.Path)
	require.ErrorContains(t, err, "rows without _change_type")
}

// Whichever request fails, the changes end with its error, and what came before it is
// right.
func TestChangesSurviveEveryFailedRequest(t *testing.T) {
	t.Parallel()
	base, _ := changing(t)
	for _, net := range []bool{false, true} {
		o := &delta.ChangesOptions{Net: net, BatchRows: 1}
		read := func(st logstore.Store) (got []string, err error) {
			tbl, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st})
			if err != nil {
				return nil, err
			}
			c, err := tbl.Changes(t.Context(), delta.At{}, delta.At{}, o)
			if err != nil {
				return nil, err
			}
			for rec, err := range c.Batches(t.Context()) {
				if err != nil {
					return got, err
				}
				got = append(got, fmt.Sprint(rec.Columns()[:3]))
			}
			return got, nil
		}
		whole := faultstore.New(base, nil)
		want, err := read(whole)
		require.NoError(t, err)
		for n := range whole.Calls() {
			for _, f := range []faultstore.Fault{faultstore.Fail(nil), faultstore.Cut(3, nil)} {
				got, err := read(faultstore.New(base, func(c faultstore.Call) faultstore.Fault {
					if c.N == n {
						return f
					}
					return faultstore.Pass
				}))
				require.LessOrEqual(t, len(got), len(want))
				require.Equal(t, want[:len(got)], append([]string{}, got...), "call %d", n)
				if err == nil { // the call did not matter, or was made again
					require.Len(t, got, len(want), "call %d", n)
				} else {
					require.ErrorIs(t, err, faultstore.ErrInjected, "call %d", n)
				}
			}
		}
	}
}

// Changes end when their context does, wherever they are, and so do those who read
// ahead when nobody wants more.
func TestChangesEndWithTheirContext(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 17))
	tbl := newStocks(t, memstore.New(nil), tableKind{properties: withFeed}, randomStocks(r, 200, 1000, true), 40)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := tbl.Changes(cancelled, delta.At{}, delta.At{}, nil)
	require.ErrorIs(t, err, context.Canceled)
	c, err := tbl.Changes(t.Context(), delta.At{}, delta.At{}, nil)
	require.NoError(t, err)
	_, err = drained(cancelled, c)
	require.ErrorIs(t, err, context.Canceled)
	for stop := range 30 {
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		var last error
		for _, err := range c.Batches(ctx) {
			if last = err; err != nil {
				break
			}
			if n++; n > stop {
				cancel()
			}
		}
		require.ErrorIs(t, last, context.Canceled)
		cancel()
		for range c.Batches(t.Context()) {
			if n--; n < 0 {
				break
			}
		}
	}
	rows, err := drained(t.Context(), c)
	require.NoError(t, err)
	require.EqualValues(t, 200, rows)
}

// Of ranges with very many files the commits are read again, and may be gone then.
func TestChangesOfVeryManyFiles(t *testing.T) {
	t.Parallel()
	st, _ := changing(t)
	tbl := reopenedOn(t, st)
	f := *filesAt(t, tbl, 1)[0]
	many := slices.Repeat([]txlog.Action{&f}, 1<<14)
	commitBy(t, st, 5, many...)
	one := f
	commitBy(t, st, 6, &one)
	where, err := delta.Where("_commit_version <> 5")
	require.NoError(t, err)
	c, err := tbl.Changes(t.Context(), delta.AtVersion(4), delta.At{}, &delta.ChangesOptions{Where: where})
	require.NoError(t, err)
	rows, err := drained(t.Context(), c)
	require.NoError(t, err)
	require.EqualValues(t, 3+4, rows)
	require.NoError(t, st.Delete(t.Context(), "_delta_log/00000000000000000006.json"))
	_, err = drained(t.Context(), c)
	require.ErrorIs(t, err, delta.ErrVersionNotFound)
	require.ErrorContains(t, err, "the commit of version 6 was cleaned up while the changes were being read")
	require.True(t, errors.Is(err, delta.ErrChangesUnavailable))
}
