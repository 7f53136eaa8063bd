package rules

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A Table is what promises are read from.
type Table struct {
	Schema     *schema.Struct
	Properties map[string]string
	// Has reports whether the table's protocol has a feature, so that the promises
	// of that kind are to be kept.
	Has func(feature string) bool
}

// Options of [New]. Nil means defaults.
type Options struct {
	// Now is the time that current_timestamp() and the like have, for all rows.
	Now time.Time
	// Location is the session's time zone. Nil is UTC.
	Location *time.Location
	// Own says that batches which have a column GENERATED ALWAYS AS IDENTITY hold
	// rows of the table itself, with the values that they have got before.
	Own bool
}

// Rules are what a table promises of its rows.
type Rules struct {
	schema  *schema.Struct
	checks  []*check
	columns []column // as the schema's fields
	own     bool
}

// None is the rules of a table that promises nothing, for writers of rows that
// were checked before.
func None(s *schema.Struct) *Rules { return &Rules{schema: s, columns: make([]column, len(s.Fields))} }

// For reports whether r was made for the columns of s.
func (r *Rules) For(s *schema.Struct) bool {
	return len(r.columns) == len(s.Fields) && schema.Equal(r.schema, s)
}

// Generates reports whether column i is generated.
func (r *Rules) Generates(i int) bool { return r.columns[i].generated != nil }

// A check is a condition that must be true for every row.
type check struct {
	name   string // of a CHECK constraint, or ofInvariant
	column string
	sql    string
	pred   *expr.Predicate
}

// A column is what makes the values of a column that the input lacks; at most one
// of the three is there.
type column struct {
	generated *formula
	fallback  *formula // DEFAULT
	identity  *identity
}

func (c *column) fills() bool { return c.generated != nil || c.fallback != nil || c.identity != nil }

// New compiles what t promises. The error is an [*UnsupportedError].
//
// A default that cannot be compiled is an error only for batches that need it: see
// [Run.Expect].
func New(t *Table, o *Options) (*Rules, error) {
	if o == nil {
		o = &Options{}
	}
	c := &compiler{t: t, o: o, r: None(t.Schema), bad: &UnsupportedError{}}
	c.r.own = o.Own
	c.checks()
	c.invariants()
	c.columns()
	c.nested()
	if err := c.bad.orNil(); err != nil {
		return nil, err
	}
	return c.r, nil
}

type compiler struct {
	t   *Table
	o   *Options
	r   *Rules
	bad *UnsupportedError
}

// checks compiles the CHECK constraints, in the order of their names.
//
// PROTOCOL.md, "CHECK Constraints".
func (c *compiler) checks() {
	if !c.t.Has(featureChecks) {
		return
	}
	for _, k := range slices.Sorted(maps.Keys(c.t.Properties)) {
		name, ok := strings.CutPrefix(k, ConstraintPrefix)
		if !ok {
			continue
		}
		sql := c.t.Properties[k]
		pred, err := Condition(sql, c.t.Schema, c.o)
		if err != nil {
			c.bad.add(featureChecks, "the constraint %s (%s) cannot be evaluated: %s", name, clip(sql, 200), brief(err))
			continue
		}
		c.r.checks = append(c.r.checks, &check{name: name, sql: sql, pred: pred})
	}
}

// invariants compiles what single columns promise, those in structs too.
func (c *compiler) invariants() {
	if !c.t.Has(featureInvariants) {
		return
	}
	for path, f := range c.t.Schema.Walk() {
		name := schema.ColumnPath(path)
		sql, err := invariantOf(f)
		if err == nil && sql == "" {
			continue
		}
		var pred *expr.Predicate
		if err == nil {
			pred, err = Condition(sql, c.t.Schema, c.o)
		}
		if err != nil {
			c.bad.add(featureInvariants, "the invariant of column %s cannot be evaluated: %s", name, brief(err))
			continue
		}
		c.r.checks = append(c.r.checks, &check{name: ofInvariant, column: name, sql: sql, pred: pred})
	}
}

// columns compiles what fills columns.
func (c *compiler) columns() {
	for i := range c.t.Schema.Fields {
		f, to := &c.t.Schema.Fields[i], &c.r.columns[i]
		if raw, ok := f.Metadata[keyGeneration]; ok && c.t.Has(featureGenerated) {
			c.generated(f, raw, to)
		}
		if _, ok := f.Metadata[keyStart]; ok && c.t.Has(featureIdentity) {
			var err error
			if to.identity, err = identityOf(f); err != nil {
				c.bad.add(featureIdentity, "the identity of column %s cannot be read: %v", f.Name, err)
			}
		}
		if raw, ok := f.Metadata[keyDefault]; ok && c.t.Has(featureDefaults) && !to.fills() {
			to.fallback = c.fallback(f, raw)
		}
	}
}

// generated compiles a generation expression: of other columns, none of which is
// generated itself, and the same for the same row at any time.
//
// PROTOCOL.md, "Generated Columns".
func (c *compiler) generated(f *schema.Field, raw string, to *column) {
	sql, ok := f.Metadata.Text(keyGeneration)
	if !ok {
		c.bad.add(featureGenerated, "the generation expression of column %s (%s) is no text", f.Name, clip(raw, 200))
		return
	}
	v, err := newFormula(sql, c.t.Schema, f.Type, c.o.timeless())
	for i := 0; err == nil && i < len(v.columns()); i++ {
		base := &c.t.Schema.Fields[v.columns()[i].Index[0]]
		if _, ok := base.Metadata[keyGeneration]; ok {
			err = errors.New("it reads column " + base.Name + ", which is generated itself")
		}
	}
	if err != nil {
		c.bad.add(featureGenerated, "the generation expression of column %s (%s) cannot be evaluated: %s", f.Name, clip(sql, 200), brief(err))
		return
	}
	to.generated = v
}

// fallback compiles a default. It reads no columns.
//
// PROTOCOL.md, "Default Columns".
func (c *compiler) fallback(f *schema.Field, raw string) *formula {
	sql, ok := f.Metadata.Text(keyDefault)
	if !ok {
		return &formula{sql: raw, err: errors.New("it is no text")}
	}
	v, err := newFormula(sql, &schema.Struct{}, f.Type, c.o.session())
	if err != nil {
		return &formula{sql: sql, err: err}
	}
	return v
}

// nested refuses what belongs to whole columns and stands in a struct: nobody says
// what it would mean there.
func (c *compiler) nested() {
	for path, f := range c.t.Schema.Walk() {
		if len(path) == 1 {
			continue
		}
		for key, feature := range map[string]string{keyGeneration: featureGenerated, keyStart: featureIdentity, keyDefault: featureDefaults} {
			if _, ok := f.Metadata[key]; ok && c.t.Has(feature) {
				c.bad.add(feature, "column %s has %s, which only whole columns can have", schema.ColumnPath(path), key)
			}
		}
	}
}

// Condition parses and binds a condition that rows must satisfy. The error is an
// [*expr.Error].
func Condition(sql string, s *schema.Struct, o *Options) (*expr.Predicate, error) {
	if o == nil {
		o = &Options{}
	}
	e, err := expr.Parse(sql, o.session())
	if err != nil {
		return nil, err
	}
	pred, err := expr.BindIn(e, expr.OneScope(s), o.session())
	if bad := (*expr.Error)(nil); errors.As(err, &bad) {
		bad.Text = sql
	}
	return pred, err
}
