package reader

import (
	"context"
	"fmt"
	"slices"

	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/schema"
)

// MayContainAny reports whether a column of a file may hold one of the values, by
// the bloom filters of its row groups; true where a row group has none. Values
// that are deleted count as held. The column is a path of names as the schema has
// them, in any case; values are of its type.
//
// It reads the file's footer, and filters one by one until the answer is known: a
// filter takes up to 32 MiB of memory. Calls may be made concurrently.
func (s *Scan) MayContainAny(ctx context.Context, add *txlog.AddFile, column []string, values []schema.Value) (bool, error) {
	may, err := s.mayContainAny(ctx, add, column, values)
	return may || err != nil, s.wrap(add, err)
}

func (s *Scan) mayContainAny(ctx context.Context, add *txlog.AddFile, column []string, values []schema.Value) (bool, error) {
	want, path, err := s.only(column)
	if err != nil || path == nil {
		return true, err
	}
	name, err := add.ObjectName(s.snap.Store().URL())
	if err != nil {
		return true, err
	}
	f, err := s.open(ctx, name, add.Size)
	if err != nil {
		return true, err
	}
	p, err := f.Project(want, s.mapping)
	if err != nil {
		return true, err
	}
	blooms := p.Blooms(path...)
	if blooms == nil {
		return true, nil
	}
	var hashes []uint64
	for _, v := range values {
		var ok bool
		if hashes, ok = blooms.Hashes(hashes, v); !ok {
			return true, nil
		}
	}
	for i := range f.NumRowGroups() {
		if len(hashes) == 0 {
			break
		}
		if f.RowGroup(i).Rows == 0 {
			continue
		}
		b, err := blooms.Group(ctx, i)
		if err != nil || b == nil || slices.ContainsFunc(hashes, b.MayContain) {
			return true, err
		}
	}
	return false, nil
}

// only returns the schema of one column, with physical names, and the column's
// path in it; no path for a partition column.
func (s *Scan) only(column []string) (want *schema.Struct, path []string, err error) {
	table, err := s.snap.Schema()
	if err != nil {
		return nil, nil, err
	}
	mode := s.snap.Properties().MappingMode()
	want = &schema.Struct{}
	at, in := table, want
	for depth, name := range column {
		i := -1
		if at != nil {
			i = at.Find(name)
		}
		if i < 0 {
			return nil, nil, fmt.Errorf("column %s does not exist", schema.ColumnPath(column[:depth+1]))
		}
		f := at.Fields[i]
		if depth == 0 && slices.Contains(s.snap.Metadata().PartitionColumns, f.Name) {
			return nil, nil, nil
		}
		path = append(path, f.PhysicalName(mode))
		at, _ = f.Type.(*schema.Struct)
		one := schema.Physical(&schema.Struct{Fields: []schema.Field{f}}, mode).Fields[0]
		if depth+1 < len(column) && at != nil {
			inner := &schema.Struct{}
			one.Type = inner
			in.Fields = append(in.Fields, one)
			in = inner
			continue
		}
		in.Fields = append(in.Fields, one)
	}
	if len(column) == 0 {
		return nil, nil, fmt.Errorf("no column is named")
	}
	return want, path, nil
}
