package writer_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/txlog/schema"
	"github.com/deltalog/deltalog/writer"
)

var eventSchema = fields("p", schema.Long, "id", schema.Long, "note", schema.String)

// events makes rows of random partitions below parts, with notes that do not
// compress.
func events(t testing.TB, seed uint64, rows, parts, note int) arrow.RecordBatch {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrowOf(eventSchema))
	text := make([]byte, note)
	for i := range rows {
		b.Field(0).(*array.Int64Builder).Append(int64(r.IntN(parts)))
		b.Field(1).(*array.Int64Builder).Append(int64(i))
		for k := range text {
			text[k] = byte('!' + r.IntN(90))
		}
		b.Field(2).(*array.StringBuilder).Append(string(text))
	}
	return b.NewRecordBatch()
}

// attempt writes three batches, into files that end at different times.
func attempt(ctx context.Context, st logstore.Store, recs []arrow.RecordBatch) (*writer.Writer, *writer.Output, error) {
	c := config(st, eventSchema, "p")
	c.MaxMemory, c.Parallel = 60<<10, 1
	w, err := writer.New(c)
	if err != nil {
		return nil, nil, err
	}
	for _, rec := range recs {
		if err := w.Write(ctx, rec); err != nil {
			return w, nil, err
		}
	}
	out, err := w.Close(ctx)
	return w, out, err
}

// Whatever call fails, in whatever way: an error that was told is the store's, no
// file is said to be there that is not, and Abort leaves nothing.
func TestEveryFaultAtEveryCall(t *testing.T) {
	t.Parallel()
	recs := []arrow.RecordBatch{events(t, 1, 400, 3, 200), events(t, 2, 400, 3, 200)}
	dry := faultstore.New(memstore.New(nil), nil)
	_, out, err := attempt(t.Context(), dry, recs)
	require.NoError(t, err)
	require.Greater(t, len(out.Files), 4)
	oops := errors.New("oops")
	faults := map[string]faultstore.Fault{
		"fail": faultstore.Fail(oops), "lose": faultstore.Lose(oops), "cut": faultstore.Cut(3, oops), "unavailable": faultstore.Fail(logstore.ErrUnavailable),
	}
	for name, fault := range faults {
		for n := range dry.Calls() {
			st := memstore.New(nil)
			fs := faultstore.New(st, func(c faultstore.Call) faultstore.Fault {
				if c.N == n && c.Verb != logstore.VerbAbort && c.Verb != logstore.VerbDelete {
					return fault
				}
				return faultstore.Pass
			})
			w, out, err := attempt(t.Context(), fs, recs)
			msg := fmt.Sprintf("%s at call %d of %v: %v", name, n, fs.Trace(), err)
			if err == nil { // the call did not take place this time, or was an abort
				require.Equal(t, int64(800), out.Rows, msg)
				require.Len(t, allRows(t, st, out, eventSchema), 800, msg)
			} else {
				if name != "unavailable" {
					require.ErrorIs(t, err, oops, msg)
				} else {
					require.ErrorIs(t, err, logstore.ErrUnavailable, msg)
				}
				require.Nil(t, out, msg)
				_, again := w.Close(t.Context())
				require.Error(t, again, msg)
			}
			require.NoError(t, w.Abort(t.Context()), msg)
			require.Empty(t, published(st), msg)
		}
	}
}

// An object that could not be deleted is named, and tried again.
func TestAbortThatFails(t *testing.T) {
	t.Parallel()
	st := memstore.New(nil)
	oops := errors.New("oops")
	var deletes atomic.Int64
	fs := faultstore.New(st, func(c faultstore.Call) faultstore.Fault {
		if c.Verb == logstore.VerbDelete && deletes.Add(1) == 1 {
			return faultstore.Fail(oops)
		}
		return faultstore.Pass
	})
	w, _, err := attempt(t.Context(), fs, []arrow.RecordBatch{events(t, 1, 10, 3, 5)})
	require.NoError(t, err)
	err = w.Abort(t.Context())
	require.ErrorIs(t, err, oops)
	require.ErrorContains(t, err, "writer: delete "+published(st)[0]+": ")
	require.Len(t, published(st), 1)
	require.NoError(t, w.Abort(t.Context()))
	require.Empty(t, published(st))
}

// The context ends at each call: the error is the context's, and nothing stays.
func TestCancelAtEveryCall(t *testing.T) {
	t.Parallel()
	recs := []arrow.RecordBatch{events(t, 1, 400, 3, 200), events(t, 2, 400, 3, 200)}
	dry := faultstore.New(memstore.New(nil), nil)
	_, _, err := attempt(t.Context(), dry, recs)
	require.NoError(t, err)
	cancelled := 0
	for n := range dry.Calls() {
		st := memstore.New(nil)
		ctx, cancel := context.WithCancel(t.Context())
		fs := faultstore.New(st, func(c faultstore.Call) faultstore.Fault {
			if c.N == n {
				cancel()
			}
			return faultstore.Pass
		})
		w, out, err := attempt(ctx, fs, recs)
		cancel()
		if err != nil {
			cancelled++
			require.ErrorIs(t, err, context.Canceled, "call %d", n)
			require.Nil(t, out)
		}
		require.NoError(t, w.Abort(t.Context()))
		require.Empty(t, published(st), "call %d", n)
	}
	require.Greater(t, cancelled, dry.Calls()/2)
}

// Abort does not wait for an upload that hangs until its context ends.
func TestAbortEndsUploadsUnderWay(t *testing.T) {
	t.Parallel()
	st := memstore.New(nil)
	hanging := make(chan struct{}, 100)
	w, err := writer.New(config(hangingStore{st, hanging}, eventSchema, "p"))
	require.NoError(t, err)
	require.NoError(t, w.Write(t.Context(), events(t, 1, 100, 3, 5)))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-hanging // Close is waiting now
		cancel()
	}()
	_, err = w.Close(ctx)
	require.ErrorIs(t, err, context.Canceled, "the context of Close ends uploads that Write began")
	require.NoError(t, w.Abort(t.Context()))
	require.Empty(t, published(st))

	c := config(hangingStore{st, hanging}, eventSchema, "p")
	c.TargetFileSize = 1
	w, err = writer.New(c)
	require.NoError(t, err)
	_ = w.Write(t.Context(), events(t, 1, 100, 3, 5))
	require.NoError(t, w.Abort(t.Context()))
	require.Empty(t, published(st))
}

// A hangingStore's writers wait in Close until their context is over.
type hangingStore struct {
	logstore.Store
	hanging chan<- struct{}
}

func (s hangingStore) Create(ctx context.Context, name string) (logstore.Writer, error) {
	w, err := s.Store.Create(ctx, name)
	return hangingWriter{w, ctx, s.hanging}, err
}

type hangingWriter struct {
	logstore.Writer
	ctx     context.Context
	hanging chan<- struct{}
}

func (w hangingWriter) Close() error {
	w.hanging <- struct{}{}
	<-w.ctx.Done()
	return w.Writer.Close()
}

func TestFilesRoll(t *testing.T) {
	t.Parallel()
	st := memstore.New(nil)
	c := config(st, eventSchema)
	c.TargetFileSize = 2 << 20
	var recs []arrow.RecordBatch
	for i := range 20 {
		recs = append(recs, events(t, uint64(i), 3000, 5, 200))
	}
	out := mustWrite(t, c, recs...)
	require.Len(t, out.Files, 4)
	var want []string
	for _, r := range recs {
		for i := range int(r.NumRows()) {
			want = append(want, fmt.Sprintf("%s | %s | %s", r.Column(0).ValueStr(i), r.Column(1).ValueStr(i), r.Column(2).ValueStr(i)))
		}
	}
	require.Equal(t, want, allRows(t, st, out, eventSchema), "files in row order")
	for _, f := range out.Files[:len(out.Files)-1] {
		require.Greater(t, f.Size, int64(2<<20))
		require.Less(t, f.Size, int64(4<<20), "a batch and a page of each column more")
	}
	names := map[string]bool{}
	for _, f := range out.Files {
		require.False(t, names[f.Path])
		names[f.Path] = true
	}
}

// One huge batch is cut, so that files roll within it.
func TestHugeBatchesRoll(t *testing.T) {
	t.Parallel()
	st := memstore.New(nil)
	s := fields("x", &schema.Array{Element: fields("y", schema.Binary), ContainsNull: true})
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrowOf(s))
	l := b.Field(0).(*array.ListBuilder)
	blob := []byte(strings.Repeat("x", 1<<20))
	for range 80 {
		l.Append(true)
		e := l.ValueBuilder().(*array.StructBuilder)
		e.Append(true)
		e.FieldBuilder(0).(*array.BinaryBuilder).Append(blob)
	}
	c := config(st, s)
	c.TargetFileSize = 1
	out := mustWrite(t, c, b.NewRecordBatch())
	require.Len(t, out.Files, 3, "80 MiB in steps of 32")
	require.Equal(t, int64(80), out.Rows)
}

// Two thousand partitions in every batch: what is held stays within the bound, by
// the writer's own account, and all rows arrive.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	const parts, limit = 2000, 24 << 20
	st := memstore.New(nil)
	c := config(st, eventSchema, "p")
	c.MaxMemory = limit
	w, err := writer.New(c)
	require.NoError(t, err)
	rows := 0
	for i := range 12 {
		rec := events(t, uint64(i), 16_000, parts, 100)
		require.NoError(t, w.Write(t.Context(), rec))
		rows += 16_000
	}
	require.Greater(t, w.Peak(), int64(limit/2), "the bound was reached")
	// It is passed by what a few rows may take: pooled buffers, an upload's start.
	require.Less(t, w.Peak(), int64(limit+8<<20))
	out, err := w.Close(t.Context())
	require.NoError(t, err)
	require.Len(t, out.Partitions, parts)
	require.Len(t, allRows(t, st, out, eventSchema), rows)
	require.Less(t, len(out.Files), 4*parts, "files do not get tiny")
}

// To a store in a network an open upload costs parts of it; few are open at once.
func TestRemoteUploadsCount(t *testing.T) {
	t.Parallel()
	st := memstore.New(&memstore.Options{URL: "s3://bucket/t"})
	c := config(st, eventSchema, "p")
	c.MaxMemory = 16 << 20 // less than one upload
	w, err := writer.New(c)
	require.NoError(t, err)
	for i := range 10 {
		require.NoError(t, w.Write(t.Context(), events(t, uint64(i), 4000, 3, 1000)))
	}
	// One file is on its way when the next row arrives, and no more.
	require.Less(t, w.Peak(), int64(16<<20+32<<20+8<<20))
	out, err := w.Close(t.Context())
	require.NoError(t, err)
	require.Len(t, allRows(t, st, out, eventSchema), 40_000)
	for _, f := range out.Files {
		require.Greater(t, f.Size, int64(1<<20))
	}
}

// Over the bound large files get a row group and go on; the table has one file
// for each partition.
func TestLargeFilesFlushRowGroups(t *testing.T) {
	t.Parallel()
	st := memstore.New(nil)
	c := config(st, eventSchema, "p")
	c.MaxMemory = 12 << 20
	var recs []arrow.RecordBatch
	for i := range 8 {
		recs = append(recs, events(t, uint64(i), 4000, 2, 1000))
	}
	out := mustWrite(t, c, recs...)
	require.Len(t, out.Files, 2)
	groups := 0
	for i := range out.Files {
		groups += open(t, st, &out.Files[i]).NumRowGroups()
	}
	require.Greater(t, groups, 3)
	require.Len(t, allRows(t, st, out, eventSchema), 32_000)
}

// The digest and the rows are the same however batches are cut, the partition
// columns are placed and the memory is bounded.
func TestDigestIsOfTheRows(t *testing.T) {
	t.Parallel()
	rec := events(t, 7, 3000, 7, 20)
	var want int64
	for k, step := range []int64{3000, 1000, 999, 64, 1} {
		var recs []arrow.RecordBatch
		for i := int64(0); i < 3000; i += step {
			recs = append(recs, rec.NewSlice(i, min(i+step, 3000)))
		}
		for _, by := range [][]string{nil, {"p"}} {
			c := config(memstore.New(nil), eventSchema, by...)
			c.Digest = true
			c.MaxMemory = 64 << 10 << (2 * k)
			sum := func() int64 { d := mustWrite(t, c, recs...).Digest; return d.Sum("append") }()
			if want == 0 {
				want = sum
			}
			require.Equal(t, want, sum, "batches of %d by %v", step, by)
		}
	}
	c := config(memstore.New(nil), eventSchema)
	c.Digest = true
	other := mustWrite(t, c, rec.NewSlice(0, 2999)).Digest
	require.NotEqual(t, want, other.Sum("append"))
}

// Rows of a partition keep their order over batches and sort orders.
func TestOrderWithinPartitions(t *testing.T) {
	t.Parallel()
	st := memstore.New(nil)
	out := mustWrite(t, config(st, eventSchema, "p"), events(t, 1, 5000, 40, 3), events(t, 1, 5000, 40, 3))
	require.Len(t, out.Files, 40)
	for i := range out.Files {
		rows := rowsOf(t, st, &out.Files[i], fields("id", schema.Long))
		half := len(rows) / 2
		require.Equal(t, rows[:half], rows[half:], "the same batch twice")
		last := -1
		for _, r := range rows[:half] {
			var id int
			_, err := fmt.Sscan(r, &id)
			require.NoError(t, err)
			require.Greater(t, id, last)
			last = id
		}
	}
}

func TestAppender(t *testing.T) {
	t.Parallel()
	type row struct {
		P  string `parquet:"p"`
		At time.Time
		D  string `parquet:"d,decimal(2:5)"`
	}
	s := fields("p", schema.String, "At", schema.Timestamp, "d", dec(5, 2))
	st := memstore.New(nil)
	a, err := writer.NewAppender[row](config(st, s, "p"))
	require.NoError(t, err)
	at := time.Date(2026, 1, 5, 0, 0, 0, 1999, time.UTC)
	require.NoError(t, a.Append(t.Context(), row{"x", at, "1.5"}, row{"y", at, "2"}))
	require.NoError(t, a.Append(t.Context(), row{"x", at, "3"}))
	out, err := a.Close(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"2026-01-05T00:00:00.000001Z | 1.5", "2026-01-05T00:00:00.000001Z | 3", "2026-01-05T00:00:00.000001Z | 2"},
		allRows(t, st, out, &schema.Struct{Fields: s.Fields[1:]}))

	// A row that is there in part ends the input.
	a, err = writer.NewAppender[row](config(st, s, "p"))
	require.NoError(t, err)
	bad := a.Append(t.Context(), row{"x", at, "1.5"}, row{"y", at, "two"}, row{"z", at, "3"})
	require.ErrorContains(t, bad, `row 1, column d: "two" is no decimal(5,2)`)
	require.Equal(t, bad, a.Append(t.Context(), row{"x", at, "1"}))
	_, err = a.Close(t.Context())
	require.Equal(t, bad, err)
	require.NoError(t, a.Abort(t.Context()))
	require.Len(t, published(st), 2)
}
