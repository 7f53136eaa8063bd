package sim

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// outcome checks T4: what a caller was told is true, for ever.
func (c *checker) outcome(r *Record) {
	if !r.Op.writes() {
		return
	}
	c.w.counts.Operations++
	landed := c.landed(r)
	what := fmt.Sprintf("%s %s at steps %d to %d", r.Proc, r.Op, r.Call, r.Return)
	if len(landed) > 1 || len(landed) > 0 && len(r.Intents) == 0 {
		c.bad("T4", "%s is in the table as versions %v", what, landed)
	}
	if r.Crashed {
		c.count(r, "crashed")
		return
	}
	c.count(r, r.State.String())
	if r.State != txlog.Unknown && int(r.Version) >= len(c.commits) {
		c.bad("T4", "%s: version %d, and there are %d", what, r.Version, len(c.commits))
		return
	}
	switch r.State {
	case txlog.Committed:
		c.committed(r, what, landed)
	case txlog.AlreadyApplied:
		if len(landed) > 0 {
			c.bad("T4", "%s is said to have been applied by another, and is version %d", what, landed[0])
		}
		if !c.recorded(r) {
			c.bad("T4", "%s is said to be version %d, and key %q with %d is not there", what, r.Version, r.Key, r.Number)
		}
	case txlog.NoOp:
		c.noOp(r, what, landed)
	case txlog.NotCommitted:
		if len(landed) > 0 {
			c.bad("T4", "%s is said not to be in the table (%v), and is version %d", what, r.Err, landed[0])
		}
		c.refused(r, what)
	}
	if c.rows() && len(r.Intents) > 0 {
		c.told(r, what)
	}
	if (r.Err == nil) != (r.State == txlog.Committed || r.State == txlog.AlreadyApplied || r.State == txlog.NoOp) {
		c.bad("T4", "%s: state %s with error %v", what, r.State, r.Err)
	}
}

// landed returns the versions that carry a token which the process took meanwhile.
func (c *checker) landed(r *Record) (vs []txlog.Version) {
	for id := r.ids[0] + 1; id <= r.ids[1]; id++ {
		vs = append(vs, c.tokens[fmt.Sprintf("%s-%d", r.Proc, id)]...)
	}
	return vs
}

// count counts an outcome, with what is special about it.
func (c *checker) count(r *Record, state string) {
	c.w.counts.outcome(state)
	if r.Recovered && !r.Crashed {
		c.w.counts.outcome("recovered by read-back")
	}
	if r.Crashed {
		return
	}
	var ke *txlog.KeyError
	switch {
	case errors.As(r.Err, &ke) && ke.Fenced:
		c.w.counts.outcome("fenced")
	case errors.As(r.Err, &ke):
		c.w.counts.outcome("key reuse")
	case errors.Is(r.Err, txlog.ErrRetriesExhausted):
		c.w.counts.outcome("retries exhausted")
	case errors.Is(r.Err, txlog.ErrTableExists):
		c.w.counts.outcome("table exists")
	case errors.Is(r.Err, txlog.ErrConflict):
		c.w.counts.outcome("gave up after conflicts")
	case errors.Is(r.Err, logstore.ErrPermission):
		c.w.counts.outcome("permission")
	}
	if r.State == txlog.Committed && c.leapt(r) {
		c.w.counts.outcome("leapt over a clean-up")
	}
	if r.Attempts >= 4 {
		c.w.counts.outcome("three rebases or more")
	}
	if r.State == txlog.Committed && (r.Plans > 1 || r.Result != nil && r.Result.Rows != nil && r.Result.Rows.Plans > 1) {
		c.w.counts.outcome("planned again and committed")
	}
}

// leapt reports whether the commit was planned on a version after which the log had
// been cleaned up.
func (c *checker) leapt(r *Record) bool {
	in := c.w.intents[r.Intents[len(r.Intents)-1]]
	return in.Base >= 0 && r.Version > in.Base+1 && c.w.deleted[fmt.Sprintf("%s%020d.json", logPrefix, in.Base+1)]
}

func (c *checker) committed(r *Record, what string, landed []txlog.Version) {
	if !slices.Equal(landed, []txlog.Version{r.Version}) {
		c.bad("T4", "%s is said to be version %d, and is %v", what, r.Version, landed)
		return
	}
	if at := c.commits[r.Version].step; at < r.Call || at > r.Return {
		c.bad("T2", "%s is version %d, which was stored at step %d", what, r.Version, at)
	}
}

// recorded reports whether the work is in the table under its key, by the time the
// caller was told so.
func (c *checker) recorded(r *Record) bool {
	for _, l := range c.keys[r.Key] {
		if l.step > r.Return || r.Version != txlog.NoVersion && l.version != r.Version {
			continue
		}
		if in := c.w.intents[l.info.UserMetadata]; in != nil && in.Key == r.Key && c.sameWork(r, in.Number) {
			return true
		}
	}
	return false
}

func (c *checker) sameWork(r *Record, number int64) bool {
	switch {
	case r.Seq:
		return number >= r.Number
	case c.policy(r) == txlog.ReplaySkip:
		return true
	}
	return number == r.Number
}

func (c *checker) policy(r *Record) txlog.ReplayPolicy {
	return c.w.intents[r.Intents[0]].Policy
}

// noOp checks that there was nothing to do at the version that was read.
func (c *checker) noOp(r *Record, what string, landed []txlog.Version) {
	if len(landed) > 0 {
		c.bad("T4", "%s is said to have had nothing to do, and is version %d", what, landed[0])
	}
	in := c.w.intents[r.Intents[len(r.Intents)-1]]
	if r.Version < 0 {
		return
	}
	rows := c.views[r.Version].rows
	switch in.Op {
	case OpDelete, OpUpdate, OpOptimize:
		for row := range rows {
			if slices.Contains(in.Parts, row.P) {
				c.bad("T4", "%s is said to have had nothing to do, and version %d has %v", what, r.Version, row)
				return
			}
		}
	case OpInsert:
		for _, want := range in.Rows {
			if !slices.ContainsFunc(rowList(rows), func(have Row) bool { return have.ID == want.ID }) {
				c.bad("T4", "%s is said to have had nothing to do, and version %d has no %s", what, r.Version, want.ID)
			}
		}
	}
}

// refused checks that an error about keys has a cause in the log.
func (c *checker) refused(r *Record, what string) {
	var ke *txlog.KeyError
	if !errors.As(r.Err, &ke) {
		return
	}
	policy := c.policy(r)
	for _, l := range c.keys[r.Key] {
		in := c.w.intents[l.info.UserMetadata]
		if in != nil && in.Key == r.Key && l.step <= r.Return && (in.Number != r.Number || policy == txlog.ReplayFail) {
			return
		}
	}
	c.bad("T5", "%s: %v, and there is no other use of the key", what, r.Err)
}

// effects checks T5 and T8: work under one key acts once, and an attempt that was
// overtaken does not act after its successor.
func (c *checker) effects() {
	for _, key := range sortedKeys(c.keys) {
		var last *logged
		var lastN int64
		for _, l := range c.keys[key] {
			in := c.w.intents[l.info.UserMetadata]
			if in == nil || in.Key != key {
				continue
			}
			if last != nil {
				c.again(key, in, last, l, lastN)
			}
			last, lastN = l, in.Number
		}
	}
}

// again judges a second effect under a key.
func (c *checker) again(key string, in *Intent, first, second *logged, before int64) {
	switch {
	case in.Seq:
		if in.Number <= before {
			c.bad("T8", "key %s went from %d in version %d to %d in version %d", key, before, first.version, in.Number, second.version)
		}
	case in.Policy != txlog.ReplayReplace:
		c.bad("T5", "key %s acted in version %d and in version %d", key, first.version, second.version)
	case in.Number == before:
		c.bad("T5", "key %s acted with the same content in version %d and in version %d", key, first.version, second.version)
	default:
		if r := c.recordOf(in); r != nil && r.FirstPut > 0 && r.FirstPut < first.step {
			c.bad("T5", "key %s: version %d was first sent at step %d, and overtook version %d", key, second.version, r.FirstPut, first.version)
		}
	}
}

func (c *checker) recordOf(in *Intent) *Record {
	i := slices.IndexFunc(c.w.records, func(r *Record) bool { return slices.Contains(r.Intents, in.ID) })
	if i < 0 {
		return nil
	}
	return c.w.records[i]
}

func rowList(m map[Row]int) (rs []Row) {
	for r := range m {
		rs = append(rs, r)
	}
	return rs
}

// logName takes apart the name of an object of the log.
func logName(name string) (v txlog.Version, kind string) {
	base, ok := strings.CutPrefix(name, logPrefix)
	if !ok || len(base) < 22 || base[20] != '.' {
		return 1 << 40, ""
	}
	for _, d := range base[:20] {
		if d < '0' || d > '9' {
			return 1 << 40, ""
		}
		v = v*10 + txlog.Version(d-'0')
	}
	return v, base[21:]
}
