package delta_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/txlog/schema"
)

// trackedRows returns, for each value of a column, "row id/version".
func trackedRows(t *testing.T, tbl *delta.Table, key string) map[int64]string {
	t.Helper()
	scan, err := tbl.Scan(t.Context(), &delta.ScanOptions{RowIDs: true})
	require.NoError(t, err)
	out := map[int64]string{}
	seen := map[int64]bool{}
	for rec, err := range scan.Batches(t.Context()) {
		require.NoError(t, err)
		col := func(name string) *array.Int64 { return rec.Column(rec.Schema().FieldIndices(name)[0]).(*array.Int64) }
		for i := range int(rec.NumRows()) {
			id := col(reader.RowIDColumn)
			require.False(t, id.IsNull(i))
			require.False(t, seen[id.Value(i)], "row id twice")
			seen[id.Value(i)] = true
			out[col(key).Value(i)] = fmt.Sprintf("%d/%s", id.Value(i), col(reader.RowCommitVersionColumn).ValueStr(i))
		}
	}
	return out
}

// Rows keep their ids, whether they stay, are copied or are updated.
func TestRowIDsOfMerges(t *testing.T) {
	for _, vectors := range []string{"false", "true"} {
		for _, feed := range []string{"false", "true"} {
			tbl, _ := table(t, cols("id", schema.Long, "n", schema.Long), &delta.CreateOptions{Properties: map[string]string{
				"delta.enableRowTracking": "true", "delta.enableDeletionVectors": vectors, "delta.enableChangeDataFeed": feed,
			}})
			s := cols("id", schema.Long, "n", schema.Long)
			var many []string
			for i := range 10 {
				many = append(many, fmt.Sprintf(`{"id":%d,"n":%d}`, i, i))
			}
			for _, half := range [][]string{many[:5], many[5:]} {
				_, err := tbl.Append(t.Context(), rows(t, s, half...), nil)
				require.NoError(t, err)
			}
			before := trackedRows(t, tbl, "id")
			res := upsert(t, tbl, rows(t, s, `{"id":2,"n":20}`, `{"id":3,"n":3}`, `{"id":7,"n":70}`, `{"id":99,"n":99}`), nil, "id")
			after := trackedRows(t, tbl, "id")
			for id, was := range before {
				if id == 2 || id == 7 {
					rid, _, _ := strings.Cut(was, "/")
					was = fmt.Sprintf("%s/%d", rid, res.Version)
				}
				require.Equal(t, was, after[id], "id %d", id)
			}
			_, err := tbl.Update(t.Context(), delta.Set{"n": "n + 1"}, "id = 2", nil)
			require.NoError(t, err)
			again := trackedRows(t, tbl, "id")
			rid, _, _ := strings.Cut(after[2], "/")
			require.Equal(t, fmt.Sprintf("%s/%d", rid, res.Version+1), again[2])
			require.Equal(t, after[99], again[99])
			snap := latestOf(t, tbl)
			c, err := snap.CommitAt(t.Context(), snap.Version())
			require.NoError(t, err)
			require.Equal(t, "true", c.Info().Tags["delta.rowTracking.preserved"])
		}
	}
}

// A name that both sides have means, in clauses about rows of one side, that one's.
func TestNamesInClauses(t *testing.T) {
	s := cols("id", schema.Long, "n", schema.Long)
	tbl, _ := table(t, s, nil)
	_, err := tbl.Append(t.Context(), rows(t, s, `{"id":1,"n":1}`, `{"id":2,"n":2}`), nil)
	require.NoError(t, err)
	_, err = tbl.Merge(rows(t, s, `{"id":1,"n":10}`, `{"id":3,"n":30}`)).OnColumns("id").
		WhenNotMatched("n > 5").Insert(delta.Set{"id": "id", "n": "n + 1"}).
		WhenNotMatchedBySource("n > 1").Update(delta.Set{"n": "n + 1"}).Run(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, []string{`{"id":1,"n":1}`, `{"id":2,"n":3}`, `{"id":3,"n":31}`}, dump(t, tbl))
}

// Errors name the row of the file or of the source, whatever was written before.
func TestErrorsOfChangesNameTheRow(t *testing.T) {
	s := cols("id", schema.Long, "n", schema.Long)
	tbl, _ := table(t, s, &delta.CreateOptions{Properties: map[string]string{"delta.constraints.positive": "n > 0"}})
	var many []string
	for i := range 100 {
		many = append(many, fmt.Sprintf(`{"id":%d,"n":1}`, i))
	}
	_, err := tbl.Append(t.Context(), rows(t, s, many...), nil)
	require.NoError(t, err)
	merge := func(src ...string) error {
		_, err := tbl.Merge(rows(t, s, src...)).OnColumns("id").Upsert().Run(t.Context(), nil)
		return err
	}
	require.ErrorContains(t, merge(`{"id":50,"n":5}`, `{"id":51,"n":-5}`), ".parquet: row 51 breaks the constraint")
	require.ErrorContains(t, merge(`{"id":50,"n":5}`, `{"id":510,"n":5}`, `{"id":511,"n":-5}`), "source: row 2 breaks the constraint")
	_, err = tbl.Update(t.Context(), delta.Set{"n": "10 / (id - 50)"}, "id > 40", nil)
	require.ErrorContains(t, err, "row 50: 10 / (id - 50)")
	_, err = tbl.Update(t.Context(), delta.Set{"n": "5"}, "id > 40 AND 10 / (id - 60) < 0", nil)
	require.ErrorContains(t, err, "row 60: 10 / (id - 60)")
}

// Limits that guard nothing are refused.
func TestChangesRefuseLimitsOfWrites(t *testing.T) {
	tbl, _ := table(t, cols("id", schema.Long), nil)
	o := &delta.ChangeOptions{}
	o.MaxShrink = 0.1
	_, err := tbl.Delete(t.Context(), "", o)
	require.ErrorContains(t, err, "MaxShrink")
	o = &delta.ChangeOptions{}
	o.MinRows = 1
	_, err = tbl.Delete(t.Context(), "", o)
	require.ErrorContains(t, err, "MinRows")
}

// Deletion vectors that others keep in the log itself.
func TestInlineVectors(t *testing.T) {
	st := memstore.New(nil)
	changeBase(t, st, "mem://", sweptDV)
	tbl := must(delta.Open(t.Context(), "mem://", &delta.Options{Store: st, Env: virtual("op")}))
	foreign(t, st, "DV", func(s *txlog.Snapshot, add func(...txlog.Action)) {
		f := *liveFiles(t, s, func(f *txlog.AddFile) bool { return f.DeletionVector != nil })[0]
		data, err := st.Read(t.Context(), vectorName(t, st), 0)
		require.NoError(t, err)
		bytes := data[*f.DeletionVector.Offset+4:][:f.DeletionVector.SizeInBytes]
		was := f
		f.DeletionVector = &txlog.DVDescriptor{StorageType: "i", PathOrInlineDV: z85(bytes), SizeInBytes: int32(len(bytes)), Cardinality: f.DeletionVector.Cardinality}
		add(was.Remove(1, false), &f)
	})
	require.Len(t, rowsIn(t, st), 15)
	res, err := tbl.Delete(t.Context(), "id = 3", nil)
	require.NoError(t, err)
	require.Equal(t, int64(1), res.Rows.Vectors)
	require.Len(t, rowsIn(t, st), 14)
	res = upsert(t, tbl, stocks(t, []stock{stockOf(0, "a", 1, "x"), stockOf(3, "a", 1, "x"), stockOf(4, "a", 1, "x")}), nil, "id")
	require.Equal(t, int64(2), res.Rows.Inserted)
	require.Equal(t, int64(1), res.Rows.Updated)
}

func vectorName(t *testing.T, st *memstore.Store) (name string) {
	for _, n := range st.Names() {
		if strings.HasSuffix(n, ".bin") {
			name = n
		}
	}
	return name
}

func z85(b []byte) string {
	const alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
	for len(b)%4 != 0 {
		b = append(slices.Clip(b), 0)
	}
	var out []byte
	for ; len(b) > 0; b = b[4:] {
		n := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
		var five [5]byte
		for i := 4; i >= 0; i-- {
			five[i] = alphabet[n%85]
			n /= 85
		}
		out = append(out, five[:]...)
	}
	return string(out)
}

// A field in a struct that is set twice, once within.
func TestSetsThatOverlap(t *testing.T) {
	inner := &schema.Struct{Fields: []schema.Field{{Name: "c", Type: schema.Long, Nullable: true}}}
	mid := &schema.Struct{Fields: []schema.Field{{Name: "b", Type: inner, Nullable: true}, {Name: "x", Type: schema.Long, Nullable: true}}}
	s := cols("id", schema.Long, "a", mid)
	tbl, _ := table(t, s, nil)
	_, err := tbl.Append(t.Context(), rows(t, s, `{"id":1,"a":{"b":{"c":1},"x":1}}`), nil)
	require.NoError(t, err)
	_, err = tbl.Update(t.Context(), delta.Set{"a.b.c": "5", "a.x": "6"}, "", nil)
	require.NoError(t, err)
	require.Equal(t, []string{`{"a":{"b":{"c":5},"x":6},"id":1}`}, dump(t, tbl))
	_, err = tbl.Update(t.Context(), delta.Set{"a.b.c": "7", "a.b": "NULL"}, "", nil)
	require.ErrorContains(t, err, "twice")
}

// A row without a key would be inserted each time it comes.
func TestRowsWithoutAKeyAreRefused(t *testing.T) {
	t.Parallel()
	tbl := newStocks(t, memstore.New(nil), tableKind{}, []stock{{ID: ptr(int64(1))}}, 1)
	rows := []stock{{ID: ptr(int64(1)), Note: ptr("x")}, {Note: ptr("no key")}}
	for name, run := range map[string]func(delta.Source) (*delta.Result, error){
		"upsert": func(s delta.Source) (*delta.Result, error) {
			return tbl.Merge(s).OnColumns("id").Upsert().Run(t.Context(), nil)
		},
		"insert": func(s delta.Source) (*delta.Result, error) { return tbl.InsertNew(t.Context(), s, []string{"id"}, nil) },
		"apply": func(s delta.Source) (*delta.Result, error) {
			return tbl.ApplyChanges(t.Context(), s, &delta.ApplyOptions{Keys: []string{"id"}, Order: "qty", Op: "note"})
		},
	} {
		res, err := run(stocks(t, rows))
		var keyless *delta.NullKeyError
		require.ErrorAs(t, err, &keyless, name)
		require.Equal(t, int64(1), keyless.Rows)
		require.Equal(t, delta.NotCommitted, res.State)
		require.False(t, res.Retryable)
	}
	require.Equal(t, []string{"-/1/-/-"}, stocksOf(t, tbl))
}
