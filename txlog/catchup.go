package txlog

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// catchUp moves a transaction whose snapshot is so old that the commits after it may
// have been cleaned up. Their names are free again: a commit under one of them would
// succeed, and no reader would ever look at it, since a newer checkpoint stands for
// the versions up to its own.
//
// It costs nothing as long as the newest commit is younger than half of the log's
// retention, and else one listing. A transaction that has read something cannot be
// moved, because nobody can tell any more whether it still holds.
func (c *committer) catchUp(ctx context.Context) error {
	old, t := c.snap, c.t
	if !old.outdated(t.opts.Env.Now()) {
		return nil
	}
	latest, err := old.Update(ctx)
	if err != nil || latest.version == old.version {
		return err
	}
	if _, err := t.store.Stat(ctx, commitPath(old.version+1)); !errors.Is(err, logstore.ErrNotExist) {
		return err // nil: the log still says what came after
	}
	if !t.movable() {
		return &ConflictError{
			Kind: ConcurrentDeleteRead, Version: latest.version,
			Detail: fmt.Sprintf("the commits after version %d, which this commit was planned on, were cleaned up", old.version),
		}
	}
	if !reflect.DeepEqual(old.metadata, latest.metadata) || !reflect.DeepEqual(old.protocol, latest.protocol) {
		err := errors.New("metadata or protocol were changed")
		if t.revalidate != nil {
			err = t.revalidate(latest)
		}
		if err != nil {
			return &ConflictError{Kind: MetadataChanged, Version: latest.version, Detail: "changed the table in a way that this commit does not fit", Err: err}
		}
	}
	if k := t.opts.Key; k != nil && k.Look == nil {
		// The key was looked up where the transaction began.
		prior, err := old.Txn(ctx, k.AppID)
		if err != nil {
			return err
		}
		looked := *k
		looked.Look = &Look{Txn: prior}
		t.opts.Key = &looked
	}
	c.snap = latest
	return nil
}

// outdated reports whether commits after s may have been cleaned up: those are not
// older than its own, and clean-up only takes what is older than the retention.
// Half of that is left for clocks that disagree.
func (s *Snapshot) outdated(now time.Time) bool {
	if s.version == NoVersion {
		return false // whoever makes a table looks first whether there is one
	}
	ms, known := s.times.at(s.version)
	if s.info != nil && s.info.Timestamp != nil {
		ms, known = max(ms, *s.info.Timestamp), true
	}
	return !known || now.Sub(time.UnixMilli(ms)) > s.Properties().LogRetention()/2
}

// movable reports whether the transaction means the same on any newer version.
func (t *Transaction) movable() bool {
	if !t.reads.empty() || len(t.reads.txns) > 0 {
		return false
	}
	for _, a := range t.actions {
		switch a.(type) {
		case *AddFile, *AddCDCFile:
		default:
			return false
		}
	}
	return true
}
