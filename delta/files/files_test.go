package files

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog/schema"
)

func TestFormatOf(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]Format{
		"a.parquet": Parquet, "A.CSV": CSV, "a.tsv.gz": CSV, "a.ndjson": NDJSON, "a.jsonl.zst": NDJSON, "a.json": NDJSON,
		"a.arrow": Arrow, "a.feather": Arrow, "x/y.z/a": "", "a.gz": "", "a.txt": "", "": "", "-": "",
	} {
		require.Equal(t, want, FormatOf(name), name)
	}
	require.True(t, CSV.Valid())
	require.False(t, Format("xml").Valid())
	require.Equal(t, Gzip, CompressionOf("x.CSV.GZ"))
	require.Equal(t, Zstd, CompressionOf("x.zst"))
	require.Equal(t, Uncompressed, CompressionOf("x.parquet"))
}

func TestFormatIsToldByContent(t *testing.T) {
	t.Parallel()
	rec := plainBatch(t)
	for _, f := range []Format{Parquet, CSV, NDJSON, Arrow} {
		b := encode(t, f, nil, rec)
		want := read(t, &Options{Format: f}, write(t, "x", b))
		require.NoError(t, want.err, f)
		for how, content := range map[string][]byte{"plain": b, "gzip": gzipped(t, b), "zstd": zstded(t, b)} {
			out := read(t, &Options{Stdin: bytes.NewReader(content)}, "-")
			require.NoError(t, out.err, "%s %s", f, how)
			require.Equal(t, want, out, "%s %s from stdin", f, how)
			if f == Parquet && how != "plain" {
				continue // compressed inside: nobody compresses it again
			}
			out = read(t, nil, write(t, "x", content))
			require.NoError(t, out.err, "%s %s", f, how)
			require.Equal(t, want, out, "%s %s", f, how)
			out = read(t, nil, write(t, "x."+string(f), content)) // a name that says nothing of compression
			require.Equal(t, want, out, "%s %s", f, how)
		}
	}
	for _, content := range []string{"", "hello", "\x00\x01\x02,\n", "PAR"} {
		requireInput(t, readText(t, "x", content, nil).err, 0, "", "cannot tell the format")
		requireInput(t, read(t, &Options{Stdin: strings.NewReader(content)}, "-").err, 0, "", "stdin", "cannot tell the format")
	}
	_, err := Open(context.Background(), []string{"-"}, &Options{Format: "xml"})
	require.ErrorContains(t, err, `"xml"`)
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, n := range []string{"b.csv", "a.csv", "sub/c.csv", ".hidden.csv", "_SUCCESS", "_temporary/d.csv", ".x/e.csv", "odd[1].csv"} {
		path := filepath.Join(dir, n)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte("n\n"+strings.Trim(n, "_")+"\n"), 0o644))
	}
	require.NoError(t, os.Symlink(filepath.Join(dir, "_temporary", "d.csv"), filepath.Join(dir, "link.csv")))
	in := func(names ...string) (out []string) {
		for _, n := range names {
			out = append(out, filepath.Join(dir, n))
		}
		return out
	}
	for _, c := range []struct{ patterns, want []string }{
		{in(""), in("a.csv", "b.csv", "link.csv", "odd[1].csv", "sub/c.csv")},
		{in("*.csv"), in("a.csv", "b.csv", "link.csv", "odd[1].csv")},
		{in("b.csv", "a.csv"), in("b.csv", "a.csv")},
		{in("odd[1].csv"), in("odd[1].csv")},
		{in("*/c.csv"), in("sub/c.csv")},
		{in("s*"), in("sub/c.csv")},
		{in("_SUCCESS"), in("_SUCCESS")},
		{in(".h*"), in(".hidden.csv")},
		{[]string{"-"}, []string{"-"}},
	} {
		got, err := expand(c.patterns)
		require.NoError(t, err)
		require.Equal(t, len(c.want), len(got), "%v", got)
		for i := range got {
			require.Equal(t, filepath.Clean(c.want[i]), filepath.Clean(got[i]))
		}
	}
	for says, patterns := range map[string][]string{
		"no such file":   in("gone.csv"),
		"no file match":  in("*.parquet"),
		"given twice":    in("a.csv", "sub/../a.csv"),
		"has no files":   {t.TempDir()},
		"-: the file is": {"-", "-"},
	} {
		_, err := Open(context.Background(), patterns, nil)
		requireInput(t, err, 0, "", says)
	}
	_, err := Open(context.Background(), in("gone.csv"), nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Equal(t, 1, strings.Count(err.Error(), "gone.csv"), "%v", err)
	_, err = Open(context.Background(), nil, nil)
	require.ErrorContains(t, err, "no input")
	_, err = Open(context.Background(), in("[*"), nil)
	require.ErrorIs(t, err, filepath.ErrBadPattern)
}

func TestNoPermissionIsNotBadInput(t *testing.T) {
	t.Parallel()
	err := failed("x.csv", &fs.PathError{Op: "open", Path: "x.csv", Err: syscall.EACCES})
	require.ErrorIs(t, err, fs.ErrPermission)
	require.NotErrorAs(t, err, new(*InputError))
	require.ErrorContains(t, err, "x.csv")
	require.ErrorIs(t, failed("x", context.Canceled), context.Canceled)
	require.NotErrorAs(t, failed("x", context.Canceled), new(*InputError))
	require.NotErrorAs(t, failed("x", fmt.Errorf("%w: disk full", errSpool)), new(*InputError))
	require.NoError(t, failed("x", nil))
}

func TestStdinIsSpooledWhereItMustBeSought(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	rec := plainBatch(t)
	for f, again := range map[Format]bool{Parquet: true, Arrow: true, CSV: false, NDJSON: false} {
		s, err := Open(context.Background(), []string{"-"}, &Options{Stdin: bytes.NewReader(encode(t, f, nil, rec))})
		require.NoError(t, err)
		require.Equal(t, again, s.Repeatable(), f)
		first := drain(t, s)
		require.NoError(t, first.err)
		require.Len(t, first.rows, int(rec.NumRows()))
		second := drain(t, s)
		if again {
			require.Equal(t, first, second, f)
		} else {
			require.ErrorIs(t, second.err, errOnce, f)
		}
		require.NoError(t, s.Close())
		left, err := os.ReadDir(tmp)
		require.NoError(t, err)
		require.Empty(t, left, "Close leaves files of %s", f)
	}
	// Also when Open fails.
	_, err := Open(context.Background(), []string{"-"}, &Options{Stdin: strings.NewReader("PAR1 nothing")})
	requireInput(t, err, 0, "")
	left, err := os.ReadDir(tmp)
	require.NoError(t, err)
	require.Empty(t, left)

	require.NoError(t, os.Remove(tmp))
	_, err = Open(context.Background(), []string{"-"}, &Options{Stdin: strings.NewReader("PAR1 nothing")})
	require.ErrorIs(t, err, errSpool)
	require.NotErrorAs(t, err, new(*InputError), "no room for the input is nothing wrong with it")
}

func TestStdinThatFailsIsNamed(t *testing.T) {
	t.Parallel()
	broken := errors.New("the pipe broke")
	for _, f := range []Format{Parquet, Arrow, CSV, NDJSON} {
		out := read(t, &Options{Format: f, Stdin: iotest.ErrReader(broken)}, "-")
		requireInput(t, out.err, 0, "", "stdin")
		require.ErrorIs(t, out.err, broken)
	}
}

func TestNamedPipesAreRead(t *testing.T) {
	t.Parallel()
	for f, text := range map[Format]string{CSV: "a,b\n1,x\n", NDJSON: "{\"a\":1,\"b\":\"x\"}\n"} {
		path := filepath.Join(t.TempDir(), "pipe")
		require.NoError(t, syscall.Mkfifo(path, 0o600))
		done := make(chan error, 1)
		go func() { done <- os.WriteFile(path, gzipped(t, []byte(text)), 0) }()
		out := read(t, &Options{Format: f}, path)
		require.NoError(t, <-done)
		require.NoError(t, out.err)
		require.Equal(t, []string{`{"a":1,"b":"x"}`}, out.rows)
	}
}

func TestSeveralFilesHaveOneSchema(t *testing.T) {
	t.Parallel()
	// Text: types that hold the values of all.
	a, b := write(t, "a.csv", []byte("id,x\n1,1\n")), write(t, "b.csv", []byte("X,y\n2.5,true\n"))
	c := write(t, "c.ndjson", []byte(`{"z":"2013-01-01","id":3}`+"\n"))
	out := read(t, nil, a, b, c)
	require.NoError(t, out.err)
	require.Equal(t, "struct<id:bigint,x:double,y:boolean,z:date>", out.types)
	require.Equal(t, []string{
		`{"id":1,"x":1.0,"y":null,"z":null}`, `{"id":null,"x":2.5,"y":true,"z":null}`, `{"id":3,"x":null,"y":null,"z":"2013-01-01"}`,
	}, out.rows)

	// Typed files: wider integers and floats; text beside them has their types.
	one := func(f Format, s *schema.Struct, rows string) string {
		src, err := Open(context.Background(), []string{write(t, "x.ndjson", []byte(rows))}, &Options{Schema: s})
		require.NoError(t, err)
		for rec, err := range src.Batches(context.Background()) {
			require.NoError(t, err)
			return write(t, "x."+string(f), encode(t, f, nil, rec))
		}
		return ""
	}
	for _, f := range []Format{Parquet, Arrow} {
		small := one(f, table("id", schema.Short, "s", table("x", schema.Float)), `{"id":1,"s":{"x":0.5}}`)
		big := one(f, table("ID", schema.Long, "s", table("y", schema.String, "x", schema.Double)), `{"ID":2,"s":{"y":"a"}}`)
		text := write(t, "t.csv", []byte("id,new\n3,x\n"))
		out = read(t, nil, small, big, text)
		require.NoError(t, out.err, f)
		require.Equal(t, "struct<id:bigint,s:struct<x:double,y:string>,new:string>", out.types)
		require.Equal(t, []string{
			`{"id":1,"s":{"x":0.5,"y":null},"new":null}`, `{"id":2,"s":{"x":null,"y":"a"},"new":null}`, `{"id":3,"s":null,"new":"x"}`,
		}, out.rows)

		other := one(f, table("s", table("x", schema.String)), `{"s":{"x":"a"}}`)
		requireInput(t, read(t, nil, small, other).err, 0, "s.x", other, "string here and float in a file before")
		other = one(f, table("id", &schema.Array{Element: schema.Long}), `{"id":[1]}`)
		requireInput(t, read(t, nil, small, other).err, 0, "id", "array<bigint> here")
	}
}

func TestConformAllIntegers(t *testing.T) {
	t.Parallel()
	from := table("a", schema.Byte, "b", &schema.Array{Element: schema.Byte, ContainsNull: true}, "c", &schema.Map{Key: schema.Short, Value: schema.Float, ValueContainsNull: true}, "d", schema.Integer)
	to := table("a", schema.Short, "b", &schema.Array{Element: schema.Integer, ContainsNull: true}, "c", &schema.Map{Key: schema.Long, Value: schema.Double, ValueContainsNull: true}, "d", schema.Long)
	text := `{"a":-128,"b":[1,null,-1],"c":{"-7":0.5},"d":-2147483648}` + "\n" + `{"a":null,"b":null,"c":null,"d":null}` + "\n"
	read1 := func(s *schema.Struct) string {
		src, err := Open(context.Background(), []string{write(t, "x.ndjson", []byte(text))}, &Options{Schema: s})
		require.NoError(t, err)
		for rec, err := range src.Batches(context.Background()) {
			require.NoError(t, err)
			return write(t, "x.arrow", encode(t, Arrow, nil, rec))
		}
		return ""
	}
	out := read(t, nil, read1(from), read1(to))
	require.NoError(t, out.err)
	require.Equal(t, to.String(), out.types)
	require.Equal(t, append(strings.Fields(text), strings.Fields(text)...), out.rows)
}

func TestDamagedFilesAreErrors(t *testing.T) {
	t.Parallel()
	rec := plainBatch(t)
	for _, f := range []Format{Parquet, Arrow} {
		b := encode(t, f, nil, rec)
		for _, n := range []int{0, 1, 4, 7, 100, len(b) / 2, len(b) - 9, len(b) - 8, len(b) - 1} {
			out := read(t, &Options{Format: f}, write(t, "x", b[:n]))
			require.Error(t, out.err, "%s, %d of %d bytes", f, n, len(b))
			requireInput(t, out.err, 0, "")
			out = read(t, &Options{Format: f, Stdin: bytes.NewReader(b[:n])}, "-")
			requireInput(t, out.err, 0, "", "stdin")
		}
	}
	for _, f := range []Format{Arrow, CSV, NDJSON} {
		b := encode(t, f, nil, rec, rec)
		for how, z := range map[string][]byte{"gzip": gzipped(t, b), "zstd": zstded(t, b)} {
			for _, n := range []int{5, 12, len(z) / 2, len(z) - 9, len(z) - 1} {
				out := read(t, &Options{Format: f}, write(t, "x", z[:n]))
				var e *InputError
				require.ErrorAs(t, out.err, &e, "%s of %d of %d bytes of %s", how, n, len(z), f)
				require.ErrorContains(t, out.err, how+" data is cut off or damaged")
			}
			z[len(z)-3] ^= 1 // in the checksum, or the length
			require.ErrorContains(t, read(t, &Options{Format: f}, write(t, "x", z)).err, "damaged", "%s of %s", how, f)
		}
	}
}

func TestArrowCutAnywhereIsAnError(t *testing.T) {
	t.Parallel()
	rec := batchOf(t, nil, `{"id":1,"s":"x"}`)
	var file bytes.Buffer
	w, err := ipc.NewFileWriter(&file, ipc.WithSchema(rec.Schema()))
	require.NoError(t, err)
	require.NoError(t, errors.Join(w.Write(rec), w.Write(rec), w.Close()))
	for _, b := range [][]byte{encode(t, Arrow, nil, rec, rec), file.Bytes()} {
		path := write(t, "x.arrow", b)
		require.Len(t, read(t, nil, path).rows, 2)
		for n := range b {
			if n%4 > 1 && n < len(b)-64 {
				continue // nothing ends between words
			}
			require.NoError(t, os.WriteFile(path, b[:n], 0o644))
			requireInput(t, read(t, nil, path).err, 0, "")
		}
	}
}

func TestArrowCountsAreChecked(t *testing.T) {
	t.Parallel()
	// Each word of a stream made a number that is too large: the decoder would make
	// room for so many fields, values or bytes.
	b := encode(t, Arrow, nil, batchOf(t, table("id", schema.Long, "s", table("x", &schema.Array{Element: schema.String})), `{"id":1,"s":{"x":["y"]}}`))
	path := write(t, "x.arrow", nil)
	for at := 0; at+4 <= len(b); at += 4 {
		for _, n := range []uint32{0x7fffffff, 0xfffffffe, 0x01000000} {
			c := bytes.Clone(b)
			binary.LittleEndian.PutUint32(c[at:], n)
			require.NoError(t, os.WriteFile(path, c, 0o600))
			if err := read(t, nil, path).err; err != nil {
				require.ErrorAs(t, err, new(*InputError), "%d at %d", n, at)
			}
		}
	}
	schemaLength := int64(binary.LittleEndian.Uint32(b[4:]))
	meta := b[8 : 8+schemaLength]
	_, _, err := checkMessage(meta)
	require.NoError(t, err)
	refused := 0
	for at := 0; at+4 <= len(meta); at += 4 {
		c := bytes.Clone(meta)
		binary.LittleEndian.PutUint32(c[at:], 0x01000000)
		if _, _, err := checkMessage(c); err != nil {
			refused++
		}
	}
	require.Greater(t, refused, 10)
}

func TestTwoArrowStreamsAreNotOne(t *testing.T) {
	t.Parallel()
	b := encode(t, Arrow, nil, plainBatch(t))
	requireInput(t, read(t, nil, write(t, "x.arrow", append(b, b...))).err, 0, "", "after the end of the stream")
}

func TestCancelEndsTheReading(t *testing.T) {
	t.Parallel()
	rec := plainBatch(t)
	for _, f := range []Format{Parquet, Arrow, CSV, NDJSON} {
		path := write(t, "x", encode(t, f, nil, rec, rec, rec))
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		s, err := Open(ctx, []string{path}, &Options{BatchRows: 2, Format: f})
		require.NoError(t, err)
		n := 0
		for _, err = range s.Batches(ctx) {
			n++
			cancel()
		}
		require.ErrorIs(t, err, context.Canceled, f)
		require.NotErrorAs(t, err, new(*InputError))
		require.Equal(t, 2, n, f)
		// A consumer that stops is no error.
		for _, err := range s.Batches(context.Background()) {
			require.NoError(t, err)
			break
		}
		require.NoError(t, s.Close())
		_, err = Open(ctx, []string{write(t, "x", []byte("{\"a\":1}\n"))}, nil)
		require.ErrorIs(t, err, context.Canceled)
	}
}

func TestAFileThatChangesIsAnError(t *testing.T) {
	t.Parallel()
	path := write(t, "x.csv", []byte("a,b\n1,2\n"))
	s, err := Open(context.Background(), []string{path}, nil)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte("a,c\n1,2\n"), 0o644))
	requireInput(t, drain(t, s).err, 1, "", `"c" was not there`)

	rec := plainBatch(t)
	path = write(t, "x.arrow", encode(t, Arrow, nil, rec))
	s, err = Open(context.Background(), []string{path}, nil)
	require.NoError(t, err)
	other, err := Open(context.Background(), []string{write(t, "y.ndjson", []byte(`{"id":"x"}`))}, nil)
	require.NoError(t, err)
	for rec, err := range other.Batches(context.Background()) {
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, encode(t, Arrow, nil, rec), 0o644))
	}
	require.Error(t, drain(t, s).err)
}

func TestNamesThatNoTableHasAreRefused(t *testing.T) {
	t.Parallel()
	s := table("a", schema.Long)
	s.Fields = append(s.Fields, schema.Field{Name: "A", Type: schema.Long, Nullable: true})
	requireInput(t, failed("x", checkNames(s)), 0, "A", "twice")
	requireInput(t, failed("x", checkNames(table("a", table("\xff", schema.Long)))), 0, "", "not UTF-8")
	require.NoError(t, checkNames(table("a", schema.Long, "b", table("a", schema.Long))))
}
