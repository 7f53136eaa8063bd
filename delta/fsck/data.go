package fsck

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A dataCheck looks at the files of one version.
type dataCheck struct {
	*checker
	s *txlog.Snapshot
	// missing are the objects that the version needs and that the listing has not
	// shown (yet), with the size that they must have; -1: any.
	missing map[key]int64
	parts   []schema.Field
	mode    schema.MappingMode
	rowIDs  *rowIDs // nil: the table has none
}

// data checks the files of the version that is asked for.
func (c *checker) data(ctx context.Context) error {
	s, err := c.load(ctx)
	if err != nil || s == nil {
		return err
	}
	c.r.Version = s.Version()
	d := &dataCheck{checker: c, s: s, missing: map[key]int64{}, mode: s.Properties().MappingMode()}
	if d.parts, err = s.PartitionColumns(); err != nil {
		if !errors.Is(err, txlog.ErrCorrupt) && !isUnsupportedType(err) {
			return err
		}
		c.add(LogUnusable, s.Version(), "", "%v", err)
		c.skip("data files: the schema cannot be read")
		return nil
	}
	if s.Properties().RowTracking() {
		d.rowIDs = &rowIDs{}
	}
	c.state = nil // what comes now needs the memory
	if err := d.wanted(ctx); err != nil {
		return d.verdict(err)
	}
	if err := d.list(ctx); err != nil {
		return err
	}
	if err := d.files(ctx); err != nil {
		return d.verdict(err)
	}
	if err := d.rowIDs.check(ctx, d); err != nil {
		return err
	}
	if c.opts.History {
		return d.history(ctx)
	}
	return nil
}

// verdict turns an error about the bytes of the log into a finding.
func (d *dataCheck) verdict(err error) error {
	if d.store.failed() == nil && errors.Is(err, txlog.ErrCorrupt) {
		d.add(LogUnusable, d.s.Version(), "", "%v", err)
		d.skip("data files of version %d: its files cannot be listed from the log", d.s.Version())
		return nil
	}
	if errors.Is(err, logstore.ErrNotExist) {
		return errChanged
	}
	return err
}

func isUnsupportedType(err error) bool {
	var t *schema.UnsupportedTypeError
	return errors.As(err, &t)
}

// load puts the version together that is asked for, as readers do; nil if that
// cannot be done, which is a finding.
func (c *checker) load(ctx context.Context) (*txlog.Snapshot, error) {
	o := &txlog.LoadOptions{Version: c.opts.Version, AsOf: c.opts.AsOf, Parallel: c.opts.Parallel, Logger: slog.New(&fallbacks{c: c})}
	s, err := txlog.Load(ctx, c.store, o)
	newest := c.opts.Version == nil && c.opts.AsOf == nil
	if err == nil && newest && s.Version() != c.r.Newest {
		o.Version = &c.r.Newest // somebody committed since the log was listed
		s, err = txlog.Load(ctx, c.store, o)
	}
	var unsupported *txlog.UnsupportedFeatureError
	switch {
	case err == nil:
		return s, nil
	case c.store.failed() != nil:
		return nil, c.store.failed()
	case errors.As(err, &unsupported), ctx.Err() != nil:
		return nil, err
	case errors.Is(err, logstore.ErrNotExist) && !errors.Is(err, txlog.ErrCorrupt):
		return nil, errChanged
	case !newest && errors.Is(err, txlog.ErrVersionNotFound):
		return nil, err
	case errors.Is(err, txlog.ErrCorrupt), errors.Is(err, txlog.ErrVersionNotFound):
		v := c.r.Newest
		if c.opts.Version != nil {
			v = *c.opts.Version
		}
		c.add(LogUnusable, v, "", "%v", err)
		c.skip("data files of version %d: the log does not say which they are", v)
		return nil, nil
	}
	return nil, err
}

// fallbacks makes findings of what a load warns of.
type fallbacks struct{ c *checker }

func (f *fallbacks) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }
func (f *fallbacks) WithAttrs([]slog.Attr) slog.Handler           { return f }
func (f *fallbacks) WithGroup(string) slog.Handler                { return f }
func (f *fallbacks) Handle(_ context.Context, r slog.Record) error {
	text := strings.TrimPrefix(r.Message, "txlog: ")
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "error" && a.Value.Any() != nil {
			text += ": " + a.Value.String()
		}
		return true
	})
	f.c.add(ReaderFallback, txlog.NoVersion, "", "%s", text)
	return nil
}

// wanted collects what the version needs, and checks what the log says of its
// files.
func (d *dataCheck) wanted(ctx context.Context) error {
	for a, err := range d.s.Files(ctx, nil) {
		if err != nil {
			return err
		}
		d.r.Checked.Files++
		d.r.Checked.Bytes += a.Size
		d.partition(a)
		if d.rowIDs != nil {
			d.rowIDs.add(d, a)
		}
		name, err := a.ObjectName(d.url)
		if err != nil {
			code := DataPath
			if isOutside(err) {
				code = DataOutside
			}
			d.add(code, d.s.Version(), a.Path, "%v", err)
			continue
		}
		d.missing[keyOf(name)] = a.Size
		if a.DeletionVector == nil {
			continue
		}
		switch name, err := d.vectorName(a.DeletionVector); {
		case err != nil && isOutside(err):
			d.add(DataOutside, d.s.Version(), a.Path, "%v", err)
		case err != nil:
			d.add(VectorBad, d.s.Version(), a.Path, "%v", err)
		case name != "":
			d.missing[keyOf(name)] = -1
		}
	}
	return nil
}

func isOutside(err error) bool {
	var p *txlog.PathError
	return errors.As(err, &p) && p.Outside
}

// partition checks that a file has the values of the partition columns, and no
// others, and that they have the columns' types.
//
// PROTOCOL.md, "Partition Value Serialization".
func (d *dataCheck) partition(a *txlog.AddFile) {
	for i := range d.parts {
		f := &d.parts[i]
		v, there := a.PartitionValues[f.PhysicalName(d.mode)]
		if !there {
			d.add(PartitionBad, d.s.Version(), a.Path, "it has no value for the partition column %s", f.Name)
			continue
		}
		if _, err := schema.ParsePartition(f.Type, v, nil); err != nil {
			d.add(PartitionBad, d.s.Version(), a.Path, "partition column %s: %v", f.Name, err)
		}
	}
	if len(a.PartitionValues) > len(d.parts) {
		d.add(PartitionBad, d.s.Version(), a.Path, "it has values for %d partition columns, and the table has %d", len(a.PartitionValues), len(d.parts))
	}
}

// list compares a listing of the table with what the log names.
func (d *dataCheck) list(ctx context.Context) error {
	orphans := d.wholeLog
	if !orphans {
		d.skip("orphans: parts of the log cannot be read, and may name them")
	}
	see := func(o logstore.Object) {
		k := keyOf(o.Name)
		if size, wanted := d.missing[k]; wanted {
			delete(d.missing, k)
			if size >= 0 && size != o.Size {
				d.add(DataSize, d.s.Version(), o.Name, "it has %d bytes, the log says %d", o.Size, size)
			}
		}
		if n := d.names.m[k]; n&named != 0 {
			d.names.m[k] = n | listed
		} else if orphans && !isHidden(o.Name) {
			d.orphan(o)
		}
	}
	done := int64(0)
	// The log is listed already, and lies in the middle of what a listing shows.
	for _, part := range []struct{ after, until string }{{"", logDir}, {logDir + "\xff", ""}} {
		last := ""
		for o, err := range d.store.List(ctx, logstore.ListOptions{StartAfter: part.after}) {
			if err != nil {
				return fmt.Errorf("list the data files: %w", err)
			}
			if part.until != "" && o.Name >= part.until {
				break
			}
			if o.Name <= last || strings.HasPrefix(o.Name, logDir) {
				continue
			}
			last = o.Name
			see(o)
			if done++; done%1024 == 0 {
				d.opts.Progress(Progress{Phase: "listing", Done: done})
			}
		}
	}
	for _, o := range d.log.sidecars {
		if orphans && d.names.m[keyOf(o.Name)]&named == 0 {
			d.orphan(o)
		}
	}
	for _, o := range d.log.loose {
		d.orphan(o)
	}
	return d.leftovers(ctx)
}

// leftovers adds the temporary files of writers that were killed, which listings of
// local disk leave out.
func (d *dataCheck) leftovers(ctx context.Context) error {
	s, has := logstore.As[interface {
		Leftovers(ctx context.Context) ([]logstore.Object, error)
	}](d.store.Store)
	if !has {
		return nil
	}
	objs, err := s.Leftovers(ctx)
	for _, o := range objs {
		d.orphan(o)
	}
	return err
}

// isHidden says that other programs keep something under a name: vacuum leaves
// names alone that begin with a dot or an underscore, in any part, unless they are
// of changes or of partition columns.
func isHidden(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") && !strings.HasSuffix(part, ".tmp") {
			return true
		}
		if strings.HasPrefix(part, "_") && part != "_change_data" && !strings.Contains(part, "=") {
			return true
		}
	}
	return false
}
