package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/spf13/cobra"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/writer"
)

func (a *app) demoCmd() *cobra.Command {
	var keep string
	c := &cobra.Command{
		Use: "demo", Short: "Show what a key does: load a day twice, and kill a load", GroupID: "care", Args: cobra.NoArgs,
		Long: `Make a small table, load a day twice under one key, kill a load half-way, run it
again, and count the rows. It takes a second, and needs no network.`,
		RunE: func(c *cobra.Command, _ []string) error {
			dir := keep
			if dir == "" {
				var err error
				if dir, err = os.MkdirTemp("", "deltactl-demo-"); err != nil {
					return err
				}
				defer os.RemoveAll(dir)
			}
			return cause(c.Context(), (&demo{a: a, dir: filepath.Join(dir, "orders")}).run(c.Context()))
		},
	}
	c.Flags().StringVar(&keep, "dir", "", "make the table in this directory, and keep it")
	return c
}

type demo struct {
	a   *app
	dir string
	t   *delta.Table
}

type demoOrder struct {
	Day    string  `parquet:"ds"`
	ID     int64   `parquet:"order_id"`
	Amount float64 `parquet:"amount"`
}

// day makes n orders of a day.
func day(ds string, n int) []demoOrder {
	rows := make([]demoOrder, n)
	for i := range rows {
		rows[i] = demoOrder{ds, int64(i), float64(i%100) / 4}
	}
	return rows
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.a.stdout, format+"\n", args...) }

func (d *demo) run(ctx context.Context) error {
	s, err := writer.SchemaOf[demoOrder]()
	if err != nil {
		return err
	}
	o := d.a.options()
	if d.t, err = delta.Create(ctx, d.dir, s, &delta.CreateOptions{Options: o, PartitionBy: []string{"ds"}}); err != nil {
		return err
	}
	defer d.t.Close()
	d.say("1. A task loads the orders of 2026-01-05 under the key orders/2026-01-05.")
	if err := d.load(ctx, "2026-01-05", 1000, nil); err != nil {
		return err
	}
	d.say("2. Somebody clicks \"clear\": the same task runs again.")
	if err := d.load(ctx, "2026-01-05", 1000, nil); err != nil {
		return err
	}
	d.say("3. The load of 2026-01-06 is killed half-way.")
	if err := d.load(ctx, "2026-01-06", 2000, errors.New("killed")); err == nil {
		return errors.New("the killed load succeeded")
	}
	if err := d.count(ctx); err != nil {
		return err
	}
	d.say("4. It runs again.")
	if err := d.load(ctx, "2026-01-06", 2000, nil); err != nil {
		return err
	}
	d.say("5. 2026-01-05 had a bug: the corrected day, 990 orders, is loaded under the same key.")
	if err := d.load(ctx, "2026-01-05", 990, nil); err != nil {
		return err
	}
	return d.count(ctx)
}

func (d *demo) load(ctx context.Context, ds string, n int, kill error) error {
	src, err := delta.Slice(day(ds, n))
	if err != nil {
		return err
	}
	if kill != nil {
		ctx2, cancel := context.WithCancelCause(ctx)
		src, ctx = &killed{src, func() { cancel(kill) }}, ctx2
	}
	res, err := d.t.ReplacePartitions(ctx, src, &delta.WriteOptions{
		Key: "orders/" + ds, Partitions: []delta.Partition{delta.Part("ds", ds)},
	})
	res.Operation = "replace-partition"
	if err != nil {
		d.say("   %s", res.State)
		return err
	}
	d.say("   %s", resultText(res))
	return nil
}

func (d *demo) count(ctx context.Context) error {
	sc, err := d.t.Scan(ctx, nil)
	if err != nil {
		return err
	}
	rows, distinct := 0, map[string]bool{}
	for rec, err := range sc.Batches(ctx) {
		if err != nil {
			return err
		}
		for i := range int(rec.NumRows()) {
			rows++
			distinct[rec.Column(0).ValueStr(i)+"/"+rec.Column(1).ValueStr(i)] = true
		}
	}
	d.say("   the table has %s rows, %s distinct orders", count(int64(rows)), count(int64(len(distinct))))
	return nil
}

// A killed source dies after its last row, before the commit.
type killed struct {
	delta.Source
	kill func()
}

func (k *killed) Batches(ctx context.Context) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		for rec, err := range k.Source.Batches(ctx) {
			if !yield(rec, err) {
				return
			}
		}
		k.kill()
	}
}
