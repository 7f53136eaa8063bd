package delta

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A Partition names a partition by its columns' values, as the log serialises
// them; nil is null. With some of the table's partition columns only it stands
// for every partition that has these values.
type Partition map[string]*string

// NullPartition is how null is spelled where a partition is text: ds=__null__.
const NullPartition = "__null__"

// Part returns the partition with these columns and values: Part("ds",
// "2026-01-05", "region", "eu").
func Part(columnsAndValues ...string) Partition {
	p := Partition{}
	for i := 0; i+1 < len(columnsAndValues); i += 2 {
		p[columnsAndValues[i]] = &columnsAndValues[i+1]
	}
	return p
}

// ParsePartition reads "ds=2026-01-05" or "ds=2026-01-05,region=eu" for a table
// partitioned by columns. Null is [NullPartition] (or Hive's
// __HIVE_DEFAULT_PARTITION__). A value may hold commas and equals signs: a comma
// separates only where a partition column's name and "=" follow.
func ParsePartition(text string, columns []string) (Partition, error) {
	p := Partition{}
	for rest := text; rest != ""; {
		name, after, ok := strings.Cut(rest, "=")
		col := slices.IndexFunc(columns, func(c string) bool { return strings.EqualFold(c, name) })
		if !ok || col < 0 {
			return nil, fmt.Errorf("delta: partition %q: want COLUMN=VALUE with a column of (%s)", text, strings.Join(columns, ", "))
		}
		if _, twice := p[columns[col]]; twice {
			return nil, fmt.Errorf("delta: partition %q names column %s twice", text, columns[col])
		}
		value := after
		rest = ""
		for _, c := range columns {
			if i := indexFold(value, ","+c+"="); i >= 0 {
				value, rest = value[:i], after[i+1:]
			}
		}
		p[columns[col]] = &value
		if value == NullPartition || value == "__HIVE_DEFAULT_PARTITION__" {
			p[columns[col]] = nil
		}
	}
	if len(p) == 0 {
		return nil, errors.New("delta: partition is empty: want COLUMN=VALUE")
	}
	return p, nil
}

func indexFold(s, sep string) int {
	for i := 0; i+len(sep) <= len(s); i++ {
		if strings.EqualFold(s[i:i+len(sep)], sep) {
			return i
		}
	}
	return -1
}

// String returns the partition as [ParsePartition] reads it, columns by name.
func (p Partition) String() string {
	names := make([]string, 0, len(p))
	for n := range p {
		names = append(names, n)
	}
	slices.Sort(names)
	for i, n := range names {
		names[i] = n + "=" + orNull(p[n])
	}
	return strings.Join(names, ",")
}

func orNull(v *string) string {
	if v == nil {
		return NullPartition
	}
	return *v
}

// A partitioning is how a table is partitioned, with types.
type partitioning struct {
	names    []string // logical, in the table's order
	physical []string
	types    []schema.DataType
}

func partitioningOf(s *txlog.Snapshot) (*partitioning, error) {
	fields, err := s.PartitionColumns()
	if err != nil {
		return nil, err
	}
	p := &partitioning{names: s.Metadata().PartitionColumns}
	mode := s.Properties().MappingMode()
	for i := range fields {
		p.physical = append(p.physical, fields[i].PhysicalName(mode))
		p.types = append(p.types, fields[i].Type)
	}
	return p, nil
}

// A condition is a predicate on partition columns.
type condition struct {
	by        *partitioning
	predicate *expr.Predicate
	columns   []int // of the predicate's columns, the partition column

	mu     sync.Mutex
	failed error // the first partition that the predicate could not be told for
}

// condition binds SQL that reads partition columns only.
func (p *partitioning) condition(sql string, s *schema.Struct) (*condition, error) {
	e, pred, err := expr.Compile(sql, s, nil)
	if err != nil {
		return nil, err
	}
	if !expr.PartitionOnly(e, p.names) {
		return nil, fmt.Errorf("predicate %q reads columns other than the partition columns (%s)", sql, strings.Join(p.names, ", "))
	}
	c := &condition{by: p, predicate: pred}
	for _, col := range pred.Columns() {
		c.columns = append(c.columns, slices.IndexFunc(p.names, func(n string) bool { return n == col.Path[0] }))
	}
	return c, nil
}

// holds reports whether the predicate is true for a partition. A value that is
// none of its column's type satisfies no predicate. Where the predicate itself
// fails, as a division by zero does, it is false, and err says so.
func (c *condition) holds(values map[string]*string) bool {
	constants := make(map[int]schema.Value, len(c.columns))
	for i, col := range c.columns {
		v, err := schema.ParsePartition(c.by.types[col], values[c.by.physical[col]], nil)
		if err != nil {
			return false
		}
		constants[i] = v
	}
	p := c.predicate.WithConstants(constants)
	match, ok := p.Constant()
	if ok {
		return match == expr.All
	}
	if _, err := p.Eval(nil, 1); err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.failed == nil {
			c.failed = fmt.Errorf("partition %s: %w", c.by.format(values), err)
		}
	}
	return false
}

// err returns the first failure of holds.
func (c *condition) err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

// format names a partition for people.
func (p *partitioning) format(values map[string]*string) string {
	parts := make([]string, len(p.names))
	for i, n := range p.physical {
		v := values[n]
		if v != nil && *v == "" {
			v = nil
		}
		parts[i] = p.names[i] + "=" + orNull(v)
	}
	return strings.Join(parts, ",")
}

// A partitionSet is a set of partitions, compared by typed values: two spellings
// of one timestamp are one partition.
type partitionSet struct {
	by    *partitioning
	whole map[string]struct{} // keys of partitions with all columns
	some  []partial           // declarations with some of the columns
	text  []string            // as declared
}

type partial struct {
	columns []int
	values  []schema.Value
}

func (p *partitioning) set(declared []Partition) (*partitionSet, error) {
	s := &partitionSet{by: p, whole: map[string]struct{}{}}
	for _, d := range declared {
		if err := s.add(d); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *partitionSet) add(d Partition) error {
	if len(s.by.names) == 0 {
		return fmt.Errorf("delta: partition %s: the table is not partitioned", d)
	}
	var part partial
	raw := map[string]*string{}
	known := 0
	for i, n := range s.by.names {
		text, ok := d[n]
		if !ok {
			continue
		}
		known++
		v, err := schema.ParsePartition(s.by.types[i], text, nil)
		if err != nil {
			return fmt.Errorf("delta: partition %s: column %s: %w", d, n, err)
		}
		part.columns, part.values = append(part.columns, i), append(part.values, v)
		raw[s.by.physical[i]] = text
	}
	if known != len(d) {
		return fmt.Errorf("delta: partition %s: the table is partitioned by (%s)", d, strings.Join(s.by.names, ", "))
	}
	if known == 0 {
		return errors.New("delta: a declared partition names no column")
	}
	s.text = append(s.text, d.String())
	if known < len(s.by.names) {
		s.some = append(s.some, part)
		return nil
	}
	return s.addRaw(raw)
}

// addRaw adds one whole partition by its serialised values.
func (s *partitionSet) addRaw(values map[string]*string) error {
	key, err := schema.PartitionKey(s.by.types, values, s.by.physical)
	if err != nil {
		return err
	}
	s.whole[key] = struct{}{}
	return nil
}

// sorted returns the declarations in order, for the digest.
func (s *partitionSet) sorted() []string { return slices.Sorted(slices.Values(s.text)) }

// has reports whether a partition is in the set. Values that do not parse are
// compared as text.
func (s *partitionSet) has(values map[string]*string) bool {
	key, _ := schema.PartitionKey(s.by.types, values, s.by.physical)
	if _, ok := s.whole[key]; ok {
		return true
	}
	for _, p := range s.some {
		if s.matches(p, values) {
			return true
		}
	}
	return false
}

func (s *partitionSet) matches(p partial, values map[string]*string) bool {
	for i, c := range p.columns {
		v, err := schema.ParsePartition(s.by.types[c], values[s.by.physical[c]], nil)
		if err != nil || v.IsNull() != p.values[i].IsNull() || !v.IsNull() && !v.Equal(p.values[i]) {
			return false
		}
	}
	return true
}
