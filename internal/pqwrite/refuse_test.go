package pqwrite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/internal/vec/vectest"
	"github.com/deltalog/deltalog/txlog/schema"
)

func TestSchemasThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	deep := schema.DataType(schema.Long)
	for range maxDepth {
		deep = &schema.Array{Element: deep}
	}
	void := &schema.Struct{Fields: []schema.Field{{Name: "v", Type: schema.Void, Nullable: true}}}
	for _, c := range []struct {
		typ  schema.DataType
		want string
	}{
		{schema.Void, "no column to write"},
		{&schema.Array{Element: schema.Void}, "column c: void inside"},
		{&schema.Map{Key: schema.Long, Value: schema.Void}, "column c: void inside"},
		{void, "column c: a struct whose every field is void"},
		{&schema.Array{Element: void}, "column c.element: a struct whose every field is void"},
		{&schema.Struct{}, "column c: a struct"},
		{schema.Decimal{Precision: 39}, "decimal(39,0) is not a decimal type"},
		{schema.Decimal{Precision: 3, Scale: 4}, "not a decimal type"},
		{nil, "column c: no type"},
		{schema.Primitive(0), "cannot be written"},
		{deep, "nested deeper than 100 levels"},
	} {
		_, err := NewWriter(io.Discard, one(c.typ), nil)
		require.ErrorContains(t, err, c.want)
	}
	_, err := NewWriter(io.Discard, nil, nil)
	require.Error(t, err)
	_, err = NewWriter(io.Discard, &schema.Struct{Fields: []schema.Field{{Type: schema.Long}}}, nil)
	require.ErrorContains(t, err, "without a name")
	for _, o := range []Options{{Codec: "lzo"}, {PageRows: -1}, {PageBytes: 1<<30 + 1}, {RowGroupBytes: -1}, {Parallel: -1}} {
		_, err := NewWriter(io.Discard, one(schema.Long), &o)
		require.ErrorContains(t, err, "pqwrite: ")
	}
}

// TestRefusedBatchesLeaveNoTrace writes a good batch, has a bad one refused, and
// goes on: the file is as without it.
func TestRefusedBatchesLeaveNoTrace(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	required := func(t schema.DataType) *schema.Struct {
		return &schema.Struct{Fields: []schema.Field{{Name: "ok", Type: schema.Long, Nullable: true}, {Name: "c", Type: t}}}
	}
	nullable := func(t schema.DataType) *schema.Struct {
		s := required(t)
		s.Fields[1].Nullable = true
		return s
	}
	point := &schema.Struct{Fields: []schema.Field{{Name: "x", Type: schema.Long}}}
	d5 := schema.Decimal{Precision: 5, Scale: 2}
	d38 := schema.Decimal{Precision: 38}
	big := func(hi, lo uint64) (d [16]byte) {
		copy(d[:], vec.BytesOf([]uint64{lo, hi}))
		return d
	}
	hi38, lo38 := pow10(38)
	for i, c := range []struct {
		s         *schema.Struct
		good, bad any
		want      string
	}{
		{required(schema.Long), int64(1), nil, "column c is not nullable"},
		{required(point), []any{int64(1)}, nil, "column c is not nullable"},
		{nullable(point), []any{int64(1)}, []any{nil}, "column c.x is not nullable"},
		{nullable(&schema.Array{Element: schema.Long}), []any{int64(1)}, []any{int64(2), nil}, "column c.element is not nullable"},
		{nullable(&schema.Map{Key: schema.Long, Value: schema.Long}), [][2]any{{int64(1), int64(1)}}, [][2]any{{nil, int64(1)}}, "column c.key is not nullable"},
		{nullable(&schema.Map{Key: schema.Long, Value: schema.Long}), [][2]any{{int64(1), int64(1)}}, [][2]any{{int64(1), nil}}, "column c.value is not nullable"},
		{nullable(schema.String), "héllo", "h\xc3", "column c of type string holds text that is not UTF-8"},
		{nullable(&schema.Array{Element: schema.String, ContainsNull: true}), []any{"a"}, []any{"\xa9"}, "column c.element"},
		{nullable(d5), dec(-99999), dec(100000), "column c of type decimal(5,2) holds a value of more than 5 digits"},
		{nullable(d5), dec(99999), dec(-100000), "more than 5 digits"},
		{nullable(d5), dec(0), big(1, 0), "more than 5 digits"},
		{nullable(d38), big(^hi38, -lo38+1), big(hi38, lo38), "more than 38 digits"},
		{nullable(d38), big(hi38, lo38-1), big(1<<63, 0), "more than 38 digits"},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			var buf bytes.Buffer
			w, err := NewWriter(&buf, c.s, &Options{PageRows: 2})
			require.NoError(t, err)
			good := [][]any{{int64(1), int64(2), nil}, {c.good, c.good, c.good}}
			bad := [][]any{{int64(1), nil, int64(2)}, {c.good, c.bad, c.good}}
			require.NoError(t, w.Write(ctx, batch(nil, c.s, good, 0, 3), 3))
			size := w.Size()
			err = w.Write(ctx, batch(nil, c.s, bad, 0, 3), 3)
			require.ErrorContains(t, err, c.want)
			require.Equal(t, size, w.Size())
			require.NoError(t, w.Write(ctx, batch(nil, c.s, good, 0, 3), 3))
			_, err = w.Close(ctx)
			require.NoError(t, err)
			twice := [][]any{append(good[0], good[0]...), append(good[1], good[1]...)}
			_, got := readFile(t, buf.Bytes())
			require.Equal(t, shredRows(c.s, twice), got)
		})
	}
}

// TestWhatLiesUnderNullsIsNotLookedAt: Arrow lets anything be there.
func TestWhatLiesUnderNullsIsNotLookedAt(t *testing.T) {
	t.Parallel()
	valid := []byte{0b101}
	text := &vec.Vec{Kind: vec.Bytes, Len: 3, Valid: valid, Offsets: []int32{0, 1, 3, 4}, Data: []byte("a\xff\xfeb")}
	big := dec(-1)
	big[15] = 0x7f
	decimals := vec.Of(vec.Decimal128, [][16]byte{dec(1), big, dec(2)}, []bool{true, false, true})
	inner := vec.Of(vec.Int64, []int64{1, 2, 3}, []bool{true, false, true})
	outer := vec.OfStruct(3, []bool{true, false, true}, inner)
	list := vec.OfLists(vec.List, []int32{0, 1, 3, 3}, []bool{true, false, true}, inner) // a null list of elements
	s := &schema.Struct{Fields: []schema.Field{
		{Name: "t", Type: schema.String, Nullable: true},
		{Name: "d", Type: schema.Decimal{Precision: 5}, Nullable: true},
		{Name: "s", Type: &schema.Struct{Fields: []schema.Field{{Name: "x", Type: schema.Long}}}, Nullable: true},
		{Name: "l", Type: &schema.Array{Element: schema.Long}, Nullable: true},
	}}
	var buf bytes.Buffer
	w, err := NewWriter(&buf, s, nil)
	require.NoError(t, err)
	require.NoError(t, w.Write(context.Background(), []*vec.Vec{text, decimals, outer, list}, 3))
	info, err := w.Close(context.Background())
	require.NoError(t, err)
	_, got := readFile(t, buf.Bytes())
	require.Equal(t, shredRows(s, [][]any{
		{"a", nil, "b"}, {dec(1), nil, dec(2)}, {[]any{int64(1)}, nil, []any{int64(3)}}, {[]any{int64(1)}, nil, []any{}},
	}), got)
	for _, l := range info.Leaves {
		require.EqualValues(t, 1, l.NullCount, "%v", l.Path)
	}
	require.Equal(t, schema.StringValue("b"), info.Leaves[0].Max)
}

func TestBatchesOfAnotherShapeAreRefused(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := &schema.Struct{Fields: []schema.Field{
		{Name: "a", Type: schema.Long, Nullable: true},
		{Name: "b", Type: &schema.Struct{Fields: []schema.Field{{Name: "c", Type: schema.Date, Nullable: true}}}, Nullable: true},
	}}
	w, err := NewWriter(io.Discard, s, nil)
	require.NoError(t, err)
	longs, ints := vec.Of(vec.Int64, []int64{1}, nil), vec.Of(vec.Int32, []int32{1}, nil)
	for _, c := range []struct {
		cols []*vec.Vec
		rows int
		want string
	}{
		{[]*vec.Vec{longs}, 1, "1 columns"},
		{[]*vec.Vec{longs, vec.OfStruct(1, nil, ints)}, -1, "-1 rows"},
		{[]*vec.Vec{longs, vec.OfStruct(1, nil, ints)}, 2, "column a has 1 values in a batch of 2 rows"},
		{[]*vec.Vec{ints, vec.OfStruct(1, nil, ints)}, 1, "column a of type bigint"},
		{[]*vec.Vec{nil, vec.OfStruct(1, nil, ints)}, 1, "column a: no values"},
		{[]*vec.Vec{longs, vec.OfStruct(1, nil, longs)}, 1, "column b.c of type date"},
		{[]*vec.Vec{longs, vec.OfStruct(1, nil)}, 1, "0 children, want 1"},
		{[]*vec.Vec{longs, vec.OfStruct(1, nil, nil)}, 1, "column b.c: no values"},
	} {
		require.ErrorContains(t, w.Write(ctx, c.cols, c.rows), c.want)
	}
	require.NoError(t, w.Write(ctx, []*vec.Vec{longs, vec.OfStruct(1, nil, ints)}, 1))
}

var errDisk = errors.New("disk is full")

// A limitedWriter fails once more than n bytes were written.
type limitedWriter struct{ n int }

func (w *limitedWriter) Write(b []byte) (int, error) {
	if w.n -= len(b); w.n < 0 {
		return 0, errDisk
	}
	return len(b), nil
}

// TestEveryFailedWriteIsReported fails the output at each byte in turn. Close
// must not succeed, and no later call either.
func TestEveryFailedWriteIsReported(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	g := &gen{Rand: rand.New(rand.NewPCG(5, 10)), nulls: 0.2, few: 5, long: 3}
	s := g.structType(2, 3)
	cols := g.rows(s, 200)
	whole, _ := writeFile(t, s, &Options{RowGroupRows: 70}, cols, 50, nil)
	for n := 0; n < len(whole); n += 13 {
		w, err := NewWriter(&limitedWriter{n: n}, s, &Options{RowGroupRows: 70})
		require.NoError(t, err)
		for from := 0; from < 200 && err == nil; from += 50 {
			err = w.Write(ctx, batch(nil, s, cols, from, from+50), 50)
		}
		if err == nil {
			_, err = w.Close(ctx)
		}
		require.ErrorIs(t, err, errDisk, "after %d of %d bytes", n, len(whole))
		_, again := w.Close(ctx)
		require.ErrorIs(t, again, errDisk, "the error sticks")
		require.ErrorIs(t, w.Write(ctx, batch(nil, s, cols, 0, 1), 1), errDisk)
	}
	w, err := NewWriter(&limitedWriter{n: len(whole)}, s, nil)
	require.NoError(t, err)
	require.NoError(t, w.Write(ctx, batch(nil, s, cols, 0, 200), 200))
	_, err = w.Close(ctx)
	require.NoError(t, err)
	_, err = w.Close(ctx)
	require.ErrorIs(t, err, ErrClosed)
	require.ErrorIs(t, w.Flush(ctx), ErrClosed)
}

// cancelAfter is a context that is cancelled when it has been asked n times.
type cancelAfter struct {
	context.Context
	n int
}

func (c *cancelAfter) Err() error {
	if c.n--; c.n < 0 {
		return context.Canceled
	}
	return nil
}

func TestCancellationStopsTheWriterForGood(t *testing.T) {
	t.Parallel()
	s := one(schema.Long)
	cols := [][]any{(&gen{Rand: rand.New(rand.NewPCG(6, 11))}).values(schema.Long, 500, false)}
	for n := range 10 {
		w, err := NewWriter(io.Discard, s, &Options{PageRows: 100, Parallel: 1})
		require.NoError(t, err)
		err = w.Write(&cancelAfter{context.Background(), n}, []*vec.Vec{vectest.New(shape(schema.Long), cols[0]...)}, 500)
		if err == nil {
			require.Greater(t, n, 3)
			continue
		}
		require.ErrorIs(t, err, context.Canceled)
		if n == 0 { // before anything was taken
			require.NoError(t, w.Write(context.Background(), batch(nil, s, cols, 0, 500), 500))
			continue
		}
		_, err = w.Close(context.Background())
		require.ErrorIs(t, err, context.Canceled, "part of the batch may be in the file")
	}
}

// TestTextThatIsValidOnlyTogetherIsRefused cuts a rune in two.
func TestTextThatIsValidOnlyTogetherIsRefused(t *testing.T) {
	t.Parallel()
	s := one(schema.String)
	w, err := NewWriter(io.Discard, s, nil)
	require.NoError(t, err)
	err = w.Write(context.Background(), batch(nil, s, [][]any{{"a\xc3", "\xa9b"}}, 0, 2), 2)
	require.ErrorContains(t, err, "not UTF-8")
	// The bytes before and behind the window are not its own.
	v := vectest.New(shape(schema.String), "a\xc3", "\xa9", "é", "\xc3", "\xa9b")
	require.NoError(t, w.Write(context.Background(), []*vec.Vec{v.Slice(2, 3)}, 1))
	require.ErrorContains(t, w.Write(context.Background(), []*vec.Vec{v.Slice(3, 5)}, 2), "not UTF-8")
}
