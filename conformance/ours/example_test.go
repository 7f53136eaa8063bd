package ours_test

import (
	"context"
	"fmt"

	"github.com/deltalog/deltalog/conformance"
	"github.com/deltalog/deltalog/conformance/ours"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// forgetful is a client of somebody else's engine, which does not know keys.
type forgetful struct{ conformance.Client }

// Do is how a client of the engine does an operation. This one has no keys: what it
// is given under a key it does each time.
func (f *forgetful) Do(ctx context.Context, op conformance.Op) (conformance.Answer, error) {
	op.App, op.Version = "", 0
	return f.Client.Do(ctx, op)
}

type forgetfulTable struct{ conformance.Table }

func (t forgetfulTable) Client(ctx context.Context) (conformance.Client, error) {
	c, err := t.Table.Client(ctx)
	return &forgetful{c}, err
}

// A harness for an engine, here one that is made of ours, and what comes of two
// scenarios. In a test it is conformance.Run(t, h).
func Example() {
	h := ours.New("memory", func(context.Context) (ours.Place, error) {
		s := memstore.New(nil)
		return ours.Place{URL: "mem://table", Open: func(context.Context) (logstore.Store, error) { return s, nil }}, nil
	})
	place := h.Table
	h.Engine = "forgetful 1.0"
	h.Table = func(ctx context.Context) (conformance.Table, error) {
		t, err := place(ctx)
		return forgetfulTable{t}, err
	}
	for _, c := range conformance.Scenarios() {
		if c.Name == "lost answer, append" || c.Name == "second attempt under a key" {
			v := c.Evaluate(context.Background(), h)
			fmt.Printf("%s: %s\n", c.Name, v.Result)
		}
	}
	// Output:
	// lost answer, append: pass
	// second attempt under a key: fail
}
