package interleave

import (
	"context"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// A gate is the store of one process, which may make so many calls and then waits
// at the next one until it may make more.
//
// Only calls that another process can notice, or whose answer can depend on another
// process, are stops, unless every call is: those on objects of the log. Data files
// have names of their own, are seen by nobody before a commit names them, and never
// change: where between two other calls such a call is made makes no difference.
type gate struct {
	logstore.Store
	every bool
	log   *journal
	name  string

	mu      sync.Mutex
	change  *sync.Cond
	made    int  // calls that were stops
	allowed int  // how many it may make
	waiting int  // goroutines at the gate
	done    bool // the process has ended
}

// A journal is what all processes did, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

func newGate(st logstore.Store, name string, every bool, log *journal) *gate {
	g := &gate{Store: st, name: name, every: every, log: log}
	g.change = sync.NewCond(&g.mu)
	return g
}

const unlimited = 1 << 30

// runTo lets the process run up to its nth stop, counted from 0, and waits until it
// is there, or has ended. It reports whether it has ended.
func (g *gate) runTo(n int) (ended bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.allowed = n
	g.change.Broadcast()
	for !g.done && (g.waiting == 0 || g.made < g.allowed) {
		g.change.Wait()
	}
	return g.done
}

// end says that the process has ended.
func (g *gate) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.done = true
	g.change.Broadcast()
}

// pass is called before each call.
func (g *gate) pass(verb logstore.Verb, name string) {
	if g.stops(verb, name) {
		g.mu.Lock()
		g.waiting++
		g.change.Broadcast()
		for g.made >= g.allowed {
			g.change.Wait()
		}
		g.waiting--
		g.made++
		g.mu.Unlock()
	}
	g.log.add("%s: %s %s", g.name, verb, name)
}

func (g *gate) stops(verb logstore.Verb, name string) bool {
	if g.every {
		return true
	}
	switch verb {
	case logstore.VerbCreate, logstore.VerbWrite, logstore.VerbAbort:
		return false // nobody sees them before Close
	}
	return strings.HasPrefix(name, "_delta_log/")
}

// Read implements [logstore.Store].
func (g *gate) Read(ctx context.Context, name string, limit int64) ([]byte, error) {
	g.pass(logstore.VerbRead, name)
	return g.Store.Read(ctx, name, limit)
}

// ReadRange implements [logstore.Store].
func (g *gate) ReadRange(ctx context.Context, name string, off, n int64) (io.ReadCloser, error) {
	g.pass(logstore.VerbReadRange, name)
	return g.Store.ReadRange(ctx, name, off, n)
}

// Stat implements [logstore.Store].
func (g *gate) Stat(ctx context.Context, name string) (logstore.Object, error) {
	g.pass(logstore.VerbStat, name)
	return g.Store.Stat(ctx, name)
}

// List implements [logstore.Store].
func (g *gate) List(ctx context.Context, o logstore.ListOptions) iter.Seq2[logstore.Object, error] {
	return func(yield func(logstore.Object, error) bool) {
		g.pass(logstore.VerbList, o.Prefix)
		g.Store.List(ctx, o)(yield)
	}
}

// Put implements [logstore.Store].
func (g *gate) Put(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
	g.pass(logstore.PutVerb(mode), name)
	return g.Store.Put(ctx, name, data, mode)
}

// Delete implements [logstore.Store].
func (g *gate) Delete(ctx context.Context, name string) error {
	g.pass(logstore.VerbDelete, name)
	return g.Store.Delete(ctx, name)
}

// Create implements [logstore.Store].
func (g *gate) Create(ctx context.Context, name string) (logstore.Writer, error) {
	g.pass(logstore.VerbCreate, name)
	w, err := g.Store.Create(ctx, name)
	if err != nil {
		return nil, err
	}
	return &gateWriter{Writer: w, g: g, name: name}, nil
}

type gateWriter struct {
	logstore.Writer
	g    *gate
	name string
}

func (w *gateWriter) Write(p []byte) (int, error) {
	w.g.pass(logstore.VerbWrite, w.name)
	return w.Writer.Write(p)
}

func (w *gateWriter) Close() error {
	w.g.pass(logstore.VerbClose, w.name)
	return w.Writer.Close()
}

func (w *gateWriter) Abort() {
	w.g.pass(logstore.VerbAbort, w.name)
	w.Writer.Abort()
}
