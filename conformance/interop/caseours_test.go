package interop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog/schema"
)

// An outcome is what a statement left: the rows of the table, or an error, after
// which the rows are those of before.
type outcome struct {
	Rows    []string `json:"rows"`
	Error   string   `json:"error,omitempty"`
	Version int64    `json:"version"`
	// Changes are what the version recorded, by kind, if the statement made one
	// and the table has the change data feed.
	Changes map[string][]string `json:"-"`
}

var arrowTypes = map[string]arrow.DataType{
	"integer": arrow.PrimitiveTypes.Int32, "long": arrow.PrimitiveTypes.Int64, "double": arrow.PrimitiveTypes.Float64,
	"decimal(12,2)": &arrow.Decimal128Type{Precision: 12, Scale: 2}, "string": arrow.BinaryTypes.String,
	"boolean": arrow.FixedWidthTypes.Boolean, "date": arrow.FixedWidthTypes.Date32, "timestamp": arrow.FixedWidthTypes.Timestamp_us,
	"struct<a:integer,b:string>": arrow.StructOf(
		arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Int32, Nullable: true}, arrow.Field{Name: "b", Type: arrow.BinaryTypes.String, Nullable: true}),
	"array<integer>": arrow.ListOf(arrow.PrimitiveTypes.Int32),
}

var deltaTypes = map[string]schema.DataType{
	"integer": schema.Integer, "long": schema.Long, "double": schema.Double, "decimal(12,2)": schema.Decimal{Precision: 12, Scale: 2},
	"string": schema.String, "boolean": schema.Boolean, "date": schema.Date, "timestamp": schema.Timestamp,
	"struct<a:integer,b:string>": &schema.Struct{Fields: []schema.Field{{Name: "a", Type: schema.Integer, Nullable: true}, {Name: "b", Type: schema.String, Nullable: true}}},
	"array<integer>":             &schema.Array{Element: schema.Integer, ContainsNull: true},
}

// record is rows as Arrow.
func record(columns []Column, rows []cells) (arrow.RecordBatch, error) {
	var fields []arrow.Field
	var out []arrow.Array
	for i, c := range columns {
		fields = append(fields, arrow.Field{Name: c.Name, Type: arrowTypes[c.Type], Nullable: true})
		b := array.NewBuilder(memory.DefaultAllocator, arrowTypes[c.Type])
		for _, r := range rows {
			switch {
			case r[i] == nil:
				b.AppendNull()
			case c.Type == "timestamp":
				at, err := time.Parse("2006-01-02T15:04:05.000000", *r[i])
				if err != nil {
					return nil, err
				}
				b.(*array.TimestampBuilder).Append(arrow.Timestamp(at.UnixMicro()))
			default:
				if err := b.AppendValueFromString(*r[i]); err != nil {
					return nil, err
				}
			}
		}
		out = append(out, b.NewArray())
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), out, int64(len(rows))), nil
}

func source(columns []Column, rows []cells) (delta.Source, error) {
	r, err := record(columns, rows)
	if err != nil {
		return nil, err
	}
	return delta.Records(r), nil
}

// create makes the table of a case, with its files.
func (c *statementCase) create(ctx context.Context, url string, o delta.Options) (*delta.Table, error) {
	s := &schema.Struct{}
	for _, col := range c.Columns {
		s.Fields = append(s.Fields, schema.Field{Name: col.Name, Type: deltaTypes[col.Type], Nullable: true})
	}
	how := &delta.CreateOptions{Options: o, Properties: c.Properties}
	if c.Partition != "" {
		how.PartitionBy = []string{c.Partition}
	}
	t, err := delta.Create(ctx, url, s, how)
	if err != nil {
		return nil, err
	}
	for _, rows := range c.Files {
		if len(rows) == 0 {
			continue
		}
		src, err := source(c.Columns, rows)
		if err != nil {
			return t, err
		}
		if _, err := t.Append(ctx, src, nil); err != nil {
			return t, err
		}
	}
	return t, nil
}

// run runs the statements on a new table of ours, those that dry names without
// a commit.
func (c *statementCase) run(ctx context.Context, url string, o delta.Options, dry ...bool) ([]outcome, error) {
	t, err := c.create(ctx, url, o)
	if t != nil {
		defer t.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("the table: %w", err)
	}
	snap, err := t.Snapshot(ctx, delta.At{})
	if err != nil {
		return nil, err
	}
	version := int64(snap.Version())
	before, err := tableRows(ctx, t, c.Columns)
	if err != nil {
		return nil, err
	}
	out := make([]outcome, len(c.Steps))
	for i, s := range c.Steps {
		res, err := s.run(ctx, t, i < len(dry) && dry[i])
		if err != nil {
			if res == nil || res.State != delta.NotCommitted {
				return nil, fmt.Errorf("step %d: an error after the commit: %w", i, err)
			}
			out[i].Error = err.Error()
		} else if res.State == delta.Committed && !res.DryRun {
			version = int64(res.Version)
		}
		out[i].Version = version
		if out[i].Rows, err = tableRows(ctx, t, c.Columns); err != nil {
			return nil, fmt.Errorf("step %d: read: %w", i, err)
		}
		if res != nil && res.State == delta.Committed && !res.DryRun && c.Properties["delta.enableChangeDataFeed"] == "true" {
			if out[i].Changes, err = tableChanges(ctx, t, version, c.Columns); err != nil {
				return nil, fmt.Errorf("step %d: changes: %w", i, err)
			}
			if d := changesDiffer(before, out[i].Rows, out[i].Changes); d != "" {
				return nil, fmt.Errorf("step %d: our changes: %s", i, d)
			}
		}
		if out[i].Error != "" && !slices.Equal(before, out[i].Rows) {
			return nil, fmt.Errorf("step %d failed and changed the table: %s", i, out[i].Error)
		}
		before = out[i].Rows
	}
	return out, nil
}

// tableChanges are the changes of one version by kind.
func tableChanges(ctx context.Context, t *delta.Table, version int64, columns []Column) (map[string][]string, error) {
	at := delta.AtVersion(delta.Version(version))
	changes, err := t.Changes(ctx, at, at, nil)
	if err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for rec, err := range changes.Batches(ctx) {
		if err != nil {
			return nil, err
		}
		all, err := recordLines(rec, columns)
		if err != nil {
			return nil, err
		}
		kinds := rec.Column(rec.Schema().FieldIndices("_change_type")[0])
		for i, line := range all {
			kind := kinds.ValueStr(i)
			out[kind] = append(out[kind], line)
		}
	}
	return out, nil
}

// changesDiffer says how recorded changes are not the difference of two versions.
func changesDiffer(before, after []string, kinds map[string][]string) string {
	if a, b := len(kinds["update_preimage"]), len(kinds["update_postimage"]); a != b {
		return fmt.Sprintf("%d rows before updates, %d after", a, b)
	}
	want := slices.Concat(after, kinds["delete"], kinds["update_preimage"])
	got := slices.Concat(before, kinds["insert"], kinds["update_postimage"])
	slices.Sort(want)
	slices.Sort(got)
	if slices.Equal(want, got) {
		return ""
	}
	return "they are not what makes the version of the one before:\n" + diffLines(want, got)
}

func (s *statement) run(ctx context.Context, t *delta.Table, dry bool) (*delta.Result, error) {
	o := &delta.ChangeOptions{Strategy: delta.Strategy(s.Strategy)}
	o.DryRun = dry
	o.OnEmpty = delta.EmptyTruncate
	set := func(c *clause) delta.Set {
		out := delta.Set{}
		for _, a := range c.Set {
			out[a.Column] = a.Value.Spark
		}
		return out
	}
	condition := func(c *clause) []string {
		if c.Cond == nil {
			return nil
		}
		return []string{c.Cond.Spark}
	}
	switch s.Verb {
	case "UPDATE":
		return t.Update(ctx, set(s.Clauses[0]), strings.Join(condition(s.Clauses[0]), ""), o)
	case "DELETE":
		return t.Delete(ctx, strings.Join(condition(s.Clauses[0]), ""), o)
	}
	src, err := source(s.Source, s.SourceRows)
	if err != nil {
		return nil, err
	}
	m := t.Merge(src).As("t", "s").On(s.On.Spark)
	for _, c := range s.Clauses {
		switch c.Kind + " " + c.Action {
		case "MATCHED UPDATE":
			m = m.WhenMatched(condition(c)...).Update(set(c))
		case "MATCHED UPDATE *":
			m = m.WhenMatched(condition(c)...).UpdateAll()
		case "MATCHED DELETE":
			m = m.WhenMatched(condition(c)...).Delete()
		case "NOT MATCHED INSERT":
			m = m.WhenNotMatched(condition(c)...).Insert(set(c))
		case "NOT MATCHED INSERT *":
			m = m.WhenNotMatched(condition(c)...).InsertAll()
		case "NOT MATCHED BY SOURCE UPDATE":
			m = m.WhenNotMatchedBySource(condition(c)...).Update(set(c))
		case "NOT MATCHED BY SOURCE DELETE":
			m = m.WhenNotMatchedBySource(condition(c)...).Delete()
		default:
			return nil, errors.New("no such clause: " + c.Kind + " " + c.Action)
		}
	}
	return m.Run(ctx, o)
}

// tableRows are the rows of the newest version as lines, sorted.
func tableRows(ctx context.Context, t *delta.Table, columns []Column) ([]string, error) {
	scan, err := t.Scan(ctx, nil)
	if err != nil {
		return nil, err
	}
	var out []string
	for rec, err := range scan.Batches(ctx) {
		if err != nil {
			return nil, err
		}
		more, err := recordLines(rec, columns)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	slices.Sort(out)
	return out, nil
}

func recordLines(rec arrow.RecordBatch, columns []Column) ([]string, error) {
	at := make([]int, len(columns))
	for i, c := range columns {
		found := rec.Schema().FieldIndices(c.Name)
		if len(found) != 1 {
			return nil, fmt.Errorf("column %s is there %d times", c.Name, len(found))
		}
		at[i] = found[0]
	}
	out := make([]string, rec.NumRows())
	for row := range out {
		line := make([]string, len(columns))
		for i, k := range at {
			line[i] = cellText(rec.Column(k), row)
		}
		out[row] = strings.Join(line, " | ")
	}
	return out, nil
}

// cellText is a value as text, the same for every engine.
func cellText(a arrow.Array, i int) string {
	if a.IsNull(i) {
		return "null"
	}
	switch a := a.(type) {
	case *array.Float64:
		return floatText(a.Value(i))
	case *array.String:
		return strconv.Quote(a.Value(i))
	case *array.Decimal128:
		return a.Value(i).ToString(a.DataType().(*arrow.Decimal128Type).Scale)
	case *array.Date32:
		return a.Value(i).ToTime().Format("2006-01-02")
	case *array.Timestamp:
		return time.UnixMicro(int64(a.Value(i))).UTC().Format("2006-01-02T15:04:05.000000")
	case *array.Struct:
		var parts []string
		for k, f := range a.DataType().(*arrow.StructType).Fields() {
			parts = append(parts, strconv.Quote(f.Name)+":"+cellText(a.Field(k), i))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case *array.List:
		var parts []string
		from, to := a.ValueOffsets(i)
		for k := from; k < to; k++ {
			parts = append(parts, cellText(a.ListValues(), int(k)))
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	return a.ValueStr(i)
}

func floatText(f float64) string {
	if f == 0 {
		return fmt.Sprintf("%g", f) // 0 and -0 are two values
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// lines brings an engine's rows, in the form of canon.py, into ours.
func lines(columns []Column, rows []string) ([]string, error) {
	out := make([]string, len(rows))
	for i, row := range rows {
		var values []json.RawMessage
		if err := json.Unmarshal([]byte(row), &values); err != nil {
			return nil, fmt.Errorf("row %s: %w", row, err)
		}
		line := make([]string, len(columns))
		for k, c := range columns {
			var err error
			if line[k], err = jsonText(c.Type, values[k]); err != nil {
				return nil, fmt.Errorf("row %s: %w", row, err)
			}
		}
		out[i] = strings.Join(line, " | ")
	}
	slices.Sort(out)
	return out, nil
}

func jsonText(typ string, v json.RawMessage) (string, error) {
	if string(v) == "null" {
		return "null", nil
	}
	switch {
	case typ == "double":
		f, err := strconv.ParseFloat(strings.Trim(string(v), `"`), 64)
		switch string(v) {
		case `"Infinity"`:
			return "+Inf", nil
		case `"-Infinity"`:
			return "-Inf", nil
		}
		return floatText(f), err
	case typ == "string":
		var s string
		err := json.Unmarshal(v, &s)
		return strconv.Quote(s), err
	case strings.HasPrefix(typ, "struct<"):
		var f struct{ A, B json.RawMessage }
		if err := json.Unmarshal(v, &f); err != nil {
			return "", err
		}
		b, err := jsonText("string", f.B)
		return `{"a":` + string(f.A) + `,"b":` + b + "}", err
	}
	return strings.Trim(string(v), `"`), nil
}
