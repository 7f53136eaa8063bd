package pqread

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// store is an Input that records requests and can fail them.
type store struct {
	b      []byte
	before func(off, n int64) error
	hold   func(ctx context.Context, off int64)

	mu       sync.Mutex
	requests []span
	active   atomic.Int64
}

func (s *store) Size() int64 { return int64(len(s.b)) }

func (s *store) ReadRange(ctx context.Context, off, n int64) ([]byte, error) {
	s.active.Add(1)
	defer s.active.Add(-1)
	s.mu.Lock()
	s.requests = append(s.requests, span{off, n})
	s.mu.Unlock()
	if s.hold != nil {
		s.hold(ctx, off)
	}
	if s.before != nil {
		if err := s.before(off, n); err != nil {
			return nil, err
		}
	}
	if off < 0 || off+n > int64(len(s.b)) {
		return nil, io.ErrUnexpectedEOF
	}
	return bytes.Clone(s.b[off : off+n]), nil
}

func (s *store) take() []span {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.requests
	s.requests = nil
	return r
}

// bigSample has 5 columns, of which "f0002" is wide, in row groups of 2,000.
func bigSample(t testing.TB) sample {
	r := rand.New(rand.NewSource(21))
	wide := leafShape(parquet.ByteArrayType, &parquet.Plain, func(r *rand.Rand) parquet.Value {
		b := make([]byte, 400)
		r.Read(b)
		return parquet.ByteArrayValue(b)
	})
	cols := []*shape{
		leafShape(parquet.Int64Type, &parquet.DeltaBinaryPacked, someInt64),
		opt(leafShape(parquet.Int32Type, &parquet.Plain, someInt32)),
		wide,
		opt(leafShape(parquet.ByteArrayType, &parquet.RLEDictionary, someBytes)),
		opt(listOf(opt(leafShape(parquet.DoubleType, &parquet.Plain, someDouble)))),
	}
	return makeSample(t, r, cols, sampleOptions{rows: 6000, version: 1, page: 8 << 10, group: 2000, nulls: 0.1})
}

func project(t testing.TB, f *File, names ...string) *Projection {
	all, err := f.Schema()
	require.NoError(t, err)
	want := &schema.Struct{}
	for _, field := range all.Fields {
		for _, n := range names {
			if field.Name == n {
				want.Fields = append(want.Fields, field)
			}
		}
	}
	p, err := f.Project(want, ByName)
	require.NoError(t, err)
	return p
}

func countRows(t testing.TB, p *Projection, o *ScanOptions) (rows int) {
	for b, err := range p.Batches(context.Background(), o) {
		require.NoError(t, err)
		rows += b.Rows
	}
	return rows
}

func TestOpenMakesOneRequestWhenTheGuessIsLongEnough(t *testing.T) {
	t.Parallel()
	s := bigSample(t)
	in := &store{b: s.data}
	_, err := Open(context.Background(), in, nil)
	require.NoError(t, err)
	require.Equal(t, []span{{int64(len(s.data)) - 64<<10, 64 << 10}}, in.take())
	_, err = Open(context.Background(), in, &Options{FooterGuess: 100})
	require.NoError(t, err)
	require.Len(t, in.take(), 2)
}

func TestNeighbouringChunksAreReadWithOneRequest(t *testing.T) {
	t.Parallel()
	s := bigSample(t)
	in := &store{b: s.data}
	f, err := Open(context.Background(), in, &Options{FooterGuess: 8})
	require.NoError(t, err)
	in.take()
	require.Equal(t, 6000, countRows(t, project(t, f, "f0000", "f0001", "f0002", "f0003", "f0004"), nil))
	require.Len(t, in.take(), 3, "one for each row group")
	// Columns apart from each other by a wide one are two requests.
	require.Equal(t, 6000, countRows(t, project(t, f, "f0000", "f0003"), nil))
	require.Len(t, in.take(), 6)
	// No column, no request: rows are known from the footer.
	require.Equal(t, 6000, countRows(t, project(t, f), nil))
	require.Empty(t, in.take())
}

func TestOnlySelectedPagesAreRead(t *testing.T) {
	t.Parallel()
	s := bigSample(t)
	in := &store{b: s.data}
	f, err := Open(context.Background(), in, nil)
	require.NoError(t, err)
	in.take()
	p := project(t, f, "f0002")
	var rows []Range
	o := &ScanOptions{Select: func(g int) (Selection, error) {
		if g == 1 {
			return Selection{{500, 510}, {1500, 1501}}, nil
		}
		return Selection{}, nil
	}}
	for b, err := range p.Batches(context.Background(), o) {
		require.NoError(t, err)
		require.Equal(t, 1, b.Group)
		rows = append(rows, b.Positions...)
	}
	require.Equal(t, []Range{{2500, 2510}, {3500, 3501}}, rows)
	var bytes int64
	for _, r := range in.take() {
		bytes += r.n
	}
	require.Less(t, bytes, int64(80<<10), "of a chunk of 800 KiB")
	require.Greater(t, bytes, int64(11*400))

	// A page's first row needs that page alone.
	spans, err := p.offsetIndexes(context.Background(), 1)
	require.NoError(t, err)
	page := spans[0][3]
	in.take()
	first := &ScanOptions{Select: func(g int) (Selection, error) {
		if g == 1 {
			return Selection{{page.first, page.first + 1}}, nil
		}
		return Selection{}, nil
	}}
	require.Equal(t, 1, countRows(t, p, first))
	require.Equal(t, []span{{page.off, page.size}}, in.take())
}

func TestLargeChunksAreReadPieceByPiece(t *testing.T) {
	t.Parallel()
	s := bigSample(t)
	in := &store{b: s.data}
	f, err := Open(context.Background(), in, &Options{MaxBuffered: 1 << 10})
	require.NoError(t, err)
	in.take()
	require.Equal(t, 6000, countRows(t, project(t, f, "f0002"), nil))
	requests := in.take()
	require.Greater(t, len(requests), 9)
	for _, r := range requests {
		require.LessOrEqual(t, r.n, int64(256<<10))
	}
}

func TestLongRangesAreSplit(t *testing.T) {
	t.Parallel()
	got := coalesce([][]span{{{100, 40 << 20}}, {{50, 50}}, {{200 << 20, 10}}, {{41 << 20, 10}}})
	total := int64(0)
	for _, r := range got {
		require.LessOrEqual(t, r.n, int64(maxRequest))
		total += r.n
	}
	require.Less(t, total, int64(40<<20+2*maxGap))
	// What is cut out of the answers is what was asked for.
	var segs []segment
	for _, r := range got {
		segs = append(segs, segment{r.off, make([]byte, r.n)})
	}
	at := int64(100)
	for _, part := range cut(segs, span{100, 40 << 20}) {
		require.Equal(t, at, part.off)
		at += int64(len(part.data))
	}
	require.Equal(t, int64(100+40<<20), at)
}

// A failed request is not a damaged file, and is what the caller gets to see.
func TestErrorsOfTheInputAreGivenAsTheyAre(t *testing.T) {
	t.Parallel()
	s := bigSample(t)
	broken := errors.New("connection reset")
	for _, buffered := range []int64{0, 1 << 10} {
		in := &store{b: s.data}
		f, err := Open(context.Background(), in, &Options{MaxBuffered: buffered})
		require.NoError(t, err)
		n := atomic.Int64{}
		in.before = func(off, size int64) error {
			if n.Add(1) == 3 {
				return broken
			}
			return nil
		}
		var last error
		for _, err := range project(t, f, "f0002", "f0004").Batches(context.Background(), nil) {
			last = err
		}
		require.ErrorIs(t, last, broken)
		var corrupt *CorruptError
		require.False(t, errors.As(last, &corrupt), "%v", last)
		require.ErrorContains(t, last, "parquet: reading bytes")
	}
	in := &store{b: s.data, before: func(int64, int64) error { return broken }}
	_, err := Open(context.Background(), in, nil)
	require.ErrorIs(t, err, broken)
}

// An input that breaks its contract is not trusted either.
type shortInput struct{ memory }

func (s *shortInput) ReadRange(ctx context.Context, off, n int64) ([]byte, error) {
	b, err := s.memory.ReadRange(ctx, off, n)
	return b[:len(b)-1], err
}

func TestShortReadsAreErrors(t *testing.T) {
	t.Parallel()
	_, err := Open(context.Background(), &shortInput{memory{make([]byte, 100)}}, nil)
	require.ErrorContains(t, err, "got 99 bytes of 100")
}

func TestCancellingEndsTheScan(t *testing.T) {
	t.Parallel()
	s := bigSample(t)
	in := &store{b: s.data}
	f, err := Open(context.Background(), in, nil)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	batches := 0
	var last error
	for _, err := range project(t, f, "f0000", "f0002").Batches(ctx, &ScanOptions{BatchRows: 100}) {
		if last = err; err == nil {
			batches++
			cancel()
		}
	}
	require.ErrorIs(t, last, context.Canceled)
	require.Equal(t, 1, batches)
}

// Leaving the loop must not leave a fetch behind: the next row group is being
// fetched when the first batch is there.
func TestLeavingTheLoopWaitsForRequests(t *testing.T) {
	t.Parallel()
	s := bigSample(t)
	in := &store{b: s.data}
	f, err := Open(context.Background(), in, nil)
	require.NoError(t, err)
	second := f.meta.groups[1].chunks[2].start()
	var finished atomic.Bool
	in.hold = func(ctx context.Context, off int64) {
		if off == second {
			<-ctx.Done()
			for range 1000 {
				runtime.Gosched() // a slow request, that takes long to give up
			}
			finished.Store(true)
		}
	}
	started := 0
	for range project(t, f, "f0002").Batches(context.Background(), nil) {
		started++
		break
	}
	require.Equal(t, 1, started)
	require.True(t, finished.Load())
	require.Zero(t, in.active.Load())
	require.LessOrEqual(t, len(in.take()), 3, "the footer and two row groups")
}

func TestNextRowGroupIsFetchedWhileOneIsDecoded(t *testing.T) {
	t.Parallel()
	s := bigSample(t)
	in := &store{b: s.data}
	f, err := Open(context.Background(), in, &Options{FooterGuess: 8})
	require.NoError(t, err)
	second := make(chan struct{})
	start := f.meta.groups[1].chunks[2].start()
	in.before = func(off, n int64) error {
		if off == start {
			close(second)
		}
		return nil
	}
	for b, err := range project(t, f, "f0002").Batches(context.Background(), nil) {
		require.NoError(t, err)
		if b.Group == 0 {
			<-second // hangs if the second group were fetched only when it is needed
		}
	}
}

// Rows that are wide make batches short, whatever the footer says of them.
func TestBatchesShrinkWhenRowsAreWide(t *testing.T) {
	t.Parallel()
	long := string(bytes.Repeat([]byte("x"), 10_000))
	// 20,000 rows of one dictionary value: a few bytes that become 200 MB.
	body := append([]byte{1}, 0xC0, 0xB8, 0x02, 0) // run of 20,000
	c := crafted{typ: format.ByteArray, rows: 20_000, pages: []page{dictPage(1, plainStrings(long)), dataPage(20_000, format.RLEDictionary, body)}}
	f, err := Open(context.Background(), &memory{b: c.build(t)}, &Options{MaxBatchBytes: 10 << 20})
	require.NoError(t, err)
	rows := int64(0)
	largest := 0
	for b, err := range project(t, f, "c").Batches(context.Background(), nil) {
		require.NoError(t, err)
		require.Equal(t, []Range{{rows, rows + int64(b.Rows)}}, b.Positions)
		require.Equal(t, long, string(b.Columns[0].At(b.Rows-1)))
		rows += int64(b.Rows)
		largest = max(largest, len(b.Columns[0].Data))
	}
	require.EqualValues(t, 20_000, rows)
	require.LessOrEqual(t, largest, 10<<20)

	f, err = Open(context.Background(), &memory{b: c.build(t)}, &Options{MaxBatchBytes: 9000})
	require.NoError(t, err)
	for _, err := range project(t, f, "c").Batches(context.Background(), nil) {
		require.EqualError(t, err, "parquet: row 0: one row needs more memory than the batch limit; raise MaxBatchBytes to read it")
	}
}

func TestSelectionsAreChecked(t *testing.T) {
	t.Parallel()
	s := bigSample(t)
	f, err := Open(context.Background(), &memory{b: s.data}, nil)
	require.NoError(t, err)
	p := project(t, f, "f0000")
	for _, sel := range []Selection{{{-1, 5}}, {{5, 5}}, {{0, 2001}}, {{10, 20}, {15, 30}}, {{10, 20}, {1, 2}}} {
		for _, err := range p.Batches(context.Background(), &ScanOptions{Select: func(int) (Selection, error) { return sel, nil }}) {
			require.ErrorContains(t, err, "row group 0: selection", "%v", sel)
		}
	}
	mine := errors.New("mine")
	for _, err := range p.Batches(context.Background(), &ScanOptions{Select: func(int) (Selection, error) { return nil, mine }}) {
		require.ErrorIs(t, err, mine)
	}
	none := &ScanOptions{Select: func(int) (Selection, error) { return Selection{}, nil }}
	require.Zero(t, countRows(t, p, none))
	all := &ScanOptions{Select: func(int) (Selection, error) { return nil, nil }}
	require.Equal(t, 6000, countRows(t, p, all))
}

func TestProjectionsAreSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	s := bigSample(t)
	f, err := Open(context.Background(), &memory{b: s.data}, nil)
	require.NoError(t, err)
	want, err := f.Schema()
	require.NoError(t, err)
	p, err := f.Project(want, ByName)
	require.NoError(t, err)
	var wg sync.WaitGroup
	got := make([]string, 4)
	for i := range got {
		wg.Go(func() {
			for b, err := range p.Batches(context.Background(), nil) {
				if err != nil {
					got[i] = err.Error()
					return
				}
				got[i] += fmt.Sprint(renderBatch(b, want))
			}
		})
	}
	wg.Wait()
	for _, g := range got {
		require.Equal(t, got[0], g)
	}
}

// Batches are the caller's: the next one does not write over them.
func TestBatchesDoNotShareMemory(t *testing.T) {
	t.Parallel()
	s := bigSample(t)
	f, err := Open(context.Background(), &memory{b: s.data}, nil)
	require.NoError(t, err)
	want, err := f.Schema()
	require.NoError(t, err)
	p, err := f.Project(want, ByName)
	require.NoError(t, err)
	var kept []*Batch
	for b, err := range p.Batches(context.Background(), &ScanOptions{BatchRows: 333}) {
		require.NoError(t, err)
		kept = append(kept, b)
	}
	var lines []string
	for _, b := range kept {
		lines = append(lines, trimmed(renderBatch(b, want))...)
	}
	require.Equal(t, s.lines, lines)
}

func TestMixedCodecsAreRead(t *testing.T) {
	t.Parallel()
	second := dataPage(1, format.Plain, append([]byte{8, 7 << 2}, plainInt64(6)...)) // a Snappy literal
	second.header.UncompressedPageSize = 8
	c := crafted{typ: format.Int64, rows: 2, pages: []page{dataPage(1, format.Plain, plainInt64(5)), second}}
	c.edit = func(m *format.FileMetaData) {
		// One row group for each page, the second in another codec.
		a, b := m.RowGroups[0].Columns[0].MetaData, m.RowGroups[0].Columns[0].MetaData
		total := a.TotalCompressedSize
		a.NumValues, b.NumValues = 1, 1
		a.TotalCompressedSize = (total - 2) / 2 // the second body has 2 bytes more
		b.TotalCompressedSize = total - a.TotalCompressedSize
		b.DataPageOffset += a.TotalCompressedSize
		b.Codec = format.Snappy
		m.RowGroups = []format.RowGroup{
			{NumRows: 1, Columns: []format.ColumnChunk{{MetaData: a}}},
			{NumRows: 1, Columns: []format.ColumnChunk{{MetaData: b}}},
		}
	}
	f, err := Open(context.Background(), &memory{b: c.build(t)}, nil)
	require.NoError(t, err)
	var got []int64
	for b, err := range project(t, f, "c").Batches(context.Background(), nil) {
		require.NoError(t, err)
		got = append(got, vec.Values[int64](b.Columns[0])...)
	}
	require.Equal(t, []int64{5, 6}, got)
}
