package stats

import (
	"fmt"
	"slices"
	"strings"

	"github.com/deltalog/deltalog/txlog/schema"
)

// DefaultIndexedColumns is the default of delta.dataSkippingNumIndexedCols.
const DefaultIndexedColumns = 32

// typeChanges is the metadata of a column whose type was widened.
const typeChanges = "delta.typeChanges"

// Select returns the columns that a writer collects statistics for, in schema
// order, with their physical paths. s is the table's schema with logical names;
// partition columns have no statistics.
//
// If statsColumns, the table property delta.dataSkippingStatsColumns, is not
// empty, it names them: names separated by commas, the parts of a nested name by
// dots, in any case, in backticks where a name has a comma, a dot or a backtick
// (written twice); the name of a struct means all of its leaves, and names that
// the schema does not have are passed over. Else they are the first numIndexed
// leaves (delta.dataSkippingNumIndexedCols), all if it is negative.
// Void columns count, but have no statistics.
func Select(s *schema.Struct, mode schema.MappingMode, partitionColumns []string, numIndexed int, statsColumns string) ([]Leaf, error) {
	var wanted [][]string
	if strings.TrimSpace(statsColumns) != "" {
		var err error
		if wanted, err = parseColumns(statsColumns); err != nil {
			return nil, fmt.Errorf("stats: delta.dataSkippingStatsColumns is %q: %w", statsColumns, err)
		}
		numIndexed = -1
	}
	sel := selection{mode: mode, limit: numIndexed, wanted: wanted}
	for i := range s.Fields {
		f := &s.Fields[i]
		if slices.ContainsFunc(partitionColumns, func(p string) bool { return strings.EqualFold(p, f.Name) }) {
			continue
		}
		sel.field(f, nil, nil)
	}
	return sel.leaves, nil
}

// AllLeaves returns every leaf of s, with physical names: what a reader may find
// statistics for.
func AllLeaves(s *schema.Struct, mode schema.MappingMode) []Leaf {
	leaves, _ := Select(s, mode, nil, -1, "")
	return leaves
}

type selection struct {
	mode    schema.MappingMode
	limit   int        // leaves; negative: no limit
	wanted  [][]string // nil: all
	counted int
	leaves  []Leaf
}

func (s *selection) field(f *schema.Field, logical, physical []string) {
	logical = append(slices.Clip(logical), f.Name)
	physical = append(slices.Clip(physical), f.PhysicalName(s.mode))
	if inner, ok := f.Type.(*schema.Struct); ok {
		for i := range inner.Fields {
			s.field(&inner.Fields[i], logical, physical)
		}
		return
	}
	if s.limit >= 0 && s.counted >= s.limit || s.wanted != nil && !s.wants(logical) {
		return
	}
	s.counted++
	if f.Type.Kind() != schema.KindVoid {
		s.leaves = append(s.leaves, Leaf{Path: physical, Type: f.Type, Widened: f.Metadata[typeChanges] != ""})
	}
}

// wants reports whether a wanted column is path, or a struct that it is in.
func (s *selection) wants(path []string) bool {
	return slices.ContainsFunc(s.wanted, func(w []string) bool {
		return len(w) <= len(path) && slices.EqualFunc(w, path[:len(w)], strings.EqualFold)
	})
}

// parseColumns reads a list of column names.
func parseColumns(list string) ([][]string, error) {
	var columns [][]string
	var path []string
	for rest := list; ; {
		name, after, err := parseName(rest)
		if err != nil {
			return nil, err
		}
		path = append(path, name)
		after = strings.TrimLeft(after, " \t\n\r")
		if after == "" {
			return append(columns, path), nil
		}
		switch after[0] {
		case ',':
			columns, path = append(columns, path), nil
		case '.':
		default:
			return nil, fmt.Errorf("want a comma or a dot at %q", after)
		}
		rest = after[1:]
	}
}

// parseName reads one part of a name and returns what follows it.
func parseName(s string) (name, rest string, err error) {
	s = strings.TrimLeft(s, " \t\n\r")
	if !strings.HasPrefix(s, "`") {
		end := strings.IndexAny(s, ",.`")
		if end < 0 {
			end = len(s)
		}
		if name = strings.TrimRight(s[:end], " \t\n\r"); name == "" {
			return "", "", fmt.Errorf("want a name at %q", s)
		}
		return name, s[end:], nil
	}
	for b := []byte(nil); ; {
		end := strings.IndexByte(s[1:], '`') + 1
		if end == 0 {
			return "", "", fmt.Errorf("no backtick ends the name at %q", s)
		}
		b = append(b, s[1:end]...)
		s = s[end:]
		if !strings.HasPrefix(s, "``") {
			return string(b), s[1:], nil
		}
		b = append(b, '`')
		s = s[1:]
	}
}
