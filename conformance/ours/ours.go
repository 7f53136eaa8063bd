// Package ours is the harness of this project's own engine for package
// conformance: package delta in this process, on any store, with faults between it
// and the store. It is also the example of how a harness is written.
package ours

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/deltalog/deltalog/conformance"
	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/writer"
)

// A Place is where one table goes.
type Place struct {
	URL  string
	Open func(ctx context.Context) (logstore.Store, error)
}

// New returns the harness. storage says where tables are, for the report; place
// returns a fresh place at each call.
func New(storage string, place func(ctx context.Context) (Place, error)) *conformance.Harness {
	return &conformance.Harness{
		Engine:  "deltalog " + txlog.Release,
		Storage: storage,
		Lacks: map[conformance.Feature]string{
			conformance.SharedDisk:    "all clients are in this process: deltactl is judged on a shared disk",
			conformance.ManyProcesses: "all clients are in this process",
		},
		Table: func(ctx context.Context) (conformance.Table, error) {
			p, err := place(ctx)
			return &table{p}, err
		},
	}
}

type table struct{ Place }

func (t *table) URL() string { return t.Place.URL }

func (t *table) Store(ctx context.Context) (logstore.Store, error) { return t.Open(ctx) }

func (t *table) Close() error { return nil }

func (t *table) Client(ctx context.Context) (conformance.Client, error) {
	s, err := t.Open(ctx)
	if err != nil {
		return nil, err
	}
	return NewClient(t.Place.URL, s, nil), nil
}

// NewClient returns a client on the table in a store, which it closes. A script,
// if there is one, fails requests beside the faults that are injected.
func NewClient(url string, s logstore.Store, script func(faultstore.Call) faultstore.Fault) conformance.Client {
	c := &client{url: url, real: s, other: script}
	c.store = faultstore.New(&acting{s, c}, c.script)
	return c
}

// A client is a process of its own as far as one process can play several: nothing
// is kept between its operations, and its store is its own.
type client struct {
	url   string
	real  logstore.Store
	other func(faultstore.Call) faultstore.Fault
	store *faultstore.Store

	mu    sync.Mutex
	fault *conformance.Fault
	seen  int
	fired bool
	kill  func() // ends the operation that is running, as the process's death does
}

func (c *client) Inject(f conformance.Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault, c.seen, c.fired = &f, 0, false
}

func (c *client) Fired() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fired
}

func (c *client) Close() error { return c.real.Close() }

// script says what happens to a call: the n-th write of a commit has the fault.
func (c *client) script(call faultstore.Call) faultstore.Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.fault
	switch {
	case c.other != nil:
		return c.other(call)
	case f == nil:
		return faultstore.Pass
	case c.fired && f.Then == conformance.ThenFailWrites && (call.Mutates() || call.Verb == logstore.VerbCreate):
		return faultstore.Fail(errors.New("the connection is gone"))
	case c.fired || call.Verb != logstore.VerbPutIfAbsent || !conformance.IsCommit(call.Name):
		return faultstore.Pass
	}
	if c.seen++; c.seen < max(1, f.Nth) {
		return faultstore.Pass
	}
	c.fired = true
	out := faultstore.Fault{Run: f.Before, Twice: f.Deliver == 2, Applied: f.Deliver >= 0}
	switch f.Answer {
	case conformance.AnswerLost:
		out.Err = errors.New("connection reset")
	case conformance.Answer409:
		out.Err = fmt.Errorf("409 ConditionalRequestConflict: %w", logstore.ErrUnavailable)
	}
	if f.Then == conformance.ThenDie {
		out.CrashBefore, out.CrashAfter = f.Deliver < 0, f.Deliver >= 0
		kill := c.kill
		out.Run = func() {
			if f.Before != nil {
				f.Before()
			}
			if f.Deliver < 0 {
				kill()
			}
		}
	}
	return out
}

// An acting store calls the fault's After when it has done the commit.
type acting struct {
	logstore.Store
	c *client
}

func (a *acting) Put(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
	err := a.Store.Put(ctx, name, data, mode)
	if mode == logstore.IfAbsent && conformance.IsCommit(name) {
		a.c.mu.Lock()
		var after func()
		if a.c.fired && a.c.fault.After != nil {
			after, a.c.fault.After = a.c.fault.After, nil
		}
		if a.c.fired && a.c.fault.Then == conformance.ThenDie {
			defer a.c.kill()
		}
		a.c.mu.Unlock()
		if after != nil {
			after()
		}
	}
	return err
}

// row is a conformance.Row as package delta takes it.
type row struct {
	ID int64  `parquet:"id"`
	P  string `parquet:"p"`
	V  int64  `parquet:"v"`
}

func (c *client) Do(ctx context.Context, op conformance.Op) (conformance.Answer, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.mu.Lock()
	c.kill = cancel
	c.mu.Unlock()
	res, err := c.run(ctx, op)
	a := conformance.Answer{Said: conformance.Done, Version: -1}
	if res != nil {
		a.Version = int64(res.Version)
		if res.State == delta.AlreadyApplied {
			a.Said = conformance.Skipped
		}
	}
	if err == nil {
		return a, nil
	}
	a.Text = err.Error()
	switch {
	case c.store.Crashed():
		a.Said, a.Text = conformance.Failed, "the process was killed" // which tells nobody anything
	case errors.Is(err, delta.ErrCommitUnknown):
		a.Said = conformance.Unknown
	default:
		a.Said = conformance.Refused // whatever it was, nothing was committed: that is the promise
	}
	return a, nil
}

func (c *client) run(ctx context.Context, op conformance.Op) (*delta.Result, error) {
	o := &delta.CreateOptions{
		Options:     delta.Options{Store: c.store, Env: &txlog.Env{Sleep: c.sleep}},
		PartitionBy: []string{"p"}, Properties: op.Properties,
	}
	s, err := writer.SchemaOf[row]()
	if err != nil {
		return nil, err
	}
	if op.Verb == conformance.Create {
		t, err := delta.Create(ctx, c.url, s, o)
		if err != nil {
			return nil, err
		}
		return nil, t.Close()
	}
	t, err := delta.OpenOrCreate(ctx, c.url, s, o)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	rows := make([]row, len(op.Rows))
	for i, r := range op.Rows {
		rows[i] = row(r)
	}
	src, err := delta.Slice(rows)
	if err != nil {
		return nil, err
	}
	w := &delta.WriteOptions{}
	if op.App != "" {
		w.Txn = &delta.Txn{AppID: op.App, Version: op.Version}
	}
	change := &delta.ChangeOptions{WriteOptions: *w}
	switch op.Verb {
	case conformance.Append:
		return t.Append(ctx, src, w)
	case conformance.Replace:
		for _, p := range op.Parts {
			w.Partitions = append(w.Partitions, delta.Part("p", p))
		}
		return t.ReplacePartitions(ctx, src, w)
	case conformance.Reload:
		return t.Reload(ctx, src, w)
	case conformance.Merge:
		return t.Merge(src).OnColumns("id", "p").Upsert().Run(ctx, change)
	case conformance.Update:
		return t.Update(ctx, delta.Set{"v": fmt.Sprint(op.Value)}, isOneOf(op.IDs), change)
	case conformance.Delete:
		return t.Delete(ctx, isOneOf(op.IDs), change)
	}
	return nil, fmt.Errorf("ours: no such operation: %s", op.Verb)
}

func isOneOf(ids []int64) string {
	return "id IN (" + strings.Trim(strings.ReplaceAll(fmt.Sprint(ids), " ", ", "), "[]") + ")"
}

// sleep waits as the library asks, unless the process is dead.
func (c *client) sleep(ctx context.Context, d time.Duration) error {
	if c.store.Crashed() {
		return context.Canceled
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *client) Read(ctx context.Context) ([]conformance.Row, error) {
	return conformance.ReadRows(ctx, c.store)
}
