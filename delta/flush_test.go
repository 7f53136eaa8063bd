package delta_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// A slowDisk shows objects before they survive a power cut, as a local disk does
// those whose writer was killed before its last flush.
type slowDisk struct {
	logstore.Store
	flushes []string
	err     error // of every flush
	put     error // of every commit, which has had its effect
}

func (d *slowDisk) Flush(_ context.Context, name string) error {
	d.flushes = append(d.flushes, name)
	return d.err
}

func (d *slowDisk) Put(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
	if err := d.Store.Put(ctx, name, data, mode); err != nil || mode == logstore.Overwrite {
		return err
	}
	return d.put
}

var errDisk = errors.New("input/output error")

// Work that is found in the log is not said to be done before it is known to
// survive a power cut. (The crash suite found acknowledged work that was lost.)
func TestWhatIsFoundIsFlushedFirst(t *testing.T) {
	t.Parallel()
	none := &delta.ChangeOptions{}
	merge := func(o *delta.ChangeOptions) operation {
		return operation{run: func(ctx context.Context, t *delta.Table) (*delta.Result, error) {
			return t.Merge(must(delta.Slice(changeSourceRows()))).OnColumns("id").Upsert().Run(ctx, o)
		}}
	}
	property := operation{run: func(ctx context.Context, t *delta.Table) (*delta.Result, error) {
		return t.SetProperties(ctx, map[string]string{"owner": "me"}, nil)
	}}
	for name, c := range map[string]struct {
		op   operation
		want delta.State
		fail delta.State // when it cannot be flushed
	}{
		"a key":            {merge(keyedChange()), delta.AlreadyApplied, delta.Unknown},
		"nothing to do":    {merge(none), delta.NoOp, delta.NotCommitted},
		"nothing to alter": {property, delta.NoOp, delta.NotCommitted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := memstore.New(nil)
			changeBase(t, st, "mem://", sweptCow)
			disk := &slowDisk{Store: st}
			_, err := attempt(t.Context(), c.op, disk, "first")
			require.NoError(t, err)
			require.Empty(t, disk.flushes, "what was written was flushed by the store itself")
			res, err := attempt(t.Context(), c.op, faultstore.New(logstore.Traced(disk, func(logstore.Call) {}), nil), "second")
			require.NoError(t, err)
			require.Equal(t, c.want, res.State)
			require.Equal(t, []string{commitName(4)}, disk.flushes)

			disk.err = errDisk
			res, err = attempt(t.Context(), c.op, disk, "third")
			require.ErrorIs(t, err, errDisk)
			require.Equal(t, c.fail, res.State)
			require.Equal(t, c.fail == delta.Unknown, errors.Is(err, delta.ErrCommitUnknown))
			require.True(t, res.Retryable)
		})
	}
}

// The same for writes of files, for commits that the log tells of after the store
// did not, for look-ups, and for tables that are there already.
func TestWhatIsFoundIsFlushedFirstElsewhere(t *testing.T) {
	t.Parallel()
	op := operationNamed("append")
	base := sweepBase(t, op)
	st := base.Clone()
	_, err := attempt(t.Context(), op, st, "first")
	require.NoError(t, err)
	disk := &slowDisk{Store: st, err: errDisk}
	res, err := attempt(t.Context(), op, disk, "second")
	require.ErrorIs(t, err, delta.ErrCommitUnknown)
	require.Equal(t, delta.Unknown, res.State)
	require.Equal(t, delta.Version(10), res.Version)

	tbl, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: disk})
	require.NoError(t, err)
	_, err = tbl.Lookup(t.Context(), sweepKey)
	require.ErrorIs(t, err, errDisk)
	_, err = delta.Create(t.Context(), "mem://", ordersSchema, &delta.CreateOptions{Options: delta.Options{Store: disk}, IfNotExists: true})
	require.ErrorIs(t, err, errDisk)

	// An attempt that was overtaken by another of the same content.
	st = base.Clone()
	disk = &slowDisk{Store: st, err: errDisk}
	fs := faultstore.New(disk, paused(10, func() {
		_, err := attempt(t.Context(), op, st, "other")
		require.NoError(t, err)
	}, nil))
	res, err = attempt(t.Context(), op, fs, "overtaken")
	require.ErrorIs(t, err, delta.ErrCommitUnknown)
	require.Equal(t, delta.Unknown, res.State)

	// The answer to the commit was lost.
	for _, flush := range []error{nil, errDisk} {
		disk = &slowDisk{Store: base.Clone(), put: errDisk, err: flush}
		res, err = attempt(t.Context(), op, disk, "lost")
		require.Equal(t, []string{commitName(10)}, disk.flushes)
		if flush == nil {
			require.NoError(t, err)
			require.Equal(t, delta.Committed, res.State)
			require.True(t, res.Recovered)
		} else {
			require.ErrorIs(t, err, delta.ErrCommitUnknown)
			require.Equal(t, delta.Unknown, res.State)
		}
	}

	// The store has written the commit, and could not flush it.
	disk = &slowDisk{Store: base.Clone(), put: fmt.Errorf("%w: %w", logstore.ErrNotDurable, errDisk)}
	res, err = attempt(t.Context(), op, disk, "perhaps")
	require.ErrorIs(t, err, delta.ErrCommitUnknown)
	require.Equal(t, delta.Unknown, res.State)
	disk.put = nil
	res, err = attempt(t.Context(), op, disk, "again")
	require.NoError(t, err)
	require.Equal(t, delta.AlreadyApplied, res.State)
}
