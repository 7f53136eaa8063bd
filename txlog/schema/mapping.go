package schema

import (
	"fmt"
	"maps"
	"strconv"
)

// A MappingMode says how columns of data files are found.
//
// PROTOCOL.md, "Column Mapping".
type MappingMode uint8

// The modes.
const (
	MappingNone MappingMode = iota // by the column's name
	MappingName                    // by the physical name
	MappingID                      // by the Parquet field id
)

// The keys of column mapping in field metadata.
const (
	metaMappingID    = "delta.columnMapping.id"
	metaPhysicalName = "delta.columnMapping.physicalName"
)

// ParseMappingMode reads the table property delta.columnMapping.mode. The empty
// string, for a table that does not have it, is [MappingNone].
func ParseMappingMode(s string) (MappingMode, error) {
	switch s {
	case "", "none":
		return MappingNone, nil
	case "name":
		return MappingName, nil
	case "id":
		return MappingID, nil
	}
	return MappingNone, fmt.Errorf("schema: delta.columnMapping.mode is %q: want none, name or id", s)
}

// String returns the mode as the table property has it.
func (m MappingMode) String() string {
	switch m {
	case MappingName:
		return "name"
	case MappingID:
		return "id"
	default:
		return "none"
	}
}

// PhysicalName returns the column's name in data files, partition values and
// statistics. A mapped field without a physical name, which [Struct.Validate]
// refuses, has its own.
func (f *Field) PhysicalName(mode MappingMode) string {
	if mode == MappingNone {
		return f.Name
	}
	if name, ok := f.Metadata.Text(metaPhysicalName); ok && name != "" {
		return name
	}
	return f.Name
}

// ID returns the column mapping id, which is the Parquet field id in both
// mapped modes.
func (f *Field) ID() (id int32, ok bool) {
	n, err := strconv.ParseInt(f.Metadata[metaMappingID], 10, 32)
	return int32(n), err == nil
}

// Text returns the value of a key if it is a JSON string.
func (m Metadata) Text(key string) (string, bool) {
	raw := m[key]
	if raw == "" || raw[0] != '"' {
		return "", false
	}
	p := scanner{s: raw}
	s, err := p.str()
	return s, err == nil && p.i == len(raw)
}

// With returns a copy of m in which key has the JSON value raw, which must be
// valid.
func (m Metadata) With(key, raw string) Metadata {
	out := make(Metadata, len(m)+1)
	maps.Copy(out, m)
	out[key] = raw
	return out
}

// Physical returns the schema of the data files: s with physical names at every
// level, metadata and all else kept. With [MappingNone] it is s itself.
func Physical(s *Struct, mode MappingMode) *Struct {
	if mode == MappingNone {
		return s
	}
	return mapFields(s, func(f Field) Field {
		f.Name = f.PhysicalName(mode)
		return f
	})
}

// AssignMapping gives every field that has none an id, counting up from maxID,
// and a physical name, which physicalName makes: unique in the table's history
// for a new column, the column's own name when mapping is turned on for a table
// that has data. It returns the schema and the largest id, which is the value
// for delta.columnMapping.maxColumnId.
func AssignMapping(s *Struct, maxID int32, physicalName func(f *Field) string) (*Struct, int32) {
	for _, f := range s.Walk() {
		if id, ok := f.ID(); ok {
			maxID = max(maxID, id)
		}
	}
	return mapFields(s, func(f Field) Field {
		if _, ok := f.ID(); !ok {
			maxID++
			f.Metadata = f.Metadata.With(metaMappingID, strconv.Itoa(int(maxID)))
		}
		if name, ok := f.Metadata.Text(metaPhysicalName); !ok || name == "" {
			f.Metadata = f.Metadata.With(metaPhysicalName, string(appendQuoted(nil, physicalName(&f))))
		}
		return f
	}), maxID
}

// mapFields returns a copy of s in which change was applied to every field at
// every level, a struct before its fields.
func mapFields(s *Struct, change func(Field) Field) *Struct {
	out := &Struct{Fields: make([]Field, len(s.Fields))}
	for i, f := range s.Fields {
		f = change(f)
		f.Type = mapType(f.Type, change)
		out.Fields[i] = f
	}
	return out
}

func mapType(t DataType, change func(Field) Field) DataType {
	switch t := t.(type) {
	case *Struct:
		return mapFields(t, change)
	case *Array:
		return &Array{Element: mapType(t.Element, change), ContainsNull: t.ContainsNull}
	case *Map:
		return &Map{Key: mapType(t.Key, change), Value: mapType(t.Value, change), ValueContainsNull: t.ValueContainsNull}
	default:
		return t
	}
}
