package reader_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/txlog/schema"
)

var rowType = &schema.Struct{Fields: []schema.Field{
	{Name: "day", Type: schema.String, Nullable: true},
	{Name: "id", Type: schema.Long, Nullable: true},
	{Name: "k", Type: schema.Integer, Nullable: true},
	{Name: "f", Type: schema.Double, Nullable: true},
	{Name: "text", Type: schema.String, Nullable: true},
}}

var rowSchema = arrow.NewSchema([]arrow.Field{
	{Name: "day", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "id", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	{Name: "k", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
	{Name: "f", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
	{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
}, nil)

// rows makes the rows [from, to) of a day: k is null at times, f is NaN at times.
func rows(day string, from, to int64) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, rowSchema)
	noise := rand.New(rand.NewPCG(1, uint64(from)))
	for i := from; i < to; i++ {
		b.Field(0).(*array.StringBuilder).Append(day)
		b.Field(1).(*array.Int64Builder).Append(i)
		if i%7 == 0 {
			b.Field(2).AppendNull()
		} else {
			b.Field(2).(*array.Int32Builder).Append(int32(i % 1000))
		}
		f := float64(i) / 2
		if i%500 == 0 {
			f = math.NaN()
		}
		b.Field(3).(*array.Float64Builder).Append(f)
		b.Field(4).(*array.StringBuilder).Append(fmt.Sprintf("%d-%x", i, noise.Uint64()))
	}
	return b.NewRecordBatch()
}

// newTable writes a file for each batch.
func newTable(t testing.TB, batches ...arrow.RecordBatch) *memstore.Store {
	t.Helper()
	st := memstore.New(nil)
	tbl, err := delta.Create(context.Background(), "mem://", rowType, &delta.CreateOptions{
		Options: delta.Options{Store: st}, PartitionBy: []string{"day"},
	})
	require.NoError(t, err)
	for _, b := range batches {
		_, err := tbl.Append(context.Background(), delta.Records(b), nil)
		require.NoError(t, err)
	}
	return st
}

func load(t testing.TB, st logstore.Store) *txlog.Snapshot {
	t.Helper()
	s, err := txlog.Load(context.Background(), st, nil)
	require.NoError(t, err)
	return s
}

func scan(t testing.TB, s *txlog.Snapshot, o *reader.Options) *reader.Scan {
	t.Helper()
	sc, err := reader.New(s, o)
	require.NoError(t, err)
	return sc
}

// ids returns the column id of what a scan reads.
func ids(ctx context.Context, s *reader.Scan) (out []int64, err error) {
	at := s.Schema().FieldIndices("id")[0]
	for rec, err := range s.Batches(ctx) {
		if err != nil {
			return out, err
		}
		out = append(out, rec.Column(at).(*array.Int64).Int64Values()...)
	}
	return out, nil
}

func where(t testing.TB, sql string) reader.Predicate {
	t.Helper()
	p, err := reader.Parse(sql)
	require.NoError(t, err)
	return p
}

// TestPredicatesSelectTheSameHoweverRead compares, on files large enough to be
// read page by page and columns late, with the same predicate in Go.
func TestPredicatesSelectTheSameHoweverRead(t *testing.T) {
	t.Parallel()
	const n = 120_000
	snap := load(t, newTable(t, rows("a", 0, n), rows("b", n, n+10)))
	k := func(i int64) int64 {
		if i%7 == 0 {
			return -1
		}
		return i % 1000
	}
	for _, test := range []struct {
		sql  string
		want func(i int64) bool
	}{
		{"id = 77777", func(i int64) bool { return i == 77777 }},
		{"id >= 30000 AND id < 30050 OR id = 119999", func(i int64) bool { return i >= 30000 && i < 30050 || i == 119999 }},
		{"k = 5", func(i int64) bool { return k(i) == 5 }},
		{"k = 5 AND day = 'b'", func(i int64) bool { return k(i) == 5 && i >= n }},
		{"k < 500", func(i int64) bool { return k(i) >= 0 && k(i) < 500 }},
		{"k IS NULL AND id > 119990", func(i int64) bool { return i%7 == 0 && i > 119990 }},
		{"f > 60000", func(i int64) bool { return i > 120000 || i%500 == 0 }}, // NaN is greater
		{"f < 100 AND id > 150", func(i int64) bool { return i > 150 && i < 200 }},
		{"text LIKE '119998-%'", func(i int64) bool { return i == 119998 }},
		{"id < 0", func(int64) bool { return false }},
		{"id >= 0", func(int64) bool { return true }},
		{"day = 'a'", func(i int64) bool { return i < n }},
		{"id IN (1, 2, 3, 90000, 120005)", func(i int64) bool { return i >= 1 && i <= 3 || i == 90000 || i == 120005 }},
	} {
		var want []int64
		for i := range int64(10) { // the newest file is first
			if test.want(n + i) {
				want = append(want, n+i)
			}
		}
		for i := range int64(n) {
			if test.want(i) {
				want = append(want, i)
			}
		}
		for _, columns := range [][]string{nil, {"id"}, {"text", "id"}} {
			s := scan(t, snap, &reader.Options{Where: where(t, test.sql), Columns: columns})
			got, err := ids(t.Context(), s)
			require.NoError(t, err)
			require.Equal(t, want, got, "%s, columns %v", test.sql, columns)
			count, err := s.Count(t.Context())
			require.NoError(t, err)
			require.EqualValues(t, len(want), count, test.sql)
		}
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	snap := load(t, newTable(t, rows("a", 0, 100), rows("a", 100, 200), rows("b", 200, 300)))

	s := scan(t, snap, nil)
	got, err := ids(t.Context(), s)
	require.NoError(t, err)
	require.Len(t, got, 300)
	require.EqualValues(t, 3, s.Metrics().Requests, "small files are read with their footer")

	s = scan(t, snap, &reader.Options{Where: where(t, "day = 'b'")})
	got, err = ids(t.Context(), s)
	require.NoError(t, err)
	require.Len(t, got, 100)
	m := s.Metrics()
	require.EqualValues(t, 1, m.Requests)
	require.EqualValues(t, 2, m.PartitionsPruned)
	n, known, err := s.KnownCount(t.Context())
	require.NoError(t, err)
	require.True(t, known)
	require.EqualValues(t, 100, n)
	require.Equal(t, m, s.Metrics(), "counting from the log reads nothing")

	s = scan(t, snap, &reader.Options{Where: where(t, "id = 150")})
	got, err = ids(t.Context(), s)
	require.NoError(t, err)
	require.Equal(t, []int64{150}, got)
	require.EqualValues(t, 2, s.Metrics().FilesStats)
	require.EqualValues(t, 1, s.Metrics().Requests)
	_, known, err = s.KnownCount(t.Context())
	require.NoError(t, err)
	require.False(t, known)
}

func TestLimitStopsEarly(t *testing.T) {
	t.Parallel()
	snap := load(t, newTable(t, rows("a", 0, 50_000), rows("a", 50_000, 100_000), rows("b", 100_000, 100_003)))
	for limit, files := range map[int64]int64{1: 1, 3: 1, 4: 2, 50_003: 2, 50_004: 3, 200_000: 3} {
		s := scan(t, snap, &reader.Options{Limit: limit})
		got, err := ids(t.Context(), s)
		require.NoError(t, err)
		require.Len(t, got, int(min(limit, 100_003)))
		require.EqualValues(t, files, s.Metrics().FilesScanned, "limit %d", limit)
		if limit == 4 {
			require.EqualValues(t, 7, s.Metrics().RowsRead, "no more of each file than the limit")
		}
		n, err := s.Count(t.Context())
		require.NoError(t, err)
		require.Equal(t, min(limit, 100_003), n)
	}
	s := scan(t, snap, &reader.Options{Limit: 5, Where: where(t, "k = 7 AND id > 0")})
	got, err := ids(t.Context(), s)
	require.NoError(t, err)
	require.Equal(t, []int64{51_007 - 1000, 51_007, 52_007, 53_007, 54_007}[:5], got)
}

func TestNoColumns(t *testing.T) {
	t.Parallel()
	snap := load(t, newTable(t, rows("a", 0, 100)))
	s := scan(t, snap, &reader.Options{Columns: []string{}})
	n := int64(0)
	for rec, err := range s.Batches(t.Context()) {
		require.NoError(t, err)
		require.Zero(t, rec.NumCols())
		n += rec.NumRows()
	}
	require.EqualValues(t, 100, n)
}

func TestNewNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	snap := load(t, newTable(t))
	for text, o := range map[string]*reader.Options{
		`column "nope" is not in the table; it has day, id, k, f, text`: {Columns: []string{"id", "nope"}},
		`column "ID" is wanted twice`:                                   {Columns: []string{"id", "ID"}},
		"nope":                                                          {Where: where(t, "nope = 1")},
		"id":                                                            {Where: where(t, "id = 'x'")},
	} {
		_, err := reader.New(snap, o)
		require.ErrorContains(t, err, text)
	}
}

// TestEveryFaultIsAnErrorOrNoMatter fails, breaks, changes or cancels each call of
// a scan in turn: either the scan ends with an error, or its rows are right.
func TestEveryFaultIsAnErrorOrNoMatter(t *testing.T) {
	defer goleak.VerifyNone(t)
	st := newTable(t, rows("a", 0, 2000), rows("b", 2000, 4000), rows("c", 4000, 6000))
	clean := scan(t, load(t, st), nil)
	want, err := ids(t.Context(), clean)
	require.NoError(t, err)
	faults := map[string]func(cancel func()) faultstore.Fault{
		"fail":  func(func()) faultstore.Fault { return faultstore.Fail(faultstore.ErrInjected) },
		"break": func(func()) faultstore.Fault { return faultstore.Cut(5, faultstore.ErrInjected) },
		"short": func(func()) faultstore.Fault {
			return faultstore.Fault{Mutate: func(b []byte) []byte { return b[:len(b)/2] }}
		},
		"gone": func(func()) faultstore.Fault { return faultstore.Fail(logstore.ErrNotExist) },
		"zeroed": func(func()) faultstore.Fault {
			return faultstore.Fault{Mutate: func(b []byte) []byte { return make([]byte, len(b)) }}
		},
		"cancel": func(cancel func()) faultstore.Fault { return faultstore.Fault{Run: cancel} },
	}
	for name, fault := range faults {
		for _, o := range []reader.Options{{}, {Limit: 4500}, {Limit: 4500, Where: where(t, "id >= 0")}, {Parallel: 1, BatchRows: 100}} {
			hit := true
			for n := 0; hit; n++ {
				ctx, cancel := context.WithCancel(t.Context())
				hit = false
				armed := -1
				fs := faultstore.New(st, func(c faultstore.Call) faultstore.Fault {
					if armed >= 0 && c.N == armed {
						hit = true
						return fault(cancel)
					}
					return faultstore.Pass
				})
				snap := load(t, fs)
				armed = fs.Calls() + n
				got, err := ids(ctx, scan(t, snap, &o))
				cancel()
				if err == nil {
					require.Equal(t, want[:min(len(want), max(int(o.Limit), len(want)*bit(o.Limit == 0)))], got, "%s at call %d", name, n)
					require.True(t, !hit || name == "cancel", "%s at call %d was not noticed", name, n)
				} else {
					require.Equal(t, want[:len(got)], append([]int64{}, got...), "rows before the error of %s at call %d", name, n)
					if name == "gone" {
						require.ErrorContains(t, err, ".parquet: ")
						require.ErrorContains(t, err, "vacuumed while this version was still in use")
					}
					if name == "cancel" {
						require.ErrorIs(t, err, context.Canceled)
					}
				}
			}
		}
	}
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestCancelledAtEveryBatch cancels after each batch: what was delivered is a
// prefix of the rows, and the end is an error.
func TestCancelledAtEveryBatch(t *testing.T) {
	defer goleak.VerifyNone(t)
	snap := load(t, newTable(t, rows("a", 0, 500), rows("a", 500, 1000), rows("b", 1000, 1500)))
	want, err := ids(t.Context(), scan(t, snap, nil))
	require.NoError(t, err)
	for stop := range 15 {
		ctx, cancel := context.WithCancel(t.Context())
		var got []int64
		var end error
		n := 0
		for rec, err := range scan(t, snap, &reader.Options{BatchRows: 100, Limit: 1400, Where: where(t, "id >= 0")}).Batches(ctx) {
			if err != nil {
				end = err
				break
			}
			if got = append(got, rec.Column(1).(*array.Int64).Int64Values()...); n == stop {
				cancel()
			}
			n++
		}
		cancel()
		require.Equal(t, want[:len(got)], append([]int64{}, got...))
		if len(got) < 1400 {
			require.ErrorIs(t, end, context.Canceled, "cancelled after batch %d", stop)
		}
	}
}

func TestLeavingTheLoopEndsTheGoroutines(t *testing.T) {
	defer goleak.VerifyNone(t)
	snap := load(t, newTable(t, rows("a", 0, 500), rows("a", 500, 1000), rows("b", 1000, 1500)))
	for stop := range 15 {
		n := 0
		for _, err := range scan(t, snap, &reader.Options{BatchRows: 100}).Batches(t.Context()) {
			require.NoError(t, err)
			if n++; n > stop {
				break
			}
		}
	}
}
