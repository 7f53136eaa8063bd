package txlog

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/deltalog/deltalog/internal/body"
	"github.com/deltalog/deltalog/internal/pqread"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A checkpoint is an opened checkpoint: what is not about files is in memory,
// files are streamed. It is shared by all snapshots that stand on it.
type checkpoint struct {
	ref      *checkpointRef
	version  Version
	modified time.Time
	rows     int64 // in the Parquet files that were opened

	protocol *Protocol
	metadata *Metadata
	txns     map[string]*SetTransaction
	domains  map[string]*DomainMetadata

	inline []Action          // file actions of a V2 checkpoint in JSON
	parts  []*checkpointPart // Parquet files with file actions, in order
}

// openCheckpoint opens a checkpoint of any kind and reads what is not about
// files. PROTOCOL.md, "Checkpoints".
//
// An error that matches ErrCorrupt or logstore.ErrNotExist is a reason to look
// for another checkpoint.
func openCheckpoint(ctx context.Context, store logstore.Store, ref *checkpointRef, parallel int) (*checkpoint, error) {
	c := &checkpoint{
		ref: ref, version: ref.version, modified: ref.files[0].Modified,
		txns: map[string]*SetTransaction{}, domains: map[string]*DomainMetadata{},
	}
	b := &checkpointBuilder{c: c}
	var err error
	if ref.kind == logCheckpointJSON {
		err = c.readJSON(ctx, store, b)
	} else {
		err = c.readParquet(ctx, store, b, parallel)
	}
	if err != nil {
		return nil, err
	}
	if err := b.finish(store, parallel); err != nil {
		return nil, &CorruptError{Path: ref.files[0].Name, Err: err}
	}
	return c, nil
}

// A checkpointBuilder collects the actions that are not about files.
type checkpointBuilder struct {
	c        *checkpoint
	sidecars []*Sidecar
	meta     *CheckpointMetadata
	err      error
}

func (b *checkpointBuilder) add(a Action) {
	c := b.c
	switch a := a.(type) {
	case *Protocol:
		b.once(c.protocol != nil, "protocol")
		c.protocol = a
	case *Metadata:
		b.once(c.metadata != nil, "metaData")
		c.metadata = a
	case *SetTransaction:
		b.once(c.txns[a.AppID] != nil, "txn of application "+a.AppID)
		c.txns[a.AppID] = a
	case *DomainMetadata:
		b.once(c.domains[a.Domain] != nil, "domain "+a.Domain)
		c.domains[a.Domain] = a
	case *CheckpointMetadata:
		b.once(b.meta != nil, "checkpointMetadata")
		b.meta = a
	case *Sidecar:
		b.sidecars = append(b.sidecars, a)
	case *AddFile, *RemoveFile:
		c.inline = append(c.inline, a)
	}
}

func (b *checkpointBuilder) once(dup bool, what string) {
	if dup && b.err == nil {
		b.err = fmt.Errorf("a second %s in one checkpoint", what)
	}
}

// finish checks what was found, and adds the sidecars.
func (b *checkpointBuilder) finish(store logstore.Store, parallel int) error {
	c := b.c
	switch {
	case b.err != nil:
		return b.err
	case c.protocol == nil:
		return errors.New("it has no protocol action")
	case c.metadata == nil:
		return errors.New("it has no metaData action")
	case b.meta != nil && b.meta.Version != c.version:
		return fmt.Errorf("its checkpointMetadata is of version %d", b.meta.Version)
	}
	for _, s := range b.sidecars {
		name, err := sidecarName(store.URL(), s.Path)
		if err != nil {
			return err
		}
		c.parts = append(c.parts, newPart(store, logstore.Object{Name: name, Size: s.SizeInBytes}, parallel))
	}
	return nil
}

// sidecarName returns the name in the store of a sidecar, whose path is a file
// name in _sidecars or absolute.
func sidecarName(root, path string) (string, error) {
	if scheme, _ := cutScheme(path); scheme != "" {
		return ObjectName(root, path)
	}
	name, err := ObjectName(root, path)
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(name, sidecarDir+"/") {
		return name, nil // some writers give the path from the table's root
	}
	return sidecarDir + "/" + name, nil
}

// readJSON reads a V2 checkpoint in JSON.
func (c *checkpoint) readJSON(ctx context.Context, store logstore.Store, b *checkpointBuilder) error {
	name := c.ref.files[0].Name
	data, err := store.Read(ctx, name, maxCommit)
	if err != nil {
		return fmt.Errorf("txlog: read %s of %s: %w", name, store.URL(), err)
	}
	commit, err := new(decoder).commit(c.version, name, data, kindsAll&^kindCommitInfo&^kindCDC)
	if err != nil {
		return err
	}
	for _, a := range commit.Actions {
		b.add(a)
	}
	return nil
}

// readParquet opens the file or the parts of a checkpoint.
func (c *checkpoint) readParquet(ctx context.Context, store logstore.Store, b *checkpointBuilder, parallel int) error {
	found := make([][]Action, len(c.ref.files))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, obj := range c.ref.files {
		p := newPart(store, obj, parallel)
		c.parts = append(c.parts, p)
		g.Go(func() error {
			var err error
			found[i], err = p.readState(gctx)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, as := range found {
		c.rows += c.parts[i].file.Rows()
		for _, a := range as {
			b.add(a)
		}
	}
	return nil
}

// A checkpointPart is one Parquet file of a checkpoint. Its footer is read once.
type checkpointPart struct {
	in       objectInput
	parallel int

	mu   sync.Mutex
	file *pqread.File
}

func newPart(store logstore.Store, obj logstore.Object, parallel int) *checkpointPart {
	return &checkpointPart{in: objectInput{store: store, name: obj.Name, size: obj.Size}, parallel: parallel}
}

// open reads the footer, unless that was done before.
func (p *checkpointPart) open(ctx context.Context) (*pqread.File, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file != nil {
		return p.file, nil
	}
	f, err := pqread.Open(ctx, p.in, &pqread.Options{
		Parallel: decodeWorkers(p.parallel), MaxBuffered: 32 << 20, BatchBytes: 16 << 20, MaxBatchBytes: 512 << 20,
	})
	if err != nil {
		return nil, p.fault(err)
	}
	p.file = f
	return f, nil
}

// fault gives an error the name of the file, and marks those that the file is to
// blame for: all but the store's and the context's.
func (p *checkpointPart) fault(err error) error {
	var store *storeError
	switch {
	case errors.Is(err, ErrCorrupt):
		return err
	case errors.As(err, &store) && !errors.Is(err, body.ErrShort) && !errors.Is(err, logstore.ErrNotExist),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("txlog: read checkpoint file %s of %s: %w", p.in.name, p.in.store.URL(), err)
	}
	return &CorruptError{Path: p.in.name, Err: err}
}

// A storeError is an error of the store, on its way through pqread.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

// project opens the file and resolves columns; a column of another type than the
// protocol's is a fault of the file.
func (p *checkpointPart) project(ctx context.Context, want *schema.Struct) (*pqread.Projection, error) {
	f, err := p.open(ctx)
	if err != nil {
		return nil, err
	}
	proj, err := f.Project(want, pqread.ByName)
	if err != nil {
		return nil, &CorruptError{Path: p.in.name, Err: err}
	}
	return proj, nil
}

// batches decodes the columns of want.
func (p *checkpointPart) batches(ctx context.Context, want *schema.Struct, o *pqread.ScanOptions) iter.Seq2[*pqread.Batch, error] {
	return func(yield func(*pqread.Batch, error) bool) {
		proj, err := p.project(ctx, want)
		if err != nil {
			yield(nil, err)
			return
		}
		for b, err := range proj.Batches(ctx, o) {
			if err != nil {
				yield(nil, p.fault(err))
				return
			}
			if !yield(b, nil) {
				return
			}
		}
	}
}

// objectInput reads an object of the store for pqread.
type objectInput struct {
	store logstore.Store
	name  string
	size  int64
}

func (in objectInput) Size() int64 { return in.size }

func (in objectInput) ReadRange(ctx context.Context, off, n int64) ([]byte, error) {
	r, err := in.store.ReadRange(ctx, in.name, off, n)
	if err != nil {
		return nil, &storeError{err}
	}
	defer r.Close()
	// The size may come from a sidecar action, which may say anything: memory
	// grows with the bytes that are there.
	data := make([]byte, min(n, firstGrab))
	for got := 0; ; {
		m, err := body.ReadFull(r, data[got:])
		if got += m; err != nil {
			return nil, &storeError{fmt.Errorf("%d of %d bytes from offset %d: %w", got, n, off, err)}
		}
		if int64(got) == n {
			return data, nil
		}
		data = append(data, make([]byte, min(n-int64(got), int64(got)))...)
	}
}

const firstGrab = 16 << 20
