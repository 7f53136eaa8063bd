package delta_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/txlog/schema"
	"github.com/deltalog/deltalog/writer"
)

// A Sale is a row; its fields are the columns.
type Sale struct {
	Day    string  `parquet:"ds"`
	ID     int64   `parquet:"order_id"`
	Amount float64 `parquet:"amount"`
}

// sales makes a table in memory; delta.Create takes a path or a URL as well.
func sales(ctx context.Context) *delta.Table {
	s, err := writer.SchemaOf[Sale]()
	if err != nil {
		log.Fatal(err)
	}
	t, err := delta.Create(ctx, "mem://sales", s, &delta.CreateOptions{
		Options: delta.Options{Store: memstore.New(nil)}, PartitionBy: []string{"ds"},
	})
	if err != nil {
		log.Fatal(err)
	}
	return t
}

// The first write makes the table, in the same commit. If it fails, there is none.
func ExampleOpenOrCreate() {
	ctx := context.Background()
	s, err := writer.SchemaOf[Sale]()
	if err != nil {
		log.Fatal(err)
	}
	t, err := delta.OpenOrCreate(ctx, "mem://sales", s, &delta.CreateOptions{
		Options: delta.Options{Store: memstore.New(nil)}, PartitionBy: []string{"ds"},
	})
	if err != nil {
		log.Fatal(err)
	}
	src, err := delta.Slice([]Sale{{"2026-01-05", 1, 9.5}, {"2026-01-05", 2, 20}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(t.Exists())
	res, err := t.Append(ctx, src, &delta.WriteOptions{Key: "sales/2026-01-05"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(res.State, "version", res.Version)
	// Output:
	// false
	// committed version 0
}

// Loading a day twice under one key has one effect.
func ExampleTable_ReplacePartitions() {
	ctx := context.Background()
	t := sales(ctx)
	for range 2 {
		src, err := delta.Slice([]Sale{{"2026-01-05", 1, 9.5}, {"2026-01-05", 2, 20}})
		if err != nil {
			log.Fatal(err)
		}
		res, err := t.ReplacePartitions(ctx, src, &delta.WriteOptions{
			Key:        "sales/2026-01-05",
			Partitions: []delta.Partition{delta.Part("ds", "2026-01-05")},
		})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(res.State, "version", res.Version)
	}
	// Output:
	// committed version 1
	// already_applied version 1
}

// Other rows under the key of an append are an error that says so.
func ExampleTable_Append() {
	ctx := context.Background()
	t := sales(ctx)
	for _, amount := range []float64{9.5, 10} {
		src, err := delta.Slice([]Sale{{"2026-01-05", 1, amount}})
		if err != nil {
			log.Fatal(err)
		}
		res, err := t.Append(ctx, src, &delta.WriteOptions{Key: "sales/2026-01-05"})
		fmt.Println(res.State, errors.Is(err, delta.ErrKeyReused))
	}
	// Output:
	// committed false
	// not_committed true
}

// One process writes files, another commits them, as often as it likes.
func ExampleTable_Prepare() {
	ctx := context.Background()
	t := sales(ctx)
	src, err := delta.Slice([]Sale{{"2026-01-05", 1, 9.5}})
	if err != nil {
		log.Fatal(err)
	}
	p, _, err := t.Prepare(ctx, "append", "", src, nil)
	if err != nil {
		log.Fatal(err)
	}
	message, err := p.MarshalBinary() // to the process that commits
	if err != nil {
		log.Fatal(err)
	}
	var q delta.Prepared
	if err := q.UnmarshalBinary(message); err != nil {
		log.Fatal(err)
	}
	for range 2 {
		res, err := t.Commit(ctx, &q)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(res.State)
	}
	// Output:
	// committed
	// already_applied
}

func ExampleTable_Scan() {
	ctx := context.Background()
	t := sales(ctx)
	src, err := delta.Slice([]Sale{{"2026-01-05", 1, 9.5}, {"2026-01-06", 2, 20}, {"2026-01-06", 3, 5}})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := t.Append(ctx, src, nil); err != nil {
		log.Fatal(err)
	}
	scan, err := t.Scan(ctx, &delta.ScanOptions{
		Columns: []string{"order_id"},
		Where:   reader.And(reader.Col("ds").Eq(schema.StringValue("2026-01-06")), reader.Col("amount").Gt(schema.DoubleValue(10))),
	})
	if err != nil {
		log.Fatal(err)
	}
	for rec, err := range scan.Batches(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(rec.Column(0))
	}
	// Output:
	// [2]
}

// After an outcome that was unknown, or a crash, the key tells what landed.
func ExampleTable_Lookup() {
	ctx := context.Background()
	t := sales(ctx)
	src, err := delta.Slice([]Sale{{"2026-01-05", 1, 9.5}})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := t.Append(ctx, src, &delta.WriteOptions{Txn: &delta.Txn{AppID: "stream", Version: 41}}); err != nil {
		log.Fatal(err)
	}
	applied, err := t.Lookup(ctx, "stream")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("version", applied.Version, "holds", applied.Recorded)
	// Output:
	// version 1 holds 41
}
