package ops

import (
	"context"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/writer"
)

// optimize is a compaction as another engine does it: the live rows of all files
// are in one new file for each partition, without deletion vectors, at other
// positions, and the commit says that no data has changed.
func (t *Table) optimize(ctx context.Context, intent string) (*delta.Result, error) {
	res := &delta.Result{Operation: "optimize", State: delta.NotCommitted, Version: delta.NoVersion}
	s, err := t.Delta.Snapshot(ctx, delta.At{})
	if err != nil {
		return res, err
	}
	var old []*txlog.AddFile
	for f, err := range s.Files(ctx, nil) {
		if err != nil {
			return res, err
		}
		old = append(old, f)
	}
	if len(old) == 0 {
		res.State, res.Version = delta.NoOp, s.Version()
		return res, nil
	}
	out, err := t.rewrite(ctx, s)
	if err != nil {
		return res, err
	}
	txn := s.Begin(&txlog.TxnOptions{
		Operation: "OPTIMIZE", EngineInfo: "another engine", UserMetadata: intent, NewFiles: true,
		MaxElapsed: t.o.CommitTimeout, Env: t.o.Env,
	})
	for _, f := range old {
		txn.ReadFile(f.Path)
		txn.Add(f.Remove(t.o.Env.Now().UnixMilli(), false))
	}
	for i := range out.Files {
		f := out.Files[i].AddFile()
		f.DataChange = false
		txn.Add(f)
	}
	return t.result(txn.Commit(ctx))
}

// rewrite writes the rows of a snapshot to new files. What it wrote stays when
// something fails: the other engine leaves that to its vacuum.
func (t *Table) rewrite(ctx context.Context, s *txlog.Snapshot) (*writer.Output, error) {
	columns, err := s.Schema()
	if err != nil {
		return nil, err
	}
	w, err := writer.New(&writer.Config{
		Store: t.o.Store, Schema: columns, PartitionColumns: s.Metadata().PartitionColumns, Properties: s.Properties(),
		Parallel: 1, Env: t.o.Env,
	})
	if err != nil {
		return nil, err
	}
	scan, err := reader.New(s, &reader.Options{Parallel: 1, Env: t.o.Env})
	if err != nil {
		return nil, err
	}
	for rec, err := range scan.Batches(ctx) {
		if err == nil {
			err = w.Write(ctx, rec)
		}
		if err != nil {
			return nil, err
		}
	}
	return w.Close(ctx)
}
