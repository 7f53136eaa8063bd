package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// allTypes has a column of each type that all formats hold.
func allTypes() *schema.Struct {
	list := &schema.Array{Element: schema.Double, ContainsNull: true}
	return table("id", schema.Long, "bool", schema.Boolean, "b", schema.Byte, "s", schema.Short, "i", schema.Integer,
		"f", schema.Float, "d", schema.Double, "small", schema.Decimal{Precision: 9, Scale: 2}, "big", schema.Decimal{Precision: 38, Scale: 10},
		"str", schema.String, "bin", schema.Binary, "date", schema.Date, "ts", schema.Timestamp, "ntz", schema.TimestampNTZ,
		"list", list, "map", &schema.Map{Key: schema.String, Value: schema.Long, ValueContainsNull: true},
		"days", &schema.Map{Key: schema.Date, Value: list, ValueContainsNull: true},
		"st", table("x", schema.Long, "y", table("z", list)), "a\"b,c ü", schema.String)
}

const sampleRowsText = `{"id":1,"bool":true,"b":-128,"s":32767,"i":-2147483648,"f":0.1,"d":1.0E300,"small":-1234567.89,"big":1234567890123456789012345678.0123456789,"str":"a\"b,\n\r\\ü","bin":"AAEC/w==","date":"2013-01-01","ts":"2013-01-01T10:00:00.000001Z","ntz":"1969-12-31T23:59:59.999999","list":[1.0,null,"NaN"],"map":{"a":1,"b":null},"days":{"2013-01-01":[-0.0],"2013-01-02":null},"st":{"x":1,"y":{"z":[]}},"a\"b,c ü":"x"}
{"id":2,"bool":null,"b":null,"s":null,"i":null,"f":null,"d":null,"small":null,"big":null,"str":null,"bin":null,"date":null,"ts":null,"ntz":null,"list":null,"map":null,"days":null,"st":null,"a\"b,c ü":null}
{"id":3,"bool":false,"b":0,"s":0,"i":0,"f":"-Infinity","d":"Infinity","small":0.00,"big":-0.0000000001,"str":"","bin":"","date":"0001-01-01","ts":"9999-12-31T23:59:59.999999Z","ntz":"0001-01-01T00:00:00.000000","list":[],"map":{},"days":{},"st":{"x":null,"y":null},"a\"b,c ü":"NA"}
`

func sampleBatch(t *testing.T) arrow.RecordBatch {
	t.Helper()
	return batchOf(t, allTypes(), sampleRowsText)
}

// plainBatch has types that text tells.
func plainBatch(t *testing.T) arrow.RecordBatch {
	t.Helper()
	var b strings.Builder
	for i := range 50 {
		fmt.Fprintf(&b, `{"id":%d,"x":%d.5,"s":"text %d","at":"2013-01-01T10:00:00Z","b":%t}`+"\n", i, i, i*i, i%2 == 0)
	}
	return batchOf(t, nil, b.String())
}

// batchOf reads NDJSON as one batch.
func batchOf(t *testing.T, s *schema.Struct, text string) arrow.RecordBatch {
	t.Helper()
	src, err := Open(context.Background(), []string{"-"}, &Options{Schema: s, Stdin: strings.NewReader(text), Format: NDJSON})
	require.NoError(t, err)
	for rec, err := range src.Batches(context.Background()) {
		require.NoError(t, err)
		return rec
	}
	return nil
}

func TestRoundTripThroughAllFormats(t *testing.T) {
	t.Parallel()
	rec := sampleBatch(t)
	// A window, whose buffers begin before it.
	three := batchOf(t, allTypes(), sampleRowsText+sampleRowsText+sampleRowsText)
	window := three.NewSlice(2, 7)
	lines := strings.SplitAfter(strings.Repeat(sampleRowsText, 3), "\n")
	want := strings.FieldsFunc(sampleRowsText+strings.Join(lines[2:7], ""), func(r rune) bool { return r == '\n' })
	for _, f := range []Format{Parquet, CSV, NDJSON, Arrow} {
		b := encode(t, f, nil, rec, window)
		for _, rows := range []int{0, 1, 3} {
			out := read(t, &Options{Schema: allTypes(), Format: f, BatchRows: rows}, write(t, "x", b))
			require.NoError(t, out.err, f)
			require.Equal(t, want, out.rows, f)
			require.Equal(t, allTypes().String(), out.types, f)
		}
	}
	require.Equal(t, strings.Join(want, "\n")+"\n", string(encode(t, NDJSON, nil, rec, window)))
}

func TestCSVOut(t *testing.T) {
	t.Parallel()
	rec := sampleBatch(t)
	require.Equal(t, `id,bool,b,s,i,f,d,small,big,str,bin,date,ts,ntz,list,map,days,st,"a""b,c ü"
1,true,-128,32767,-2147483648,0.1,1.0E300,-1234567.89,1234567890123456789012345678.0123456789,"a""b,`+"\n\r"+`\ü",AAEC/w==,2013-01-01,2013-01-01T10:00:00.000001Z,1969-12-31T23:59:59.999999,"[1.0,null,""NaN""]","{""a"":1,""b"":null}","{""2013-01-01"":[-0.0],""2013-01-02"":null}","{""x"":1,""y"":{""z"":[]}}",x
2,,,,,,,,,,,,,,,,,,
3,false,0,0,0,-Infinity,Infinity,0.00,-0.0000000001,"","",0001-01-01,9999-12-31T23:59:59.999999Z,0001-01-01T00:00:00.000000,[],{},{},"{""x"":null,""y"":null}",NA
`, string(encode(t, CSV, nil, rec)))

	two := batchOf(t, table("a", schema.Double, "b", schema.String), `{"a":1.5,"b":"x;y"}`+"\n"+`{"a":null,"b":"\ufeffx"}`)
	require.Equal(t, "1.5;\"x;y\"\n;\"\ufeffx\"\n", string(encode(t, CSV, &WriterOptions{Delimiter: ';', NoHeader: true}, two)))
	require.Equal(t, "a.b\n\"1.5\".x;y\n.\"\ufeffx\"\n", string(encode(t, CSV, &WriterOptions{Delimiter: '.'}, two)))
	_, err := NewWriter(io.Discard, CSV, two.Schema(), &WriterOptions{Delimiter: '"'})
	require.ErrorContains(t, err, "delimiter")

	// One column: a null is a blank line, and comes back.
	one := batchOf(t, table("a", schema.String), `{"a":null}`+"\n"+`{"a":""}`+"\n"+`{"a":null}`)
	require.Equal(t, "a\n\n\"\"\n\n", string(encode(t, CSV, nil, one)))
	out := read(t, nil, write(t, "x.csv", encode(t, CSV, nil, one)))
	require.Equal(t, []string{`{"a":null}`, `{"a":""}`, `{"a":null}`}, out.rows)
}

func TestArrowTypesThatDeltaDoesNotHave(t *testing.T) {
	t.Parallel()
	s := arrow.NewSchema([]arrow.Field{
		{Name: "u", Type: arrow.PrimitiveTypes.Uint64},
		{Name: "ms", Type: &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "Europe/Berlin"}, Nullable: true},
		{Name: "dict", Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}, Nullable: true},
	}, nil)
	rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, s, strings.NewReader(
		`[{"u":18446744073709551615,"ms":1357034400000,"dict":"x"},{"u":0,"ms":null,"dict":"x"}]`))
	require.NoError(t, err)
	want := []string{`{"u":18446744073709551615,"ms":"2013-01-01T10:00:00.000000Z","dict":"x"}`, `{"u":0,"ms":null,"dict":"x"}`}
	for _, f := range []Format{Arrow, Parquet} {
		out := read(t, nil, write(t, "x."+string(f), encode(t, f, nil, rec)))
		require.NoError(t, out.err, f)
		require.Equal(t, want, out.rows, f)
		require.Equal(t, "struct<u:decimal(20,0),ms:timestamp,dict:string>", out.types, f)
	}
	require.Equal(t, strings.Join(want, "\n")+"\n", string(encode(t, NDJSON, nil, rec)))

	// The file form, with dictionaries, plain and compressed.
	var buf bytes.Buffer
	w, err := ipc.NewFileWriter(&buf, ipc.WithSchema(s), ipc.WithZstd())
	require.NoError(t, err)
	require.NoError(t, errors.Join(w.Write(rec), w.Close()))
	for _, b := range [][]byte{buf.Bytes(), gzipped(t, buf.Bytes())} {
		out := read(t, nil, write(t, "x", b))
		require.NoError(t, out.err)
		require.Equal(t, want, out.rows)
	}

	none := arrow.NewSchema([]arrow.Field{{Name: "t", Type: arrow.FixedWidthTypes.Time64us}}, nil)
	for _, f := range []Format{Parquet, CSV, NDJSON, Arrow} {
		_, err := NewWriter(io.Discard, f, none, nil)
		require.ErrorContains(t, err, "column t")
	}
	rec, _, err = array.RecordFromJSON(memory.DefaultAllocator, none, strings.NewReader(`[{"t":"10:00:00"}]`))
	require.NoError(t, err)
	buf.Reset()
	sw := ipc.NewWriter(&buf, ipc.WithSchema(none))
	require.NoError(t, errors.Join(sw.Write(rec), sw.Close()))
	requireInput(t, read(t, nil, write(t, "x.arrow", buf.Bytes())).err, 0, "", "column t")
}

func TestValuesThatWouldBeLostAreErrors(t *testing.T) {
	t.Parallel()
	s := arrow.NewSchema([]arrow.Field{{Name: "ns", Type: &arrow.TimestampType{Unit: arrow.Nanosecond}}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, s)
	b.Field(0).(*array.TimestampBuilder).Append(1)
	var buf bytes.Buffer
	w := ipc.NewWriter(&buf, ipc.WithSchema(s))
	require.NoError(t, errors.Join(w.Write(b.NewRecordBatch()), w.Close()))
	requireInput(t, read(t, nil, write(t, "x.arrow", buf.Bytes())).err, 0, "ns", "no exact counterpart")
}

func TestTextThatIsNotUTF8IsNotWrittenAsText(t *testing.T) {
	t.Parallel()
	s := arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.BinaryTypes.String}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, s)
	b.Field(0).(*array.StringBuilder).AppendValues([]string{"x", "\xff"}, nil)
	rec := b.NewRecordBatch()
	for _, f := range []Format{NDJSON, CSV} {
		w, err := NewWriter(io.Discard, f, s, nil)
		require.NoError(t, err)
		err = w.Write(rec)
		require.ErrorContains(t, err, "row 2: column a: text that is not UTF-8")
		require.Equal(t, err, w.Write(batchOf(t, table("a", schema.String), `{"a":"x"}`).NewSlice(0, 1)), "nothing follows half a batch")
		require.Equal(t, err, w.Close(), "half a file must not look whole")
	}
}

func TestStringsThatAreNotUTF8AreRefused(t *testing.T) {
	t.Parallel()
	list := arrow.ListOf(arrow.BinaryTypes.String)
	for _, values := range [][]string{{"x", "\xff"}, {"\xc3", "\xa4"}, {"ok", "ä", "\xe2\x82"}} {
		s := arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.StructOf(arrow.Field{Name: "b", Type: list, Nullable: true}), Nullable: true}}, nil)
		b := array.NewRecordBuilder(memory.DefaultAllocator, s)
		st := b.Field(0).(*array.StructBuilder)
		st.Append(true)
		l := st.FieldBuilder(0).(*array.ListBuilder)
		l.Append(true)
		l.ValueBuilder().(*array.StringBuilder).AppendValues(values, nil)
		rec := b.NewRecordBatch()
		requireInput(t, read(t, nil, write(t, "x.arrow", encode(t, Arrow, nil, rec))).err, 0, "a.b.element", "not UTF-8")

		// A Parquet file from a writer that does not look: a binary, said to be a string.
		d := rec.Column(0).(*array.Struct).Field(0).(*array.List).ListValues().Data()
		asBytes := array.NewBinaryData(array.NewData(arrow.BinaryTypes.Binary, d.Len(), d.Buffers(), nil, 0, d.Offset()))
		raw := arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.BinaryTypes.Binary}}, nil)
		file := encode(t, Parquet, nil, array.NewRecordBatch(raw, []arrow.Array{asBytes}, int64(d.Len())))
		src, err := Open(context.Background(), []string{write(t, "x.parquet", file)}, nil)
		require.NoError(t, err)
		src.types = table("a", schema.String)
		src.schema = arrowvec.Schema(src.types)
		requireInput(t, drain(t, src).err, 0, "a", "not UTF-8")
	}
	ok := batchOf(t, table("a", schema.String), `{"a":"ä"}`+"\n"+`{"a":"€"}`)
	require.Len(t, read(t, nil, write(t, "x.arrow", encode(t, Arrow, nil, ok.NewSlice(1, 2)))).rows, 1)
	// Bytes of a null are nobody's.
	v := &vec.Vec{Kind: vec.Bytes, Len: 2, Valid: []byte{1}, Data: []byte("x\xff"), Offsets: []int32{0, 1, 2}}
	require.NoError(t, checkText(v, schema.String))
	v.Valid = nil
	require.Error(t, checkText(v, schema.String))
}

func TestWriterOptions(t *testing.T) {
	t.Parallel()
	rec := sampleBatch(t)
	for _, c := range []Compression{Gzip, Zstd} {
		for _, f := range []Format{CSV, NDJSON, Arrow} {
			b := encode(t, f, &WriterOptions{Compression: c}, rec)
			out := read(t, &Options{Schema: allTypes()}, write(t, "x."+string(f), b))
			require.NoError(t, out.err)
			require.Len(t, out.rows, 3)
			require.Equal(t, c == Gzip, b[0] == 0x1f)
		}
		_, err := NewWriter(io.Discard, Parquet, rec.Schema(), &WriterOptions{Compression: c})
		require.ErrorContains(t, err, "use Codec")
	}
	_, err := NewWriter(io.Discard, CSV, rec.Schema(), &WriterOptions{Compression: "lzma"})
	require.ErrorContains(t, err, "lzma")
	_, err = NewWriter(io.Discard, "xml", rec.Schema(), nil)
	require.ErrorContains(t, err, "unknown format")

	many := batchOf(t, table("a", schema.String), strings.Repeat(`{"a":"the same text"}`+"\n", 10_000))
	// A dictionary of one value is as small with every codec; so compare the bytes.
	require.NotEqual(t, encode(t, Parquet, &WriterOptions{Codec: "zstd"}, many), encode(t, Parquet, nil, many))
	_, err = NewWriter(io.Discard, Parquet, many.Schema(), &WriterOptions{Codec: "lzma"})
	require.Error(t, err)
}

func TestWriterUse(t *testing.T) {
	t.Parallel()
	rec := sampleBatch(t)
	other := batchOf(t, table("id", schema.String), `{"id":"x"}`)
	for _, f := range []Format{Parquet, CSV, NDJSON, Arrow} {
		var buf bytes.Buffer
		w, err := NewWriter(&buf, f, rec.Schema(), nil)
		require.NoError(t, err)
		require.ErrorContains(t, w.Write(other), "other columns", f)
		require.NoError(t, w.Write(rec))
		require.NoError(t, w.Close())
		n := buf.Len()
		require.NoError(t, w.Close(), "a second Close does nothing")
		require.Equal(t, n, buf.Len())
		require.ErrorContains(t, w.Write(rec), "closed", f)

		// No rows at all are a file too.
		empty := read(t, &Options{Format: f, Schema: allTypes()}, write(t, "x", func() []byte {
			buf.Reset()
			w, err := NewWriter(&buf, f, rec.Schema(), nil)
			require.NoError(t, err)
			require.NoError(t, w.Close())
			return buf.Bytes()
		}()))
		require.NoError(t, empty.err, f)
		require.Empty(t, empty.rows)
		require.Equal(t, allTypes().String(), empty.types, f)
	}
}

// full refuses bytes after the first n.
type full struct{ n int }

var errFull = errors.New("no space left")

func (f *full) Write(p []byte) (int, error) {
	if len(p) > f.n {
		return f.n, errFull
	}
	f.n -= len(p)
	return len(p), nil
}

func TestAFullDiskIsAnError(t *testing.T) {
	t.Parallel()
	rec := sampleBatch(t)
	for _, f := range []Format{Parquet, CSV, NDJSON, Arrow} {
		whole := len(encode(t, f, nil, rec))
		for _, n := range []int{0, 1, whole / 2, whole - 1} {
			w, err := NewWriter(&full{n}, f, rec.Schema(), nil)
			if err == nil {
				err = errors.Join(w.Write(rec), w.Close())
			}
			require.ErrorIs(t, err, errFull, "%s after %d of %d bytes", f, n, whole)
		}
	}
	w, err := NewWriter(&full{5}, CSV, rec.Schema(), &WriterOptions{Compression: Gzip})
	require.NoError(t, err)
	require.ErrorIs(t, errors.Join(w.Write(rec), w.Close()), errFull)
}

func TestGzipOutIsWhole(t *testing.T) {
	t.Parallel()
	rec := sampleBatch(t)
	z, err := gzip.NewReader(bytes.NewReader(encode(t, NDJSON, &WriterOptions{Compression: Gzip}, rec)))
	require.NoError(t, err)
	b, err := io.ReadAll(z)
	require.NoError(t, err)
	require.Equal(t, sampleRowsText, string(b))
}

func TestMapsThatTextCannotHold(t *testing.T) {
	t.Parallel()
	s := arrowvec.Schema(table("m", &schema.Map{Key: table("x", schema.Long), Value: schema.Long}))
	for _, f := range []Format{NDJSON, CSV} {
		_, err := NewWriter(io.Discard, f, s, nil)
		require.ErrorContains(t, err, "has no text form")
	}
}
