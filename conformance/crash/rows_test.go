package crash_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/deltalog/deltalog/conformance/ops"
	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/writer"
)

// An item is a row of the tables of these tests.
type item struct {
	ID   int64  `parquet:"id"`
	Part string `parquet:"part"`
	Qty  int64  `parquet:"qty"`
}

func (i item) String() string { return fmt.Sprintf("%d/%s/%d", i.ID, i.Part, i.Qty) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// itemSchema is the tables' schema, and itemTable what they are created with.
var itemSchema = must(writer.SchemaOf[item]())

func itemTable(o delta.Options) *delta.CreateOptions {
	return &delta.CreateOptions{Options: o, PartitionBy: []string{"part"}, Properties: map[string]string{
		"delta.enableDeletionVectors": "true", "delta.checkpointInterval": "4", "delta.isolationLevel": "Serializable",
	}}
}

func source(items ...item) delta.Source { return must(delta.Slice(items)) }

func texts(items []item) []string {
	var out []string
	for _, i := range items {
		out = append(out, i.String())
	}
	slices.Sort(out)
	return out
}

// rowsAt reads a snapshot's rows, as sorted texts.
func rowsAt(ctx context.Context, s *txlog.Snapshot) ([]string, error) {
	scan, err := reader.New(s, &reader.Options{Parallel: 1})
	if err != nil {
		return nil, err
	}
	var rows []string
	for rec, err := range scan.Batches(ctx) {
		if err != nil {
			return nil, err
		}
		for i := range int(rec.NumRows()) {
			var f []string
			for _, c := range rec.Columns() {
				f = append(f, c.ValueStr(i))
			}
			rows = append(rows, strings.Join(f, "/"))
		}
	}
	slices.Sort(rows)
	return rows, nil
}

// keyed returns the versions whose commits carry each key.
func keyed(ctx context.Context, s *txlog.Snapshot) (map[string][]delta.Version, error) {
	at := map[string][]delta.Version{}
	for v := delta.Version(0); v <= s.Version(); v++ {
		c, err := s.CommitAt(ctx, v)
		if err != nil {
			return nil, err
		}
		for _, a := range c.Actions {
			if x, ok := a.(*txlog.SetTransaction); ok {
				at[x.AppID] = append(at[x.AppID], v)
			}
		}
	}
	return at, nil
}

// liveFilesThere checks that every live file is there with its size. That it has
// its rows, reading it shows.
func liveFilesThere(ctx context.Context, s *txlog.Snapshot) error {
	for f, err := range s.Files(ctx, nil) {
		if err != nil {
			return err
		}
		name, err := f.ObjectName(s.Store().URL())
		if err != nil {
			return err
		}
		o, err := s.Store().Stat(ctx, name)
		if err != nil {
			return fmt.Errorf("live file: %w", err)
		}
		if o.Size != f.Size {
			return fmt.Errorf("live file %s has %d bytes, the log says %d", name, o.Size, f.Size)
		}
	}
	return nil
}

// virtual is an Env of one process: its clock moves only when somebody sleeps.
func virtual(process string) *txlog.Env {
	return ops.Env(process)
}

func options(st logstore.Store, process string) delta.Options {
	return delta.Options{Store: st, Env: virtual(process), CommitTimeout: 2 * time.Second}
}
