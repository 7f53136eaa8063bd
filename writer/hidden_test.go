package writer_test

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/digest"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/txlog/schema"
	"github.com/deltalog/deltalog/writer"
)

func hiddenLong(names ...string) (out []schema.Field) {
	for _, n := range names {
		out = append(out, schema.Field{Name: n, Type: schema.Long, Nullable: true})
	}
	return out
}

func TestHiddenColumnsAreInFilesAndNowhereElse(t *testing.T) {
	t.Parallel()
	table := fields("id", schema.Long, "p", schema.String, "text", schema.String, "_RID", schema.Long)
	in := fields("_rid", schema.Long, "text", schema.String, "p", schema.String, "ID", schema.Integer, "_RID", schema.Long)
	for _, mode := range []string{"none", "name", "id"} {
		st := memstore.New(nil)
		s := table
		props := txlog.Properties{"delta.columnMapping.mode": mode}
		if mode != "none" {
			s, _ = schema.AssignMapping(table, 0, func(f *schema.Field) string { return "col-" + f.Name })
		}
		c := config(st, s, "p")
		c.Properties, c.Digest = props, true
		c.Hidden = hiddenLong("_rid", "_ver")
		out := mustWrite(t, c, batch(t, arrowOf(in),
			`{"ID": 1, "p": "a", "text": "x", "_rid": 100, "_RID": 5}`,
			`{"ID": 2, "p": "b", "text": "y", "_rid": null, "_RID": 6}`,
			`{"ID": 3, "p": "a", "text": "z", "_rid": 300, "_RID": null}`,
		))
		require.Len(t, out.Files, 2)
		physical := schema.Physical(s, c.Properties.MappingMode())
		read := &schema.Struct{Fields: append([]schema.Field{physical.Fields[0], physical.Fields[2], physical.Fields[3]}, c.Hidden...)}
		require.Equal(t, []string{"1 | x | 5 | 100 | (null)", "3 | z | (null) | 300 | (null)", "2 | y | 6 | (null) | (null)"}, allRows(t, st, out, read), mode)
		for i := range out.Files {
			f := open(t, st, &out.Files[i])
			got, err := f.Schema()
			require.NoError(t, err)
			require.Equal(t, []string{"_rid", "_ver"}, names(got)[3:], mode)
			require.NotContains(t, out.Files[i].Stats, "_rid")
			require.NotContains(t, out.Files[i].Stats, "_ver")
		}

		// Digests are of the table's columns.
		plain := config(nil, s, "p")
		plain.Properties, plain.Digest, plain.NoFiles = props, true, true
		want := mustWrite(t, plain, batch(t, arrowOf(table),
			`{"id": 1, "p": "a", "text": "x", "_RID": 5}`, `{"id": 2, "p": "b", "text": "y", "_RID": 6}`, `{"id": 3, "p": "a", "text": "z"}`))
		require.Equal(t, want.Digest, out.Digest)
		require.NotEqual(t, digest.Rows{}, out.Digest)
	}
}

func names(s *schema.Struct) (out []string) {
	for i := range s.Fields {
		out = append(out, s.Fields[i].Name)
	}
	return out
}

// TestHiddenColumnsMayComeAndGo: batches of one input differ in them.
func TestHiddenColumnsMayComeAndGo(t *testing.T) {
	t.Parallel()
	st := memstore.New(nil)
	c := config(st, fields("id", schema.Long))
	c.Hidden = hiddenLong("_rid")
	out := mustWrite(t, c,
		batch(t, arrowOf(fields("id", schema.Long)), `{"id": 1}`),
		batch(t, arrowOf(fields("id", schema.Long, "_rid", schema.Long)), `{"id": 2, "_rid": 20}`),
		batch(t, arrowOf(fields("_rid", schema.Integer, "id", schema.Long)), `{"id": 3, "_rid": 30}`),
		batch(t, arrowOf(fields("id", schema.Long)), `{"id": 4}`),
	)
	read := &schema.Struct{Fields: append(fields("id", schema.Long).Fields, c.Hidden...)}
	require.Equal(t, []string{"1 | (null)", "2 | 20", "3 | 30", "4 | (null)"}, allRows(t, st, out, read))
}

func TestHiddenColumnsThatCannotBe(t *testing.T) {
	t.Parallel()
	mapped, _ := schema.AssignMapping(fields("id", schema.Long), 0, func(*schema.Field) string { return "col-1" })
	for want, c := range map[string]*writer.Config{
		"hidden column id has the name of a column":    {Schema: fields("id", schema.Long), Hidden: hiddenLong("id")},
		"hidden column col-1 has the name of a column": {Schema: mapped, Properties: txlog.Properties{"delta.columnMapping.mode": "id"}, Hidden: hiddenLong("col-1")},
		"hidden column x must be nullable":             {Schema: fields("id", schema.Long), Hidden: []schema.Field{{Name: "x", Type: schema.Long}}},
		"Config.Directory is \"../x\"":                 {Schema: fields("id", schema.Long), Directory: "../x"},
		"Config.Directory is \"/x\"":                   {Schema: fields("id", schema.Long), Directory: "/x"},
		"Config.Directory is \"a b\"":                  {Schema: fields("id", schema.Long), Directory: "a b"},
		"Config.Directory is \"x/\"":                   {Schema: fields("id", schema.Long), Directory: "x/"},
	} {
		c.Store = memstore.New(nil)
		_, err := writer.New(c)
		require.ErrorContains(t, err, want)
	}

	st := memstore.New(nil)
	c := config(st, fields("id", schema.Long))
	c.Hidden = hiddenLong("_rid")
	_, err := write(t, c, batch(t, arrowOf(fields("id", schema.Long, "_rid", schema.String)), `{"id": 1, "_rid": "x"}`))
	bad := (*schema.MismatchError)(nil)
	require.ErrorAs(t, err, &bad)
	_, err = write(t, config(st, fields("id", schema.Long)), batch(t, arrowOf(fields("id", schema.Long, "_rid", schema.Long)), `{"id": 1, "_rid": 2}`))
	require.ErrorAs(t, err, &bad, "what is not declared hidden is a column that the table lacks")
	require.Empty(t, published(st))
}

func TestChangeDataHasItsPlace(t *testing.T) {
	t.Parallel()
	st := memstore.New(nil)
	c := config(st, fields("id", schema.Long, "p", schema.String), "p")
	c.Directory = "_change_data"
	c.Hidden = []schema.Field{{Name: "_change_type", Type: schema.String, Nullable: true}}
	// Rows that are removed are not held to what the table promises by now.
	c.Properties = txlog.Properties{"delta.constraints.c": "id > 1"}
	in := arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "p", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "_change_type", Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil)
	out := mustWrite(t, c, batch(t, in, `{"id": 1, "p": "a", "_change_type": "delete"}`, `{"id": 2, "p": "a b", "_change_type": "insert"}`))
	require.Len(t, out.Files, 2)
	require.Regexp(t, `^_change_data/p=a/cdc-00000-id-\d+\.c000\.snappy\.parquet$`, out.Files[0].Path)
	require.Regexp(t, `^_change_data/p-[0-9a-f]{16}/cdc-00001-id-\d+\.c000\.snappy\.parquet$`, out.Files[1].Path)
	read := &schema.Struct{Fields: append(fields("id", schema.Long).Fields, c.Hidden...)}
	require.Equal(t, []string{"1 | delete", "2 | insert"}, allRows(t, st, out, read))
	a := out.Files[0].AddCDCFile()
	value := "a"
	require.Equal(t, &txlog.AddCDCFile{Path: out.Files[0].Path, PartitionValues: map[string]*string{"p": &value}, Size: out.Files[0].Size}, a)
	require.Empty(t, out.Files[0].Stats)

	c = config(st, fields("id", schema.Long))
	c.Directory, c.Properties = "_change_data", txlog.Properties{"delta.randomizeFilePrefixes": "true", "delta.randomPrefixLength": "4"}
	out = mustWrite(t, c, batch(t, arrowOf(fields("id", schema.Long)), `{"id": 1}`))
	require.Regexp(t, `^_change_data/\w{4}/cdc-`, out.Files[0].Path)
}
