package ops

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/deltalog/deltalog/conformance/model"
	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// Read reads a version of the table as the model has it: its rows, and the columns
// that were added, in which every row must have null. Keys are left out.
func Read(ctx context.Context, s *txlog.Snapshot) (*model.Table, error) {
	columns, err := s.Schema()
	if err != nil {
		return nil, err
	}
	t := &model.Table{Version: int64(s.Version())}
	base := len(Schema().Fields)
	for i := base; i < len(columns.Fields); i++ {
		t.Columns = append(t.Columns, columns.Fields[i].Name)
	}
	scan, err := reader.New(s, &reader.Options{Parallel: 1})
	if err != nil {
		return nil, err
	}
	for rec, err := range scan.Batches(ctx) {
		if err != nil {
			return nil, err
		}
		if err := readRows(t, rec, base); err != nil {
			return nil, err
		}
	}
	model.Sort(t.Rows)
	return t, nil
}

func readRows(t *model.Table, rec arrow.RecordBatch, base int) error {
	part, ok1 := rec.Column(0).(*array.String)
	id, ok2 := rec.Column(1).(*array.Int64)
	qty, ok3 := rec.Column(2).(*array.Int64)
	tag, ok4 := rec.Column(3).(*array.String)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return fmt.Errorf("ops: the table's columns are %v", rec.Schema())
	}
	for i := range int(rec.NumRows()) {
		r := model.Row{Part: model.Null, ID: id.Value(i), Qty: qty.Value(i), Tag: tag.Value(i)}
		if part.IsValid(i) {
			r.Part = part.Value(i)
		}
		t.Rows = append(t.Rows, r)
	}
	for i := base; i < int(rec.NumCols()); i++ {
		if rec.Column(i).NullN() != int(rec.NumRows()) {
			return fmt.Errorf("ops: column %s has values, and nobody wrote any", rec.ColumnName(i))
		}
	}
	return nil
}

// A Commit is what a checker wants to know of one version's commit.
type Commit struct {
	Version delta.Version
	Intent  string           // commitInfo.userMetadata
	Token   string           // commitInfo.txnId
	Keys    map[string]int64 // what it records under keys
	changes []*txlog.AddCDCFile
	files   []*txlog.AddFile
}

func commitOf(c *txlog.Commit) Commit {
	h := Commit{Version: c.Version, Keys: map[string]int64{}}
	if ci := c.Info(); ci != nil {
		h.Intent, h.Token = ci.UserMetadata, ci.TxnID
	}
	for _, a := range c.Actions {
		switch a := a.(type) {
		case *txlog.SetTransaction:
			h.Keys[a.AppID] = a.Version
		case *txlog.AddCDCFile:
			h.changes = append(h.changes, a)
		case *txlog.AddFile:
			h.files = append(h.files, a)
		}
	}
	return h
}

// History returns the commits of the whole log, which must begin with version 0; nil
// if there is no table.
func History(ctx context.Context, st logstore.Store) ([]Commit, error) {
	s, err := txlog.Load(ctx, st, nil)
	if errors.Is(err, txlog.ErrTableNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []Commit
	for v := delta.Version(0); v <= s.Version(); v++ {
		c, err := s.CommitAt(ctx, v)
		if err != nil {
			return nil, err
		}
		all = append(all, commitOf(c))
	}
	return all, nil
}

// At reads one version of the table in a store, as [Read] does.
func At(ctx context.Context, st logstore.Store, v delta.Version) (*model.Table, error) {
	s, err := txlog.Load(ctx, st, &txlog.LoadOptions{Version: &v})
	if err != nil {
		return nil, err
	}
	return Read(ctx, s)
}
