package writer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/deltalog/deltalog/internal/dv"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// A DVWriter collects the deletion vectors of one commit in one file, which is
// held in memory until Close publishes it. Add may be called concurrently.
type DVWriter struct {
	store logstore.Store
	path  string // as descriptors have it
	name  string // of the object
	err   error  // of making the name

	mu    sync.Mutex
	file  dv.File
	done  bool // Close was called
	maybe bool // the object may exist, and be ours
	size  int64
}

// A DVFile is a file of deletion vectors.
type DVFile struct {
	Name string // of the object; empty: there is none
	Size int64  // bytes
}

// NewDVWriter returns a writer of a new file, in a random directory if the table
// wants that (delta.randomizeFilePrefixes). It does no I/O.
func NewDVWriter(store logstore.Store, env *txlog.Env, props txlog.Properties) *DVWriter {
	w := &DVWriter{store: store}
	env = env.WithDefaults()
	text := env.NewID()
	id, err := uuid.Parse(text)
	if err != nil { // an Env may give ids of another form
		id = uuid.NewSHA1(uuid.NameSpaceOID, []byte(text))
	}
	w.path, w.name, w.err = dv.NewPath(randomPrefix(env, props), id)
	return w
}

// randomPrefix returns the name of a random directory, empty if the table does not
// want any.
func randomPrefix(env *txlog.Env, props txlog.Properties) string {
	if !props.RandomizeFilePrefixes() {
		return ""
	}
	id := strings.ReplaceAll(env.NewID(), "-", "")
	return id[len(id)-min(len(id), props.RandomPrefixLength()):]
}

// Add takes a deletion vector, which may be changed afterwards, and returns what a
// commit says about it once Close has succeeded.
func (w *DVWriter) Add(b *dv.Bitmap) (*txlog.DVDescriptor, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return nil, errClosed
	}
	if w.err != nil {
		return nil, fmt.Errorf("writer: deletion vectors: %w", w.err)
	}
	d, err := w.file.Add(w.path, b)
	if err != nil {
		return nil, fmt.Errorf("writer: deletion vectors: %w", err)
	}
	return &txlog.DVDescriptor{
		StorageType: d.StorageType, PathOrInlineDV: d.PathOrInlineDV, Offset: &d.Offset,
		SizeInBytes: d.SizeInBytes, Cardinality: d.Cardinality,
	}, nil
}

// Close publishes the file, or none if no deletion vector was added. When it
// returns nil the file is durable. After an error call Abort.
func (w *DVWriter) Close(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return errClosed
	}
	w.done = true
	data := w.file.Bytes()
	if len(data) == 0 {
		return nil
	}
	w.maybe = true
	err := w.store.Put(ctx, w.name, data, logstore.IfAbsent)
	if errors.Is(err, logstore.ErrExist) {
		// A request that was delivered twice meets itself. An object that holds
		// anything else is not ours, and not ours to delete.
		if got, rerr := w.store.Read(ctx, w.name, int64(len(data))); rerr == nil && bytes.Equal(got, data) {
			err = nil
		} else if rerr == nil || errors.Is(rerr, logstore.ErrTooLarge) {
			w.maybe = false
		}
	}
	if err != nil {
		return fmt.Errorf("writer: write %s: %w", w.name, err)
	}
	w.size = int64(len(data))
	w.file = dv.File{}
	return nil
}

// File returns what Close has published.
func (w *DVWriter) File() DVFile {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.size == 0 {
		return DVFile{}
	}
	return DVFile{Name: w.name, Size: w.size}
}

// Abort deletes what Close has published or may have published: it must not be
// called once a commit may name it. Another call tries again after an error. The
// context must be alive, also if another one's end is why Abort is called.
func (w *DVWriter) Abort(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done, w.file = true, dv.File{}
	if !w.maybe {
		return nil
	}
	if err := w.store.Delete(ctx, w.name); err != nil {
		return fmt.Errorf("writer: delete %s: %w", w.name, err)
	}
	w.maybe, w.size = false, 0
	return nil
}
