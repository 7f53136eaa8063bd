package delta_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/txlog/schema"
)

func latestOf(t *testing.T, tbl *delta.Table) *txlog.Snapshot {
	t.Helper()
	snap, err := tbl.Snapshot(t.Context(), delta.At{})
	require.NoError(t, err)
	return snap
}

func schemaOf(t *testing.T, tbl *delta.Table) *schema.Struct {
	t.Helper()
	s, err := latestOf(t, tbl).Schema()
	require.NoError(t, err)
	return s
}

func TestSetAndUnsetProperties(t *testing.T) {
	ctx := t.Context()
	tbl, st := table(t, pair, nil)
	res, err := tbl.SetProperties(ctx, map[string]string{"delta.appendOnly": "true", "owner": "me"}, nil)
	require.NoError(t, err)
	require.Equal(t, delta.Committed, res.State)
	snap := latestOf(t, tbl)
	require.True(t, snap.Properties().AppendOnly())
	require.Equal(t, &txlog.Protocol{MinReaderVersion: 1, MinWriterVersion: 2}, snap.Protocol(), "it has the feature already")
	info := newest(t, snap)
	require.Equal(t, "SET TBLPROPERTIES", info.Operation)
	require.Equal(t, map[string]string{"properties": `"{\"delta.appendOnly\":\"true\",\"owner\":\"me\"}"`}, info.OperationParameters)
	res, err = tbl.SetProperties(ctx, map[string]string{"owner": "me"}, nil)
	require.NoError(t, err)
	require.Equal(t, delta.NoOp, res.State)

	names := st.Names()
	for k, v := range map[string]string{
		"delta.appendOnly": "maybe", "delta.columnMapping.mode": "id", "delta.enableRowTracking": "true",
		"delta.enableInCommitTimestamps": "true", "delta.constraints.c": "n > 0", "delta.columnMapping.maxColumnId": "7",
		"delta.parquet.compression.codec": "brotli9", "delta.isolationLevel": "None", "delta.feature.deletionVectors": "yes",
		"delta.feature.noSuchFeature": "supported",
	} {
		_, err = tbl.SetProperties(ctx, map[string]string{k: v}, nil)
		require.Error(t, err, "%s = %s", k, v)
		require.Equal(t, names, st.Names())
	}
	_, err = tbl.UnsetProperties(ctx, []string{"nothing"}, nil)
	require.ErrorContains(t, err, "the table has no property nothing")
	res, err = tbl.UnsetProperties(ctx, []string{"nothing"}, &delta.AlterOptions{IfExists: true})
	require.NoError(t, err)
	require.Equal(t, delta.NoOp, res.State)
	_, err = tbl.UnsetProperties(ctx, []string{"owner", "delta.appendOnly"}, nil)
	require.NoError(t, err)
	snap = latestOf(t, tbl)
	require.Empty(t, snap.Properties())
	require.Equal(t, "UNSET TBLPROPERTIES", newest(t, snap).Operation)
}

// What a table says that it supports, before and after a property: Spark's rules.
func TestProtocolUpgrades(t *testing.T) {
	listed := func(reader int, rf, wf []txlog.Feature) *txlog.Protocol {
		return &txlog.Protocol{MinReaderVersion: reader, MinWriterVersion: 7, ReaderFeatures: rf, WriterFeatures: wf}
	}
	type fs = []txlog.Feature
	numbers := func(r, w int) *txlog.Protocol { return &txlog.Protocol{MinReaderVersion: r, MinWriterVersion: w} }
	for _, test := range []struct {
		name   string
		before *txlog.Protocol
		set    map[string]string
		after  *txlog.Protocol
	}{
		{"a number that means too much", numbers(1, 2), map[string]string{"delta.enableChangeDataFeed": "true"}, listed(1, nil, fs{"appendOnly", "changeDataFeed", "invariants"})},
		{"a number that means it", numbers(1, 4), map[string]string{"delta.enableChangeDataFeed": "true"}, numbers(1, 4)},
		{"all that a number meant is kept", numbers(1, 4), map[string]string{"delta.enableDeletionVectors": "true"}, listed(3, fs{"deletionVectors"}, fs{"appendOnly", "changeDataFeed", "checkConstraints", "deletionVectors", "generatedColumns", "invariants"})},
		{"column mapping by number", numbers(1, 4), map[string]string{"delta.columnMapping.mode": "name"}, numbers(2, 5)},
		{"column mapping by list", numbers(1, 2), map[string]string{"delta.columnMapping.mode": "name"}, listed(3, fs{"columnMapping"}, fs{"appendOnly", "columnMapping", "invariants"})},
		{"column mapping goes on the reader's list", numbers(2, 5), map[string]string{"delta.enableDeletionVectors": "true"}, listed(3, fs{"columnMapping", "deletionVectors"}, fs{"appendOnly", "changeDataFeed", "checkConstraints", "columnMapping", "deletionVectors", "generatedColumns", "invariants"})},
		{"a writer's feature", listed(1, nil, fs{"appendOnly"}), map[string]string{"delta.enableChangeDataFeed": "true"}, listed(1, nil, fs{"appendOnly", "changeDataFeed"})},
		{"a reader's feature", listed(1, nil, fs{"appendOnly"}), map[string]string{"delta.checkpointPolicy": "v2"}, listed(3, fs{"v2Checkpoint"}, fs{"appendOnly", "v2Checkpoint"})},
		{"former names stay", listed(3, fs{"typeWidening-preview"}, fs{"typeWidening-preview"}), map[string]string{"delta.enableTypeWidening": "true", "delta.appendOnly": "true"}, listed(3, fs{"typeWidening-preview"}, fs{"appendOnly", "typeWidening-preview"})},
		{"a feature by name", numbers(1, 2), map[string]string{"delta.feature.domainMetadata": "supported"}, listed(1, nil, fs{"appendOnly", "domainMetadata", "invariants"})},
		{"version 1", numbers(1, 1), map[string]string{"delta.appendOnly": "true"}, numbers(1, 2)},
	} {
		t.Run(test.name, func(t *testing.T) {
			tbl, st := table(t, pair, nil)
			_, err := tbl.Append(t.Context(), rows(t, pair, `{"n":1,"s":"a"}`), nil)
			require.NoError(t, err)
			txn := latestOf(t, tbl).Begin(&txlog.TxnOptions{Operation: "UPGRADE PROTOCOL"})
			txn.Add(test.before)
			_, err = txn.Commit(t.Context())
			require.NoError(t, err)
			_, err = tbl.SetProperties(t.Context(), test.set, nil)
			require.NoError(t, err)
			h, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st})
			require.NoError(t, err)
			require.Equal(t, test.after, latestOf(t, h).Protocol())
			_, err = h.Append(t.Context(), rows(t, pair, `{"n":2,"s":"b"}`), nil)
			require.NoError(t, err)
			require.Equal(t, []string{`{"n":1,"s":"a"}`, `{"n":2,"s":"b"}`}, dump(t, h))
		})
	}
}

func TestProtocolsOfTablesWithRules(t *testing.T) {
	for name, test := range map[string]struct {
		schema     *schema.Struct
		properties map[string]string
		want       []txlog.Feature
	}{
		"constraint": {pair, map[string]string{"delta.constraints.c": "n > 0"}, []txlog.Feature{"appendOnly", "checkConstraints", "invariants"}},
		"generated":  {with(cols("a", schema.Long, "b", schema.Long), "b", "delta.generationExpression", `"a + 1"`), nil, []txlog.Feature{"appendOnly", "generatedColumns", "invariants"}},
		"default":    {with(cols("a", schema.Long), "a", "CURRENT_DEFAULT", `"1"`), nil, []txlog.Feature{"allowColumnDefaults", "appendOnly", "invariants"}},
		"identity":   {numbered, nil, []txlog.Feature{"appendOnly", "identityColumns", "invariants"}},
	} {
		tbl, _ := table(t, test.schema, &delta.CreateOptions{Properties: test.properties})
		require.Equal(t, &txlog.Protocol{MinReaderVersion: 1, MinWriterVersion: 7, WriterFeatures: test.want}, latestOf(t, tbl).Protocol(), name)
	}
}

func TestAddColumns(t *testing.T) {
	for _, mode := range []string{"none", "name"} {
		ctx := t.Context()
		s := cols("n", schema.Long, "st", cols("a", schema.Long))
		tbl, _ := table(t, s, &delta.CreateOptions{Properties: map[string]string{"delta.columnMapping.mode": mode}})
		_, err := tbl.Append(ctx, rows(t, s, `{"n":1,"st":{"a":1}}`), nil)
		require.NoError(t, err)
		more := cols("st", cols("b", schema.String), "at!", schema.TimestampNTZ)
		res, err := tbl.AddColumns(ctx, more, nil)
		require.NoError(t, err)
		require.Equal(t, delta.Version(2), res.Version)
		require.Equal(t, []string{`{"at":null,"n":1,"st":{"a":1,"b":null}}`}, dump(t, tbl), "and the new column is nullable")
		require.True(t, latestOf(t, tbl).Protocol().HasReaderFeature("timestampNtz"))
		require.Equal(t, "ADD COLUMNS", newest(t, latestOf(t, tbl)).Operation)
		_, err = tbl.Append(ctx, rows(t, schemaOf(t, tbl), `{"n":2,"st":{"a":2,"b":"x"},"at":"2026-01-01T00:00:00"}`), nil)
		require.NoError(t, err)
		require.Contains(t, dump(t, tbl), `{"at":"2026-01-01T00:00:00","n":2,"st":{"a":2,"b":"x"}}`)
		res, err = tbl.AddColumns(ctx, more, nil)
		require.NoError(t, err)
		require.Equal(t, delta.NoOp, res.State)
		_, err = tbl.AddColumns(ctx, cols("N", schema.String), nil)
		var mismatch *schema.MismatchError
		require.ErrorAs(t, err, &mismatch)
		_, err = tbl.AddColumns(ctx, with(cols("d", schema.Long), "d", "CURRENT_DEFAULT", `"1"`), nil)
		require.ErrorContains(t, err, "column d has CURRENT_DEFAULT")
	}
	tbl := corpusTable(t, "column_defaults")
	_, err := tbl.AddColumns(t.Context(), cols("m", schema.Integer), nil)
	require.NoError(t, err)
	require.Equal(t, `"[{\"column\":{\"name\":\"m\",\"type\":\"integer\",\"nullable\":true,\"metadata\":{}}}]"`, newest(t, latestOf(t, tbl)).OperationParameters["columns"])
}

func TestRenameAndDropColumns(t *testing.T) {
	ctx := t.Context()
	s := cols("p", schema.String, "n", schema.Long, "m", schema.Long, "st", cols("a", schema.Long, "b", schema.Long), "g", schema.Long)
	s = with(s, "g", "delta.generationExpression", `"m + 1"`)
	tbl, _ := table(t, s, &delta.CreateOptions{PartitionBy: []string{"p"}, Properties: map[string]string{"delta.constraints.c": "st.a > 0"}})
	_, err := tbl.Append(ctx, rows(t, s, `{"p":"x","n":1,"m":2,"st":{"a":3,"b":4},"g":3}`), nil)
	require.NoError(t, err)
	_, err = tbl.RenameColumn(ctx, []string{"n"}, "k", nil)
	require.ErrorContains(t, err, "set delta.columnMapping.mode = name first")
	_, err = tbl.SetProperties(ctx, map[string]string{"delta.columnMapping.mode": "name"}, nil)
	require.NoError(t, err)

	for _, test := range []struct {
		path []string
		want string
	}{
		{[]string{"p"}, "the partitioning refers to it"},
		{[]string{"m"}, "the generation expression of column g (m + 1) refers to it"},
		{[]string{"g"}, "the generation expression of column g (m + 1) refers to it"},
		{[]string{"st"}, "the constraint c (st.a > 0) refers to it"},
		{[]string{"ST", "A"}, "column st.a cannot be"},
		{[]string{"zz"}, "the table has no column zz"},
		{[]string{"st", "zz"}, "the table has no column st.zz"},
		{[]string{"n", "zz"}, "has no field zz"},
	} {
		_, err = tbl.RenameColumn(ctx, test.path, "other", nil)
		require.ErrorContains(t, err, test.want)
		_, err = tbl.DropColumn(ctx, test.path, nil)
		require.ErrorContains(t, err, test.want)
	}
	_, err = tbl.RenameColumn(ctx, []string{"n"}, "M", nil)
	require.ErrorContains(t, err, "there is a column m already")
	res, err := tbl.RenameColumn(ctx, []string{"N"}, "k", nil)
	require.NoError(t, err)
	require.Equal(t, delta.Committed, res.State)
	info := newest(t, latestOf(t, tbl))
	require.Equal(t, "RENAME COLUMN", info.Operation)
	require.Equal(t, map[string]string{"oldColumnPath": `"n"`, "newColumnPath": `"k"`}, info.OperationParameters)
	_, err = tbl.RenameColumn(ctx, []string{"st", "b"}, "c", nil)
	require.NoError(t, err)
	require.Equal(t, []string{`{"g":3,"k":1,"m":2,"p":"x","st":{"a":3,"c":4}}`}, dump(t, tbl))
	_, err = tbl.DropColumn(ctx, []string{"st", "c"}, nil)
	require.NoError(t, err)
	require.Equal(t, "DROP COLUMNS", newest(t, latestOf(t, tbl)).Operation)
	_, err = tbl.DropColumn(ctx, []string{"k"}, nil)
	require.NoError(t, err)
	res, err = tbl.DropColumn(ctx, []string{"k"}, &delta.AlterOptions{IfExists: true})
	require.NoError(t, err)
	require.Equal(t, delta.NoOp, res.State)
	require.Equal(t, []string{`{"g":3,"m":2,"p":"x","st":{"a":3}}`}, dump(t, tbl))
	// A column of the name of one that was dropped is another column.
	_, err = tbl.AddColumns(ctx, cols("k", schema.Long), nil)
	require.NoError(t, err)
	require.Equal(t, []string{`{"g":3,"k":null,"m":2,"p":"x","st":{"a":3}}`}, dump(t, tbl))
}

func TestWidenColumns(t *testing.T) {
	ctx := t.Context()
	s := cols("a", schema.Byte, "st", cols("f", schema.Float), "arr", &schema.Array{Element: schema.Short, ContainsNull: true}, "used", schema.Integer)
	tbl, st := table(t, s, &delta.CreateOptions{Properties: map[string]string{"delta.constraints.c": "used > 0"}})
	_, err := tbl.Append(ctx, rows(t, s, `{"a":1,"st":{"f":1.5},"arr":[1,2],"used":1}`), nil)
	require.NoError(t, err)
	_, err = tbl.WidenColumn(ctx, []string{"a"}, schema.Integer, nil)
	require.ErrorContains(t, err, "set delta.enableTypeWidening = true first")
	_, err = tbl.SetProperties(ctx, map[string]string{"delta.enableTypeWidening": "true"}, nil)
	require.NoError(t, err)
	stale, err := delta.Open(ctx, "mem://", &delta.Options{Store: st})
	require.NoError(t, err)
	p, _, err := stale.Prepare(ctx, "append", "", rows(t, cols("a", schema.Byte, "used", schema.Integer), `{"a":5,"used":1}`), nil)
	require.NoError(t, err)

	for _, step := range []struct {
		path []string
		to   schema.DataType
	}{{[]string{"A"}, schema.Integer}, {[]string{"a"}, schema.Long}, {[]string{"st", "f"}, schema.Double}, {[]string{"arr", "element"}, schema.Integer}} {
		res, err := tbl.WidenColumn(ctx, step.path, step.to, nil)
		require.NoError(t, err)
		require.Equal(t, delta.Committed, res.State)
		require.Equal(t, "CHANGE COLUMN", newest(t, latestOf(t, tbl)).Operation)
		res, err = tbl.WidenColumn(ctx, step.path, step.to, nil)
		require.NoError(t, err)
		require.Equal(t, delta.NoOp, res.State)
	}
	now := schemaOf(t, tbl)
	require.Equal(t, `[{"fromType":"byte","toType":"integer"},{"fromType":"integer","toType":"long"}]`, now.Fields[0].Metadata["delta.typeChanges"])
	require.Equal(t, `[{"fromType":"float","toType":"double"}]`, now.Fields[1].Type.(*schema.Struct).Fields[0].Metadata["delta.typeChanges"])
	require.Equal(t, `[{"fromType":"short","toType":"integer","fieldPath":"element"}]`, now.Fields[2].Metadata["delta.typeChanges"])
	_, err = tbl.Append(ctx, rows(t, now, `{"a":5000000000,"st":{"f":0.1},"arr":[70000],"used":2}`), nil)
	require.NoError(t, err)
	require.Equal(t, []string{`{"a":1,"arr":[1,2],"st":{"f":1.5},"used":1}`, `{"a":5000000000,"arr":[70000],"st":{"f":0.1},"used":2}`}, dump(t, tbl))
	for _, bad := range []struct {
		path []string
		to   schema.DataType
		want string
	}{
		{[]string{"a"}, schema.Integer, "type bigint cannot be widened to int"},
		{[]string{"arr", "key"}, schema.Long, "has no key"},
		{[]string{"used"}, schema.Long, "the constraint c (used > 0) refers to it"},
	} {
		_, err = tbl.WidenColumn(ctx, bad.path, bad.to, nil)
		require.ErrorContains(t, err, bad.want)
	}
	_, err = stale.Commit(ctx, p)
	require.ErrorIs(t, err, delta.ErrConflict, "its files have the old type")
}

func TestSetAndDropDefaults(t *testing.T) {
	ctx := t.Context()
	tbl, _ := table(t, pair, nil)
	res, err := tbl.SetDefault(ctx, "S", "upper('x')", nil)
	require.NoError(t, err)
	require.Equal(t, delta.Committed, res.State)
	snap := latestOf(t, tbl)
	require.Equal(t, []txlog.Feature{"allowColumnDefaults", "appendOnly", "invariants"}, snap.Protocol().WriterFeatures)
	require.Equal(t, `"{\"name\":\"s\",\"type\":\"string\",\"nullable\":true,\"metadata\":{\"CURRENT_DEFAULT\":\"upper('x')\"}}"`, newest(t, snap).OperationParameters["column"])
	res, err = tbl.SetDefault(ctx, "s", "upper('x')", nil)
	require.NoError(t, err)
	require.Equal(t, delta.NoOp, res.State)
	_, err = tbl.Append(ctx, rows(t, cols("n", schema.Long), `{"n":1}`), nil)
	require.NoError(t, err)
	for column, sql := range map[string]string{"n": "s", "s": "nonsense(", "zz": "1"} {
		_, err = tbl.SetDefault(ctx, column, sql, nil)
		require.Error(t, err)
		var wrong *expr.Error
		if column != "zz" {
			require.ErrorAs(t, err, &wrong)
		}
	}
	_, err = tbl.DropDefault(ctx, "s", nil)
	require.NoError(t, err)
	_, err = tbl.DropDefault(ctx, "s", nil)
	require.ErrorContains(t, err, "has no default")
	res, err = tbl.DropDefault(ctx, "s", &delta.AlterOptions{IfExists: true})
	require.NoError(t, err)
	require.Equal(t, delta.NoOp, res.State)
	_, err = tbl.Append(ctx, rows(t, cols("n", schema.Long), `{"n":2}`), nil)
	require.NoError(t, err)
	require.Equal(t, []string{`{"n":1,"s":"X"}`, `{"n":2,"s":null}`}, dump(t, tbl))
	other, _ := table(t, numbered, nil)
	_, err = other.SetDefault(ctx, "id", "1", nil)
	require.ErrorContains(t, err, "gets its values from the table")
}

// Many changes at once, of different things: all of them come to be.
func TestChangesAtOnce(t *testing.T) {
	tbl, st := table(t, pair, nil)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			h, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st})
			if err == nil && w%2 == 0 {
				_, err = h.SetProperties(t.Context(), map[string]string{fmt.Sprintf("p%d", w): "x"}, nil)
			} else if err == nil {
				_, err = h.AddColumns(t.Context(), cols(fmt.Sprintf("c%d", w), schema.Long), nil)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Len(t, latestOf(t, tbl).Properties(), 4)
	require.Len(t, schemaOf(t, tbl).Fields, 6)
}

func TestChangesOfTablesThatAreNotThere(t *testing.T) {
	tbl, err := delta.OpenOrCreate(t.Context(), "mem://", pair, &delta.CreateOptions{Options: delta.Options{Store: memstore.New(nil)}})
	require.NoError(t, err)
	_, err = tbl.AddConstraint(t.Context(), "c", "n > 0", nil)
	require.ErrorIs(t, err, delta.ErrTableNotFound)
}
