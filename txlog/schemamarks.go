package txlog

import (
	"maps"
	"slices"

	"github.com/deltalog/deltalog/txlog/schema"
)

// markKey is the metadata key of the last value that an identity column gave.
const markKey = "delta.identity.highWaterMark"

// onlyMarksMoved reports whether two metadata differ at most in the last values of
// identity columns: PROTOCOL.md, "Identity Columns". Spark tags such commits; what
// they did is looked at here, not what they say.
func onlyMarksMoved(before, after *Metadata) bool {
	if before == nil || after == nil {
		return false
	}
	same := before.ID == after.ID && before.Name == after.Name && before.Description == after.Description &&
		before.Format.Provider == after.Format.Provider && maps.Equal(before.Format.Options, after.Format.Options) &&
		slices.Equal(before.PartitionColumns, after.PartitionColumns) && maps.Equal(before.Configuration, after.Configuration)
	if !same || before.SchemaString == after.SchemaString {
		return same
	}
	s, err := parseSchema(before)
	if err != nil {
		return false
	}
	t, err := parseSchema(after)
	return err == nil && withoutMarks(s).JSON() == withoutMarks(t).JSON()
}

func withoutMarks(s *schema.Struct) *schema.Struct {
	out := &schema.Struct{Fields: slices.Clone(s.Fields)}
	for i := range out.Fields {
		f := &out.Fields[i]
		if _, ok := f.Metadata[markKey]; ok {
			f.Metadata = maps.Clone(f.Metadata)
			delete(f.Metadata, markKey)
		}
	}
	return out
}

// physicalPartitionColumns returns the keys of the table's partition values: the
// partition columns' physical names, in order.
func physicalPartitionColumns(m *Metadata) ([]string, error) {
	mode := PropertiesOf(m).MappingMode()
	if mode == schema.MappingNone || len(m.PartitionColumns) == 0 {
		return m.PartitionColumns, nil
	}
	s, err := parseSchema(m)
	if err != nil {
		return nil, err
	}
	fields, err := partitionFields(s, m.PartitionColumns)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.PhysicalName(mode)
	}
	return names, nil
}
