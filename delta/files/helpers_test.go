package files

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// table makes a schema of names and types: "a", schema.Long, "b", schema.String.
func table(namesAndTypes ...any) *schema.Struct {
	s := &schema.Struct{}
	for i := 0; i < len(namesAndTypes); i += 2 {
		s.Fields = append(s.Fields, schema.Field{Name: namesAndTypes[i].(string), Type: namesAndTypes[i+1].(schema.DataType), Nullable: true})
	}
	return s
}

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, content, 0o644))
	return path
}

// An outcome is what reading an input came to: types, rows as NDJSON, error.
type outcome struct {
	types   string
	rows    []string
	batches int
	err     error
}

func read(t *testing.T, o *Options, patterns ...string) outcome {
	t.Helper()
	s, err := Open(context.Background(), patterns, o)
	if err != nil {
		return outcome{err: err}
	}
	defer func() { require.NoError(t, s.Close()) }()
	return drain(t, s)
}

func drain(t *testing.T, s *Source) (out outcome) {
	t.Helper()
	types, err := arrowvec.FromArrowSchema(s.Schema())
	require.NoError(t, err)
	out.types = types.String()
	var buf bytes.Buffer
	w, err := NewWriter(&buf, NDJSON, s.Schema(), nil)
	require.NoError(t, err)
	for rec, err := range s.Batches(context.Background()) {
		if err != nil {
			require.Nil(t, rec)
			out.err = err
			break
		}
		require.True(t, rec.Schema().Equal(s.Schema()), "batch has %v", rec.Schema())
		out.batches++
		require.NoError(t, w.Write(rec))
	}
	require.NoError(t, w.Close())
	out.rows = strings.FieldsFunc(buf.String(), func(r rune) bool { return r == '\n' })
	return out
}

// readText reads content as a file of a name.
func readText(t *testing.T, name, content string, o *Options) outcome {
	t.Helper()
	return read(t, o, write(t, name, []byte(content)))
}

// requireInput requires an InputError at a place, whose text has all parts.
func requireInput(t *testing.T, err error, line int64, column string, parts ...string) {
	t.Helper()
	var e *InputError
	require.ErrorAs(t, err, &e)
	require.Equal(t, line, e.Line, "%v", err)
	require.Equal(t, column, e.Column, "%v", err)
	require.NotEmpty(t, e.File)
	for _, p := range parts {
		require.ErrorContains(t, err, p)
	}
	require.NotErrorAs(t, e.Err, new(*InputError), "an InputError in an InputError says everything twice")
}

func gzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	_, err := z.Write(b)
	require.NoError(t, errors.Join(err, z.Close()))
	return buf.Bytes()
}

func zstded(t *testing.T, b []byte) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	return z.EncodeAll(b, nil)
}

// encode writes batches in a format.
func encode(t *testing.T, f Format, o *WriterOptions, recs ...arrow.RecordBatch) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := NewWriter(&buf, f, recs[0].Schema(), o)
	require.NoError(t, err)
	for _, r := range recs {
		require.NoError(t, w.Write(r))
	}
	require.NoError(t, w.Close())
	return buf.Bytes()
}
