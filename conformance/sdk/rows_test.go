package sdk

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/txlog/schema"
)

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 3)) }

func mustURL(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		panic(err)
	}
	return u
}

// A row of the table.
type row struct {
	ID   int64  `delta:"id"`
	Part string `delta:"part"`
	Note string `delta:"note"`
}

func (r row) String() string { return fmt.Sprintf("%s/%d/%.20s", r.Part, r.ID, r.Note) }

var rowSchema = &schema.Struct{Fields: []schema.Field{
	{Name: "id", Type: schema.Long, Nullable: true},
	{Name: "part", Type: schema.String, Nullable: true},
	{Name: "note", Type: schema.String, Nullable: true},
}}

func rowsOf(rows ...row) delta.Source {
	src, err := delta.Slice(rows)
	if err != nil {
		panic(err)
	}
	return src
}

// failingRows is a source that yields a batch and then an error.
func failingRows(err error) delta.Source {
	good := rowsOf(row{ID: 1, Part: "a"}, row{ID: 2, Part: "b"})
	return delta.Batches(good.Schema(), func(yield func(arrow.RecordBatch, error) bool) {
		for b, e := range good.Batches(context.Background()) {
			if !yield(b, e) {
				return
			}
		}
		yield(nil, err)
	})
}

// tableOptions are those of a handle whose store is given.
func tableOptions(s logstore.Store, seed uint64) delta.Options {
	return delta.Options{Store: s, Env: env(seed), SkipProbe: true}
}

// A handleSet is a table of a world, and who looks at it.
type handleSet struct {
	w *world
}

// newTable makes the table, partitioned by part.
func newTable(t *testing.T, w *world, process string) handleSet {
	t.Helper()
	require.NoError(t, createTable(t.Context(), w, process))
	return handleSet{w}
}

func createTable(ctx context.Context, w *world, process string) error {
	s, err := w.open(ctx, process, clientOptions{})
	if err != nil {
		return err
	}
	defer s.Close()
	tbl, err := delta.Create(ctx, rootOf(w.cloud), rowSchema, &delta.CreateOptions{
		Options: tableOptions(s, 0), PartitionBy: []string{"part"},
		Properties: map[string]string{"delta.checkpointInterval": "4"},
	})
	if err != nil {
		return err
	}
	return tbl.Close()
}

// as opens the table as a process of its own.
func (h handleSet) as(t *testing.T, process string) *delta.Table {
	t.Helper()
	s, err := h.w.open(t.Context(), process, clientOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	o := tableOptions(s, 1)
	tbl, err := delta.Open(t.Context(), rootOf(h.w.cloud), &o)
	require.NoError(t, err)
	return tbl
}

// clear removes every object.
func (w *world) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bucket, w.seen, w.late = newBucket(), nil, nil
}

// dataObjects names the objects outside the log.
func (w *world) dataObjects() (names []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for k := range w.bucket.objects {
		if !strings.Contains(k, "/_delta_log/") {
			names = append(names, k)
		}
	}
	slices.Sort(names)
	return names
}

// copyOf returns the objects of the table as a store without a network.
func (w *world) copyOf() *memstore.Store {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := memstore.New(nil)
	for k, o := range w.bucket.objects {
		if err := m.Put(context.Background(), strings.TrimPrefix(k, "t/"), o.data, logstore.IfAbsent); err != nil {
			panic(err)
		}
	}
	return m
}

// truth opens the table as it is on the server.
func (h handleSet) truth(t *testing.T) *delta.Table {
	t.Helper()
	o := tableOptions(h.w.copyOf(), 2)
	tbl, err := delta.Open(t.Context(), "mem://", &o)
	require.NoError(t, err)
	return tbl
}

func (h handleSet) newest(t *testing.T) delta.Version {
	t.Helper()
	s, err := h.truth(t).Snapshot(t.Context(), delta.At{})
	require.NoError(t, err)
	return s.Version()
}

func (h handleSet) rows(t *testing.T, v delta.Version) []string {
	t.Helper()
	rows, err := rowsAt(t.Context(), h.truth(t), delta.AtVersion(v))
	require.NoError(t, err)
	return rows.rows
}

// A reading is the rows of one version.
type reading struct {
	version delta.Version
	rows    []string // sorted
}

// rowsAt scans a version of a table.
func rowsAt(ctx context.Context, tbl *delta.Table, at delta.At) (r reading, err error) {
	snap, err := tbl.Snapshot(ctx, at)
	if err != nil {
		return r, err
	}
	r.version = snap.Version()
	scan, err := reader.New(snap, &reader.Options{Parallel: 1})
	if err != nil {
		return r, err
	}
	r.rows, err = textOf(scan.Batches(ctx))
	return r, err
}

func textOf(seq iter.Seq2[arrow.RecordBatch, error]) (rows []string, err error) {
	for b, err := range seq {
		if err != nil {
			return nil, err
		}
		id, part, note := b.Column(0).(*array.Int64), b.Column(1).(*array.String), b.Column(2).(*array.String)
		for i := range int(b.NumRows()) {
			rows = append(rows, row{id.Value(i), part.Value(i), note.Value(i)}.String())
		}
	}
	slices.Sort(rows)
	return rows, nil
}
