package sim

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/deltalog/deltalog/conformance/model"
	"github.com/deltalog/deltalog/conformance/ops"
	"github.com/deltalog/deltalog/txlog"
)

// replayRows checks T1 for tables with rows: the model, given the intents in the
// order of the versions, has at each version the rows that are read there.
func (c *checker) replayRows() {
	t := model.Absent()
	for _, l := range c.commits {
		op := c.opOf(l)
		if op == nil {
			c.bad("T1", "version %d was meant by nobody (%q)", l.version, l.info.UserMetadata)
			return
		}
		after, e, err := t.Apply(*op)
		if e.Outcome != model.Applied {
			c.bad("T1", "version %d (%s): the model says %s (%v)", l.version, op, e.Outcome, err)
			return
		}
		c.tables, c.done = append(c.tables, after), append(c.done, e)
		c.keyOf(l, op)
		got, err := ops.At(context.Background(), c.w.store, l.version)
		switch {
		case err != nil && (len(c.w.lost) > 0 || errors.Is(err, txlog.ErrVersionNotFound) && len(c.w.deleted) > 0):
		case err != nil:
			c.bad("C4", "version %d cannot be read: %v", l.version, err)
		case !got.Equal(after):
			c.bad("T1", "version %d (%s): %s columns %v, want %v", l.version, op, model.Diff(after.Rows, got.Rows), got.Columns, after.Columns)
		}
		t = after
	}
}

// opOf returns what a commit was to do; nil if nobody knows.
func (c *checker) opOf(l *logged) *model.Op {
	if in := c.w.intents[l.info.UserMetadata]; in != nil {
		return in.Work
	}
	if l.version == 0 && l.info.Operation == "CREATE TABLE" {
		return &model.Op{Kind: model.Create}
	}
	return nil
}

// keyOf checks that the commit records its key, and no other.
func (c *checker) keyOf(l *logged, op *model.Op) {
	var got, want []string
	for _, t := range l.txns {
		got = append(got, t.AppID)
	}
	if in := c.w.intents[l.info.UserMetadata]; in != nil && in.Key != "" {
		want = []string{op.Key}
	}
	if !slices.Equal(got, want) {
		c.bad("T1", "version %d (%s) records keys %v, want %v", l.version, op, got, want)
	}
}

// told checks the counts that a caller was told, and that NoOp is true.
func (c *checker) told(r *Record, what string) {
	in := c.w.intents[r.Intents[len(r.Intents)-1]]
	switch {
	case r.State == txlog.Committed && int(r.Version) < len(c.done):
		if err := ops.Counts(*in.Work, r.Result, c.done[r.Version]); err != nil {
			c.bad("T4", "%s: version %d (%s): %v", what, r.Version, in.Work, err)
		}
	case r.State == txlog.NoOp && r.Version >= 0 && int(r.Version) < len(c.tables):
		if _, e, err := c.tables[r.Version].Apply(*in.Work); e.Outcome == model.Applied {
			c.bad("T4", "%s (%s) is said to have had nothing to do, and the model says %v (%v)", what, in.Work, e, err)
		}
	}
}

// readRows checks the rows or changes that a reader saw.
func (c *checker) readRows(r *Read, what string) {
	if int(r.Version) >= len(c.tables) {
		return
	}
	if !r.Tail {
		want := c.tables[r.Version]
		if !want.Equal(r.Table) {
			c.bad("T3", "%s: version %d: %s columns %v, want %v", what, r.Version, model.Diff(want.Rows, r.Table.Rows), r.Table.Columns, want.Columns)
		}
		return
	}
	want := map[Change]int{}
	for v := r.From; v <= r.Version; v++ {
		if v > 0 {
			for _, row := range c.tables[v-1].Rows {
				want[Change{v, row}]--
			}
		}
		for _, row := range c.tables[v].Rows {
			want[Change{v, row}]++
		}
	}
	maps.DeleteFunc(want, func(_ Change, n int) bool { return n == 0 })
	if !maps.Equal(want, r.Changes) {
		c.bad("C5", "%s: the changes of versions %d to %d are %s", what, r.From, r.Version, diffChanges(r.Changes, want))
	}
}

func diffChanges(got, want map[Change]int) string {
	var d []string
	for ch, n := range got {
		if want[ch] != n {
			d = append(d, fmt.Sprintf("%v %+d, want %+d", ch, n, want[ch]))
		}
	}
	for ch, n := range want {
		if got[ch] == 0 {
			d = append(d, fmt.Sprintf("no %v, want %+d", ch, n))
		}
	}
	return sortedJoin(d)
}
