package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// ReadRows returns the rows of a table by this project's reader, at its newest
// version; no table has no rows.
func ReadRows(ctx context.Context, s logstore.Store) ([]Row, error) {
	snap, err := txlog.Load(ctx, s, nil)
	if errors.Is(err, txlog.ErrTableNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	scan, err := reader.New(snap, nil)
	if err != nil {
		return nil, err
	}
	var rows []Row
	for rec, err := range scan.Batches(ctx) {
		if err != nil {
			return nil, err
		}
		column := func(name string) int { return rec.Schema().FieldIndices(name)[0] }
		for i := range int(rec.NumRows()) {
			rows = append(rows, Row{
				ID: rec.Column(column("id")).(*array.Int64).Value(i),
				P:  rec.Column(column("p")).ValueStr(i),
				V:  rec.Column(column("v")).(*array.Int64).Value(i),
			})
		}
	}
	return rows, nil
}

// commits returns the table's commits in order, all from version 0 on.
func commits(ctx context.Context, s logstore.Store) ([]*txlog.Commit, error) {
	var all []*txlog.Commit
	for o, err := range s.List(ctx, logstore.ListOptions{Prefix: "_delta_log/", Shallow: true}) {
		if err != nil {
			return nil, err
		}
		v, ok := version(o.Name)
		if !ok {
			continue
		}
		if v != int64(len(all)) {
			return nil, fmt.Errorf("the log has version %d after %d", v, len(all)-1)
		}
		data, err := s.Read(ctx, o.Name, 0)
		if err != nil {
			return nil, err
		}
		c, err := txlog.ParseCommit(txlog.Version(v), data)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// IsCommit says that an object's name, from the table's root on or with more before
// it, is that of a commit.
func IsCommit(name string) bool {
	_, ok := version(name)
	return ok
}

func version(name string) (int64, bool) {
	at := strings.LastIndex(name, "_delta_log/")
	if at < 0 {
		return 0, false
	}
	digits, ok := strings.CutSuffix(name[at+len("_delta_log/"):], ".json")
	if !ok || len(digits) != 20 {
		return 0, false
	}
	var v int64
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false
		}
		v = v*10 + int64(d-'0')
	}
	return v, true
}

// checkLog says what is wrong with the log whatever the rows are: a file that is
// added while it is live is read twice by whoever follows the table, a file that
// is removed though it is not live was removed by somebody who looked at another
// version, and a live file must exist.
func checkLog(ctx context.Context, s logstore.Store) error {
	all, err := commits(ctx, s)
	if err != nil {
		return err
	}
	live := map[txlog.FileKey]txlog.Version{}
	files := map[txlog.FileKey]*txlog.AddFile{}
	for _, c := range all {
		gone := map[txlog.FileKey]bool{}
		for _, a := range c.Actions {
			if r, ok := a.(*txlog.RemoveFile); ok {
				if _, is := live[r.Key()]; !is {
					return fmt.Errorf("version %d removes %s, which is not in the table", c.Version, r.Path)
				}
				gone[r.Key()] = true
			}
		}
		for k := range gone {
			delete(live, k)
		}
		for _, a := range c.Actions {
			add, ok := a.(*txlog.AddFile)
			if !ok {
				continue
			}
			if v, twice := live[add.Key()]; twice && add.DataChange {
				return fmt.Errorf("versions %d and %d both add %s: who reads the changes of the table gets its rows twice", v, c.Version, add.Path)
			}
			live[add.Key()], files[add.Key()] = c.Version, add
		}
	}
	for k, v := range live {
		name, err := files[k].ObjectName(s.URL())
		if err != nil {
			return fmt.Errorf("version %d: %w", v, err)
		}
		if _, err := s.Stat(ctx, name); err != nil {
			return fmt.Errorf("version %d has the file %s: %w", v, name, err)
		}
	}
	return nil
}

// operations are the names of the operations in the log, for the report.
func operations(ctx context.Context, s logstore.Store) string {
	all, err := commits(ctx, s)
	if err != nil {
		return err.Error()
	}
	var names []string
	for _, c := range all {
		name := "?"
		if i := c.Info(); i != nil {
			name = i.Operation
		}
		names = append(names, fmt.Sprintf("%d %s", c.Version, name))
	}
	return strings.Join(slices.Clip(names), ", ")
}
