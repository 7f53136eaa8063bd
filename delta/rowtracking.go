package delta

import (
	"fmt"

	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/schema"
)

// The properties that name the data files' columns for what row tracking knows of
// rows that have moved from one file to another.
const (
	rowIDColumnKey            = "delta.rowTracking.materializedRowIdColumnName"
	rowCommitVersionColumnKey = "delta.rowTracking.materializedRowCommitVersionColumnName"
)

// trackRows names the columns in which files keep row ids, if props turn row
// tracking on: without them no id could survive a rewrite. Names that are given
// stay. PROTOCOL.md, "Row Tracking": the names are unique, and those of no column.
func trackRows(props map[string]string, s *schema.Struct, newID func() string) error {
	p := txlog.Properties(props)
	if !p.RowTracking() {
		return nil
	}
	if p.MaterializedRowIDColumn() == "" {
		props[rowIDColumnKey] = "_row-id-col-" + newID()
	}
	if p.MaterializedRowCommitVersionColumn() == "" {
		props[rowCommitVersionColumnKey] = "_row-commit-version-col-" + newID()
	}
	if p.MaterializedRowIDColumn() == p.MaterializedRowCommitVersionColumn() {
		return fmt.Errorf("properties %s and %s are both %q", rowIDColumnKey, rowCommitVersionColumnKey, props[rowIDColumnKey])
	}
	for _, key := range []string{rowIDColumnKey, rowCommitVersionColumnKey} {
		for i := range s.Fields {
			f := &s.Fields[i]
			if props[key] == f.Name || props[key] == f.PhysicalName(p.MappingMode()) {
				return fmt.Errorf("property %s is %q, which is a column of the table", key, props[key])
			}
		}
	}
	return nil
}
