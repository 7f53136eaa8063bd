package museum_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// Times of objects that run back, as after a copy of the table: the table is the
// same, and a time is a version that is not younger.
func TestH1_delta2532_TimesOfObjectsInAnyOrder(t *testing.T) {
	writes := 0
	l := &lab{t: t, st: memstore.New(&memstore.Options{URL: root, Now: func() time.Time {
		writes++
		return time.UnixMilli(1_770_000_000_000 - int64(writes)*1000) // each is older than the one before
	}})}
	_, err := delta.Create(t.Context(), root, columns, &delta.CreateOptions{Options: delta.Options{Store: l.st, Env: process("creator")}})
	require.NoError(t, err)
	for i := range 12 {
		l.append(fmt.Sprintf("a|%d|x", i))
	}
	require.Len(t, l.rows(), 12)
	require.Len(t, l.commits(0), 13)
	_, err = l.open().Checkpoint(t.Context())
	require.NoError(t, err)
	require.Len(t, l.rows(), 12)
	last := time.Time{}
	for v := range delta.Version(13) {
		s, err := l.open().Snapshot(t.Context(), delta.AtVersion(v))
		require.NoError(t, err)
		at, err := s.Timestamp(t.Context())
		require.NoError(t, err)
		require.True(t, at.After(last), "version %d is not after the one before", v)
		last = at
		s, err = l.open().Snapshot(t.Context(), delta.AtTime(at))
		require.NoError(t, err)
		require.Equal(t, v, s.Version())
	}
	l.sound()
}

// Clocks an hour ahead, an hour behind and standing still take turns.
func TestH2_iceberg17285_SkewedClocks(t *testing.T) {
	l := newLab(t, map[string]string{"delta.enableInCommitTimestamps": "true"})
	for i, skew := range []time.Duration{time.Hour, -time.Hour, 0, 30 * 24 * time.Hour, -30 * 24 * time.Hour, 0} {
		env := process("skewed")
		now := env.Now
		env.Now = func() time.Time { return now().Add(skew) }
		tbl, err := delta.Open(t.Context(), root, &delta.Options{Store: l.st, Env: env})
		require.NoError(t, err)
		res, err := tbl.Append(t.Context(), rows(fmt.Sprintf("a|%d|x", i)), nil)
		committed(t, delta.Version(i+1), res, err)
	}
	last := int64(0)
	for _, c := range l.commits(0) {
		require.NotNil(t, c.Info().InCommitTimestamp)
		require.Greater(t, *c.Info().InCommitTimestamp, last)
		last = *c.Info().InCommitTimestamp
	}
	require.Len(t, l.rows(), 6)
}

// No clock moves, and everybody writes at once.
func TestH3_HUDI2559_OneMoment(t *testing.T) {
	l := newLab(t, nil)
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		env := process("frozen")
		env.Now = func() time.Time { return time.UnixMilli(1_770_000_000_000) }
		tbl, err := delta.Open(t.Context(), root, &delta.Options{Store: l.st, Env: env})
		require.NoError(t, err)
		wg.Go(func() { _, errs[i] = tbl.Append(t.Context(), rows(fmt.Sprintf("a|%d|x", i)), nil) })
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	require.Len(t, l.rows(), len(errs))
	require.Len(t, l.dataFiles(), len(errs))
	l.sound()
}

// What replaces a partition is all that is in it, by each of the ways to say so.
func TestH4_deltars4126_ReplaceIsNoAppend(t *testing.T) {
	for name, replace := range map[string]func(*delta.Table) (*delta.Result, error){
		"dynamic": func(tbl *delta.Table) (*delta.Result, error) {
			return tbl.ReplacePartitions(t.Context(), rows("a|2|new"), nil)
		},
		"declared": func(tbl *delta.Table) (*delta.Result, error) {
			return tbl.ReplacePartitions(t.Context(), rows("a|2|new"), &delta.WriteOptions{Partitions: []delta.Partition{delta.Part("part", "a")}})
		},
		"predicate": func(tbl *delta.Table) (*delta.Result, error) {
			return tbl.ReplaceWhere(t.Context(), "part = 'a'", rows("a|2|new"), nil)
		},
	} {
		l := newLab(t, nil, byPart...)
		l.append("a|1|old", "b|1|other")
		res, err := replace(l.open())
		committed(t, 2, res, err)
		require.Equal(t, []string{"a|2|new", "b|1|other"}, l.rows(), name)
		l.sound()
	}
}

// Hundreds of partitions, two files in each: all that the predicate says goes.
func TestH5_deltars4149_DeleteOverManyPartitions(t *testing.T) {
	l := newLab(t, map[string]string{"delta.checkpointInterval": "2"}, byPart...)
	const parts = 150
	for n := range 2 {
		var rs []string
		for p := range parts {
			rs = append(rs, fmt.Sprintf("p%03d|%d|x", p, n))
		}
		l.append(rs...)
	}
	res, err := l.open().Delete(t.Context(), "part >= 'p010' AND part < 'p140'", nil)
	require.NoError(t, err)
	require.Equal(t, int64(2*130), res.FilesRemoved)
	require.Len(t, l.rows(), 2*20)
	res, err = l.open().Delete(t.Context(), "part LIKE 'p%'", nil)
	require.NoError(t, err)
	require.Equal(t, int64(2*20), res.RowsRemoved)
	require.Empty(t, l.rows())
	l.sound()
}

// No rows name no partitions; nothing is emptied unless it was declared to be.
func TestH6_ray64872_EmptyInputReplacesNothing(t *testing.T) {
	l := newLab(t, nil, byPart...)
	l.append("a|1|x", "b|2|y")
	tbl := l.open()
	_, err := tbl.ReplacePartitions(t.Context(), rows(), nil)
	require.ErrorIs(t, err, delta.ErrEmptyInput)
	for _, policy := range []delta.EmptyPolicy{delta.EmptyNoOp, delta.EmptyTruncate} {
		res, err := tbl.ReplacePartitions(t.Context(), rows(), &delta.WriteOptions{OnEmpty: policy})
		require.NoError(t, err)
		require.Equal(t, delta.NoOp, res.State)
	}
	for _, refuse := range []func(context.Context, delta.Source, *delta.WriteOptions) (*delta.Result, error){tbl.Reload, tbl.Overwrite} {
		_, err = refuse(t.Context(), rows(), nil)
		require.ErrorIs(t, err, delta.ErrEmptyInput)
	}
	require.Equal(t, []string{"a|1|x", "b|2|y"}, l.rows())
	res, err := tbl.ReplacePartitions(t.Context(), rows(), &delta.WriteOptions{OnEmpty: delta.EmptyTruncate, Partitions: []delta.Partition{delta.Part("part", "a")}})
	committed(t, 2, res, err)
	require.Equal(t, []string{"b|2|y"}, l.rows())
}

// Whatever a value looks like in a path, its rows are written, found, replaced and
// deleted by it.
func TestH7_deltars3939_PartitionValuesThatAreEncoded(t *testing.T) {
	l := newLab(t, nil, byPart...)
	var want []string
	for i, v := range strangeValues {
		row := fmt.Sprintf("%s|%d|x", v, i)
		want = append(want, row)
		res, err := l.open().Append(t.Context(), rows(row), nil)
		committed(t, delta.Version(i+1), res, err)
	}
	l.append("-|-1|null")
	all := append(slices.Clone(want), "-|-1|null")
	slices.Sort(all)
	require.Equal(t, all, l.rows())
	for i, v := range strangeValues {
		_, err := l.open().ReplacePartitions(t.Context(), rows(fmt.Sprintf("%s|%d|new", v, i)), &delta.WriteOptions{
			Partitions: []delta.Partition{{"part": &v}},
		})
		require.NoError(t, err, v)
	}
	require.Len(t, l.rows(), len(all))
	_, err := l.open().Delete(t.Context(), "note = 'new'", nil)
	require.NoError(t, err)
	_, err = l.open().ReplacePartitions(t.Context(), rows("-|-2|new null"), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"-|-2|new null"}, l.rows())
	l.sound()
}

// Each remove of each commit names a file that was live right before it, whoever
// came first: sound looks at that.
func TestH8_deltars3906_RemovesNameLiveFiles(t *testing.T) {
	l := newLab(t, withDVs, byPart...)
	l.append("a|1|x", "a|2|y", "b|3|z")
	steps := []func(tbl *delta.Table) (*delta.Result, error){
		func(tbl *delta.Table) (*delta.Result, error) {
			return tbl.Delete(context.Background(), "id = 1", &delta.ChangeOptions{Strategy: delta.StrategyVectors})
		},
		func(tbl *delta.Table) (*delta.Result, error) {
			return tbl.Update(context.Background(), delta.Set{"note": "'u'"}, "id <= 3", nil)
		},
		func(tbl *delta.Table) (*delta.Result, error) {
			return tbl.Merge(rows("a|1|m", "a|2|m", "c|9|m")).OnColumns("id").Upsert().Run(context.Background(), nil)
		},
		func(tbl *delta.Table) (*delta.Result, error) {
			return tbl.ReplacePartitions(context.Background(), rows("a|4|r"), nil)
		},
		func(tbl *delta.Table) (*delta.Result, error) {
			return tbl.Overwrite(context.Background(), rows("a|1|o", "a|2|o", "b|3|o"), nil)
		},
	}
	for i, mine := range steps {
		for j, other := range steps {
			clone := &lab{t: t, st: l.st.Clone()}
			tbl, _ := clone.faulty(faultstore.On(logstore.VerbPutIfAbsent, commitName(2), 1, faultstore.Fault{Run: func() {
				_, err := other(clone.open())
				require.NoError(t, err)
			}}))
			_, err := mine(tbl)
			require.NoError(t, err, "%d after %d", i, j)
			clone.sound()
		}
	}
}
