package delta

import (
	"fmt"
	"maps"
	"strconv"

	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/schema"
)

// gained returns a table's schema, merged with the columns that a write adds, as
// files are to have it. The error says that a column needs what the table has not.
func gained(snap *txlog.Snapshot, merged *schema.Struct, newID func() string) (*schema.Struct, error) {
	if missing := missingFeature(snap.Protocol(), merged); missing != "" {
		return nil, fmt.Errorf("a new column needs the table feature %s, which the table does not have", missing)
	}
	return mapped(snap, merged, newID), nil
}

// mapped gives the columns that a schema has gained their ids and their names in
// files, if the table maps columns.
func mapped(snap *txlog.Snapshot, s *schema.Struct, newID func() string) *schema.Struct {
	props := snap.Properties()
	if props.MappingMode() == schema.MappingNone {
		return s
	}
	s, _ = schema.AssignMapping(s, lastColumnID(props, s), func(*schema.Field) string { return "col-" + newID() })
	return s
}

const maxColumnID = "delta.columnMapping.maxColumnId"

// withColumnIDs returns the properties of a table that gets the schema s: with column
// mapping they tell the largest id that was ever used.
func withColumnIDs(props txlog.Properties, s *schema.Struct) map[string]string {
	if props.MappingMode() == schema.MappingNone {
		return props
	}
	out := maps.Clone(props)
	out[maxColumnID] = strconv.Itoa(int(lastColumnID(props, s)))
	return out
}

// lastColumnID returns the largest id that a column of the table ever had: one that
// was dropped counts too.
func lastColumnID(props txlog.Properties, s *schema.Struct) int32 {
	n, _ := strconv.ParseInt(props[maxColumnID], 10, 32)
	id := int32(n)
	for _, f := range s.Walk() {
		if n, ok := f.ID(); ok {
			id = max(id, n)
		}
	}
	return id
}
