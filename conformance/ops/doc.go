// Package ops does the operations of package model on real tables, through package
// delta and with real Parquet files, and reads tables back as the model has them.
//
// Every commit names in its commitInfo.userMetadata the intent that it belongs to,
// so that a checker can tell for each version of a log who made it: see [History].
package ops

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/schema"
	"github.com/deltalog/deltalog/writer"
)

// A Variant is a way to keep a table.
type Variant struct {
	Name       string
	Properties map[string]string
}

// The variants. Whatever a table's variant is, it holds the same rows.
var (
	CopyOnWrite = Variant{Name: "copy-on-write"}
	Vectors     = Variant{Name: "vectors", Properties: map[string]string{"delta.enableDeletionVectors": "true"}}
	Tracked     = Variant{Name: "tracked", Properties: map[string]string{
		"delta.enableDeletionVectors": "true", "delta.enableChangeDataFeed": "true", "delta.enableRowTracking": "true",
	}}
	Mapped = Variant{Name: "mapped", Properties: map[string]string{"delta.columnMapping.mode": "name"}}
)

// Variants returns all of them.
func Variants() []Variant { return []Variant{CopyOnWrite, Vectors, Tracked, Mapped} }

// With returns the variant with more properties.
func (v Variant) With(properties map[string]string) Variant {
	all := map[string]string{}
	for _, m := range []map[string]string{v.Properties, properties} {
		for k, p := range m {
			all[k] = p
		}
	}
	v.Properties = all
	return v
}

// Options say how a process reaches a table.
type Options struct {
	Store   logstore.Store
	Env     *txlog.Env
	Variant Variant // of the table, if this process makes it
	// CommitTimeout is that of delta.Options.
	CommitTimeout time.Duration
}

func (o *Options) delta() delta.Options {
	return delta.Options{Store: o.Store, Env: o.Env, CommitTimeout: o.CommitTimeout}
}

func (o *Options) create() *delta.CreateOptions {
	return &delta.CreateOptions{Options: o.delta(), PartitionBy: []string{"part"}, Properties: o.Variant.Properties}
}

// A row as the table has it: the fields of a model.Row.
type row struct {
	Part *string `parquet:"part"`
	ID   int64   `parquet:"id"`
	Qty  int64   `parquet:"qty"`
	Tag  string  `parquet:"tag"`
}

// Schema returns the columns that the table has at first.
func Schema() *schema.Struct {
	s, err := writer.SchemaOf[row]()
	if err != nil {
		panic(err) // of our own type
	}
	return s
}

// A Table is the handle of one process. It is not safe for concurrent use.
type Table struct {
	Delta *delta.Table
	o     Options
}

// Open opens a handle on the table in a store, or on one that its first write makes.
func Open(ctx context.Context, o Options) (*Table, error) {
	t, err := delta.OpenOrCreate(ctx, o.Store.URL(), Schema(), o.create())
	if err != nil {
		return nil, err
	}
	return &Table{Delta: t, o: o}, nil
}

// Env returns the surroundings of one process: ids that name it, and a clock of its
// own that moves only when it sleeps, so that waiting takes no time.
func Env(process string) *txlog.Env {
	var mu sync.Mutex
	now, ids := time.UnixMilli(1_770_000_000_000), 0
	return &txlog.Env{
		Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now },
		Sleep: func(ctx context.Context, d time.Duration) error {
			mu.Lock()
			defer mu.Unlock()
			now = now.Add(d + time.Millisecond)
			return ctx.Err()
		},
		NewID:  func() string { mu.Lock(); defer mu.Unlock(); ids++; return fmt.Sprintf("%s-%d", process, ids) },
		Jitter: func() float64 { return 0.5 },
	}
}
