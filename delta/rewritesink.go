package delta

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/internal/rules"
	"github.com/deltalog/deltalog/internal/schemavec"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/schema"
	"github.com/deltalog/deltalog/writer"
)

// A sink takes new rows, and the changes for the change data feed. It writes
// nothing before there is a row. It is safe for concurrent use.
type sink struct {
	r *rewrite

	mu      sync.Mutex
	data    *writer.Writer
	rows    int64 // that it was given
	cdc     *writer.Writer
	files   []writer.DataFile
	changes []writer.DataFile
}

func (r *rewrite) store() logstore.Store {
	if r.c.o.DryRun {
		return discardStore{r.c.t.store}
	}
	return r.c.t.store
}

// changeType is the column that says what happened to a row.
const changeType = "_change_type"

// newWriter makes a writer of rows, or of changes.
func (s *sink) newWriter(changes bool) (*writer.Writer, error) {
	r := s.r
	c := &writer.Config{
		Store: r.store(), Schema: r.b.schema, PartitionColumns: r.c.by.names, Properties: r.snap.Properties(),
		TargetFileSize: r.c.o.TargetFileSize, MaxMemory: r.c.maxMemory() / 4, Parallel: r.c.o.Parallel, Env: r.c.t.opts.Env,
	}
	if changes {
		c.Hidden = []schema.Field{{Name: changeType, Type: schema.String, Nullable: true}}
		c.Directory, c.Rules = "_change_data", rules.None(r.b.schema) // the rows are or were the table's
	} else {
		c.Hidden, c.Rules, c.Progress = r.hidden(), r.rules, r.c.moved.writes(r.c)
		c.Admit = func(p writer.Partition, row int64) error {
			if d := r.c.declared; d != nil && !d.has(p.Raw) {
				return &PartitionError{Partition: r.c.by.format(p.Raw), Row: row, Want: d.text}
			}
			return nil
		}
	}
	return writer.New(c)
}

// write adds rows, which errors name by their positions. A nil column is one that
// the rows do not have.
func (s *sink) write(cols []*vec.Vec, ids, commits *vec.Vec, pos []int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data == nil {
		var err error
		if s.data, err = s.newWriter(false); err != nil {
			return err
		}
	}
	fields, arrays, err := s.r.arrays(cols)
	if err != nil {
		return err
	}
	for i, h := range s.r.hidden() {
		if v := [2]*vec.Vec{ids, commits}[i]; v != nil {
			a, err := arrowvec.ToArray(v, arrow.PrimitiveTypes.Int64)
			if err != nil {
				return err
			}
			fields, arrays = append(fields, arrow.Field{Name: h.Name, Type: arrow.PrimitiveTypes.Int64, Nullable: true}), append(arrays, a)
		}
	}
	before, n := s.rows, int64(len(pos))
	s.rows += n
	return placed(s.data.Write(s.r.writing, array.NewRecordBatch(arrow.NewSchema(fields, nil), arrays, n)), pos, before)
}

// changed adds rows to the change data, on tables that have it.
func (s *sink) changed(what string, cols []*vec.Vec, n int) error {
	if !s.r.cdf() || n == 0 || what == "insert" && !s.r.partial.Load() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cdc == nil {
		var err error
		if s.cdc, err = s.newWriter(true); err != nil {
			return err
		}
	}
	fields, arrays, err := s.r.arrays(cols)
	if err != nil {
		return err
	}
	v, err := schemavec.Constant(schema.StringValue(what), schema.String, n)
	if err != nil {
		return err
	}
	a, err := arrowvec.ToArray(v, arrow.BinaryTypes.String)
	if err != nil {
		return err
	}
	fields, arrays = append(fields, arrow.Field{Name: changeType, Type: arrow.BinaryTypes.String}), append(arrays, a)
	return s.cdc.Write(s.r.writing, array.NewRecordBatch(arrow.NewSchema(fields, nil), arrays, int64(n)))
}

// arrays turns the columns that are there into Arrow's.
func (r *rewrite) arrays(cols []*vec.Vec) ([]arrow.Field, []arrow.Array, error) {
	var fields []arrow.Field
	var arrays []arrow.Array
	for i, v := range cols {
		if v == nil {
			continue
		}
		f := r.arrow.Field(i)
		a, err := arrowvec.ToArray(v, f.Type)
		if err != nil {
			return nil, nil, fmt.Errorf("column %s: %w", f.Name, err)
		}
		fields, arrays = append(fields, f), append(arrays, a)
	}
	return fields, arrays, nil
}

// close completes the files.
func (s *sink) close(ctx context.Context) error {
	for _, w := range []struct {
		from *writer.Writer
		to   *[]writer.DataFile
	}{{s.data, &s.files}, {s.cdc, &s.changes}} {
		if w.from == nil {
			continue
		}
		out, err := w.from.Close(ctx)
		if err != nil {
			return err
		}
		*w.to = out.Files
	}
	return nil
}

// abort deletes the files.
func (s *sink) abort(ctx context.Context) error {
	var errs []error
	for _, w := range []*writer.Writer{s.data, s.cdc} {
		if w != nil {
			errs = append(errs, w.Abort(ctx))
		}
	}
	return errors.Join(errs...)
}
