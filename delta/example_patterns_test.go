package delta_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/writer"
)

// A merge of the same rows again finds nothing to do.
func ExampleTable_Merge() {
	ctx := context.Background()
	t := sales(ctx)
	add(ctx, t, Sale{"2026-01-05", 1, 9.5}, Sale{"2026-01-05", 2, 20}, Sale{"2026-01-05", 3, 7})
	for range 2 {
		src, err := delta.Slice([]Sale{{"2026-01-05", 1, 10}, {"2026-01-05", 2, 20}, {"2026-01-05", 3, 0}, {"2026-01-06", 4, 5}})
		if err != nil {
			log.Fatal(err)
		}
		res, err := t.Merge(src).OnColumns("order_id").
			WhenMatched("s.amount = 0").Delete().
			WhenMatched().UpdateAll().
			WhenNotMatched("s.amount > 0").InsertAll().
			Run(ctx, nil)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %d inserted, %d updated, %d deleted, %d unchanged\n",
			res.State, res.Rows.Inserted, res.Rows.Updated, res.Rows.Deleted, res.Rows.Unchanged)
	}
	// Output:
	// committed: 1 inserted, 1 updated, 1 deleted, 1 unchanged
	// no_op: 0 inserted, 0 updated, 0 deleted, 3 unchanged
}

// A Customer is a row whose last change is known by its number.
type Customer struct {
	ID   int64  `parquet:"id"`
	City string `parquet:"city"`
	LSN  int64  `parquet:"lsn"`
}

// Records arrive late and twice, and several for one customer.
func ExampleTable_ApplyChanges() {
	ctx := context.Background()
	s, err := writer.SchemaOf[Customer]()
	if err != nil {
		log.Fatal(err)
	}
	t, err := delta.Create(ctx, "mem://customers", s, &delta.CreateOptions{Options: delta.Options{Store: memstore.New(nil)}})
	if err != nil {
		log.Fatal(err)
	}
	type change struct {
		Op   string `parquet:"op"`
		ID   int64  `parquet:"id"`
		City string `parquet:"city"`
		LSN  int64  `parquet:"lsn"`
	}
	batches := [][]change{
		{{"c", 1, "Rome", 10}, {"u", 1, "Oslo", 12}, {"c", 2, "Bern", 11}},
		{{"c", 1, "Rome", 10}, {"u", 1, "Oslo", 12}, {"c", 2, "Bern", 11}}, // again
		{{"u", 1, "Lima", 11}, {"d", 2, "", 13}},                           // the first is late
	}
	for _, b := range batches {
		src, err := delta.Slice(b)
		if err != nil {
			log.Fatal(err)
		}
		res, err := t.ApplyChanges(ctx, src, &delta.ApplyOptions{Keys: []string{"id"}, Order: "lsn"})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %d inserted, %d updated, %d deleted\n", res.State, res.Rows.Inserted, res.Rows.Updated, res.Rows.Deleted)
	}
	// Output:
	// committed: 2 inserted, 0 updated, 0 deleted
	// no_op: 0 inserted, 0 updated, 0 deleted
	// committed: 0 inserted, 0 updated, 1 deleted
}

// The second day one customer has moved: the old version ends, a new one begins.
func ExampleTable_SCD2() {
	ctx := context.Background()
	type version struct {
		ID      int64      `parquet:"id"`
		City    string     `parquet:"city"`
		From    time.Time  `parquet:"valid_from"`
		To      *time.Time `parquet:"valid_to"`
		Current bool       `parquet:"is_current"`
	}
	type customer struct {
		ID   int64     `parquet:"id"`
		City string    `parquet:"city"`
		At   time.Time `parquet:"updated_at"`
	}
	s, err := writer.SchemaOf[version]()
	if err != nil {
		log.Fatal(err)
	}
	t, err := delta.Create(ctx, "mem://customers", s, &delta.CreateOptions{Options: delta.Options{Store: memstore.New(nil)}})
	if err != nil {
		log.Fatal(err)
	}
	day := func(d int) time.Time { return time.Date(2026, 1, d, 0, 0, 0, 0, time.UTC) }
	days := [][]customer{
		{{1, "Rome", day(5)}, {2, "Bern", day(5)}},
		{{1, "Oslo", day(6)}, {2, "Bern", day(6)}},
		{{1, "Oslo", day(6)}, {2, "Bern", day(6)}}, // again
	}
	for _, d := range days {
		src, err := delta.Slice(d)
		if err != nil {
			log.Fatal(err)
		}
		res, err := t.SCD2(ctx, src, &delta.SCD2Options{Keys: []string{"id"}, Effective: "updated_at"})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %d versions begun, %d ended\n", res.State, res.Rows.Inserted, res.Rows.Updated)
	}
	// Output:
	// committed: 2 versions begun, 0 ended
	// committed: 1 versions begun, 1 ended
	// no_op: 0 versions begun, 0 ended
}

// Half an input is refused, and the table is as it was.
func ExampleTable_Reload() {
	ctx := context.Background()
	t := sales(ctx)
	add(ctx, t, Sale{"2026-01-05", 1, 9.5}, Sale{"2026-01-05", 2, 20}, Sale{"2026-01-05", 3, 7})
	src, err := delta.Slice([]Sale{{"2026-01-06", 4, 1}})
	if err != nil {
		log.Fatal(err)
	}
	res, err := t.Reload(ctx, src, &delta.WriteOptions{MaxShrink: 0.1})
	fmt.Println(res.State, err != nil, count(ctx, t))
	res, err = t.Reload(ctx, src, nil)
	fmt.Println(res.State, err != nil, count(ctx, t))
	// Output:
	// not_committed true 3
	// committed false 1
}

// An append that may be sent again: orders that are there are passed over.
func ExampleTable_InsertNew() {
	ctx := context.Background()
	t := sales(ctx)
	add(ctx, t, Sale{"2026-01-05", 1, 9.5})
	for range 2 {
		src, err := delta.Slice([]Sale{{"2026-01-05", 1, 9.5}, {"2026-01-05", 2, 20}})
		if err != nil {
			log.Fatal(err)
		}
		res, err := t.InsertNew(ctx, src, []string{"order_id"}, nil)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(res.State, res.Rows.Inserted)
	}
	// Output:
	// committed 1
	// no_op 0
}

// Of the rows of each order the one with the greatest amount stays.
func ExampleTable_Dedup() {
	ctx := context.Background()
	t := sales(ctx)
	add(ctx, t, Sale{"2026-01-05", 1, 9.5}, Sale{"2026-01-05", 1, 9.5}, Sale{"2026-01-05", 1, 10}, Sale{"2026-01-06", 2, 20})
	for range 2 {
		res, err := t.Dedup(ctx, &delta.DedupOptions{By: []string{"order_id"}, LastBy: []string{"amount"}})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(res.State, res.Rows.Deleted, "deleted,", count(ctx, t), "left")
	}
	// Output:
	// committed 2 deleted, 2 left
	// no_op 0 deleted, 2 left
}

// The table keeps all rows, and the reader sees the last of each order.
func ExampleLatest() {
	ctx := context.Background()
	t := sales(ctx)
	add(ctx, t, Sale{"2026-01-05", 1, 9.5}, Sale{"2026-01-05", 1, 10}, Sale{"2026-01-06", 2, 20})
	scan, err := t.Scan(ctx, &delta.ScanOptions{Columns: []string{"order_id", "amount"}})
	if err != nil {
		log.Fatal(err)
	}
	rows := int64(0)
	for rec, err := range delta.Latest(scan, []string{"order_id"}, []string{"amount"}, 0).Batches(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		rows += rec.NumRows()
	}
	fmt.Println(rows, "of", count(ctx, t))
	// Output:
	// 2 of 3
}

// The offset is in the commit of the rows: after a crash the table says where to go on.
func ExampleWriteOptions_stream() {
	ctx := context.Background()
	t := sales(ctx)
	send := func(last int64, rows ...Sale) {
		src, err := delta.Slice(rows)
		if err != nil {
			log.Fatal(err)
		}
		res, err := t.Append(ctx, src, &delta.WriteOptions{Txn: &delta.Txn{AppID: "orders-topic-0", Version: last}})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(res.State)
	}
	send(41, Sale{"2026-01-05", 1, 9.5}, Sale{"2026-01-05", 2, 20})
	send(41, Sale{"2026-01-05", 1, 9.5}, Sale{"2026-01-05", 2, 20}) // the consumer died before it could tell the broker
	at, err := t.Lookup(ctx, "orders-topic-0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("go on at", at.Recorded+1)
	// Output:
	// committed
	// already_applied
	// go on at 42
}

// Run twice, compare: how many orders are there, and how many different ones?
func Example_runTwice() {
	ctx := context.Background()
	t := sales(ctx)
	for range 2 {
		src, err := delta.Slice([]Sale{{"2026-01-05", 1, 9.5}, {"2026-01-05", 2, 20}})
		if err != nil {
			log.Fatal(err)
		}
		if _, err := t.Append(ctx, src, &delta.WriteOptions{Key: "sales/2026-01-05"}); err != nil {
			log.Fatal(err)
		}
		scan, err := t.Scan(ctx, &delta.ScanOptions{Columns: []string{"order_id"}})
		if err != nil {
			log.Fatal(err)
		}
		distinct := map[int64]bool{}
		for rec, err := range scan.Batches(ctx) {
			if err != nil {
				log.Fatal(err)
			}
			for _, id := range rec.Column(0).(*array.Int64).Int64Values() {
				distinct[id] = true
			}
		}
		fmt.Println(count(ctx, t), "orders,", len(distinct), "different")
	}
	// Output:
	// 2 orders, 2 different
	// 2 orders, 2 different
}

// add appends rows.
func add(ctx context.Context, t *delta.Table, rows ...Sale) {
	src, err := delta.Slice(rows)
	if err == nil {
		_, err = t.Append(ctx, src, nil)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// count counts the table's rows.
func count(ctx context.Context, t *delta.Table) int64 {
	scan, err := t.Scan(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	n, err := scan.Count(ctx)
	if err != nil {
		log.Fatal(err)
	}
	return n
}
