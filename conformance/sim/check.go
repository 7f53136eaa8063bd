package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/deltalog/deltalog/conformance/model"
	"github.com/deltalog/deltalog/delta/fsck"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// A checker holds what the log says against what everybody was told.
type checker struct {
	w       *world
	commits []*logged      // by version
	views   []view         // the table after each version
	tables  []*model.Table // the same with rows
	done    []model.Effect // of each version
	tokens  map[string][]txlog.Version
	intents map[string][]txlog.Version
	keys    map[string][]*logged // commits by the keys that they record
}

// check runs all checks; the world is over.
func (w *world) check() {
	c := &checker{w: w, tokens: map[string][]txlog.Version{}, intents: map[string][]txlog.Version{}, keys: map[string][]*logged{}}
	c.log()
	c.replay()
	for _, r := range w.records {
		c.outcome(r)
		c.limits(r)
	}
	c.effects()
	for _, r := range w.reads {
		c.read(r)
	}
	c.final()
	c.fsck()
	w.counts.Commits += len(c.commits)
	w.counts.Reads += len(w.reads)
}

func (c *checker) bad(rule, format string, args ...any) { c.w.violate(rule, format, args...) }

// log checks S1, S2 and S3 and decodes the commits: every name of a version was
// stored once, whoever wrote it, and the versions came one after the other.
func (c *checker) log() {
	for v := txlog.Version(0); ; v++ {
		name := fmt.Sprintf("%s%020d.json", logPrefix, v)
		bs := c.w.bodies[name]
		if len(bs) == 0 {
			break
		}
		if len(bs) > 1 {
			c.bad("S1", "version %d was stored %d times, at steps %s", v, len(bs), steps(bs))
		}
		if now, err := c.w.store.Read(context.Background(), name, 0); err == nil && string(now) != string(bs[0].data) {
			c.bad("S3", "version %d is not what was stored first", v)
		} else if err != nil && !c.w.deleted[name] {
			c.bad("S2", "version %d is gone: %v", v, err)
		}
		l, err := parseLogged(v, bs[0])
		if err != nil {
			c.bad("S5", "version %d: %v", v, err)
			break
		}
		if n := len(c.commits); n > 0 && c.commits[n-1].step > l.step {
			c.bad("S2", "version %d came before version %d", v, v-1)
		}
		c.commits = append(c.commits, l)
		if l.info.TxnID != "" {
			c.tokens[l.info.TxnID] = append(c.tokens[l.info.TxnID], v)
		}
		c.intents[l.info.UserMetadata] = append(c.intents[l.info.UserMetadata], v)
		for _, t := range l.txns {
			c.keys[t.AppID] = append(c.keys[t.AppID], l)
		}
	}
	if n := len(c.w.bodies); n > len(c.commits) {
		c.bad("S2", "%d versions were stored, and %d follow on each other", n, len(c.commits))
	}
}

func steps(bs []body) string {
	var s []string
	for _, b := range bs {
		s = append(s, fmt.Sprint(b.step))
	}
	return strings.Join(s, ", ")
}

// replay checks S4 and T1: each commit does what its intent means for the table
// before it.
func (c *checker) replay() {
	said, meant := newState(), newState()
	var last *int64
	for _, l := range c.commits {
		c.commit(said, l, last)
		last = l.info.InCommitTimestamp
		said.replayActions(l)
		in := c.w.intents[l.info.UserMetadata]
		switch {
		case c.rows():
		case in == nil:
			c.bad("T1", "version %d was meant by nobody (%q)", l.version, l.info.UserMetadata)
		default:
			if l.version == 0 {
				meant.props = maps.Clone(c.w.plan.Table.Properties)
			}
			meant.blind[l.version] = l.blind()
			meant.apply(in, l.version)
			c.same("T1", fmt.Sprintf("version %d (%s %s)", l.version, in.Op, in.ID), said, meant)
		}
		c.views = append(c.views, said.view())
	}
	if c.rows() {
		c.replayRows()
	}
}

// rows reports whether the tables have rows, not only files with names.
func (c *checker) rows() bool { return c.w.plan.Tier == Parquet }

func (c *checker) same(rule, what string, said, meant *state) {
	if d := diffRows(said.rows, meant.rows); d != "" {
		c.bad(rule, "%s: the log has %s", what, d)
		meant.rows = maps.Clone(said.rows) // report it once
	}
	if !maps.Equal(said.txns, meant.txns) {
		c.bad(rule, "%s: keys are %v, want %v", what, said.txns, meant.txns)
		meant.txns = maps.Clone(said.txns)
	}
	if !maps.Equal(said.props, meant.props) {
		c.bad(rule, "%s: properties are %v, want %v", what, said.props, meant.props)
		meant.props = maps.Clone(said.props)
	}
}

func diffRows(got, want map[Row]int) string {
	if maps.Equal(got, want) {
		return ""
	}
	var d []string
	for r, n := range got {
		if n != want[r] {
			d = append(d, fmt.Sprintf("%v ×%d, want ×%d", r, n, want[r]))
		}
	}
	for r, n := range want {
		if got[r] == 0 {
			d = append(d, fmt.Sprintf("no %v, want ×%d", r, n))
		}
	}
	return sortedJoin(d)
}

// commit checks one commit against the table before it.
func (c *checker) commit(before *state, l *logged, last *int64) {
	v := l.version
	seen := map[string]bool{}
	for _, f := range l.removes {
		p := f.key()
		if seen[p] {
			c.bad("S4", "version %d removes %s twice", v, p)
		}
		seen[p] = true
		if _, live := before.files[p]; !live {
			c.bad("S4", "version %d removes %s, which is not in the table", v, p)
		}
	}
	for _, f := range l.adds {
		p := f.key()
		if seen[p] {
			c.bad("S4", "version %d has %s twice", v, p)
		}
		seen[p] = true
		if _, live := before.files[p]; live || before.gone[p] {
			c.bad("D3", "version %d adds %s again", v, p)
		}
	}
	apps := map[string]bool{}
	for _, t := range l.txns {
		if apps[t.AppID] {
			c.bad("S4", "version %d records key %s twice", v, t.AppID)
		}
		apps[t.AppID] = true
	}
	if l.metas > 1 || l.protos > 1 || v == 0 && (l.metas != 1 || l.protos != 1) {
		c.bad("S4", "version %d has %d metaData and %d protocol", v, l.metas, l.protos)
	}
	if c.w.plan.Table.Properties["delta.enableInCommitTimestamps"] == "true" {
		ict := l.info.InCommitTimestamp
		if l.first != "commitInfo" || ict == nil || last != nil && *ict <= *last {
			c.bad("C6", "the time of version %d does not follow on that of the version before", v)
		}
	}
}

// read checks T1 and T3 for what a reader saw, and T2 for when it saw it.
func (c *checker) read(r *Read) {
	what := fmt.Sprintf("%s at steps %d to %d", r.Proc, r.Call, r.Return)
	if r.Version < 0 || int(r.Version) >= len(c.commits) {
		c.bad("T3", "%s read version %d, and there are %d", what, r.Version, len(c.commits))
		return
	}
	l := c.commits[r.Version]
	if l.step > r.Return {
		c.bad("T3", "%s read version %d before it was stored", what, r.Version)
	}
	if r.Want != txlog.NoVersion && r.Want != r.Version {
		c.bad("T3", "%s asked for version %d and got %d", what, r.Want, r.Version)
	}
	if r.Want == txlog.NoVersion && c.w.plan.Profile != Legacy {
		if next := int(r.Version) + 1; next < len(c.commits) && c.commits[next].step < r.Call {
			c.bad("T2", "%s read version %d, and version %d had been stored at step %d", what, r.Version, next, c.commits[next].step)
		}
	}
	if c.rows() {
		c.readRows(r, what)
	}
	if r.Tail {
		if !c.rows() && r.Token != l.info.UserMetadata {
			c.bad("T3", "%s read the commit %q as version %d, which is %q", what, r.Token, r.Version, l.info.UserMetadata)
		}
		return
	}
	c.compare("T3", what, r, c.views[r.Version])
}

func (c *checker) compare(rule, what string, r *Read, want view) {
	if d := diffRows(r.Rows, want.rows); d != "" {
		c.bad(rule, "%s: version %d reads as %s", what, r.Version, d)
	}
	if r.Files != want.files {
		c.bad(rule, "%s: version %d has %d files, want %d", what, r.Version, r.Files, want.files)
	}
	if !maps.Equal(r.Txns, want.txns) {
		c.bad(rule, "%s: version %d has keys %v, want %v", what, r.Version, r.Txns, want.txns)
	}
	if !maps.Equal(r.Props, want.props) {
		c.bad(rule, "%s: version %d has properties %v, want %v", what, r.Version, r.Props, want.props)
	}
}

// final checks what is left: that each way to read it gives the same (C1, C2),
// that checksums are true (C3), and that all files are there (D1).
func (c *checker) final() {
	if len(c.commits) == 0 {
		return
	}
	ctx := context.Background()
	newest := txlog.Version(len(c.commits) - 1)
	store := c.w.store
	c.loads(store, nil, newest, "as it is")
	for _, name := range store.Names() {
		v, kind := logName(name)
		switch {
		case int(v) >= len(c.commits):
			continue
		case kind == "checkpoint.parquet":
			c.loads(store, &v, v, "at a checkpoint")
		case kind == "crc":
			c.checksum(name, v)
		}
	}
	bare := store.Clone()
	for _, n := range bare.Names() {
		if isHint(n) {
			mustDelete(bare, n)
		}
	}
	c.loads(bare, nil, newest, "without hints")
	if len(c.w.deleted) == 0 {
		for _, n := range bare.Names() {
			if _, kind := logName(n); kind == "checkpoint.parquet" {
				mustDelete(bare, n)
			}
		}
		c.loads(bare, nil, newest, "without checkpoints")
	}
	for _, f := range c.liveFiles() {
		if c.w.lost[pathOf(f)] {
			continue
		}
		if o, err := store.Stat(ctx, pathOf(f)); err != nil || o.Size != f.Size {
			c.bad("D1", "live file %s: %v, size %d, want %d", f.Path, err, o.Size, f.Size)
		}
	}
}

// fsckEvery is how many histories without rows there are for each that fsck looks
// at: it takes longer than they do.
const fsckEvery = 7

// fsck asks the checker that users have, which shares no code with this one, about
// the bytes that are left.
func (c *checker) fsck() {
	if len(c.commits) == 0 || len(c.w.lost) > 0 || !c.rows() && c.w.plan.Seed%fsckEvery != 0 {
		return
	}
	for _, a := range c.w.plan.Actors {
		if a.Skew.Abs() > 12*time.Hour {
			return // it forgets tombstones when nobody else would
		}
	}
	o := &fsck.Options{Depth: fsck.Listing, Parallel: 1}
	if c.rows() {
		o.Depth = fsck.Footers
	}
	r, err := fsck.Run(context.Background(), c.w.store, o)
	if err == nil {
		err = r.Err()
	}
	if err != nil {
		c.bad("fsck", "%v", err)
	}
	c.w.counts.Fscked++
}

func mustDelete(s *memstore.Store, name string) {
	if err := s.Delete(context.Background(), name); err != nil {
		panic(err) // of a map
	}
}

func (c *checker) liveFiles() map[string]loggedFile {
	s := newState()
	for _, l := range c.commits {
		s.replayActions(l)
	}
	return s.files
}

// loads loads a version and compares it with the witness.
func (c *checker) loads(store logstore.Store, at *txlog.Version, v txlog.Version, how string) {
	ctx := context.Background()
	s, err := txlog.Load(ctx, store, &txlog.LoadOptions{Version: at, Parallel: 1})
	if err != nil {
		c.bad("C4", "version %d cannot be loaded %s: %v", v, how, err)
		return
	}
	if s.Version() != v {
		c.bad("C1", "loaded %s, the table has version %d, want %d", how, s.Version(), v)
		return
	}
	r := &Read{Version: v}
	if err := snapshotOf(ctx, s, r); err != nil {
		c.bad("C4", "version %d cannot be read %s: %v", v, how, err)
		return
	}
	c.compare("C1", "loaded "+how, r, c.views[v])
	n := 0
	for _, err := range s.Tombstones(ctx) {
		if err != nil {
			c.bad("C1", "tombstones of version %d: %v", v, err)
		}
		n++
	}
	if want := c.views[v].gone; n > want || n < want && !c.w.forgetful() {
		c.bad("C1", "loaded %s, version %d has %d tombstones, want %d", how, v, n, c.views[v].gone)
	}
}

// forgetful reports whether a clock was so wrong that tombstones may have expired.
func (w *world) forgetful() bool {
	const keep = 6 * 24 * time.Hour
	for _, a := range w.plan.Actors {
		if a.Skew > keep || a.Skew < -keep {
			return true
		}
	}
	return false
}

func (c *checker) checksum(name string, v txlog.Version) {
	data, err := c.w.store.Read(context.Background(), name, 0)
	if err != nil {
		return // removed by a lifecycle rule
	}
	var sum struct {
		NumFiles        int64
		TableSizeBytes  int64
		SetTransactions []loggedTxn
	}
	if err := json.Unmarshal(data, &sum); err != nil {
		c.bad("C3", "checksum of version %d: %v", v, err)
		return
	}
	want := c.views[v]
	if sum.NumFiles != want.files || sum.TableSizeBytes != want.size {
		c.bad("C3", "the checksum of version %d says %d files of %d bytes, and there are %d of %d", v, sum.NumFiles, sum.TableSizeBytes, want.files, want.size)
	}
}

// limits checks L1 to L3: an operation ends in bounded time, after a bounded
// number of calls.
func (c *checker) limits(r *Record) {
	if r.Crashed {
		return
	}
	if errors.Is(r.Err, txlog.ErrCorrupt) && c.w.plan.Profile != Legacy && len(c.w.lost) == 0 && !c.w.damaged {
		c.bad("C2", "%s %s met corruption, and there is none: %v", r.Proc, r.Op, r.Err)
	}
	// The budget of a commit, of one request and of looking back; and of loads and
	// of waiting for others.
	allowed := time.Duration(max(1, r.Plans))*(2*time.Minute+40*time.Second+20*time.Second) + r.Delayed
	if r.Took > allowed {
		c.bad("L1", "%s %s took %s, and %s were lost to faults", r.Proc, r.Op, r.Took, r.Delayed)
	}
	most := 60 + 12*len(c.commits)
	if r.Struck > 0 {
		most += 650 // a commit that may have landed is asked for until the budget is used up
	}
	if r.Calls > most*max(1, r.Plans) {
		c.bad("L2", "%s %s made %d calls, with %d faults", r.Proc, r.Op, r.Calls, r.Struck)
	}
}

// conflict counts a conflict by its kind.
func (w *world) conflict(err error) {
	var ce *txlog.ConflictError
	if errors.As(err, &ce) {
		w.mu.Lock()
		w.counts.outcome("conflict " + string(ce.Kind))
		w.mu.Unlock()
	}
}

// met counts an outcome.
func (w *world) met(name string) {
	w.mu.Lock()
	w.counts.outcome(name)
	w.mu.Unlock()
}

// struck counts a fault that is not one of a call.
func (w *world) struck(id string) {
	w.mu.Lock()
	w.counts.hit(id)
	w.mu.Unlock()
}
