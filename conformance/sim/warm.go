package sim

import (
	"context"
	"sync"

	"github.com/deltalog/deltalog/conformance/model"
	"github.com/deltalog/deltalog/conformance/ops"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// warmUp makes, outside of all bubbles, what the process makes once: channels that
// were made in a bubble cannot be used in another.
var warmUp = sync.OnceFunc(func() {
	ctx := context.Background()
	for _, v := range ops.Variants() {
		t, err := ops.Open(ctx, ops.Options{Store: memstore.New(nil), Env: ops.Env("warm"), Variant: v})
		must(err)
		row := model.Row{Part: "a", ID: 1}
		for _, op := range []model.Op{
			{Kind: model.Append, Rows: []model.Row{row}},
			{Kind: model.Merge, Rows: []model.Row{row}},
			{Kind: model.Checkpoint},
			{Kind: model.Update, Add: 1},
			{Kind: model.Delete},
		} {
			_, err := t.Do(ctx, op, "")
			must(err)
		}
	}
})
