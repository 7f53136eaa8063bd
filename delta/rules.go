package delta

import (
	"errors"
	"slices"

	"github.com/deltalog/deltalog/internal/rules"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/schema"
	"github.com/deltalog/deltalog/writer"
)

// A ConstraintError says which row of the input breaks what the table promises of
// its rows: a CHECK constraint, an invariant, NOT NULL, a generated column.
type ConstraintError = writer.ConstraintError

// promisesOf returns what the snapshot's table promises of rows with schema s: its
// own, or that with the columns that a write adds.
func promisesOf(snap *txlog.Snapshot, s *schema.Struct) *rules.Table {
	p := snap.Protocol()
	return &rules.Table{
		Schema: s, Properties: snap.Properties(),
		Has: func(f string) bool { return p.HasWriterFeature(txlog.Feature(f)) },
	}
}

// rulesFor compiles them for a writer. own says that rows may be the table's own,
// which keep the values that their identity columns have got.
func (t *Table) rulesFor(snap *txlog.Snapshot, s *schema.Struct, own bool) (*rules.Rules, error) {
	return writer.Rules(snap.Protocol(), s, snap.Properties(), &rules.Options{Now: t.opts.Env.Now(), Own: own})
}

// defined compiles the rules of a table that is being defined: all of them, defaults
// that no row has needed yet too.
func (t *Table) defined(s *schema.Struct, proto *txlog.Protocol, meta *txlog.Metadata) (*rules.Rules, error) {
	rs, err := writer.Rules(proto, s, txlog.PropertiesOf(meta), &rules.Options{Now: t.opts.Env.Now()})
	if err != nil {
		return nil, err
	}
	return rs, rs.CheckDefaults()
}

// promise settles, before there is a row, what the rows must be.
func (w *write) promise() (err error) {
	if w.makes() {
		w.made = w.snap
	}
	w.promises = promisesOf(w.snap, w.schema).Promises()
	w.rules, err = w.t.rulesFor(w.snap, w.schema, false)
	return err
}

// keeps says whether rows that were written under w.promises are what the table
// promises now.
func (w *write) keeps(now *txlog.Snapshot) error {
	s, err := now.Schema()
	if err != nil {
		return err
	}
	if broken := rules.Broken(w.promises, promisesOf(now, s).Promises()); broken != "" {
		return errors.New(broken)
	}
	return w.stillReserved(s)
}

// promisedFeatures are the table features that a schema and properties need for
// what they promise of rows.
func promisedFeatures(s *schema.Struct, properties map[string]string) []txlog.Feature {
	all := map[txlog.Feature]bool{}
	for k := range properties {
		if len(k) > len(rules.ConstraintPrefix) && k[:len(rules.ConstraintPrefix)] == rules.ConstraintPrefix {
			all[txlog.FeatureCheckConstraints] = true
		}
	}
	for _, f := range s.Walk() {
		for key, feature := range map[string]txlog.Feature{
			"delta.invariants": txlog.FeatureInvariants, "delta.generationExpression": txlog.FeatureGeneratedColumns,
			"CURRENT_DEFAULT": txlog.FeatureAllowColumnDefaults, "delta.identity.start": txlog.FeatureIdentityColumns,
		} {
			if _, ok := f.Metadata[key]; ok {
				all[feature] = true
			}
		}
	}
	fs := make([]txlog.Feature, 0, len(all))
	for f := range all {
		fs = append(fs, f)
	}
	slices.Sort(fs)
	return fs
}
