package reader_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/dv"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/txlog/schema"
)

// amend commits version 2 by hand: the table's one file as edit changes its add
// action, with the features of deletion vectors.
func amend(t *testing.T, st *memstore.Store, edit func(add map[string]any)) {
	t.Helper()
	commit, err := st.Read(t.Context(), "_delta_log/00000000000000000001.json", 1<<20)
	require.NoError(t, err)
	out := `{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["deletionVectors"],"writerFeatures":["deletionVectors"]}}` + "\n"
	for line := range bytes.Lines(commit) {
		var a map[string]map[string]any
		require.NoError(t, json.Unmarshal(line, &a))
		if a["add"] == nil {
			continue
		}
		out += text(t, map[string]any{"remove": map[string]any{"path": a["add"]["path"], "dataChange": true}}) + "\n"
		edit(a["add"])
		out += text(t, a) + "\n"
	}
	require.NoError(t, st.Put(t.Context(), "_delta_log/00000000000000000002.json", []byte(out), logstore.IfAbsent))
}

func inline(deleted *dv.Bitmap) map[string]any {
	d := dv.NewInline(deleted)
	return map[string]any{"storageType": d.StorageType, "pathOrInlineDv": d.PathOrInlineDV, "sizeInBytes": d.SizeInBytes, "cardinality": d.Cardinality}
}

// TestDeletedRowsStayDeleted deletes rows of a file that is read page by page and
// late, next to rows that are wanted.
func TestDeletedRowsStayDeleted(t *testing.T) {
	t.Parallel()
	const n = 120_000
	st := newTable(t, rows("a", 0, n))
	dead := &dv.Bitmap{}
	for i := int64(0); i < n; i += 3 {
		dead.Add(i)
	}
	dead.AddRange(50_000, 60_000)
	amend(t, st, func(add map[string]any) { add["deletionVector"] = inline(dead) })
	snap := load(t, st)
	for sql, want := range map[string]func(i int64) bool{
		"id >= 0":                      func(int64) bool { return true },
		"id >= 49990 AND id < 60010":   func(i int64) bool { return i >= 49990 && i < 60010 },
		"k >= 100 AND k < 104":         func(i int64) bool { return i%7 != 0 && i%1000 >= 100 && i%1000 < 104 },
		"id = 55555":                   func(int64) bool { return false },
		"text LIKE '1000%' AND id > 0": func(i int64) bool { return strings.HasPrefix(text(t, i), "1000") },
	} {
		var live []int64
		for i := range int64(n) {
			if want(i) && !dead.Contains(i) {
				live = append(live, i)
			}
		}
		s := scan(t, snap, &reader.Options{Where: where(t, sql)})
		got, err := ids(t.Context(), s)
		require.NoError(t, err)
		require.Equal(t, live, got, sql)
		count, err := s.Count(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, len(live), count, sql)
	}
	count, known, err := scan(t, snap, nil).KnownCount(t.Context())
	require.NoError(t, err)
	require.True(t, known)
	require.Equal(t, n-dead.Cardinality(), count)
}

// TestRowCountOfTheLogIsWrong: without a deletion vector the file decides, and the
// log gets a warning; with one, its positions may be those of another file.
func TestRowCountOfTheLogIsWrong(t *testing.T) {
	t.Parallel()
	for _, with := range []bool{false, true} {
		st := newTable(t, rows("a", 0, 100))
		amend(t, st, func(add map[string]any) {
			add["stats"] = `{"numRecords":101}`
			if with {
				add["deletionVector"] = inline(dv.Of(5))
			}
		})
		var log bytes.Buffer
		env := &txlog.Env{Logger: slog.New(slog.NewTextHandler(&log, nil))}
		got, err := ids(t.Context(), scan(t, load(t, st), &reader.Options{Env: env}))
		if with {
			require.ErrorContains(t, err, "the file has 100 rows, its statistics say 101, so that its deletion vector cannot be applied")
			continue
		}
		require.NoError(t, err)
		require.Len(t, got, 100)
		require.Contains(t, log.String(), "the file has 100 rows, its statistics say 101")
	}
}

func TestWhatTheLogSaysOfFilesIsChecked(t *testing.T) {
	t.Parallel()
	for message, edit := range map[string]func(add map[string]any){
		"the log says that it has":                           func(add map[string]any) { add["size"] = add["size"].(float64) + 100_000 },
		"not below the table's root":                         func(add map[string]any) { add["path"] = "s3://elsewhere/part-0.parquet" },
		"inside the table":                                   func(add map[string]any) { add["path"] = "%2e%2e/secret.parquet" },
		"deleted by hand, or vacuumed":                       func(add map[string]any) { add["path"] = "gone.parquet" },
		"row 500 is deleted, but the data file has 100 rows": func(add map[string]any) { d := inline(dv.Of(500)); add["deletionVector"] = d },
		"deletion_vector_61d16c75-6994-46b7-a15b-8b53": func(add map[string]any) {
			add["deletionVector"] = map[string]any{"storageType": "u", "pathOrInlineDv": "vBn[lx{q8@P<9BNH/isA", "offset": 1, "sizeInBytes": 36, "cardinality": 2}
		},
	} {
		st := newTable(t, rows("a", 0, 100))
		amend(t, st, edit)
		_, err := ids(t.Context(), scan(t, load(t, st), nil))
		require.ErrorContains(t, err, message)
		require.ErrorContains(t, err, "reader: mem:")
	}
}

// TestStatisticsThatCannotBeReadCostNoRows: they are broken, or nonsense.
func TestStatisticsThatCannotBeReadCostNoRows(t *testing.T) {
	t.Parallel()
	for _, stats := range []string{"", "{", `{"numRecords":100,"nullCount":{"id":1000}}`, `{"numRecords":100,"minValues":{"id":"x"},"maxValues":{"id":[]}}`, `{"minValues":{"id":9},"maxValues":{"id":1}}`} {
		st := newTable(t, rows("a", 0, 100))
		amend(t, st, func(add map[string]any) { add["stats"] = stats })
		s := scan(t, load(t, st), &reader.Options{Where: where(t, "id = 42")})
		got, err := ids(t.Context(), s)
		require.NoError(t, err)
		require.Equal(t, []int64{42}, got, stats)
	}
}

// TestLongPartitionValuesMakeSmallBatches: each row has the value.
func TestLongPartitionValuesMakeSmallBatches(t *testing.T) {
	t.Parallel()
	st := newTable(t, rows("a", 0, 3000))
	long := strings.Repeat("x", 64<<10)
	amend(t, st, func(add map[string]any) { add["partitionValues"] = map[string]any{"day": long} })
	const memory = 32 << 20
	n := int64(0)
	for rec, err := range scan(t, load(t, st), &reader.Options{MaxMemory: memory}).Batches(t.Context()) {
		require.NoError(t, err)
		require.LessOrEqual(t, rec.NumRows()*int64(len(long)), int64(memory/8))
		n += rec.NumRows()
	}
	require.EqualValues(t, 3000, n)
}

// TestZoneOfPartitionTimestamps: values without a zone are of the one that the
// options name, in the rows as in predicates.
func TestZoneOfPartitionTimestamps(t *testing.T) {
	t.Parallel()
	st := memstore.New(nil)
	tbl, err := delta.Create(t.Context(), "mem://", &schema.Struct{Fields: []schema.Field{
		{Name: "at", Type: schema.Timestamp, Nullable: true}, {Name: "id", Type: schema.Long, Nullable: true},
	}}, &delta.CreateOptions{Options: delta.Options{Store: st}, PartitionBy: []string{"at"}})
	require.NoError(t, err)
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Name: "at", Type: arrow.FixedWidthTypes.Timestamp_us, Nullable: true}, {Name: "id", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	}, nil))
	b.Field(0).(*array.TimestampBuilder).Append(0)
	b.Field(1).(*array.Int64Builder).Append(1)
	_, err = tbl.Append(t.Context(), delta.Records(b.NewRecordBatch()), nil)
	require.NoError(t, err)
	amend(t, st, func(add map[string]any) { add["partitionValues"] = map[string]any{"at": "2024-01-01 12:00:00"} })
	for zone, want := range map[*time.Location]string{
		nil:                             "2024-01-01T12:00:00.000000",
		time.FixedZone("east", 2*60*60): "2024-01-01T10:00:00.000000",
	} {
		o := &reader.Options{PartitionZone: zone, Where: where(t, "at = TIMESTAMP '"+strings.TrimSuffix(want, ".000000")+"Z'")}
		got, err := read(t, load(t, st), o)
		require.NoError(t, err)
		require.Equal(t, []string{`["` + want + `",1]`}, lines(t, got))
	}
}
