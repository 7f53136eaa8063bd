package writer_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/dv"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/writer"
)

// readDV reads what a descriptor names.
func readDV(t testing.TB, st logstore.Store, d *txlog.DVDescriptor, rows int64) *dv.Bitmap {
	t.Helper()
	desc := dv.Descriptor{
		StorageType: d.StorageType, PathOrInlineDV: d.PathOrInlineDV, Offset: *d.Offset,
		SizeInBytes: d.SizeInBytes, Cardinality: d.Cardinality,
	}
	name, err := desc.Key(nil)
	require.NoError(t, err)
	off, n, err := desc.Span(rows)
	require.NoError(t, err)
	data, err := st.Read(context.Background(), name, 0)
	require.NoError(t, err)
	require.LessOrEqual(t, off+n, int64(len(data)))
	b, err := desc.Decode(data[off:off+n], rows)
	require.NoError(t, err)
	return b
}

func TestDeletionVectorsOfACommitShareAFile(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"", "true"} {
		st := memstore.New(nil)
		w := writer.NewDVWriter(st, nil, txlog.Properties{"delta.randomizeFilePrefixes": prefix, "delta.randomPrefixLength": "3"})
		r := rand.New(rand.NewPCG(1, 2))
		const n = 50
		want, got := make([]*dv.Bitmap, n), make([]*txlog.DVDescriptor, n)
		for i := range want {
			want[i] = &dv.Bitmap{}
			for range 1 + r.IntN(300) {
				want[i].Add(r.Int64N(100_000))
			}
		}
		var wg sync.WaitGroup
		for i := range want {
			wg.Go(func() {
				var err error
				got[i], err = w.Add(want[i])
				if err != nil {
					panic(err)
				}
			})
		}
		wg.Wait()
		require.Empty(t, st.Names(), "nothing is published before Close")
		require.Equal(t, writer.DVFile{}, w.File())
		require.NoError(t, w.Close(t.Context()))
		require.Len(t, st.Names(), 1)
		pattern := `^deletion_vector_[0-9a-f-]{36}\.bin$`
		if prefix != "" {
			pattern = `^[0-9a-f]{3}/` + pattern[1:]
		}
		require.Regexp(t, regexp.MustCompile(pattern), st.Names()[0])
		data, err := st.Read(t.Context(), w.File().Name, 0)
		require.NoError(t, err)
		require.Equal(t, w.File(), writer.DVFile{Name: st.Names()[0], Size: int64(len(data))})
		for i := range want {
			require.True(t, want[i].Equal(readDV(t, st, got[i], 100_000)), "vector %d", i)
			require.Equal(t, got[0].PathOrInlineDV, got[i].PathOrInlineDV)
			require.Nil(t, got[i].MaxRowIndex)
		}

		_, err = w.Add(dv.Of(1))
		require.Error(t, err, "a closed file takes nothing")
		require.Error(t, w.Close(t.Context()))
		require.NoError(t, w.Abort(t.Context()))
		require.Empty(t, st.Names())
		require.NoError(t, w.Abort(t.Context()))
	}
}

func TestNoDeletionVectorsNoFile(t *testing.T) {
	t.Parallel()
	st := memstore.New(nil)
	w := writer.NewDVWriter(st, env(), nil)
	require.NoError(t, w.Close(t.Context()))
	require.Empty(t, st.Names())
	require.Equal(t, writer.DVFile{}, w.File())
	require.NoError(t, w.Abort(t.Context()))
}

// TestDVFileIsWholeOrAbsent fails each call in each way: what Close reports is
// true, and Abort leaves nothing.
func TestDVFileIsWholeOrAbsent(t *testing.T) {
	t.Parallel()
	faults := map[string]faultstore.Fault{
		"fail": faultstore.Fail(nil), "lose": faultstore.Lose(nil), "delay": faultstore.Delay(nil), "twice": {Twice: true},
		"permission": faultstore.Fail(logstore.ErrPermission), "space": faultstore.Fail(logstore.ErrNoSpace),
		"crash before": {CrashBefore: true}, "crash after": {CrashAfter: true},
		"not there yet": {Twice: true, Err: logstore.ErrNotExist},
	}
	for name, fault := range faults {
		for at := range 3 {
			inner := memstore.New(nil)
			st := faultstore.New(inner, func(c faultstore.Call) faultstore.Fault {
				if c.N == at {
					return fault
				}
				return faultstore.Pass
			})
			label := fmt.Sprintf("%s, call %d", name, at)
			w := writer.NewDVWriter(st, nil, nil)
			d, err := w.Add(dv.Of(3, 5, 70_000))
			require.NoError(t, err)
			err = w.Close(t.Context())
			crashed := errors.Is(err, faultstore.ErrCrashed)
			if err == nil {
				require.True(t, dv.Of(3, 5, 70_000).Equal(readDV(t, inner, d, 100_000)), label)
				require.NotZero(t, w.File().Size)
			} else {
				require.Zero(t, w.File(), label)
			}
			if name == "twice" {
				require.NoError(t, err, label)
			}
			for _, n := range inner.Names() { // never a part
				data, err := inner.Read(t.Context(), n, 0)
				require.NoError(t, err)
				require.Len(t, data, int(1+8+d.SizeInBytes), label)
			}
			err = w.Abort(context.Background())
			if err != nil && !crashed && !errors.Is(err, faultstore.ErrCrashed) {
				require.NoError(t, w.Abort(context.Background()), label+": the second try")
				err = nil
			}
			if err == nil && name != "delay" {
				require.Empty(t, inner.Names(), label)
			}
		}
	}
}

// TestDVFileOfAnotherStays: an object that has the name already is not touched.
func TestDVFileOfAnotherStays(t *testing.T) {
	t.Parallel()
	st := memstore.New(nil)
	e := func() *txlog.Env {
		return &txlog.Env{NewID: func() string { return "d2c639aa-8816-431a-aaf6-d3fe2512ff61" }}
	}
	first := writer.NewDVWriter(st, e(), nil)
	_, err := first.Add(dv.Of(1))
	require.NoError(t, err)
	require.NoError(t, first.Close(t.Context()))
	for _, rows := range []*dv.Bitmap{dv.Of(2), dv.Of(2, 900, 80_000)} { // as long, and longer
		second := writer.NewDVWriter(st, e(), nil)
		_, err = second.Add(rows)
		require.NoError(t, err)
		err := second.Close(t.Context())
		require.ErrorIs(t, err, logstore.ErrExist)
		require.ErrorContains(t, err, "deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin")
		require.NoError(t, second.Abort(t.Context()))
		require.Equal(t, []string{first.File().Name}, st.Names())
	}
}
