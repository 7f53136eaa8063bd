package fsck

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/deltalog/deltalog/internal/dv"
	"github.com/deltalog/deltalog/txlog"
)

// A commitCheck looks at one commit by itself and as what follows the table before
// it.
type commitCheck struct {
	*replayer
	v       txlog.Version
	strict  bool // the commit is deltalog's own: what is odd is wrong
	added   map[string]bool
	gone    map[string]bool
	sets    map[string]bool
	addKeys map[key]bool
}

// commit applies a commit to the state, and says what is wrong with it.
//
// PROTOCOL.md, "Actions" and "Action Reconciliation".
func (r *replayer) commit(cm *txlog.Commit) {
	k := commitCheck{
		replayer: r, v: cm.Version, strict: isOwn(cm.Info()),
		added: map[string]bool{}, gone: map[string]bool{}, sets: map[string]bool{}, addKeys: map[key]bool{},
	}
	for _, a := range cm.Actions {
		if rm, ok := a.(*txlog.RemoveFile); ok {
			k.remove(rm)
		}
	}
	for _, a := range cm.Actions {
		if add, ok := a.(*txlog.AddFile); ok {
			k.add(add)
		}
	}
	for _, a := range cm.Actions {
		switch a := a.(type) {
		case *txlog.RemoveFile:
			name := keyOf(r.c.fileName(a.Path))
			if k.addKeys[name.with(a.DeletionVector)] {
				r.c.add(CommitBoth, k.v, a.Path, "the commit both adds and removes it")
			}
		case *txlog.AddFile:
			if n := r.s.times(keyOf(r.c.fileName(a.Path))); n > 1 {
				r.c.add(CommitDoubled, k.v, a.Path, "it is live %d times after the commit, with different deletion vectors", n)
			}
		case *txlog.AddCDCFile:
			r.c.names.add(keyOf(r.c.fileName(a.Path)))
		default:
			k.other(a)
		}
	}
	k.time(cm)
}

// isOwn reports whether deltalog wrote a commit.
func isOwn(ci *txlog.CommitInfo) bool {
	return ci != nil && (strings.HasPrefix(ci.EngineInfo, "deltalog/") || strings.HasPrefix(ci.EngineInfo, "deltactl "))
}

// odd records what the protocol allows and deltalog never does.
func (k *commitCheck) odd(code Code, path, text string) {
	sev := Warning
	if k.strict {
		sev, text = Error, text+", and the commit is deltalog's, which never does so"
	}
	k.c.addAs(sev, code, k.v, path, "%s", text)
}

func (k *commitCheck) once(set map[string]bool, name, path, what string) {
	if set[name] {
		k.c.add(CommitDuplicate, k.v, path, "the commit %s twice", what)
	}
	set[name] = true
}

func (k *commitCheck) remove(a *txlog.RemoveFile) {
	name := k.c.fileName(a.Path)
	k.once(k.gone, name, a.Path, "removes it")
	key := keyOf(name)
	k.c.names.add(key)
	k.c.nameVector(a.DeletionVector)
	deleted := int64(0)
	if a.DeletionTimestamp != nil {
		deleted = *a.DeletionTimestamp
	}
	if was := k.s.remove(key, a.DeletionVector, deleted); !was && k.known {
		k.odd(CommitAbsent, a.Path, "the commit removes it, and it was not live at version "+before(k.v)+withVector(a.DeletionVector))
	}
	k.mark(key.with(a.DeletionVector))
}

func (k *commitCheck) add(a *txlog.AddFile) {
	name := k.c.fileName(a.Path)
	k.once(k.added, name, a.Path, "adds it")
	key := keyOf(name)
	k.c.names.add(key)
	k.c.nameVector(a.DeletionVector)
	full := key.with(a.DeletionVector)
	if _, was := k.s.live[full]; was && k.known && a.DataChange && !k.addKeys[full] {
		k.odd(CommitAgain, a.Path, "the commit adds it as new data, and it was live at version "+before(k.v)+" already")
	}
	k.addKeys[full] = true
	k.s.add(key, a.DeletionVector, k.c.liveOf(a))
	k.mark(full)
}

func before(v txlog.Version) string { return versionText(v - 1) }

func withVector(d *txlog.DVDescriptor) string {
	if d == nil {
		return " without a deletion vector"
	}
	return " with that deletion vector"
}

// other applies what is not about files.
func (k *commitCheck) other(a txlog.Action) {
	switch a := a.(type) {
	case *txlog.SetTransaction:
		k.once(k.sets, "txn "+a.AppID, "", "sets the version of application "+a.AppID)
		k.s.txns[a.AppID] = a
	case *txlog.DomainMetadata:
		k.once(k.sets, "domain "+a.Domain, "", "sets domain "+a.Domain)
		k.s.domains[a.Domain] = a
	case *txlog.Protocol:
		k.s.protocol = a
	case *txlog.Metadata:
		k.s.metadata = a
	default:
		return
	}
	k.markOther(a)
}

// time notes the commit's time, and checks its in-commit timestamp.
//
// PROTOCOL.md, "In-Commit Timestamps".
func (k *commitCheck) time(cm *txlog.Commit) {
	if ci := cm.Info(); ci != nil && ci.Timestamp != nil {
		k.clock = max(k.clock, *ci.Timestamp)
	}
	p := txlog.PropertiesOf(k.s.metadata)
	if start, _ := p.InCommitTimestampStart(); !p.InCommitTimestamps() || k.v < start {
		return
	}
	ci := cm.Info()
	if ci == nil || ci.InCommitTimestamp == nil {
		k.c.addHere(CommitTime, k.v, "the table has in-commit timestamps, and the commit has none")
		return
	}
	if len(cm.Actions) > 0 && cm.Actions[0] != txlog.Action(ci) {
		k.c.addHere(CommitTime, k.v, "commitInfo, which has the in-commit timestamp, is not the first action")
	}
	if *ci.InCommitTimestamp <= k.s.time {
		k.c.addHere(CommitTime, k.v, "the in-commit timestamp %d is not after that of an earlier version, %d", *ci.InCommitTimestamp, k.s.time)
	}
	k.s.time = max(k.s.time, *ci.InCommitTimestamp)
}

// addHere records a finding about a version's commit.
func (c *checker) addHere(code Code, v txlog.Version, format string, args ...any) {
	c.add(code, v, commitName(v), format, args...)
}

// vectorName returns the name of the object that holds a deletion vector, "" if it
// is inline.
func (c *checker) vectorName(d *txlog.DVDescriptor) (string, error) {
	return dv.Descriptor{StorageType: d.StorageType, PathOrInlineDV: d.PathOrInlineDV}.
		Key(func(uri string) (string, error) { return txlog.ObjectName(c.url, uri) })
}

func (c *checker) nameVector(d *txlog.DVDescriptor) {
	if d == nil {
		return
	}
	if name, err := c.vectorName(d); err == nil && name != "" {
		c.names.add(keyOf(name))
	}
}

// staged compares a version's commit with those that were proposed for it.
// Readers take the published one.
func (r *replayer) staged(ctx context.Context, v txlog.Version) error {
	objs := r.c.log.staged[v]
	if len(objs) == 0 {
		return nil
	}
	body, err := r.c.readLog(ctx, commitName(v))
	if err != nil {
		return err
	}
	for _, o := range objs {
		other, err := r.c.readLog(ctx, o.Name)
		if errors.Is(err, errChanged) || err == nil && slices.Equal(other, body) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	r.c.add(LogStaged, v, objs[0].Name, "%d staged commits, and none is what was published", len(objs))
	return nil
}
