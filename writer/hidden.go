package writer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/deltalog/deltalog/internal/rules"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/schema"
)

// hide adds Config.Hidden to the files' columns.
func (t *target) hide() error {
	for i := range t.Hidden {
		f := &t.Hidden[i]
		if t.Schema.Index(f.Name) >= 0 || t.data.Index(f.Name) >= 0 {
			return fmt.Errorf("writer: hidden column %s has the name of a column of the table", f.Name)
		}
		if !f.Nullable {
			return fmt.Errorf("writer: hidden column %s must be nullable", f.Name)
		}
		t.dataCols = append(t.dataCols, len(t.Schema.Fields)+i)
		t.data.Fields = append(t.data.Fields, *f)
	}
	return nil
}

// name returns the name of a column of the table, or of a hidden one after those.
func (t *target) name(col int) string {
	if n := len(t.Schema.Fields); col >= n {
		return t.Hidden[col-n].Name
	}
	return t.Schema.Fields[col].Name
}

// A hiddenCaster takes the hidden columns out of batches of one Arrow schema.
type hiddenCaster struct {
	in      *arrow.Schema
	visible *arrow.Schema
	columns []int // of visible, in the batch
	hidden  []int // in the batch
	caster  *caster
}

func (t *target) newHiddenCaster(in *arrow.Schema) (*hiddenCaster, error) {
	h := &hiddenCaster{in: in}
	var visible, hidden []arrow.Field
	for i, f := range in.Fields() {
		// To the letter: id and ID may be a hidden column and one of the table.
		if slices.ContainsFunc(t.Hidden, func(x schema.Field) bool { return x.Name == f.Name }) {
			h.hidden, hidden = append(h.hidden, i), append(hidden, f)
			continue
		}
		h.columns, visible = append(h.columns, i), append(visible, f)
	}
	h.visible = arrow.NewSchema(visible, nil)
	s := &schema.Struct{Fields: t.Hidden}
	var err error
	h.caster, err = newCaster(arrow.NewSchema(hidden, nil), s, rules.None(s))
	return h, err
}

func selected(s *arrow.Schema, rec arrow.RecordBatch, columns []int) arrow.RecordBatch {
	cols := make([]arrow.Array, len(columns))
	for i, c := range columns {
		cols[i] = rec.Column(c)
	}
	return array.NewRecordBatch(s, cols, rec.NumRows())
}

// uncover returns a batch without its hidden columns, and these.
func (w *Writer) uncover(rec arrow.RecordBatch) (arrow.RecordBatch, []*vec.Vec, error) {
	if len(w.t.Hidden) == 0 {
		return rec, nil, nil
	}
	if w.hidden == nil || !w.hidden.in.Equal(rec.Schema()) {
		h, err := w.t.newHiddenCaster(rec.Schema())
		if err != nil {
			return nil, nil, err
		}
		w.hidden = h
	}
	h := w.hidden
	cols, err := h.caster.cast(selected(h.caster.in, rec, h.hidden), w.out.Rows)
	return selected(h.visible, rec, h.columns), cols, err
}

// checkDirectory refuses a Config.Directory that is no plain path.
func (c *Config) checkDirectory() error {
	if c.Directory == "" {
		return nil
	}
	if err := logstore.CheckName(c.Directory); err != nil || strings.IndexFunc(c.Directory, special) >= 0 {
		return fmt.Errorf("writer: Config.Directory is %q, want a path of letters, digits and ._-=/", c.Directory)
	}
	return nil
}
