package txlog

import (
	"fmt"
	"slices"
)

// An Isolation is how much a transaction must not notice of others.
type Isolation string

// The levels, by the names of delta.isolationLevel. The zero value means the
// table's own, which is Serializable unless its property says otherwise.
const (
	Serializable      Isolation = "Serializable"
	WriteSerializable Isolation = "WriteSerializable"
	SnapshotIsolation Isolation = "SnapshotIsolation"
)

// effective returns the level that the commit is checked under: a commit that
// changes no data needs no more than a snapshot.
//
// The rule is Spark's (canDowngradeToSnapshotIsolation): only file actions, none
// of them with dataChange.
func effective(level Isolation, actions []Action) Isolation {
	for _, a := range actions {
		switch a := a.(type) {
		case *AddFile:
			if a.DataChange {
				return level
			}
		case *RemoveFile:
			if a.DataChange {
				return level
			}
		case *AddCDCFile:
		case *DomainMetadata:
			if a.Domain != rowTrackingDomain {
				return level
			}
		default:
			return level
		}
	}
	return SnapshotIsolation
}

// A conflictCheck holds one transaction's side of the comparison.
type conflictCheck struct {
	root       string    // the table's URL
	base       *Metadata // before the winner that is checked; nil: there is none
	reads      *readSet
	actions    []Action // of the losing transaction, without recomputed removes
	isolation  Isolation
	removes    map[string]struct{} // canonical paths of its own removes
	revalidate func(*Snapshot) error
}

func newConflictCheck(t *Transaction, isolation Isolation) *conflictCheck {
	c := &conflictCheck{
		root:  t.store.URL(),
		reads: &t.reads, actions: t.actions, revalidate: t.revalidate,
		isolation: effective(isolation, t.actions),
		removes:   map[string]struct{}{},
	}
	if t.replace != nil || len(t.actions) == 0 && t.opts.Key != nil {
		c.isolation = isolation // a key alone records that there was nothing to do
	}
	if t.base != nil {
		c.base = t.base.Metadata()
	}
	for _, a := range t.actions {
		if r, ok := a.(*RemoveFile); ok {
			c.removes[canonicalIn(c.root, r.Path)] = struct{}{}
		}
	}
	return c
}

// against checks one winning commit; before and after are the table on its two
// sides. The order of the checks is Spark's, because it decides which error a
// user sees. It returns nil or a *ConflictError or an unsupported-feature error.
func (c *conflictCheck) against(w *Commit, after *Snapshot) error {
	for _, check := range []func(*Commit, *Snapshot) error{
		c.protocol, c.metadata, c.domains, c.txns, c.appends, c.deleteReads, c.deleteDeletes,
	} {
		if err := check(w, after); err != nil {
			return err
		}
	}
	c.base = after.Metadata()
	return nil
}

func (c *conflictCheck) conflict(w *Commit, kind ConflictKind, path, format string, args ...any) error {
	e := &ConflictError{Kind: kind, Version: w.Version, Path: path, Detail: fmt.Sprintf(format, args...)}
	if ci := w.Info(); ci != nil {
		e.Operation = ci.Operation
	}
	return e
}

func (c *conflictCheck) protocol(w *Commit, after *Snapshot) error {
	p := find[*Protocol](w.Actions)
	if p == nil {
		return nil
	}
	if find[*Protocol](c.actions) != nil {
		return c.conflict(w, ProtocolChanged, "", "changed the protocol, as this commit does")
	}
	if err := CheckWrite(after.Protocol(), after.Metadata()); err != nil {
		return err
	}
	if w.Version == 0 {
		return nil // it has a metadata too, and one validation is enough
	}
	return c.stillValid(w, after, ProtocolChanged, "changed the protocol")
}

func (c *conflictCheck) metadata(w *Commit, after *Snapshot) error {
	if find[*Metadata](w.Actions) == nil {
		return nil
	}
	if find[*Metadata](c.actions) != nil {
		return c.conflict(w, MetadataChanged, "", "changed the metadata, as this commit does")
	}
	if err := CheckWrite(after.Protocol(), after.Metadata()); err != nil {
		return err
	}
	if w.Version == 0 {
		return c.stillValid(w, after, MetadataChanged, "made the table first, and defined it")
	}
	if c.revalidate == nil && onlyMarksMoved(c.base, after.Metadata()) {
		return nil // it gave numbers to rows of its own
	}
	return c.stillValid(w, after, MetadataChanged, "changed the metadata")
}

// stillValid asks the transaction's owner whether its files fit the new table.
func (c *conflictCheck) stillValid(w *Commit, after *Snapshot, kind ConflictKind, what string) error {
	if c.revalidate == nil {
		return c.conflict(w, kind, "", "%s", what)
	}
	if err := c.revalidate(after); err != nil {
		e := c.conflict(w, kind, "", "%s in a way that this commit does not fit", what).(*ConflictError)
		e.Err = err
		return e
	}
	return nil
}

func (c *conflictCheck) domains(w *Commit, _ *Snapshot) error {
	mine := map[string]struct{}{}
	for _, a := range c.actions {
		if d, ok := a.(*DomainMetadata); ok && d.Domain != rowTrackingDomain {
			mine[d.Domain] = struct{}{}
		}
	}
	for _, a := range w.Actions {
		if d, ok := a.(*DomainMetadata); ok {
			if _, both := mine[d.Domain]; both {
				return c.conflict(w, ConcurrentTransaction, "", "changed the metadata domain %q, as this commit does", d.Domain)
			}
		}
	}
	return nil
}

func (c *conflictCheck) txns(w *Commit, _ *Snapshot) error {
	for _, a := range w.Actions {
		if s, ok := a.(*SetTransaction); ok {
			if _, read := c.reads.txns[s.AppID]; read {
				return c.conflict(w, ConcurrentTransaction, "", "moved application %q to %d", s.AppID, s.Version)
			}
		}
	}
	return nil
}

// appends looks for rows that this transaction should have seen. Files that only
// hold rows that were in the table before (dataChange false) are none.
func (c *conflictCheck) appends(w *Commit, _ *Snapshot) error {
	switch c.isolation {
	case SnapshotIsolation:
		return nil
	case WriteSerializable:
		if blindAppend(w) && find[*Metadata](c.actions) == nil {
			return nil
		}
	}
	for _, a := range w.Actions {
		if f, ok := a.(*AddFile); ok && f.DataChange && c.reads.matches(f) {
			return c.conflict(w, ConcurrentAppend, f.Path, "added rows that this commit should have read")
		}
	}
	return nil
}

// deleteReads looks for rows that this transaction has read and that are gone.
func (c *conflictCheck) deleteReads(w *Commit, _ *Snapshot) error {
	for _, a := range w.Actions {
		r, ok := a.(*RemoveFile)
		if !ok || !r.DataChange {
			continue
		}
		_, read := c.reads.files[canonicalIn(c.root, r.Path)]
		if read || c.reads.table {
			return c.conflict(w, ConcurrentDeleteRead, r.Path, "removed rows that this commit has read")
		}
	}
	c.follow(w)
	return nil
}

// follow finds rows that this transaction has read and w has moved: from here on
// they are read where they are now.
func (c *conflictCheck) follow(w *Commit) {
	moved := slices.ContainsFunc(w.Actions, func(a Action) bool {
		r, ok := a.(*RemoveFile)
		if !ok {
			return false
		}
		_, read := c.reads.files[canonicalIn(c.root, r.Path)]
		return read
	})
	for _, a := range w.Actions {
		if f, ok := a.(*AddFile); ok && moved && !f.DataChange {
			c.reads.file(canonicalIn(c.root, f.Path))
		}
	}
}

func (c *conflictCheck) deleteDeletes(w *Commit, _ *Snapshot) error {
	for _, a := range w.Actions {
		if r, ok := a.(*RemoveFile); ok {
			if _, mine := c.removes[canonicalIn(c.root, r.Path)]; mine {
				return c.conflict(w, ConcurrentDeleteDelete, r.Path, "removed a file that this commit removes")
			}
		}
	}
	return nil
}

// blindAppend reports whether w read nothing and only added files. The claim of
// its commitInfo is believed only where the actions do not contradict it.
func blindAppend(w *Commit) bool {
	ci := w.Info()
	return ci != nil && ci.IsBlindAppend != nil && *ci.IsBlindAppend && onlyAdds(w.withoutInfo())
}

func find[T Action](as []Action) T {
	for _, a := range as {
		if t, ok := a.(T); ok {
			return t
		}
	}
	var none T
	return none
}
