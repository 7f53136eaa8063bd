package ops

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/deltalog/deltalog/conformance/model"
	"github.com/deltalog/deltalog/delta"
)

// Changes reads the change data feed of the versions after base, and compares it
// with the model: what a version took out and put in must lead from the version
// before to it. The table must have the feed. Call it after [Witness.Follow].
func (w *Witness) Changes(ctx context.Context) error {
	from, to := delta.Version(w.base.Version+1), delta.Version(w.Last().Version)
	if from > to {
		return nil
	}
	t, err := delta.Open(ctx, w.st.URL(), &delta.Options{Store: w.st})
	if err != nil {
		return err
	}
	feed, err := t.Changes(ctx, delta.AtVersion(from), delta.AtVersion(to), &delta.ChangesOptions{Parallel: 1})
	if err != nil {
		return fmt.Errorf("change data: %w", err)
	}
	rows := make([]map[model.Row]int, to-from+1) // what each version must hold, as the feed has it
	for i := range rows {
		rows[i] = map[model.Row]int{}
		for _, r := range w.at(from + delta.Version(i) - 1).Rows {
			rows[i][r]++
		}
	}
	for rec, err := range feed.Batches(ctx) {
		if err != nil {
			return fmt.Errorf("change data: %w", err)
		}
		if err := apply(rows, from, rec); err != nil {
			return fmt.Errorf("change data: %w", err)
		}
	}
	for i, got := range rows {
		var all []model.Row
		v := from + delta.Version(i)
		for r, n := range got {
			if n < 0 {
				return fmt.Errorf("change data of version %d take out %v, which was not there", v, r)
			}
			for range n {
				all = append(all, r)
			}
		}
		if diff := model.Diff(w.at(v).Rows, all); diff != "" {
			return fmt.Errorf("change data of version %d do not lead to it:\n%s", v, diff)
		}
	}
	return nil
}

// apply does changes to the rows before their versions. Those of one version have no
// order.
func apply(rows []map[model.Row]int, from delta.Version, rec arrow.RecordBatch) error {
	var t model.Table
	if err := readRows(&t, rec, int(rec.NumCols())); err != nil {
		return err
	}
	kind := rec.Column(rec.Schema().FieldIndices(delta.ChangeTypeColumn)[0])
	version := rec.Column(rec.Schema().FieldIndices(delta.CommitVersionColumn)[0]).(*array.Int64)
	for i, r := range t.Rows {
		at := rows[version.Value(i)-int64(from)]
		switch kind.ValueStr(i) {
		case delta.ChangeInsert, delta.ChangeUpdatePostimage:
			at[r]++
		default:
			at[r]--
		}
	}
	return nil
}
