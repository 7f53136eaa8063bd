package pqread

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"math/rand"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// Files of the tests in this file are written by parquet-go, from values made
// here and shredded here, so that neither what is expected nor the levels come
// from the code under test.

// A shape is a column's type: a leaf, or a struct, list or map of shapes.
type shape struct {
	kind     string // "leaf", "struct", "list", "map"
	optional bool
	kids     []*shape

	typ      parquet.Type
	encoding encoding.Encoding
	random   func(*rand.Rand) parquet.Value
}

func (s *shape) node(codec compress.Codec) (n parquet.Node) {
	switch s.kind {
	case "leaf":
		n = parquet.Leaf(s.typ)
		if s.encoding != nil {
			n = parquet.Encoded(n, s.encoding)
		}
		if codec != nil {
			n = parquet.Compressed(n, codec)
		}
	case "struct":
		g := parquet.Group{}
		for i, k := range s.kids {
			g[fieldName(i)] = k.node(codec)
		}
		n = g
	case "list":
		n = parquet.List(s.kids[0].node(codec))
	case "map":
		n = parquet.Map(s.kids[0].node(codec), s.kids[1].node(codec))
	}
	if s.optional {
		n = parquet.Optional(n)
	}
	return n
}

func fieldName(i int) string { return fmt.Sprintf("f%04d", i) }

// value makes a value: nil, a parquet.Value, or a slice of values.
func (s *shape) value(r *rand.Rand, nulls float64) any {
	if s.optional && r.Float64() < nulls {
		return nil
	}
	switch s.kind {
	case "leaf":
		return s.random(r)
	case "struct":
		v := make([]any, len(s.kids))
		for i, k := range s.kids {
			v[i] = k.value(r, nulls)
		}
		return v
	}
	n := r.Intn(4)
	if r.Intn(20) == 0 {
		n = 30
	}
	v := make([]any, n)
	for i := range v {
		if s.kind == "list" {
			v[i] = s.kids[0].value(r, nulls)
		} else {
			v[i] = []any{s.kids[0].value(r, nulls), s.kids[1].value(r, nulls)}
		}
	}
	return v
}

// shred appends v to the columns from the first-th on.
func (s *shape) shred(cols []parquet.Row, first int, v any, rep, depth, def int) {
	if s.optional {
		if v == nil {
			s.absent(cols, first, rep, def)
			return
		}
		def++
	}
	switch s.kind {
	case "leaf":
		cols[first] = append(cols[first], v.(parquet.Value).Level(rep, def, first))
	case "struct":
		for i, k := range s.kids {
			k.shred(cols, first, v.([]any)[i], rep, depth, def)
			first += k.leaves()
		}
	case "list", "map":
		elems := v.([]any)
		if len(elems) == 0 {
			s.absent(cols, first, rep, def)
			return
		}
		for _, e := range elems {
			if s.kind == "list" {
				s.kids[0].shred(cols, first, e, rep, depth+1, def+1)
			} else {
				s.kids[0].shred(cols, first, e.([]any)[0], rep, depth+1, def+1)
				s.kids[1].shred(cols, first+s.kids[0].leaves(), e.([]any)[1], rep, depth+1, def+1)
			}
			rep = depth + 1
		}
	}
}

func (s *shape) absent(cols []parquet.Row, first, rep, def int) {
	for i := range s.leaves() {
		cols[first+i] = append(cols[first+i], parquet.Value{}.Level(rep, def, first+i))
	}
}

func (s *shape) leaves() (n int) {
	if s.kind == "leaf" {
		return 1
	}
	for _, k := range s.kids {
		n += k.leaves()
	}
	return n
}

// text renders a value as render does.
func (s *shape) text(b *strings.Builder, v any) {
	if v == nil {
		b.WriteString("null")
		return
	}
	switch s.kind {
	case "leaf":
		b.WriteString(valueText(v.(parquet.Value)))
	case "struct":
		b.WriteByte('{')
		for i, k := range s.kids {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(fieldName(i) + "=")
			k.text(b, v.([]any)[i])
		}
		b.WriteByte('}')
	case "list":
		b.WriteByte('[')
		for _, e := range v.([]any) {
			s.kids[0].text(b, e)
			b.WriteByte(' ')
		}
		b.WriteByte(']')
	case "map":
		b.WriteByte('<')
		for _, e := range v.([]any) {
			s.kids[0].text(b, e.([]any)[0])
			b.WriteByte(':')
			s.kids[1].text(b, e.([]any)[1])
			b.WriteByte(' ')
		}
		b.WriteByte('>')
	}
}

func valueText(v parquet.Value) string {
	switch v.Kind() {
	case parquet.Boolean:
		return fmt.Sprint(v.Boolean())
	case parquet.Int32:
		return fmt.Sprint(v.Int32())
	case parquet.Int64:
		return fmt.Sprint(v.Int64())
	case parquet.Int96:
		i := v.Int96()
		nanos := int64(uint64(i[1])<<32 | uint64(i[0]))
		return fmt.Sprint((int64(i[2])-2440588)*86400_000_000 + nanos/1000)
	case parquet.Float:
		return renderFloat(float64(v.Float()))
	case parquet.Double:
		return renderFloat(v.Double())
	}
	return hex.EncodeToString(v.ByteArray())
}

// A sample is a file with the rows that are in it.
type sample struct {
	data  []byte
	lines []string
	rows  []parquet.Row
}

type sampleOptions struct {
	rows, version, page, group int
	nulls                      float64
	codec                      compress.Codec
}

func makeSample(t testing.TB, r *rand.Rand, cols []*shape, o sampleOptions) sample {
	root := &shape{kind: "struct", kids: cols}
	var out bytes.Buffer
	w := parquet.NewWriter(&out, parquet.NewSchema("schema", root.node(o.codec)),
		parquet.DataPageVersion(o.version), parquet.PageBufferSize(o.page), parquet.MaxRowsPerRowGroup(int64(o.group)))
	var s sample
	for range o.rows {
		v := root.value(r, o.nulls)
		columns := make([]parquet.Row, root.leaves())
		root.shred(columns, 0, v, 0, 0, 0)
		var row parquet.Row
		for _, c := range columns {
			row = append(row, c...)
		}
		s.rows = append(s.rows, row)
		var b strings.Builder
		root.text(&b, v)
		s.lines = append(s.lines, strings.Trim(b.String(), "{}"))
	}
	n, err := w.WriteRows(s.rows)
	require.NoError(t, err)
	require.Equal(t, o.rows, n)
	require.NoError(t, w.Close())
	s.data = out.Bytes()
	return s
}

// trimmed renders lines without the outer braces' look-alikes at their ends.
func trimmed(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = strings.Trim(l, "{}")
	}
	return out
}

// checkSample reads a sample in several ways and compares all rows.
func checkSample(t *testing.T, r *rand.Rand, s sample) {
	t.Helper()
	for _, way := range []struct {
		opt   Options
		batch int
	}{
		{},
		{Options{Parallel: 1, FooterGuess: 8}, 37},
		{Options{Parallel: 3, MaxBuffered: 1}, 0}, // piece by piece
		{Options{BatchBytes: 1 << 10}, 0},
	} {
		f, err := Open(context.Background(), &memory{b: s.data}, &way.opt)
		require.NoError(t, err)
		require.EqualValues(t, len(s.lines), f.Rows())
		want, err := f.Schema()
		require.NoError(t, err)
		got, err := renderRows(f, want, &ScanOptions{BatchRows: way.batch})
		require.NoError(t, err)
		require.Equal(t, s.lines, trimmed(got))
		checkSelection(t, r, f, s)
	}
}

// checkSelection reads random ranges of rows.
func checkSelection(t *testing.T, r *rand.Rand, f *File, s sample) {
	t.Helper()
	want, err := f.Schema()
	require.NoError(t, err)
	p, err := f.Project(want, ByName)
	require.NoError(t, err)
	sels := make([]Selection, f.NumRowGroups())
	var expect []string
	for g := range sels {
		info := f.RowGroup(g)
		sels[g] = randomSelection(r, info.Rows)
		for _, rg := range sels[g] {
			expect = append(expect, s.lines[info.FirstRow+rg.Start:info.FirstRow+rg.End]...)
		}
	}
	var got []string
	o := &ScanOptions{BatchRows: 1 + r.Intn(200), Select: func(g int) (Selection, error) { return sels[g], nil }}
	for b, err := range p.Batches(context.Background(), o) {
		require.NoError(t, err)
		lines := trimmed(renderBatch(b, want))
		k := 0
		for _, pos := range b.Positions {
			for row := pos.Start; row < pos.End; row++ {
				require.Equal(t, s.lines[row], lines[k], "row %d", row)
				k++
			}
		}
		require.Equal(t, b.Rows, k)
		got = append(got, lines...)
	}
	require.Equal(t, expect, got)
}

// randomSelection is never nil: nil would mean all rows.
func randomSelection(r *rand.Rand, rows int64) Selection {
	sel := Selection{}
	step := int64(1) << r.Intn(8)
	for at := r.Int63n(step + 1); at < rows; {
		end := min(rows, at+1+r.Int63n(step))
		sel = append(sel, Range{at, end})
		at = end + 1 + r.Int63n(4*step)
	}
	return sel
}

func leafShape(typ parquet.Type, enc encoding.Encoding, random func(*rand.Rand) parquet.Value) *shape {
	return &shape{kind: "leaf", typ: typ, encoding: enc, random: random}
}

func opt(s *shape) *shape {
	o := *s
	o.optional = true
	return &o
}

func listOf(s *shape) *shape      { return &shape{kind: "list", kids: []*shape{s}} }
func mapOf(k, v *shape) *shape    { return &shape{kind: "map", kids: []*shape{k, v}} }
func structOf(s ...*shape) *shape { return &shape{kind: "struct", kids: s} }

// Values repeat, so that dictionaries have something to do and runs occur.
func someInt32(r *rand.Rand) parquet.Value {
	if r.Intn(8) == 0 {
		return parquet.Int32Value(int32(r.Uint32()))
	}
	return parquet.Int32Value(int32(r.Intn(20)))
}

func someInt64(r *rand.Rand) parquet.Value {
	switch r.Intn(8) {
	case 0:
		return parquet.Int64Value(int64(r.Uint64()))
	case 1:
		return parquet.Int64Value(math.MinInt64)
	}
	return parquet.Int64Value(int64(r.Intn(1000)))
}

func someBytes(r *rand.Rand) parquet.Value {
	b := []byte(fmt.Sprintf("value-%d", r.Intn(50)))
	switch r.Intn(8) {
	case 0:
		b = nil
	case 1:
		b = bytes.Repeat([]byte{byte(r.Intn(256))}, r.Intn(300))
	}
	return parquet.ByteArrayValue(b)
}

func someFixed(n int) func(r *rand.Rand) parquet.Value {
	return func(r *rand.Rand) parquet.Value {
		b := make([]byte, n)
		b[n-1] = byte(r.Intn(9))
		if r.Intn(4) == 0 {
			r.Read(b)
		}
		return parquet.FixedLenByteArrayValue(b)
	}
}

func someBool(r *rand.Rand) parquet.Value { return parquet.BooleanValue(r.Intn(3) == 0) }

func someInt96(r *rand.Rand) parquet.Value {
	nanos := uint64(r.Int63n(86400)) * 1_000_000_000
	return parquet.Int96Value(deprecated.Int96{uint32(nanos), uint32(nanos >> 32), uint32(2440588 + r.Intn(5))})
}

func someFloat(r *rand.Rand) parquet.Value {
	return parquet.FloatValue([]float32{0, 1.5, float32(math.Inf(-1)), float32(r.NormFloat64())}[r.Intn(4)])
}

func someDouble(r *rand.Rand) parquet.Value {
	return parquet.DoubleValue([]float64{math.Copysign(0, -1), 1.5, math.Inf(1), r.NormFloat64()}[r.Intn(4)])
}

// everyLeaf is every physical type in every encoding parquet-go writes it in.
func everyLeaf() []*shape {
	var all []*shape
	add := func(typ parquet.Type, random func(*rand.Rand) parquet.Value, encodings ...encoding.Encoding) {
		for _, e := range encodings {
			all = append(all, leafShape(typ, e, random))
		}
	}
	add(parquet.BooleanType, someBool, &parquet.Plain, &parquet.RLE)
	add(parquet.Int32Type, someInt32, &parquet.Plain, &parquet.RLEDictionary, &parquet.DeltaBinaryPacked, &parquet.ByteStreamSplit)
	add(parquet.Int64Type, someInt64, &parquet.Plain, &parquet.RLEDictionary, &parquet.DeltaBinaryPacked, &parquet.ByteStreamSplit)
	add(parquet.Int96Type, someInt96, &parquet.Plain, &parquet.RLEDictionary)
	add(parquet.FloatType, someFloat, &parquet.Plain, &parquet.RLEDictionary, &parquet.ByteStreamSplit)
	add(parquet.DoubleType, someDouble, &parquet.Plain, &parquet.RLEDictionary, &parquet.ByteStreamSplit)
	add(parquet.ByteArrayType, someBytes, &parquet.Plain, &parquet.RLEDictionary, &parquet.DeltaLengthByteArray, &parquet.DeltaByteArray)
	for _, n := range []int{1, 5, 16} {
		add(parquet.FixedLenByteArrayType(n), someFixed(n), &parquet.Plain, &parquet.RLEDictionary, &parquet.DeltaByteArray, &parquet.ByteStreamSplit)
	}
	return all
}

func TestEveryTypeAndEncodingIsReadInEveryShape(t *testing.T) {
	t.Parallel()
	for _, nulls := range []float64{0, 0.02, 0.5, 1} {
		for _, version := range []int{1, 2} {
			t.Run(fmt.Sprintf("nulls %g, page V%d", nulls, version), func(t *testing.T) {
				t.Parallel()
				r := rand.New(rand.NewSource(int64(version) + int64(nulls*100)))
				var cols []*shape
				for _, l := range everyLeaf() {
					cols = append(cols, l, opt(l), opt(listOf(opt(l))), opt(structOf(opt(l))))
				}
				o := sampleOptions{rows: 500, version: version, page: 300, group: 210, nulls: nulls}
				if version == 2 {
					o.codec = &parquet.Snappy
				}
				checkSample(t, r, makeSample(t, r, cols, o))
			})
		}
	}
}

func TestEveryCodecIsRead(t *testing.T) {
	t.Parallel()
	codecs := []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Brotli, &parquet.Zstd, &parquet.Lz4Raw}
	for _, codec := range codecs {
		for _, version := range []int{1, 2} {
			t.Run(fmt.Sprintf("%v, page V%d", codec, version), func(t *testing.T) {
				t.Parallel()
				r := rand.New(rand.NewSource(7))
				cols := []*shape{
					leafShape(parquet.Int64Type, nil, someInt64),
					opt(leafShape(parquet.ByteArrayType, &parquet.Plain, someBytes)),
					opt(listOf(leafShape(parquet.ByteArrayType, &parquet.RLEDictionary, someBytes))),
				}
				o := sampleOptions{rows: 2000, version: version, page: 4000, group: 1500, nulls: 0.2, codec: codec}
				checkSample(t, r, makeSample(t, r, cols, o))
			})
		}
	}
}

func TestNestedColumnsAreAssembled(t *testing.T) {
	t.Parallel()
	for seed := range int64(30) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewSource(seed))
			leaves := everyLeaf()
			var random func(depth int) *shape
			random = func(depth int) *shape {
				s := *leaves[r.Intn(len(leaves))]
				kind := r.Intn(5)
				switch {
				case depth == 0 || kind == 0:
				case kind <= 2:
					s = *structOf(random(depth-1), random(depth-1))
				case kind == 3:
					s = *listOf(random(depth - 1))
				default:
					s = *mapOf(leafShape(parquet.ByteArrayType, nil, someBytes), random(depth-1))
				}
				s.optional = r.Intn(3) > 0
				return &s
			}
			cols := []*shape{random(4), random(3), random(2)}
			o := sampleOptions{rows: 300, version: 1 + r.Intn(2), page: 500, group: 170, nulls: 0.3, codec: &parquet.Zstd}
			s := makeSample(t, r, cols, o)
			checkSample(t, r, s)
			checkParquetGo(t, s)
		})
	}
}

// checkParquetGo makes sure that the sample is what it should be.
func checkParquetGo(t *testing.T, s sample) {
	f, err := parquet.OpenFile(bytes.NewReader(s.data), int64(len(s.data)))
	require.NoError(t, err)
	i := 0
	for _, g := range f.RowGroups() {
		rows := g.Rows()
		buf := make([]parquet.Row, 1)
		for {
			n, err := rows.ReadRows(buf)
			if n == 1 {
				require.True(t, buf[0].Equal(s.rows[i]), "row %d: %v, not %v", i, buf[0], s.rows[i])
				i++
			}
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
		}
		require.NoError(t, rows.Close())
	}
	require.Equal(t, len(s.rows), i)
}

// Projecting one field of a struct must still know where the struct is null,
// and a field the file lacks is null.
func TestPartsOfNestedColumnsAreProjected(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewSource(3))
	inner := opt(structOf(opt(leafShape(parquet.Int64Type, nil, someInt64)), leafShape(parquet.ByteArrayType, nil, someBytes)))
	cols := []*shape{inner, opt(listOf(inner)), opt(mapOf(leafShape(parquet.ByteArrayType, nil, someBytes), inner))}
	s := makeSample(t, r, cols, sampleOptions{rows: 400, version: 1, page: 400, group: 250, nulls: 0.3})
	f, err := Open(context.Background(), &memory{b: s.data}, nil)
	require.NoError(t, err)
	full, err := f.Schema()
	require.NoError(t, err)
	whole := onlyBatch(t, f, full)
	for mask := range 1 << 3 {
		want := narrow(full, mask).(*schema.Struct)
		part := onlyBatch(t, f, want)
		expect := &Batch{Rows: whole.Rows}
		for i := range want.Fields {
			expect.Columns = append(expect.Columns, restrict(whole.Columns[i], full.Fields[i].Type, want.Fields[i].Type))
		}
		require.Equal(t, renderBatch(expect, want), renderBatch(part, want), "fields %03b", mask)
	}
}

func onlyBatch(t *testing.T, f *File, want *schema.Struct) *Batch {
	p, err := f.Project(want, ByName)
	require.NoError(t, err)
	for b, err := range p.Batches(context.Background(), nil) {
		require.NoError(t, err)
		return b
	}
	return nil
}

// narrow keeps the fields of inner structs that mask says, and may add one that
// the file lacks.
func narrow(t schema.DataType, mask int) schema.DataType {
	switch t := t.(type) {
	case *schema.Array:
		return &schema.Array{Element: narrow(t.Element, mask)}
	case *schema.Map:
		return &schema.Map{Key: t.Key, Value: narrow(t.Value, mask)}
	case *schema.Struct:
		out := &schema.Struct{}
		leaves := true
		for i, f := range t.Fields {
			if _, ok := f.Type.(schema.Primitive); !ok {
				leaves = false
				f.Type = narrow(f.Type, mask)
				out.Fields = append(out.Fields, f)
			} else if mask>>i&1 != 0 {
				out.Fields = append(out.Fields, f)
			}
		}
		if leaves && mask>>2&1 != 0 {
			out.Fields = append([]schema.Field{{Name: "missing", Type: schema.Date}}, out.Fields...)
		}
		return out
	}
	return t
}

// restrict makes of a whole vec what a projection of it should be.
func restrict(v *vec.Vec, from, to schema.DataType) *vec.Vec {
	w := *v
	switch to := to.(type) {
	case *schema.Struct:
		w.Children = nil
		for _, f := range to.Fields {
			child := &vec.Vec{Kind: vec.Null, Len: v.Len}
			for i, g := range from.(*schema.Struct).Fields {
				if g.Name == f.Name {
					child = restrict(v.Children[i], g.Type, f.Type)
				}
			}
			w.Children = append(w.Children, child)
		}
	case *schema.Array:
		w.Children = []*vec.Vec{restrict(v.Children[0], from.(*schema.Array).Element, to.Element)}
	case *schema.Map:
		w.Children = []*vec.Vec{v.Children[0], restrict(v.Children[1], from.(*schema.Map).Value, to.Value)}
	}
	return &w
}
