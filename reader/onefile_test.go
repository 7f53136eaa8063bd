package reader_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/internal/dv"
	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/internal/pqwrite"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/txlog/schema"
	"github.com/deltalog/deltalog/writer"
)

// A fileModel is a file of one table, and what each of its rows is, so that what a
// scan must give can be told row by row.
type fileModel struct {
	store *memstore.Store
	add   *txlog.AddFile
	rows  int64
	dead  *dv.Bitmap // nil: none
	names bool       // the table names the materialised columns
	k     []int64    // -1: null
	ids   []int64    // materialised; -1: null or none
	since []int64    // likewise, of commit versions
}

const (
	hiddenID      = "_row-id-col-1"
	hiddenVersion = "_row-commit-version-col-1"
)

// newFileModel makes a table of one file with the columns id (twice the position),
// k (random), text (of id) and p (the partition, a).
func newFileModel(t testing.TB, r *rand.Rand, rows int64) *fileModel {
	t.Helper()
	m := &fileModel{store: memstore.New(nil), rows: rows, names: r.IntN(4) > 0}
	mode := []schema.MappingMode{schema.MappingNone, schema.MappingName, schema.MappingID}[r.IntN(3)]
	table := &schema.Struct{Fields: []schema.Field{
		{Name: "id", Type: schema.Long, Nullable: true},
		{Name: "k", Type: schema.Integer, Nullable: true},
		{Name: "text", Type: schema.String, Nullable: true},
		{Name: "p", Type: schema.String, Nullable: true},
	}}
	props := map[string]string{"delta.enableRowTracking": "true"}
	if mode != schema.MappingNone {
		table, _ = schema.AssignMapping(table, 0, func(f *schema.Field) string { return "col-" + f.Name })
		props["delta.columnMapping.mode"] = map[schema.MappingMode]string{schema.MappingName: "name", schema.MappingID: "id"}[mode]
		props["delta.columnMapping.maxColumnId"] = "4"
	}
	if m.names {
		props["delta.rowTracking.materializedRowIdColumnName"] = hiddenID
		props["delta.rowTracking.materializedRowCommitVersionColumnName"] = hiddenVersion
	}
	m.write(t, r, schema.Physical(table, mode))
	m.describe(t, r, table.Fields[3].PhysicalName(mode))
	m.commit(t, table, props)
	return m
}

// write writes the data file, in many row groups and pages.
func (m *fileModel) write(t testing.TB, r *rand.Rand, physical *schema.Struct) {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "k", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
		{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: hiddenID, Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: hiddenVersion, Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	}, nil))
	hidden, nulls := r.IntN(3), r.IntN(3) // columns of the file; how many of three values are null
	maybe := func(col int, out *[]int64) {
		if hidden <= col || r.IntN(3) < nulls {
			b.Field(3 + col).AppendNull()
			*out = append(*out, -1)
			return
		}
		n := r.Int64N(1 << 40)
		b.Field(3 + col).(*array.Int64Builder).Append(n)
		*out = append(*out, n)
	}
	for i := range m.rows {
		b.Field(0).(*array.Int64Builder).Append(2 * i)
		k := r.Int64N(100) - 1
		if m.k = append(m.k, k); k < 0 {
			b.Field(1).AppendNull()
		} else {
			b.Field(1).(*array.Int32Builder).Append(int32(k))
		}
		b.Field(2).(*array.StringBuilder).Append(fmt.Sprint(2 * i))
		maybe(0, &m.ids)
		maybe(1, &m.since)
	}
	rec := b.NewRecordBatch()
	data := &schema.Struct{Fields: slices.Clone(physical.Fields[:3])}
	for i := range hidden {
		data.Fields = append(data.Fields, schema.Field{Name: []string{hiddenID, hiddenVersion}[i], Type: schema.Long, Nullable: true})
	}
	cols := make([]*vec.Vec, len(data.Fields))
	for i := range cols {
		var err error
		cols[i], err = arrowvec.FromArray(rec.Column(i))
		require.NoError(t, err)
	}
	var buf bytes.Buffer
	_, ids := physical.Fields[0].Metadata["delta.columnMapping.id"]
	w, err := pqwrite.NewWriter(&buf, data, &pqwrite.Options{
		PageRows: 1 + r.IntN(3000), RowGroupRows: int(max(m.rows/int64(1+r.IntN(4)), 1)), FieldIDs: ids, Extra: hidden, Parallel: 1,
	})
	require.NoError(t, err)
	require.NoError(t, w.Write(t.Context(), cols, int(m.rows)))
	_, err = w.Close(t.Context())
	require.NoError(t, err)
	require.NoError(t, m.store.Put(t.Context(), "f.parquet", buf.Bytes(), logstore.IfAbsent))
	m.add = &txlog.AddFile{Path: "f.parquet", Size: int64(buf.Len()), DataChange: true}
}

// describe chooses what the log says of the file.
func (m *fileModel) describe(t testing.TB, r *rand.Rand, part string) {
	a := "a"
	m.add.PartitionValues = map[string]*string{part: &a}
	if r.IntN(4) > 0 {
		base, version := r.Int64N(1<<40), r.Int64N(1000)
		m.add.BaseRowID, m.add.DefaultRowCommitVersion = &base, &version
	}
	if r.IntN(3) > 0 {
		m.add.Stats = fmt.Sprintf(`{"numRecords":%d}`, m.rows)
	}
	if r.IntN(3) == 0 || m.rows == 0 {
		return
	}
	m.dead = randomSet(r, m.rows)
	w := writer.NewDVWriter(m.store, nil, nil)
	var err error
	m.add.DeletionVector, err = w.Add(m.dead)
	require.NoError(t, err)
	require.NoError(t, w.Close(t.Context()))
	if r.IntN(3) == 0 {
		in := dv.NewInline(m.dead)
		if in.SizeInBytes < 1000 {
			m.add.DeletionVector = &txlog.DVDescriptor{
				StorageType: in.StorageType, PathOrInlineDV: in.PathOrInlineDV, SizeInBytes: in.SizeInBytes, Cardinality: in.Cardinality,
			}
		}
	}
}

func (m *fileModel) commit(t testing.TB, table *schema.Struct, props map[string]string) {
	features := []string{"deletionVectors", "columnMapping"}
	line := func(kind string, v any) string {
		b, err := json.Marshal(map[string]any{kind: v})
		require.NoError(t, err)
		return string(b) + "\n"
	}
	a := m.add
	add := map[string]any{
		"path": a.Path, "partitionValues": a.PartitionValues, "size": a.Size, "modificationTime": 0, "dataChange": true,
	}
	if a.Stats != "" {
		add["stats"] = a.Stats
	}
	if a.BaseRowID != nil {
		add["baseRowId"], add["defaultRowCommitVersion"] = a.BaseRowID, a.DefaultRowCommitVersion
	}
	if d := a.DeletionVector; d != nil {
		v := map[string]any{"storageType": d.StorageType, "pathOrInlineDv": d.PathOrInlineDV, "sizeInBytes": d.SizeInBytes, "cardinality": d.Cardinality}
		if d.Offset != nil {
			v["offset"] = d.Offset
		}
		add["deletionVector"] = v
	}
	log := line("protocol", map[string]any{
		"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features,
		"writerFeatures": append(features, "rowTracking", "domainMetadata"),
	}) + line("metaData", map[string]any{
		"id": "t", "format": map[string]any{"provider": "parquet", "options": map[string]string{}},
		"schemaString": table.JSON(), "partitionColumns": []string{"p"}, "configuration": props,
	}) + line("add", add)
	require.NoError(t, m.store.Put(t.Context(), "_delta_log/00000000000000000000.json", []byte(log), logstore.IfAbsent))
}

// randomSet is a few, many or all of n rows, alone or in runs.
func randomSet(r *rand.Rand, n int64) *dv.Bitmap {
	b := &dv.Bitmap{}
	switch r.IntN(5) {
	case 0:
		b.AddRange(0, n)
	case 1:
		for range 1 + r.IntN(20) {
			b.Add(r.Int64N(n))
		}
	case 2:
		for i := range n {
			if r.IntN(3) == 0 {
				b.Add(i)
			}
		}
	default:
		for at := r.Int64N(50); at < n; at += 1 + r.Int64N(max(n/10, 5)) {
			end := min(at+1+r.Int64N(max(n/20, 5)), n)
			b.AddRange(at, end)
			at = end
		}
		b.Add(r.Int64N(n))
	}
	return b
}

func listOf(b *dv.Bitmap, n int64) []int64 { return slices.AppendSeq([]int64{}, b.Rows(0, n)) }

// A row is what a scan gives of one.
type row struct{ at, id, rowID, version int64 } // -1: null

// want tells which rows a scan must give.
func (m *fileModel) want(o *reader.FileOptions, where func(pos int64) bool) []row {
	out := []row{}
	for pos := range m.rows {
		switch {
		case m.dead != nil && m.dead.Contains(pos), o.Except != nil && o.Except.Contains(pos), !where(pos):
			continue
		case o.Rows != nil:
			if _, found := slices.BinarySearch(o.Rows, pos); !found {
				continue
			}
		}
		x := row{at: pos, id: 2 * pos, rowID: -1, version: -1}
		if m.add.BaseRowID != nil {
			x.rowID, x.version = *m.add.BaseRowID+pos, *m.add.DefaultRowCommitVersion
		}
		if m.names && m.ids[pos] >= 0 {
			x.rowID = m.ids[pos]
		}
		if m.names && m.since[pos] >= 0 {
			x.version = m.since[pos]
		}
		out = append(out, x)
	}
	return out
}

func longs(rec arrow.RecordBatch, name string) []int64 {
	out := make([]int64, rec.NumRows())
	at := rec.Schema().FieldIndices(name)
	var a arrow.Array
	ok := false
	if len(at) == 1 {
		a, ok = rec.Column(at[0]), true
	}
	for i := range out {
		if out[i] = -1; ok && a.IsValid(i) {
			out[i] = a.(*array.Int64).Value(i)
		}
	}
	return out
}

func rowsOf(rec arrow.RecordBatch, at []int64) (out []row) {
	id, rowID, version := longs(rec, "id"), longs(rec, reader.RowIDColumn), longs(rec, reader.RowCommitVersionColumn)
	for i := range id {
		x := row{id: id[i], rowID: rowID[i], version: version[i]}
		if at != nil {
			x.at = at[i]
		}
		out = append(out, x)
	}
	return out
}

// TestReadFileGivesTheRowsThatANaiveReaderGives combines, on random files, what can
// leave rows out: deletion vectors, conditions, positions and exceptions.
func TestReadFileGivesTheRowsThatANaiveReaderGives(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 7))
		rows := []int64{0, 1, 40, 300, 3000, 3000, 9000, 80_000}[r.IntN(8)] // of 80,000, pages are pruned
		m := newFileModel(t, r, rows)
		snap := load(t, m.store)
		for range 6 {
			readAgain(t, r, m, snap, fmt.Sprintf("seed %d, %d rows", seed, rows))
		}
	}
}

func readAgain(t *testing.T, r *rand.Rand, m *fileModel, snap *txlog.Snapshot, label string) {
	lo := r.Int64N(2*m.rows + 2)
	hi := lo + r.Int64N(m.rows+1)
	conditions := []struct {
		sql  string
		want func(pos int64) bool
	}{
		{"", func(int64) bool { return true }},
		{"k = 5", func(pos int64) bool { return m.k[pos] == 5 }},
		{"k IS NULL OR k > 90", func(pos int64) bool { return m.k[pos] < 0 || m.k[pos] > 90 }},
		{fmt.Sprintf("id >= %d AND id < %d", lo, hi), func(pos int64) bool { return 2*pos >= lo && 2*pos < hi }},
		{"p = 'a' AND k < 50", func(pos int64) bool { return m.k[pos] >= 0 && m.k[pos] < 50 }},
		{"p = 'b'", func(int64) bool { return false }},
		{"text LIKE '1%'", func(pos int64) bool { return strings.HasPrefix(fmt.Sprint(2*pos), "1") }},
	}
	c := conditions[r.IntN(len(conditions))]
	o := &reader.Options{BatchRows: []int{1 << 16, 1 + r.IntN(5000)}[r.IntN(2)], Parallel: 1 + r.IntN(2), RowIDs: r.IntN(2) == 0}
	if c.sql != "" {
		o.Where = where(t, c.sql)
	}
	if r.IntN(3) > 0 {
		o.Columns = [][]string{{}, {"id"}, {"p", "id"}, {"text", "id", "k"}}[r.IntN(4)]
	}
	f := &reader.FileOptions{RowIDs: r.IntN(2) == 0}
	if m.rows > 0 && r.IntN(2) == 0 {
		f.Rows = listOf(randomSet(r, m.rows), m.rows)
	} else if r.IntN(10) == 0 {
		f.Rows = []int64{}
	}
	if m.rows > 0 && r.IntN(2) == 0 {
		f.Except = randomSet(r, m.rows)
	}
	label = fmt.Sprintf("%s, where %q, columns %v, %d wanted, except %v, dead %v", label, c.sql, o.Columns, len(f.Rows), f.Except != nil, m.dead != nil)
	s := scan(t, snap, o)
	hasID := o.Columns == nil || slices.Contains(o.Columns, "id")
	shown := func(rows []row, at, ids bool) []row {
		for i := range rows {
			if !hasID {
				rows[i].id = -1
			}
			if !at {
				rows[i].at = 0
			}
			if !ids {
				rows[i].rowID, rows[i].version = -1, -1
			}
		}
		return rows
	}
	before := (&dv.Bitmap{}).Clone()
	if f.Except != nil {
		before = f.Except.Clone()
	}
	got := []row{}
	for b, err := range s.ReadFile(t.Context(), m.add, f) {
		require.NoError(t, err, label)
		require.EqualValues(t, b.NumRows(), len(b.Positions), label)
		require.Positive(t, b.NumRows(), label)
		require.LessOrEqual(t, b.NumRows(), int64(o.BatchRows), label)
		got = append(got, rowsOf(b, b.Positions)...)
	}
	require.Equal(t, shown(m.want(f, c.want), true, f.RowIDs || o.RowIDs), got, label)
	if f.Except != nil {
		require.True(t, before.Equal(f.Except), label)
	}
	// The ordinary scan, of the same table.
	got = []row{}
	for rec, err := range s.Batches(t.Context()) {
		require.NoError(t, err, label)
		require.True(t, rec.Schema().Equal(s.Schema()), label)
		got = append(got, rowsOf(rec, nil)...)
	}
	require.Equal(t, shown(m.want(&reader.FileOptions{}, c.want), false, o.RowIDs), got, label)
	n, err := s.Count(t.Context())
	require.NoError(t, err, label)
	require.EqualValues(t, len(got), n, label)

	deleted, err := s.Deleted(t.Context(), m.add)
	require.NoError(t, err, label)
	require.Equal(t, m.dead != nil, deleted != nil, label)
	require.True(t, deleted == nil || deleted.Equal(m.dead), label)
	rows, err := s.Rows(t.Context(), m.add)
	require.NoError(t, err, label)
	require.Equal(t, m.rows, rows, label)
	require.True(t, s.MayMatch(m.add) || len(got) == 0, label)
	if s.AllMatch(m.add) {
		require.Len(t, got, len(m.want(&reader.FileOptions{}, func(int64) bool { return true })), label)
	}
}

// TestPositionsSkipPages: rows far apart cost few bytes of a large file.
func TestPositionsSkipPages(t *testing.T) {
	t.Parallel()
	const n = 200_000
	snap := load(t, newTable(t, rows("a", 0, n)))
	o := &reader.Options{Columns: []string{"id", "text"}}
	all := scan(t, snap, o)
	add := onlyFile(t, all)
	for _, err := range all.ReadFile(t.Context(), add, nil) {
		require.NoError(t, err)
	}
	some := scan(t, snap, o)
	got := []int64{}
	for b, err := range some.ReadFile(t.Context(), add, &reader.FileOptions{Rows: []int64{5, 6, 150_000}}) {
		require.NoError(t, err)
		got = append(got, b.Positions...)
		require.Equal(t, b.Positions, longs(b, "id"))
	}
	require.Equal(t, []int64{5, 6, 150_000}, got)
	require.Less(t, some.Metrics().Bytes, all.Metrics().Bytes/2)
	require.EqualValues(t, 3, some.Metrics().RowsRead)
}

func onlyFile(t testing.TB, s *reader.Scan) *txlog.AddFile {
	t.Helper()
	var add *txlog.AddFile
	for a, err := range s.Files(context.Background()) {
		require.NoError(t, err)
		require.Nil(t, add)
		add = a
	}
	require.NotNil(t, add)
	return add
}

func drain(ctx context.Context, s *reader.Scan, add *txlog.AddFile, o *reader.FileOptions) error {
	for _, err := range s.ReadFile(ctx, add, o) {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestReadFileRefusesPositionsThatAreNone(t *testing.T) {
	t.Parallel()
	s := scan(t, load(t, newTable(t, rows("a", 0, 10))), nil)
	add := onlyFile(t, s)
	for want, rows := range map[string][]int64{
		"position 3 as number 1":           {3, 3},
		"position 2 as number 1":           {3, 2},
		"position -1 as number 0":          {-1},
		"row 10 is wanted of a file of 10": {9, 10},
	} {
		err := drain(t.Context(), s, add, &reader.FileOptions{Rows: rows})
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, add.Path)
	}
}

func TestRowIDsWithoutAPlace(t *testing.T) {
	t.Parallel()
	m := newFileModel(t, rand.New(rand.NewPCG(3, 3)), 10)
	s := scan(t, load(t, m.store), nil)
	for _, base := range []int64{-1, 1<<63 - 5} {
		add, version := *m.add, int64(1)
		add.BaseRowID, add.DefaultRowCommitVersion = &base, &version
		err := drain(t.Context(), s, &add, &reader.FileOptions{RowIDs: true})
		require.ErrorContains(t, err, "is out of range")
		require.ErrorContains(t, err, "f.parquet")
	}

	// A column of the table has the name.
	st := memstore.New(nil)
	table := &schema.Struct{Fields: []schema.Field{{Name: "_ROW_ID", Type: schema.Long, Nullable: true}}}
	taken := &fileModel{store: st, add: &txlog.AddFile{Path: "f.parquet", PartitionValues: map[string]*string{}}}
	table.Fields = append(table.Fields, schema.Field{Name: "p", Type: schema.String, Nullable: true})
	taken.commit(t, table, map[string]string{})
	_, err := reader.New(load(t, st), &reader.Options{RowIDs: true})
	require.ErrorContains(t, err, "a column _ROW_ID of its own")
	s = scan(t, load(t, st), nil)
	require.ErrorContains(t, drain(t.Context(), s, taken.add, &reader.FileOptions{RowIDs: true}), "a column _ROW_ID of its own")
}

// TestConditionsMayCallTheTableByName resolves t.id to the column id.
func TestConditionsMayCallTheTableByName(t *testing.T) {
	t.Parallel()
	snap := load(t, newTable(t, rows("a", 0, 100)))
	for _, sql := range []string{"t.id < 5", "T.id < 5 AND id >= 0", "target.ID < 5 AND t.day = 'a'"} {
		s := scan(t, snap, &reader.Options{Where: where(t, sql), Names: []string{"t", "target"}, Columns: []string{"id"}})
		got, err := ids(t.Context(), s)
		require.NoError(t, err)
		require.Equal(t, []int64{0, 1, 2, 3, 4}, got, sql)
		require.True(t, s.MayMatch(onlyFile(t, s)))
		_, err = reader.New(snap, &reader.Options{Where: where(t, sql)})
		require.Error(t, err, sql)
	}
}

// TestConditionsThatFailNameTheRow: of the file, not of a batch.
func TestConditionsThatFailNameTheRow(t *testing.T) {
	t.Parallel()
	var m *fileModel
	for seed := uint64(0); m == nil || m.dead == nil || m.dead.Contains(2000); seed++ {
		m = newFileModel(t, rand.New(rand.NewPCG(seed, 13)), 3000)
	}
	s := scan(t, load(t, m.store), &reader.Options{Where: where(t, "1 / (id - 4000) > 0"), BatchRows: 100})
	err := drain(t.Context(), s, m.add, nil)
	bad := (*expr.EvalError)(nil)
	require.ErrorAs(t, err, &bad)
	require.Equal(t, int64(2000), bad.Row)
	require.ErrorContains(t, err, "f.parquet")
	require.NoError(t, drain(t.Context(), s, m.add, &reader.FileOptions{Except: dv.Of(2000)}))
	_, err = ids(t.Context(), s)
	require.ErrorContains(t, err, "f.parquet")
}

// TestReadFileFailuresNameTheFile fails each call that reading a file makes.
func TestReadFileFailuresNameTheFile(t *testing.T) {
	t.Parallel()
	var m *fileModel
	for seed := uint64(0); m == nil || m.dead == nil || m.add.DeletionVector.StorageType == dv.StorageInline || m.add.Stats != ""; seed++ {
		m = newFileModel(t, rand.New(rand.NewPCG(seed, 9)), 9000)
	}
	calls := 0
	at := -1
	st := faultstore.New(m.store, func(c faultstore.Call) faultstore.Fault {
		calls++
		if calls-1 == at {
			return faultstore.Fail(logstore.ErrUnavailable)
		}
		return faultstore.Pass
	})
	s := scan(t, load(t, st), nil)
	for name, do := range map[string]func() error{
		"ReadFile": func() error { return drain(t.Context(), s, m.add, &reader.FileOptions{RowIDs: true}) },
		"Deleted":  func() error { _, err := s.Deleted(t.Context(), m.add); return err },
		"Rows":     func() error { _, err := s.Rows(t.Context(), m.add); return err },
		"MayContainAny": func() error {
			_, err := s.MayContainAny(t.Context(), m.add, []string{"id"}, []schema.Value{schema.LongValue(1)})
			return err
		},
	} {
		calls, at = 0, -1
		require.NoError(t, do(), name)
		need := calls
		require.Positive(t, need, name)
		for at = range need {
			calls = 0
			err := do()
			require.ErrorIs(t, err, logstore.ErrUnavailable, "%s, call %d", name, at)
			require.ErrorContains(t, err, "f.parquet", "%s, call %d", name, at)
		}
	}
	at = -1
	gone := *m.add
	gone.Path = "gone.parquet"
	require.ErrorContains(t, drain(t.Context(), s, &gone, nil), "the file is gone")
}

func TestReadFileEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := scan(t, load(t, newTable(t, rows("a", 0, 50_000))), &reader.Options{BatchRows: 1000})
	add := onlyFile(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	batches := 0
	var last error
	for _, err := range s.ReadFile(ctx, add, nil) {
		if last = err; err == nil {
			batches++
			cancel()
		}
	}
	require.ErrorIs(t, last, context.Canceled)
	require.ErrorContains(t, last, add.Path)
	require.Less(t, batches, 50)
	require.ErrorIs(t, drain(ctx, s, add, nil), context.Canceled)
	require.ErrorIs(t, drain(ctx, s, add, &reader.FileOptions{Rows: []int64{}}), context.Canceled)
}

// TestReadFileIsConcurrent shares a scan and a set of exceptions.
func TestReadFileIsConcurrent(t *testing.T) {
	t.Parallel()
	m := newFileModel(t, rand.New(rand.NewPCG(5, 5)), 9000)
	s := scan(t, load(t, m.store), &reader.Options{Where: where(t, "k > 50")})
	except := dv.Of(1, 2, 3, 4000)
	want := m.want(&reader.FileOptions{Except: except}, func(pos int64) bool { return m.k[pos] > 50 })
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			n := 0
			for b, err := range s.ReadFile(t.Context(), m.add, &reader.FileOptions{Except: except, RowIDs: i%2 == 0}) {
				if err != nil {
					errs[i] = err
					return
				}
				n += len(b.Positions)
				s.MayMatch(m.add)
			}
			if n != len(want) {
				errs[i] = fmt.Errorf("%d rows, want %d", n, len(want))
			}
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
}

// TestFilesMatchByWhatTheLogSays: where the log says that all rows match, they do.
func TestFilesMatchByWhatTheLogSays(t *testing.T) {
	t.Parallel()
	snap := load(t, newTable(t, rows("a", 0, 100)))
	add := onlyFile(t, scan(t, snap, nil))
	for sql, want := range map[string][2]bool{ // may, all
		"id >= 0":             {true, true},
		"id < 100":            {true, true},
		"id < 99":             {true, false},
		"id > 99":             {false, false},
		"day = 'a'":           {true, true},
		"day = 'b'":           {false, false},
		"day = 'a' AND id<50": {true, false},
		"day = 'b' OR id<100": {true, true},
		"k >= 0":              {true, false}, // some are null
		"k IS NULL":           {true, false},
		"text >= ''":          {true, false}, // bounds of texts are cut
	} {
		s := scan(t, snap, &reader.Options{Where: where(t, sql)})
		require.Equal(t, want, [2]bool{s.MayMatch(add), s.AllMatch(add)}, sql)
		loose := add.WithDV(add.DeletionVector, strings.Replace(add.Stats, "{", `{"tightBounds":false,`, 1))
		require.Equal(t, want[0], s.MayMatch(loose), sql)
		bare := *add
		bare.Stats = ""
		require.True(t, s.MayMatch(&bare) || strings.HasPrefix(sql, "day"), sql)
		require.False(t, s.AllMatch(&bare) && !strings.HasPrefix(sql, "day"), sql)
	}
	s := scan(t, snap, nil)
	require.True(t, s.MayMatch(add))
	require.True(t, s.AllMatch(add))
}
