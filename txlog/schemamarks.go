package txlog

import "github.com/deltalog/deltalog/txlog/schema"

// A columnMark says that a column's metadata has the key columnMarks[index].
type columnMark struct {
	column string
	index  int
}

func columnMarksOf(m *Metadata) ([]columnMark, error) {
	s, err := parseSchema(m)
	if err != nil {
		return nil, err
	}
	var marks []columnMark
	for path, f := range s.Walk() {
		for i, mark := range columnMarks {
			if _, ok := f.Metadata[mark.key]; ok {
				marks = append(marks, columnMark{schema.ColumnPath(path), i})
			}
		}
	}
	return marks, nil
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
