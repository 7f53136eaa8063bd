package delta

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/deltalog/deltalog/internal/pqread"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A shape is what an era's files look like.
type shape struct {
	table *schema.Struct
	mode  schema.MappingMode
	parts []string // partition columns, by physical name, sorted
}

func shapeOf(m *txlog.Metadata) (*shape, error) {
	p := txlog.PropertiesOf(m)
	mode, err := schema.ParseMappingMode(p.ColumnMapping())
	if err != nil {
		return nil, err
	}
	s := &shape{table: &schema.Struct{}, mode: mode}
	if m.SchemaString != "" {
		if s.table, err = schema.Parse(m.SchemaString); err != nil {
			return nil, err
		}
	}
	for _, name := range m.PartitionColumns {
		i := s.table.Find(name)
		if i < 0 {
			return nil, fmt.Errorf("%w: the schema has no column for the partition column %q", ErrCorrupt, name)
		}
		s.parts = append(s.parts, s.table.Fields[i].PhysicalName(mode))
	}
	slices.Sort(s.parts)
	return s, nil
}

// oneSchema returns the columns of the end, with nulls allowed wherever rows of
// earlier eras may have them, and the physical names of the partition columns.
func oneSchema(eras []era, end *txlog.Snapshot) (table *schema.Struct, parts []string, err error) {
	last, err := shapeOf(end.Metadata())
	if err != nil {
		return nil, nil, fmt.Errorf("version %d: %w", end.Version(), err)
	}
	shapes := make([]*shape, len(eras))
	for i, e := range eras {
		if shapes[i], err = shapeOf(e.meta); err != nil {
			return nil, nil, fmt.Errorf("version %d: %w", e.first, err)
		}
	}
	table = last.table
	for i, s := range shapes {
		wider, err := last.cover(table, s)
		if err != nil {
			return nil, nil, differs(eras, shapes, i, end.Version(), err)
		}
		table = wider
	}
	return table, last.parts, nil
}

// differs says which version made rows of era i unlike those of the end.
func differs(eras []era, shapes []*shape, i int, end Version, err error) error {
	at := end
	for j := len(shapes) - 1; j > i; j-- {
		if _, bad := shapes[j].cover(shapes[j].table, shapes[i]); bad != nil {
			at = eras[j].first
		}
	}
	return fmt.Errorf("version %d changed the table so that earlier changes do not have the columns of version %d: %w; "+
		"read the changes up to version %d and those from version %d on apart", at, end, err, at-1, at)
}

// cover returns table, which is s's, with nulls allowed where rows of old may have
// them. It is an error if such rows do not fit.
func (s *shape) cover(table *schema.Struct, old *shape) (*schema.Struct, error) {
	if !slices.Equal(s.parts, old.parts) {
		return nil, fmt.Errorf("the table was partitioned by (%s) and is by (%s)", strings.Join(old.parts, ", "), strings.Join(s.parts, ", "))
	}
	return s.fields(table, old.table, old.mode, "")
}

func (s *shape) fields(table, old *schema.Struct, mode schema.MappingMode, at string) (*schema.Struct, error) {
	out := &schema.Struct{Fields: slices.Clone(table.Fields)}
	met := make([]bool, len(out.Fields))
	for i := range old.Fields {
		was := &old.Fields[i]
		name := was.PhysicalName(mode)
		j := slices.IndexFunc(out.Fields, func(f schema.Field) bool { return f.PhysicalName(s.mode) == name })
		if j < 0 { // data files' names are matched so too
			j = slices.IndexFunc(out.Fields, func(f schema.Field) bool { return strings.EqualFold(f.PhysicalName(s.mode), name) })
		}
		if j < 0 {
			return nil, fmt.Errorf("column %s%s is gone", at, was.Name)
		}
		f := &out.Fields[j]
		t, err := s.dataType(f.Type, was.Type, mode, at+f.Name)
		if err != nil {
			return nil, err
		}
		f.Type, f.Nullable, met[j] = t, f.Nullable || was.Nullable, true
	}
	for j := range out.Fields {
		out.Fields[j].Nullable = out.Fields[j].Nullable || !met[j]
	}
	return out, nil
}

func (s *shape) dataType(t, old schema.DataType, mode schema.MappingMode, at string) (schema.DataType, error) {
	if old.Kind() == schema.KindVoid {
		return t, nil
	}
	if t.Kind() == old.Kind() {
		switch t := t.(type) {
		case *schema.Struct:
			return s.fields(t, old.(*schema.Struct), mode, at+".")
		case *schema.Array:
			old := old.(*schema.Array)
			e, err := s.dataType(t.Element, old.Element, mode, at+".element")
			return &schema.Array{Element: e, ContainsNull: t.ContainsNull || old.ContainsNull}, err
		case *schema.Map:
			old := old.(*schema.Map)
			k, err := s.dataType(t.Key, old.Key, mode, at+".key")
			if err != nil {
				return nil, err
			}
			v, err := s.dataType(t.Value, old.Value, mode, at+".value")
			return &schema.Map{Key: k, Value: v, ValueContainsNull: t.ValueContainsNull || old.ValueContainsNull}, err
		}
	}
	if schema.Equal(t, old) || schema.CanWiden(old, t) {
		return t, nil
	}
	return nil, fmt.Errorf("column %s was %s and is %s", at, old, t)
}

// scan plans reading files as if the three columns of changes were the table's.
func (c *Changes) scan(cdc bool, o *reader.Options) (*reader.Scan, error) {
	table := &schema.Struct{Fields: slices.Clone(c.table.Fields)}
	meta := *c.end.Metadata()
	meta.PartitionColumns = slices.Clone(meta.PartitionColumns)
	for _, f := range []schema.Field{
		{Name: ChangeTypeColumn, Type: schema.String},
		{Name: CommitVersionColumn, Type: schema.Long},
		{Name: CommitTimestampColumn, Type: schema.Timestamp},
	} {
		f.Nullable = true
		if cdc && f.Name == ChangeTypeColumn {
			f.Metadata = schema.Metadata{pqread.FindByName: "true"}
		} else {
			meta.PartitionColumns = append(meta.PartitionColumns, f.Name)
		}
		table.Fields = append(table.Fields, f)
	}
	meta.SchemaString = table.JSON()
	like, err := c.end.Advance(&txlog.Commit{Version: c.end.Version() + 1, Actions: []txlog.Action{&meta}})
	if err != nil {
		return nil, err
	}
	s, err := reader.New(like, o)
	return s, bare(err)
}

// bare takes off what package reader says of a table and a file that are ours.
func bare(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}
