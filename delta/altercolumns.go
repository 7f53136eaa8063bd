package delta

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/deltalog/deltalog/internal/rules"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/schema"
)

// AddColumns adds the columns of more that the table does not have, at the end and
// nullable: rows that are there have null in them. A field of a struct is added by
// giving the struct with it. Columns that the table has with these types are no
// change; with other types they are an error, a [*schema.MismatchError].
//
// A new column cannot have a default, be generated or an identity: rows that are
// there would have to get values. [Table.SetDefault] is for rows to come.
func (t *Table) AddColumns(ctx context.Context, more *schema.Struct, o *AlterOptions) (*Result, error) {
	return t.alter(ctx, opAddColumns, o, func(_ context.Context, snap *txlog.Snapshot) (*alteration, error) {
		s, err := snap.Schema()
		if err != nil {
			return nil, err
		}
		merged, err := schema.Merge(s, more)
		if err != nil || merged == s {
			return nil, err
		}
		for path, f := range more.Walk() {
			if k := promise(f); k != "" {
				return nil, fmt.Errorf("column %s has %s, which a column cannot have when it is added to a table", schema.ColumnPath(path), k)
			}
		}
		a := &alteration{operation: "ADD COLUMNS", schema: mapped(snap, merged, t.opts.Env.NewID)}
		a.properties = withColumnIDs(snap.Properties(), a.schema)
		a.parameters = map[string]string{"columns": quote(text(addedColumns(s, a.schema)))}
		return a, nil
	})
}

// promise returns the key of a field's metadata that promises something of rows.
func promise(f *schema.Field) string {
	for _, k := range []string{"CURRENT_DEFAULT", "delta.generationExpression", "delta.identity.start", "delta.invariants"} {
		if _, ok := f.Metadata[k]; ok {
			return k
		}
	}
	return ""
}

// addedColumns describes the top-level columns that are new or have grown, as Spark
// does in commitInfo.
func addedColumns(before, after *schema.Struct) []map[string]json.RawMessage {
	var all []map[string]json.RawMessage
	for i := range after.Fields {
		f := &after.Fields[i]
		if k := before.Find(f.Name); k < 0 || !schema.Equal(before.Fields[k].Type, f.Type) {
			all = append(all, map[string]json.RawMessage{"column": fieldJSON(f)})
		}
	}
	return all
}

// fieldJSON returns a field as the schema's JSON has it.
func fieldJSON(f *schema.Field) json.RawMessage {
	var s struct{ Fields []json.RawMessage }
	if err := json.Unmarshal([]byte((&schema.Struct{Fields: []schema.Field{*f}}).JSON()), &s); err != nil || len(s.Fields) != 1 {
		return json.RawMessage("null")
	}
	return s.Fields[0]
}

// RenameColumn gives a column, or with more names a field of a struct, another name.
// The table needs column mapping, which keeps the names of the data files apart from
// the table's. A column that constraints, other columns, the partitioning or
// properties refer to by name is refused.
func (t *Table) RenameColumn(ctx context.Context, path []string, name string, o *AlterOptions) (*Result, error) {
	return t.alter(ctx, opRenameColumn, o, func(_ context.Context, snap *txlog.Snapshot) (*alteration, error) {
		s, at, err := movable(snap, path, "renamed")
		if err != nil {
			return nil, err
		}
		if at[len(at)-1] == name {
			return nil, nil
		}
		renamed, err := changeField(s, at, func(parent *schema.Struct, i int) error {
			if k := parent.Find(name); k >= 0 && k != i {
				return fmt.Errorf("there is a column %s already", parent.Fields[k].Name)
			}
			parent.Fields[i].Name = name
			return nil
		})
		if err != nil {
			return nil, err
		}
		to := append(slices.Clone(at[:len(at)-1]), name)
		return &alteration{
			operation: "RENAME COLUMN", schema: renamed,
			parameters: map[string]string{"oldColumnPath": quote(schema.ColumnPath(at)), "newColumnPath": quote(schema.ColumnPath(to))},
		}, nil
	})
}

// DropColumn takes a column, or with more names a field of a struct, out of the
// table. The data files keep it; see [Table.RenameColumn] for what is needed and
// refused. The last column of a table or struct cannot be dropped.
func (t *Table) DropColumn(ctx context.Context, path []string, o *AlterOptions) (*Result, error) {
	return t.alter(ctx, opDropColumn, o, func(_ context.Context, snap *txlog.Snapshot) (*alteration, error) {
		if o != nil && o.IfExists {
			if s, err := snap.Schema(); err == nil && !exists(s, path) {
				return nil, nil
			}
		}
		s, at, err := movable(snap, path, "dropped")
		if err != nil {
			return nil, err
		}
		less, err := changeField(s, at, func(parent *schema.Struct, i int) error {
			if len(parent.Fields) == 1 {
				return errors.New("it is the last column there")
			}
			parent.Fields = slices.Delete(parent.Fields, i, i+1)
			return nil
		})
		if err != nil {
			return nil, err
		}
		return &alteration{
			operation: "DROP COLUMNS", schema: less,
			parameters: map[string]string{"columns": quote(text([]string{schema.ColumnPath(at)}))},
		}, nil
	})
}

// movable returns the schema and the column's path in its own spelling, if the
// column can be renamed or dropped.
func movable(snap *txlog.Snapshot, path []string, what string) (*schema.Struct, []string, error) {
	s, err := snap.Schema()
	if err != nil {
		return nil, nil, err
	}
	at, _, err := findField(s, path)
	if err != nil {
		return nil, nil, err
	}
	if snap.Properties().MappingMode() == schema.MappingNone {
		return nil, nil, fmt.Errorf("column %s cannot be %s: the data files know it by its name; set %s = name first", schema.ColumnPath(at), what, mappingMode)
	}
	if by := usedBy(snap, s, at); by != "" {
		return nil, nil, fmt.Errorf("column %s cannot be %s: %s refers to it", schema.ColumnPath(at), what, by)
	}
	return s, at, nil
}

// usedBy names something that refers to the column by its name or, for nested ones,
// to what it is in; "" if nothing does.
func usedBy(snap *txlog.Snapshot, s *schema.Struct, at []string) string {
	props := snap.Properties()
	for _, c := range snap.Metadata().PartitionColumns {
		if strings.EqualFold(c, at[0]) {
			return "the partitioning"
		}
	}
	for _, c := range strings.Split(props.StatsColumns(), ",") {
		if c = strings.Trim(strings.TrimSpace(c), "`"); c != "" && strings.EqualFold(strings.Split(c, ".")[0], at[0]) {
			return "property delta.dataSkippingStatsColumns"
		}
	}
	return usedByRules(props, s, at)
}

// usedByRules is usedBy for what is evaluated for every row.
func usedByRules(props txlog.Properties, s *schema.Struct, at []string) string {
	for name, sql := range props.Constraints() {
		if rules.Mentions(sql, at) {
			return "the constraint " + name + " (" + sql + ")"
		}
	}
	for path, f := range s.Walk() {
		own := slices.Equal(path, at)
		if sql, ok := rules.Generation(f); ok && (own || rules.Mentions(sql, at)) {
			return "the generation expression of column " + schema.ColumnPath(path) + " (" + sql + ")"
		}
		if _, ok := f.Metadata["delta.invariants"]; ok && (own || rules.InvariantMentions(f, at)) {
			return "the invariant of column " + schema.ColumnPath(path)
		}
	}
	return ""
}
