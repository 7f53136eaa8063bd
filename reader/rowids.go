package reader

import (
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/internal/pqread"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// The columns that row tracking gives a table. PROTOCOL.md, "Row Tracking".
//
// A row keeps its id for as long as the table has delta.enableRowTracking. Of a
// table that does not have it but once had, or that only supports the feature,
// ids are what its log says, and are not stable.
const (
	// RowIDColumn is the row's id: unique in the table at any time, and the same
	// after the row was updated, or its file rewritten.
	RowIDColumn = "_row_id"
	// RowCommitVersionColumn is the version that last wrote or updated the row.
	RowCommitVersionColumn = "_row_commit_version"
)

// idColumns are what a scan knows about row ids.
type idColumns struct {
	err         error          // the table has columns of these names itself
	data        *schema.Struct // Scan.data, and the materialised columns that the table names
	id, version int            // in data; -1: not named
	out         *arrow.Schema  // Scan.out with the two columns
}

func (s *Scan) planIDs(table *schema.Struct) {
	for _, name := range []string{RowIDColumn, RowCommitVersionColumn} {
		if i := table.Find(name); i >= 0 {
			s.ids.err = fmt.Errorf("the table has a column %s of its own: rename it to read row ids", table.Fields[i].Name)
			return
		}
	}
	s.ids.data = &schema.Struct{Fields: append([]schema.Field(nil), s.data.Fields...)}
	named := func(name string) int {
		if name == "" {
			return -1
		}
		s.ids.data.Fields = append(s.ids.data.Fields, schema.Field{
			Name: name, Type: schema.Long, Nullable: true, Metadata: schema.Metadata{pqread.FindByName: "true"},
		})
		return len(s.ids.data.Fields) - 1
	}
	props := s.snap.Properties()
	s.ids.id = named(props.MaterializedRowIDColumn())
	s.ids.version = named(props.MaterializedRowCommitVersionColumn())
	s.ids.out = arrow.NewSchema(append(s.out.Fields(),
		arrow.Field{Name: RowIDColumn, Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		arrow.Field{Name: RowCommitVersionColumn, Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	), nil)
}

// rowIDs makes the two columns of the rows at the given positions, which are
// those of b that sel has.
func (f *fileScan) rowIDs(b *pqread.Batch, sel *vec.Bitmap, at []int64) ([]arrow.Array, error) {
	base := f.add.BaseRowID
	if base != nil && (*base < 0 || *base > math.MaxInt64-f.file.Rows()) {
		return nil, fmt.Errorf("baseRowId %d of a file of %d rows is out of range", *base, f.file.Rows())
	}
	id, err := coalesce(b, f.s.ids.id, sel, at, base, 1)
	if err != nil {
		return nil, fmt.Errorf("materialised row ids: %w", err)
	}
	version, err := coalesce(b, f.s.ids.version, sel, at, f.add.DefaultRowCommitVersion, 0)
	if err != nil {
		return nil, fmt.Errorf("materialised row commit versions: %w", err)
	}
	return []arrow.Array{id, version}, nil
}

// coalesce returns column col of b, in which rows without a value have base plus
// step times their position, or null if there is no base.
func coalesce(b *pqread.Batch, col int, sel *vec.Bitmap, at []int64, base *int64, step int64) (arrow.Array, error) {
	var stored *array.Int64
	if col >= 0 && b.Columns[col].Kind != vec.Null {
		v := b.Columns[col]
		if sel != nil {
			v = vec.Filter(v, sel)
		}
		a, err := arrowvec.ToArray(v, arrow.PrimitiveTypes.Int64)
		if err != nil {
			return nil, err
		}
		stored = a.(*array.Int64)
		if stored.NullN() == 0 {
			return stored, nil
		}
	}
	out := array.NewInt64Builder(memory.DefaultAllocator)
	out.Reserve(len(at))
	for i, pos := range at {
		switch {
		case stored != nil && stored.IsValid(i):
			out.UnsafeAppend(stored.Value(i))
		case base != nil:
			out.UnsafeAppend(*base + step*pos)
		default:
			out.UnsafeAppendBoolToBitmap(false)
		}
	}
	return out.NewArray(), nil
}
