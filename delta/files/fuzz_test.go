package files

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// requireBad requires that an error is about the input.
func requireBad(t *testing.T, err error) {
	t.Helper()
	require.ErrorAs(t, err, new(*InputError))
	require.True(t, utf8.ValidString(err.Error()), "%q", err)
}

// FuzzCSV compares records with encoding/csv's, and requires that what was read is
// the same when it is written and read again.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{
		"a,b\n1,x\n", "a,b\r\n\"1\",\"x\"\"y\"\r\n", "a\n\n1\n", "a,b\n1\n", "a,b\n\"1\n", "a,b\n1,x\"y", "\ufeffa,b\n,\"\"\n",
		"a,b\n2013-01-01,true\n,\n", "a,b\n1.5,2013-01-01T10:00:00Z\nNaN,\n", "a,b\n\"x\ny\",\"\r\n\"\r", "a,A\n", "a,b\n9223372036854775808,007\n",
		"a,b\n\xff,1\n", "a,b\n1,\"x\"y\n", ",\n", "a,b\n\"\"\"\"\"\",\r\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		sameRecords(t, b)
		ctx := context.Background()
		path := filepath.Join(t.TempDir(), "x.csv")
		require.NoError(t, os.WriteFile(path, b, 0o600))
		s, err := Open(ctx, []string{path}, nil)
		if err != nil {
			requireBad(t, err)
			return
		}
		types, err := arrowvec.FromArrowSchema(s.Schema())
		require.NoError(t, err)
		var first, second bytes.Buffer
		again(t, s, &first, types)
		if first.Len() == 0 {
			return
		}
		s, err = Open(ctx, []string{"-"}, &Options{Stdin: bytes.NewReader(first.Bytes()), Schema: types, Format: CSV})
		require.NoError(t, err, "%q", first.Bytes())
		again(t, s, &second, types)
		require.Equal(t, first.String(), second.String())
	})
}

// again writes a source as CSV; nothing if its rows are not good.
func again(t *testing.T, s *Source, buf *bytes.Buffer, types *schema.Struct) {
	t.Helper()
	w, err := NewWriter(buf, CSV, arrowvec.Schema(types), nil)
	require.NoError(t, err)
	for rec, err := range s.Batches(context.Background()) {
		if err != nil {
			requireBad(t, err)
			buf.Reset()
			return
		}
		require.NoError(t, w.Write(rec))
	}
	require.NoError(t, w.Close())
}

// sameRecords requires that the scanner splits b as encoding/csv does, which reads
// CRLF in quotes as LF, and knows no lines that are blank but for a CR.
func sameRecords(t *testing.T, b []byte) {
	t.Helper()
	b = bytes.ReplaceAll(b, []byte{'\r'}, nil)
	ours, theirs := newCSVScanner(bytes.NewReader(b), ','), csv.NewReader(bytes.NewReader(b))
	theirs.FieldsPerRecord = -1
	for {
		want, werr := theirs.Read()
		err := ours.scan()
		require.Equal(t, werr == nil, err == nil, "%q: %v, %v", b, werr, err)
		require.Equal(t, errors.Is(werr, io.EOF), errors.Is(err, io.EOF), "%q", b)
		if err != nil {
			return
		}
		var got []string
		for _, f := range ours.fields {
			got = append(got, string(f.text))
		}
		require.Equal(t, want, got, "%q", b)
		line, _ := theirs.FieldPos(0)
		require.Equal(t, int64(line), ours.line, "%q", b)
	}
}

// FuzzNDJSON requires that what is accepted is what encoding/json reads, and the
// same when it is written and read again.
func FuzzNDJSON(f *testing.F) {
	for _, s := range []string{
		`{"a":1}`, `{"a":[1,{"b":null}],"c":"x"}` + "\n" + `{"c":"\u00e4\n"}`, `{"a":1,"a":2}`, `{"a":1.5}{"a":2}`, `[1]`, `{"a":"NaN"}`, "{\"a\":\"\xff\"}",
		`{"a":{}}`, `{"a":[]}`, `{"a":12345678901234567890}`, `{"a":1e400}`, "\ufeff{}", `{"a":"2013-01-01"}`, `{"a":true}` + "\r\n" + `{"A":false}`, `{"":1}`,
		`{"a":[[[[]]]]}`, `{"a":-0}`, `{"a":0.1}` + "\n" + `{"a":1}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "x.ndjson")
		require.NoError(t, os.WriteFile(path, b, 0o600))
		s, err := Open(context.Background(), []string{path}, nil)
		if err != nil {
			requireBad(t, err)
			return
		}
		var first bytes.Buffer
		w, err := NewWriter(&first, NDJSON, s.Schema(), nil)
		require.NoError(t, err)
		for rec, err := range s.Batches(context.Background()) {
			if err != nil {
				requireBad(t, err)
				return
			}
			require.NoError(t, w.Write(rec))
		}
		require.NoError(t, w.Close())
		types, err := arrowvec.FromArrowSchema(s.Schema())
		require.NoError(t, err)
		out := readText(t, "y.ndjson", first.String(), &Options{Schema: types})
		require.NoError(t, out.err)
		require.Equal(t, first.String(), strings.Join(append(out.rows, ""), "\n"))
		lines := 0
		for line := range bytes.Lines(bytes.TrimPrefix(b, bom)) {
			if line = bytes.TrimSpace(line); len(line) > 0 {
				require.True(t, json.Valid(line), "%q", line)
				lines++
			}
		}
		require.Len(t, out.rows, lines)
	})
}

// FuzzArrow requires that damaged IPC is an error, or read as something that is
// whole, and never a panic or much memory.
func FuzzArrow(f *testing.F) {
	src, err := Open(context.Background(), []string{"-"}, &Options{Stdin: strings.NewReader(sampleRowsText), Schema: allTypes()})
	require.NoError(f, err)
	for rec, err := range src.Batches(context.Background()) {
		require.NoError(f, err)
		for _, o := range [][]ipc.Option{nil, {ipc.WithZstd()}, {ipc.WithLZ4()}} {
			var stream, file bytes.Buffer
			s := ipc.NewWriter(&stream, append(o, ipc.WithSchema(rec.Schema()))...)
			require.NoError(f, errors.Join(s.Write(rec), s.Close()))
			w, err := ipc.NewFileWriter(&file, append(o, ipc.WithSchema(rec.Schema()))...)
			require.NoError(f, err)
			require.NoError(f, errors.Join(w.Write(rec), w.Close()))
			f.Add(stream.Bytes())
			f.Add(file.Bytes())
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "x.arrow")
		require.NoError(t, os.WriteFile(path, b, 0o600))
		s, err := Open(context.Background(), []string{path}, nil)
		if err != nil {
			requireBad(t, err)
			return
		}
		for rec, err := range s.Batches(context.Background()) {
			if err != nil {
				requireBad(t, err)
				return
			}
			_, err := columnsOf(rec)
			require.NoError(t, err)
		}
	})
}
