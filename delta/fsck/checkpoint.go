package fsck

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// checkpoint compares a checkpoint with the table, or, where that is not known,
// with what the commits since the last gap say, and begins the table with it.
//
// PROTOCOL.md, "Checkpoints".
func (r *replayer) checkpoint(ctx context.Context, k *checkpoint) error {
	c := r.c
	view := &only{Store: c.store, objects: k.files}
	s, err := txlog.Load(ctx, view, &txlog.LoadOptions{Version: &k.version, Parallel: c.parallel(k)})
	if err == nil {
		err = r.compareCheckpoint(ctx, k, s)
	}
	for name := range view.read {
		c.names.add(keyOf(name))
	}
	var unsupported *txlog.UnsupportedFeatureError
	switch {
	case err == nil:
		c.r.Checked.Checkpoints++
		return nil
	case c.store.failed() != nil:
		return c.store.failed()
	case errors.As(err, &unsupported):
		c.wholeLog = false
		c.skip("checkpoint %d: %v", k.version, err)
		return nil
	case errors.Is(err, logstore.ErrNotExist) && !c.still(ctx, k):
		return errChanged
	case errors.Is(err, txlog.ErrCorrupt), errors.Is(err, txlog.ErrVersionNotFound):
		c.wholeLog = c.wholeLog && r.known
		c.add(CheckpointBad, k.version, k.name(), "%v", err)
		return nil
	}
	return err
}

// parallel is how many goroutines read a checkpoint: a small one is not worth more
// than one.
func (c *checker) parallel(k *checkpoint) int {
	const small = 256 << 10
	if len(k.files) == 1 && k.files[0].Size < small {
		return 1
	}
	return c.opts.Parallel
}

// still reports whether all files of a checkpoint are still there.
func (c *checker) still(ctx context.Context, k *checkpoint) bool {
	for _, o := range k.files {
		if _, err := c.store.Stat(ctx, o.Name); err != nil {
			return false
		}
	}
	return true
}

// compareCheckpoint does so with s, the table as the checkpoint alone has it.
func (r *replayer) compareCheckpoint(ctx context.Context, k *checkpoint, s *txlog.Snapshot) error {
	r.pass++
	d := &difference{r: r, k: k, s: s, own: newState()}
	if err := d.files(ctx); err != nil {
		return err
	}
	if err := d.tombstones(ctx); err != nil {
		return err
	}
	if err := d.rest(ctx); err != nil {
		return err
	}
	if len(d.texts) > 0 {
		code, than := CheckpointDiffers, "replaying the commits gives other than it says: "
		if !r.known {
			code, than = LogContradicts, "commits up to it contradict it: "
		}
		if err := d.examples(ctx); err != nil {
			return err
		}
		r.c.add(code, k.version, k.name(), "%s%s", than, joined(d.texts))
	}
	if !r.known {
		d.own.protocol, d.own.metadata, d.own.time = s.Protocol(), s.Metadata(), r.s.time
		r.s, r.known = d.own, true
	}
	return nil
}

// A difference is what a checkpoint and the commits do not agree on.
type difference struct {
	r     *replayer
	k     *checkpoint
	s     *txlog.Snapshot
	own   *state // the checkpoint's, where the table is not known
	texts []string
	lost  int // live files that the checkpoint does not have
}

func (d *difference) say(format string, args ...any) {
	d.texts = append(d.texts, fmt.Sprintf(format, args...))
}

// files compares the live files.
func (d *difference) files(ctx context.Context) error {
	r, c := d.r, d.r.c
	met := 0
	more := few{}
	other := few{}
	for a, err := range d.s.Files(ctx, nil) {
		if err != nil {
			return err
		}
		name := keyOf(c.fileName(a.Path))
		c.names.add(name)
		c.nameVector(a.DeletionVector)
		f := c.liveOf(a)
		full := name.with(a.DeletionVector)
		was, live := r.s.live[full]
		switch {
		case live && was.pass == r.pass:
			d.say("it has %s twice", a.Path)
		case live:
			met++
			if why := differs(was, f); why != "" {
				other.add(a.Path + " (" + why + ")")
			}
			was.pass = r.pass
			r.s.live[full] = was
		case r.known || has(r.s.tombs, full):
			more.add(a.Path)
		}
		if !r.known {
			d.own.add(name, a.DeletionVector, f)
		}
	}
	if more.n > 0 {
		d.say("it has files that were removed or never added (%d): %s", more.n, more.text())
	}
	if other.n > 0 {
		d.say("it says something else of %s: %s", plural(other.n, "file"), other.text())
	}
	if d.lost = len(r.s.live) - met; d.lost > 0 {
		d.say("it lacks %s", plural(d.lost, "live file"))
	}
	return nil
}

// few keeps some of many.
type few struct {
	n    int
	some []string
}

func (f *few) add(s string) {
	if f.n++; f.n <= 3 {
		f.some = append(f.some, s)
	}
}

func (f *few) text() string {
	t := joined(f.some)
	if f.n > len(f.some) {
		t += " …"
	}
	return t
}

// differs says what two statements about one file do not agree on, "" for nothing.
// What statistics say beside the number of rows may be left out or rounded.
func differs(a, b liveFile) string {
	switch {
	case a.size != b.size:
		return fmt.Sprintf("size %d, not %d", b.size, a.size)
	case a.rows != b.rows && a.rows >= 0 && b.rows >= 0:
		return fmt.Sprintf("number of rows %d, not %d", b.rows, a.rows)
	case a.sum != b.sum:
		return "partition values, time, row ids or deletion vector"
	}
	return ""
}

// slack is how far the clocks of a checkpoint's writer and of the store may differ.
const slack = 24 * time.Hour

// tombstones compares the removed files. A checkpoint leaves out those that have
// expired.
func (d *difference) tombstones(ctx context.Context) error {
	r, c := d.r, d.r.c
	more := few{}
	for a, err := range d.s.Tombstones(ctx) {
		if err != nil {
			return err
		}
		name := keyOf(c.fileName(a.Path))
		c.names.add(name)
		c.nameVector(a.DeletionVector)
		full := name.with(a.DeletionVector)
		if t, there := r.s.tombs[full]; there {
			t.pass = r.pass
			r.s.tombs[full] = t
		} else if r.known {
			more.add(a.Path)
		}
		if !r.known {
			at := int64(0)
			if a.DeletionTimestamp != nil {
				at = *a.DeletionTimestamp
			}
			d.own.tombs[full] = tombstone{deleted: at}
		}
	}
	if more.n > 0 {
		d.say("it has tombstones of files that were not removed (%d): %s", more.n, more.text())
	}
	at := d.k.files[0].Modified.Add(slack)
	kept := at.Add(-d.s.Properties().TombstoneRetention()).UnixMilli()
	lost := 0
	for _, t := range r.s.tombs {
		if t.pass != r.pass && t.deleted > kept && t.deleted <= at.UnixMilli() {
			lost++
		}
	}
	if at.UnixMilli() < r.clock {
		lost = 0 // the store's times are not those of the writers: a copy, a simulation
	}
	if lost > 0 {
		d.say("it lacks tombstones of %s that have not expired", plural(lost, "removed file"))
	}
	return nil
}

// rest compares what is not about files.
func (d *difference) rest(ctx context.Context) error {
	s, r := d.s, d.r
	txns, err := s.Txns(ctx)
	if err != nil {
		return err
	}
	domains, err := s.Domains(ctx)
	if err != nil {
		return err
	}
	if p := r.s.protocol; p != nil && !sameProtocol(s.Protocol(), p) {
		d.say("its protocol is another one")
	}
	if m := r.s.metadata; m != nil && !sameMetadata(s.Metadata(), m) {
		d.say("its metadata are other ones")
	}
	for _, t := range txns {
		d.own.txns[t.AppID] = t
	}
	for _, m := range domains {
		d.own.domains[m.Domain] = m
	}
	d.txns()
	d.domains()
	return nil
}

func (d *difference) txns() {
	r := d.r
	for _, id := range slices.Sorted(maps.Keys(r.s.txns)) {
		want, got := r.s.txns[id], d.own.txns[id]
		switch {
		case got == nil && !expired(want, d.s.Properties().TxnRetention(), d.k.files[0].Modified):
			d.say("it lacks application %q", id)
		case got != nil && got.Version != want.Version:
			d.say("application %q is at %d, not at %d", id, got.Version, want.Version)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(d.own.txns)) {
		if r.known && r.s.txns[id] == nil {
			d.say("it has application %q, which no commit set", id)
		}
	}
}

func expired(t *txlog.SetTransaction, keep time.Duration, at time.Time) bool {
	return keep > 0 && t.LastUpdated != nil && *t.LastUpdated < at.Add(slack-keep).UnixMilli()
}

func (d *difference) domains() {
	r := d.r
	for _, name := range slices.Sorted(maps.Keys(r.s.domains)) {
		want, got := r.s.domains[name], d.own.domains[name]
		switch {
		case want.Removed && got != nil:
			d.say("it has domain %q, which was removed", name)
		case !want.Removed && got == nil:
			d.say("it lacks domain %q", name)
		case !want.Removed && got.Configuration != want.Configuration:
			d.say("domain %q has another configuration", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.own.domains)) {
		if r.known && r.s.domains[name] == nil {
			d.say("it has domain %q, which no commit set", name)
		}
	}
}

// examples names some of the live files that the checkpoint lacks, by loading the
// table without it.
func (d *difference) examples(ctx context.Context) error {
	if d.lost == 0 {
		return nil
	}
	c := d.r.c
	view := &only{Store: c.store, objects: c.log.without(d.k)}
	s, err := txlog.Load(ctx, view, &txlog.LoadOptions{Version: &d.k.version, Parallel: c.opts.Parallel})
	if err != nil {
		return c.store.failed() // the number of files is enough
	}
	lost := few{}
	for a, err := range s.Files(ctx, &txlog.FilesOptions{NoStats: true}) {
		if err != nil {
			return c.store.failed()
		}
		if f, live := d.r.s.live[keyOf(c.fileName(a.Path)).with(a.DeletionVector)]; live && f.pass != d.r.pass {
			lost.add(a.Path)
		}
	}
	if lost.n > 0 {
		d.say("lacking are %s", lost.text())
	}
	return nil
}

// without returns the commits, and the checkpoints that are not k's version.
func (l *logListing) without(k *checkpoint) []logstore.Object {
	objs := slices.Clone(l.commits)
	for v, ks := range l.checkpoints {
		if v == k.version {
			continue
		}
		for _, o := range ks {
			objs = append(objs, o.files...)
		}
	}
	slices.SortFunc(objs, func(a, b logstore.Object) int { return strings.Compare(a.Name, b.Name) })
	return objs
}

func sameProtocol(a, b *txlog.Protocol) bool {
	return a.MinReaderVersion == b.MinReaderVersion && a.MinWriterVersion == b.MinWriterVersion && slices.Equal(a.Features(), b.Features())
}

// sameMetadata compares metadata. Writers print one schema in more than one way.
func sameMetadata(a, b *txlog.Metadata) bool {
	return a.ID == b.ID && a.Name == b.Name && a.Description == b.Description && sameJSON(a.SchemaString, b.SchemaString) &&
		slices.Equal(a.PartitionColumns, b.PartitionColumns) && maps.Equal(a.Configuration, b.Configuration)
}

func sameJSON(a, b string) bool {
	if a == b {
		return true
	}
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	p, _ := json.Marshal(x)
	q, _ := json.Marshal(y)
	return string(p) == string(q)
}
