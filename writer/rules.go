package writer

import (
	"errors"

	"github.com/deltalog/deltalog/internal/digest"
	"github.com/deltalog/deltalog/internal/rules"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/schema"
)

type (
	// A ConstraintError says which row breaks a promise of the table.
	ConstraintError = rules.ConstraintError
	// An Assigned tells which values an identity column gave.
	Assigned = rules.Assigned
)

// Rules compiles what a table with schema s promises of its rows, for
// Config.Rules: its own schema, or that with the columns which a write adds. The
// error is a [*txlog.UnsupportedFeatureError] that names each rule which cannot be
// kept.
func Rules(p *txlog.Protocol, s *schema.Struct, properties txlog.Properties, o *rules.Options) (*rules.Rules, error) {
	r, err := rules.New(&rules.Table{
		Schema: s, Properties: properties,
		Has: func(f string) bool { return p.HasWriterFeature(txlog.Feature(f)) },
	}, o)
	return r, unsupported(err)
}

// unsupported turns what package rules cannot do into the error of package txlog.
func unsupported(err error) error {
	bad := (*rules.UnsupportedError)(nil)
	if !errors.As(err, &bad) {
		return err
	}
	e := &txlog.UnsupportedFeatureError{Write: true, Reasons: bad.Reasons}
	for _, f := range bad.Features {
		e.Features = append(e.Features, txlog.Feature(f))
	}
	return e
}

// lenient returns the table's schema as the input may have it: without the columns
// that rs makes.
func lenient(table *schema.Struct, rs *rules.Rules) *schema.Struct {
	out := &schema.Struct{Fields: append([]schema.Field(nil), table.Fields...)}
	for i := range out.Fields {
		out.Fields[i].Nullable = out.Fields[i].Nullable || rs.Fills(i)
	}
	return out
}

// promise completes rows and checks that they are what the table promises.
func (w *Writer) promise(cols []*vec.Vec, rows int) error {
	if err := w.rules.Complete(cols, rows, w.out.Rows); err != nil {
		return err
	}
	if err := w.caster.nulls(cols, w.t.partCols, w.out.Rows); err != nil || w.t.NoFiles {
		return err
	}
	return w.rules.Check(cols, rows, w.out.Rows)
}

// absent marks the rows of a digest: a column that the table fills is not the same
// as one that the input gave as null. What it is filled with does not count, so
// that the same input has the same digest whenever it is sent.
func (w *Writer) absent(rows int) (marks []digest.Column) {
	for i, present := range w.caster.present {
		if present || !w.t.Rules.Fills(i) {
			continue
		}
		v := &vec.Vec{Kind: vec.Bool, Len: rows, Data: make([]byte, vec.BitmapLen(rows))}
		marks = append(marks, digest.Column{Seed: digest.Seed("\x00absent\x00" + w.t.Schema.Fields[i].Name), Vec: v})
	}
	return marks
}
