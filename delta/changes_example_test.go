package delta_test

import (
	"context"
	"fmt"
	"log"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/writer"
)

// A table follows another: it asks for the changes since the last version that it has
// seen, and merges them.
func ExampleChangesSource() {
	ctx := context.Background()
	s, err := writer.SchemaOf[Sale]()
	if err != nil {
		log.Fatal(err)
	}
	create := func(url string) *delta.Table {
		t, err := delta.Create(ctx, url, s, &delta.CreateOptions{
			Options:    delta.Options{Store: memstore.New(nil)},
			Properties: map[string]string{"delta.enableChangeDataFeed": "true"},
		})
		if err != nil {
			log.Fatal(err)
		}
		return t
	}
	sales, follower := create("mem://sales"), create("mem://follower")
	src, err := delta.Slice([]Sale{{"2026-01-05", 1, 9.5}, {"2026-01-05", 2, 20}, {"2026-01-06", 3, 5}})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := sales.Append(ctx, src, nil); err != nil {
		log.Fatal(err)
	}
	if _, err := sales.Update(ctx, delta.Set{"amount": "amount * 2"}, "order_id = 1", nil); err != nil {
		log.Fatal(err)
	}
	if _, err := sales.Delete(ctx, "order_id = 3", nil); err != nil {
		log.Fatal(err)
	}

	where, err := delta.Where("_change_type <> 'update_preimage'")
	if err != nil {
		log.Fatal(err)
	}
	seen := delta.NoVersion // where the last run of this ended
	changes, err := sales.Changes(ctx, delta.AtVersion(seen+1), delta.At{}, &delta.ChangesOptions{Where: where})
	if err != nil {
		log.Fatal(err)
	}
	res, err := follower.Merge(delta.ChangesSource(changes)).On("t.order_id = s.order_id").
		WhenMatched("s._change_type = 'delete'").Delete().
		WhenMatched().UpdateAll().
		WhenNotMatched("s._change_type <> 'delete'").InsertAll().
		Run(ctx, &delta.ChangeOptions{
			// Of changes of one row the last counts.
			Dedupe: []string{delta.CommitVersionColumn, delta.ChangeTypeColumn},
			// Versions are followed once, also if this runs twice.
			WriteOptions: delta.WriteOptions{
				Txn: &delta.Txn{AppID: "follow-sales", Version: int64(changes.To())}, OnEmpty: delta.EmptyNoOp,
			},
		})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("versions", changes.From(), "to", changes.To(), res.State, res.Rows.Inserted, "rows")
	// Output:
	// versions 0 to 3 committed 2 rows
}
