package fsck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/deltalog/deltalog/internal/dv"
	"github.com/deltalog/deltalog/internal/pqread"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// files looks at each live file: at those that the listing has not shown, and, if
// that is asked for, at what is in them.
func (d *dataCheck) files(ctx context.Context) error {
	if d.opts.Depth == Listing && len(d.missing) == 0 {
		return nil
	}
	rows, err := d.newRowCheck()
	if err != nil {
		return err
	}
	var done atomic.Int64
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(d.opts.Parallel)
	for a, err := range d.s.Files(ctx, nil) {
		if err != nil {
			_ = g.Wait()
			return err
		}
		if gctx.Err() != nil {
			break
		}
		g.Go(func() error {
			if err := d.file(gctx, a, rows); err != nil {
				return err
			}
			d.opts.Progress(Progress{Phase: "files", Done: done.Add(1), Total: d.r.Checked.Files})
			return nil
		})
	}
	return g.Wait()
}

// file looks at one live file.
func (d *dataCheck) file(ctx context.Context, a *txlog.AddFile, rows *rowCheck) error {
	name, err := a.ObjectName(d.url)
	if err != nil {
		return nil // said before
	}
	there, err := d.there(ctx, name)
	if err != nil {
		return err
	}
	if !there {
		d.add(DataMissing, d.s.Version(), name, "version %d needs the file, and it is not there", d.s.Version())
	}
	vector := ""
	if a.DeletionVector != nil {
		if vector, err = d.vectorName(a.DeletionVector); err != nil {
			return nil // said before
		}
	}
	hasVector := vector == ""
	if !hasVector {
		if hasVector, err = d.there(ctx, vector); err != nil {
			return err
		}
		if !hasVector {
			d.add(VectorMissing, d.s.Version(), vector, "it says which rows of %s are deleted, and is not there", a.Path)
		}
	}
	if !there || d.opts.Depth == Listing {
		return nil
	}
	return d.content(ctx, a, name, vector, hasVector, rows)
}

// there reports whether an object is there. Those that the listing has not shown
// are asked for: listings of some stores are late.
func (d *dataCheck) there(ctx context.Context, name string) (bool, error) {
	size, missing := d.missing[keyOf(name)] // nobody writes to it any more
	if !missing {
		return true, nil
	}
	o, err := d.store.Stat(ctx, name)
	switch {
	case errors.Is(err, logstore.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case size >= 0 && o.Size != size:
		d.add(DataSize, d.s.Version(), name, "it has %d bytes, the log says %d", o.Size, size)
	}
	return true, nil
}

// content reads a file's footer and its deletion vector, and all rows if that is
// asked for.
func (d *dataCheck) content(ctx context.Context, a *txlog.AddFile, name, vector string, hasVector bool, rows *rowCheck) error {
	v := d.s.Version()
	f, err := pqread.Open(ctx, &input{d.store, name, a.Size}, nil)
	if done, err := d.unreadable(DataUnreadable, name, err); done {
		return err
	}
	count(&d.r.Checked.Footers, 1)
	good := hasVector
	if want, err := a.NumRecords(); err != nil && a.Stats != "" {
		d.add(StatsBad, v, a.Path, "%v", err)
	} else if err == nil && want != f.Rows() {
		d.add(DataRows, v, a.Path, "it has %d rows, its statistics say %d", f.Rows(), want)
		good = false
	}
	if a.DeletionVector != nil && hasVector {
		err := d.vector(ctx, a, vector, f.Rows())
		if done, err := d.unreadable(VectorBad, a.Path, err); done {
			return err
		}
		count(&d.r.Checked.Vectors, 1)
	}
	if rows == nil || !good {
		return nil
	}
	return rows.file(ctx, a)
}

func count(n *int64, by int64) { atomic.AddInt64(n, by) }

// unreadable makes a finding of an error about bytes. It returns true when the
// file is done with: bad, or the error that ends the run.
func (d *dataCheck) unreadable(code Code, path string, err error) (bool, error) {
	switch {
	case err == nil:
		return false, nil
	case d.store.failed() != nil:
		return true, d.store.failed()
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return true, err
	case errors.Is(err, logstore.ErrNotExist):
		code = DataMissing
	}
	d.add(code, d.s.Version(), path, "%v", err)
	return true, nil
}

// vector reads a deletion vector, which checks its number of rows and that they are
// in the file.
func (d *dataCheck) vector(ctx context.Context, a *txlog.AddFile, name string, rows int64) error {
	v := a.DeletionVector
	desc := dv.Descriptor{StorageType: v.StorageType, PathOrInlineDV: v.PathOrInlineDV, SizeInBytes: v.SizeInBytes, Cardinality: v.Cardinality}
	if v.Offset != nil {
		desc.Offset = *v.Offset
	}
	if name == "" {
		_, err := desc.Inline(rows)
		return err
	}
	off, n, err := desc.Span(rows)
	if err != nil {
		return err
	}
	framed, err := (&input{d.store, name, off + n}).ReadRange(ctx, off, n)
	if err != nil {
		return err
	}
	_, err = desc.Decode(framed, rows)
	return err
}

// An input is an object as the Parquet reader sees it.
type input struct {
	store logstore.Store
	name  string
	size  int64
}

func (in *input) Size() int64 { return in.size }

func (in *input) ReadRange(ctx context.Context, off, n int64) ([]byte, error) {
	r, err := in.store.ReadRange(ctx, in.name, off, n)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	// Sizes come from the log, which may say anything: memory grows with the bytes
	// that are there.
	data, err := io.ReadAll(io.LimitReader(r, n))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) < n {
		return nil, fmt.Errorf("the object ends at byte %d, the log says that it has %d", off+int64(len(data)), in.size)
	}
	return data, nil
}
