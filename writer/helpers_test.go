package writer_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/internal/pqread"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/txlog/schema"
	"github.com/deltalog/deltalog/writer"
)

// fields makes a schema of "name type" pairs; a name that ends in ! is not nullable.
func fields(pairs ...any) *schema.Struct {
	s := &schema.Struct{}
	for i := 0; i < len(pairs); i += 2 {
		name := pairs[i].(string)
		typ := pairs[i+1].(schema.DataType)
		s.Fields = append(s.Fields, schema.Field{Name: strings.TrimSuffix(name, "!"), Type: typ, Nullable: !strings.HasSuffix(name, "!")})
	}
	return s
}

// arrowOf returns s as an Arrow schema whose fields are all nullable, at the top
// and below: what is in the batch is for the writer to judge.
func arrowOf(s *schema.Struct) *arrow.Schema {
	var loose func(t schema.DataType) schema.DataType
	loose = func(t schema.DataType) schema.DataType {
		switch t := t.(type) {
		case *schema.Struct:
			out := &schema.Struct{}
			for _, f := range t.Fields {
				out.Fields = append(out.Fields, schema.Field{Name: f.Name, Type: loose(f.Type), Nullable: true})
			}
			return out
		case *schema.Array:
			return &schema.Array{Element: loose(t.Element), ContainsNull: true}
		case *schema.Map:
			return &schema.Map{Key: loose(t.Key), Value: loose(t.Value), ValueContainsNull: true}
		}
		return t
	}
	return arrowvec.Schema(loose(s).(*schema.Struct))
}

// batch makes a record batch of rows in JSON.
func batch(t testing.TB, s *arrow.Schema, rows ...string) arrow.RecordBatch {
	t.Helper()
	rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, s, strings.NewReader("["+strings.Join(rows, ",")+"]"))
	require.NoError(t, err)
	return rec
}

// env is an Env with a clock that stands still and ids in a row.
func env() *txlog.Env {
	var n atomic.Int64
	return &txlog.Env{
		Now:   func() time.Time { return time.UnixMilli(1_770_000_000_000) },
		NewID: func() string { return fmt.Sprintf("id-%04d", n.Add(1)) },
	}
}

func config(st logstore.Store, s *schema.Struct, by ...string) *writer.Config {
	return &writer.Config{Store: st, Schema: s, PartitionColumns: by, Env: env(), Parallel: 2}
}

// write writes batches and closes; after an error it aborts.
func write(t testing.TB, c *writer.Config, recs ...arrow.RecordBatch) (*writer.Output, error) {
	t.Helper()
	w, err := writer.New(c)
	require.NoError(t, err)
	for _, rec := range recs {
		if err = w.Write(t.Context(), rec); err != nil {
			break
		}
	}
	var out *writer.Output
	if err == nil {
		out, err = w.Close(t.Context())
	}
	if err != nil {
		require.NoError(t, w.Abort(context.Background()))
	}
	return out, err
}

func mustWrite(t testing.TB, c *writer.Config, recs ...arrow.RecordBatch) *writer.Output {
	t.Helper()
	out, err := write(t, c, recs...)
	require.NoError(t, err)
	return out
}

type object []byte

func (o object) Size() int64 { return int64(len(o)) }

func (o object) ReadRange(_ context.Context, off, n int64) ([]byte, error) {
	return o[off : off+n], nil
}

func open(t testing.TB, st logstore.Store, f *writer.DataFile) *pqread.File {
	t.Helper()
	name, err := schema.DecodePath(f.Path)
	require.NoError(t, err)
	data, err := st.Read(context.Background(), name, 0)
	require.NoError(t, err)
	require.Len(t, data, int(f.Size), f.Path)
	p, err := pqread.Open(context.Background(), object(data), nil)
	require.NoError(t, err)
	require.Equal(t, f.Rows, p.Rows(), f.Path)
	return p
}

// rowsOf reads a file: its rows as text, columns of s in order.
func rowsOf(t testing.TB, st logstore.Store, f *writer.DataFile, s *schema.Struct) (rows []string) {
	t.Helper()
	p, err := open(t, st, f).Project(s, pqread.ByName)
	require.NoError(t, err)
	for b, err := range p.Batches(context.Background(), nil) {
		require.NoError(t, err)
		from := len(rows)
		rows = append(rows, make([]string, b.Rows)...)
		for k, v := range b.Columns {
			a, err := arrowvec.ToArray(v, arrowvec.Type(s.Fields[k].Type))
			require.NoError(t, err)
			for i := range b.Rows {
				if k > 0 {
					rows[from+i] += " | "
				}
				rows[from+i] += a.ValueStr(i)
			}
		}
	}
	return rows
}

// allRows reads every file, in order.
func allRows(t testing.TB, st logstore.Store, out *writer.Output, s *schema.Struct) (rows []string) {
	t.Helper()
	for i := range out.Files {
		rows = append(rows, rowsOf(t, st, &out.Files[i], s)...)
	}
	return rows
}

func raw(p *string) string {
	if p == nil {
		return "null"
	}
	return *p
}

func statsOf(out *writer.Output) (all []string) {
	for _, f := range out.Files {
		all = append(all, f.Stats)
	}
	return all
}

func published(st *memstore.Store) []string { return slices.Clone(st.Names()) }
