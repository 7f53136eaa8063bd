package ours_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/deltalog/deltalog/conformance"
	"github.com/deltalog/deltalog/conformance/ours"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/localstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

func TestInMemory(t *testing.T) {
	t.Parallel()
	conformance.Run(t, ours.New("memory", func(context.Context) (ours.Place, error) {
		s := memstore.New(nil)
		return ours.Place{URL: "mem://table", Open: func(context.Context) (logstore.Store, error) { return s, nil }}, nil
	}))
}

func TestOnLocalDisk(t *testing.T) {
	t.Parallel()
	conformance.Run(t, ours.New("local disk", func(context.Context) (ours.Place, error) {
		dir := filepath.Join(t.TempDir(), "table")
		return ours.Place{URL: dir, Open: func(context.Context) (logstore.Store, error) { return localstore.Open(dir, nil) }}, nil
	}))
}
