package txlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// A committer carries one transaction through its attempts.
//
// The rule that everything here serves: a version is left behind only when it
// is known who owns it. As long as a request for version N may have landed, or
// may land yet, the same bytes go to the same N; they can land at most once.
type committer struct {
	t        *Transaction
	snap     *Snapshot // the table before the version that is tried; nil for version 0
	res      CommitResult
	deadline time.Time
	waited   time.Duration // in all pauses
	check    *conflictCheck
}

func (c *committer) run(ctx context.Context) error {
	t := c.t
	c.deadline = t.opts.Env.Now().Add(t.opts.MaxElapsed)
	if err := t.checkUse(); err != nil {
		return err
	}
	if done, err := c.begin(ctx); done || err != nil {
		return err
	}
	for {
		commit, body, err := c.build(ctx)
		if err != nil {
			return err
		}
		c.res.Attempts++
		winner, err := c.put(ctx, commit.Version, body)
		if err != nil {
			return err
		}
		if winner == nil {
			c.landed(ctx, commit)
			return nil
		}
		if done, err := c.rebase(ctx, winner); done || err != nil {
			return err
		}
		if err := c.pause(ctx, c.res.Attempts); err != nil {
			return fmt.Errorf("%w: lost version %d to %q after %d attempts: %w",
				ErrRetriesExhausted, winner.Version, operationOf(winner), c.res.Attempts, err)
		}
	}
}

// plan stops where run would write.
func (c *committer) plan(ctx context.Context) error {
	if err := c.t.checkUse(); err != nil {
		return err
	}
	if done, err := c.begin(ctx); done || err != nil {
		return err
	}
	commit, _, err := c.build(ctx)
	if err != nil {
		return err
	}
	c.res.Version, c.res.Removed = commit.Version, sortedFiles(c.t.replaced)
	return nil
}

// begin settles on the snapshot what needs no attempt: a key that is used up, a
// table that may not be written, nothing to do.
func (c *committer) begin(ctx context.Context) (done bool, err error) {
	t := c.t
	if c.snap == nil {
		return false, nil
	}
	if err := c.catchUp(ctx); err != nil {
		return false, err
	}
	if k := t.opts.Key; k != nil {
		done, at, err := c.snap.CheckKey(ctx, k)
		if err != nil || done {
			return c.applied(done, at, err)
		}
	}
	if err := CheckWrite(c.snap.Protocol(), c.snap.Metadata()); err != nil {
		return false, err
	}
	if t.opts.Isolation == "" {
		t.opts.Isolation = Isolation(c.snap.Properties().IsolationLevel())
	}
	if t.replace != nil {
		t.replaced = map[FileKey]*AddFile{}
		for f, err := range c.snap.Files(ctx, &FilesOptions{Partitions: t.replace}) {
			if err != nil {
				return false, err
			}
			t.replaced[c.key(f.Path, f.DeletionVector)] = f
		}
	}
	c.check = newConflictCheck(t, t.opts.Isolation)
	c.check.base = c.snap.Metadata()
	return c.nothing(ctx)
}

// nothing reports whether there is nothing to do on the snapshot.
func (c *committer) nothing(ctx context.Context) (bool, error) {
	if !c.t.empty() {
		return false, nil
	}
	if err := c.snap.Flush(ctx); err != nil {
		return false, err
	}
	c.res.State, c.res.Version, c.res.Snapshot = NoOp, c.snap.Version(), c.snap
	return true, nil
}

// applied is what a look for the key gave: the work is done, at a version, or not.
func (c *committer) applied(done bool, at Version, err error) (bool, error) {
	switch {
	case errors.Is(err, ErrCommitUnknown):
		c.res.State, c.res.Version = Unknown, at
	case done:
		c.res.State, c.res.Version = AlreadyApplied, at
	}
	return done, err
}

// put gets version v for body. A nil winner means that body is version v;
// otherwise winner is, and body never will be. An error leaves the state in
// c.res: Unknown if body may be version v, else NotCommitted.
func (c *committer) put(ctx context.Context, v Version, body []byte) (winner *Commit, err error) {
	name := commitPath(v)
	open := false // a request for v may have landed, or may land yet
	for try := 1; ; try++ {
		if err := ctx.Err(); err != nil {
			return c.settle(ctx, v, body, open, err)
		}
		err := c.send(ctx, name, body)
		if err == nil {
			return nil, nil
		}
		switch {
		case errors.Is(err, logstore.ErrNotDurable):
			// It is there, and may not be there tomorrow: nobody is told that it is.
			return nil, c.unknown(v, err)
		case errors.Is(err, logstore.ErrUnavailable):
			// Not carried out: nothing new to find out.
		case definite(err):
			if !open {
				return nil, err
			}
		default:
			// Also ErrExist: below us somebody may have sent the request twice, and
			// the second may have met the first.
			open = true
		}
		if open {
			w, mine, rerr := c.readBack(ctx, v, body)
			switch {
			case mine:
				return nil, c.recovered(ctx, v)
			case w != nil:
				return w, nil
			case errors.Is(rerr, ErrCorrupt):
				// There is a version v, and it is not body, which is well-formed.
				return nil, rerr
			}
		}
		if perr := c.pause(ctx, try); perr != nil {
			return c.settle(ctx, v, body, open, errors.Join(perr, err))
		}
	}
}

// send makes one conditional Put.
func (c *committer) send(ctx context.Context, name string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, c.t.opts.RequestTimeout)
	defer cancel()
	return c.t.store.Put(ctx, name, body, logstore.IfAbsent)
}

// readBack asks the log who owns version v.
func (c *committer) readBack(ctx context.Context, v Version, body []byte) (winner *Commit, mine bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.t.opts.RequestTimeout)
	defer cancel()
	data, err := c.t.store.Read(ctx, commitPath(v), 0)
	if err != nil {
		return nil, false, err
	}
	if bytes.Equal(data, body) {
		return nil, true, nil
	}
	w, err := ParseCommit(v, data)
	if err != nil {
		return nil, false, err
	}
	if ci := w.Info(); ci != nil && ci.TxnID == c.t.token {
		return nil, true, nil // ours, re-encoded on its way
	}
	return w, false, nil
}

// settle ends an attempt whose time is up. If the outcome is open it asks the
// log once more, for a bounded time of its own, since the context may be gone.
func (c *committer) settle(ctx context.Context, v Version, body []byte, open bool, cause error) (*Commit, error) {
	if !open {
		return nil, cause
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.t.opts.ResolveTimeout)
	defer cancel()
	until := c.t.opts.Env.Now().Add(c.t.opts.ResolveTimeout)
	for try := 1; ; try++ {
		w, mine, err := c.readBack(ctx, v, body)
		switch {
		case mine:
			return nil, c.recovered(ctx, v)
		case w != nil, errors.Is(err, ErrCorrupt):
			return nil, fmt.Errorf("version %d belongs to another commit: %w", v, cause)
		}
		// Absence proves nothing: the request may still be on its way.
		late := c.t.opts.Env.Now().After(until) || c.t.opts.Env.Sleep(ctx, c.backoff(try)) != nil
		if late || ctx.Err() != nil {
			return nil, c.unknown(v, errors.Join(cause, err))
		}
	}
}

// recovered is for a body that was found as version v after the store had not
// said so.
func (c *committer) recovered(ctx context.Context, v Version) error {
	c.res.Recovered = true
	if err := flushed(ctx, c.t.store, v); err != nil {
		return c.unknown(v, err)
	}
	return nil
}

// flushed makes sure that a version that was found in the log stays there, before
// anybody is told to rely on it: its writer may have been killed before it was
// flushed, or may be about to flush it.
func flushed(ctx context.Context, store logstore.Store, v Version) error {
	if v == NoVersion {
		return nil // so old that it is no longer in the log
	}
	err := logstore.Flush(ctx, store, commitPath(v))
	if errors.Is(err, logstore.ErrNotExist) {
		return nil // cleaned up since
	}
	return err
}

func (c *committer) unknown(v Version, err error) error {
	c.res.State, c.res.Version = Unknown, v
	u := &CommitUnknownError{Version: v, Token: c.t.token, Err: err}
	if k := c.t.opts.Key; k != nil {
		u.Key = k.AppID
	}
	return u
}

// rebase reads every commit from winner on and moves the transaction after the
// last of them. done means that one of them was this very work, or that after them
// there is nothing to do.
func (c *committer) rebase(ctx context.Context, winner *Commit) (done bool, err error) {
	if c.snap == nil {
		return false, fmt.Errorf("%w: version 0 was written by %q", ErrTableExists, operationOf(winner))
	}
	winners := []*Commit{winner}
	for {
		w, err := c.next(ctx, winners[len(winners)-1].Version+1)
		if err != nil {
			return false, err
		}
		if w == nil {
			break
		}
		winners = append(winners, w)
	}
	// The key first, over all of them: if the work is there, no conflict matters.
	if k := c.t.opts.Key; k != nil {
		if done, err := c.replayed(ctx, k, winners); done || err != nil {
			return done, err
		}
	}
	for _, w := range winners {
		after, err := c.snap.Advance(w)
		if err != nil {
			return false, err
		}
		if err := c.check.against(w, after); err != nil {
			return false, err
		}
		c.reselect(w)
		c.snap = after
	}
	return c.nothing(ctx) // the winners may have taken out all that was to be replaced
}

// next reads version v, or returns nil if there is none yet.
func (c *committer) next(ctx context.Context, v Version) (*Commit, error) {
	for try := 1; ; try++ {
		rctx, cancel := context.WithTimeout(ctx, c.t.opts.RequestTimeout)
		data, err := c.t.store.Read(rctx, commitPath(v), 0)
		cancel()
		switch {
		case err == nil:
			return ParseCommit(v, data)
		case errors.Is(err, logstore.ErrNotExist):
			return nil, nil
		case definite(err):
			return nil, err
		}
		if perr := c.pause(ctx, try); perr != nil {
			return nil, errors.Join(perr, fmt.Errorf("read version %d: %w", v, err))
		}
	}
}

// replayed looks for the key in commits made since this transaction looked it
// up. Equal content anywhere wins over other content: the work has been applied,
// whatever came after it.
func (c *committer) replayed(ctx context.Context, k *Key, winners []*Commit) (done bool, err error) {
	for i := len(winners) - 1; i >= 0; i-- {
		for _, a := range winners[i].Actions {
			s, ok := a.(*SetTransaction)
			if !ok || s.AppID != k.AppID {
				continue
			}
			at := winners[i].Version
			d, e := k.replay(s.Version, at, true)
			if d {
				return c.applied(k.found(ctx, c.t.store, at))
			}
			if err == nil {
				err = e
			}
		}
	}
	return false, err
}

// reselect keeps the set of files to replace true for the table after w.
func (c *committer) reselect(w *Commit) {
	if c.t.replace == nil {
		return
	}
	for _, a := range w.Actions {
		if r, ok := a.(*RemoveFile); ok {
			delete(c.t.replaced, c.key(r.Path, r.DeletionVector))
		}
	}
	for _, a := range w.Actions {
		if f, ok := a.(*AddFile); ok && c.t.replace(f.PartitionValues) {
			c.t.replaced[c.key(f.Path, f.DeletionVector)] = f
		}
	}
}

// key identifies a logical file of the table.
func (c *committer) key(path string, dv *DVDescriptor) FileKey {
	return FileKey{Path: canonicalIn(c.t.store.URL(), path), DVID: dv.ID()}
}

// landed records that commit is in the table, and does what is left to do; none
// of it can change that.
func (c *committer) landed(ctx context.Context, commit *Commit) {
	c.res.State, c.res.Version = Committed, commit.Version
	c.res.Removed = sortedFiles(c.t.replaced)
	snap, err := c.advance(commit)
	if err != nil {
		c.warn("advance the snapshot", err)
		return
	}
	c.res.Snapshot = snap
	if !c.t.opts.SkipPostCommit {
		c.afterCommit(ctx, snap)
	}
}

func (c *committer) advance(commit *Commit) (*Snapshot, error) {
	if c.snap == nil {
		return newSnapshot(c.t.store, commit)
	}
	if c.t.opts.NewFiles {
		return c.snap.AdvanceKnown(commit)
	}
	return c.snap.Advance(commit)
}

func (c *committer) warn(what string, err error) {
	err = fmt.Errorf("txlog: %s after version %d of %s: %w", what, c.res.Version, c.t.store.URL(), err)
	c.res.Warnings = append(c.res.Warnings, err)
	c.t.opts.Env.Logger.Warn(err.Error())
}

// pause backs off before another try, or says why there will be none.
func (c *committer) pause(ctx context.Context, try int) error {
	env := c.t.opts.Env
	d := c.backoff(try)
	c.waited += d // counts where the clock stands still
	if left := c.deadline.Sub(env.Now()); left <= d || c.waited > c.t.opts.MaxElapsed {
		return fmt.Errorf("time budget of %s is used up", c.t.opts.MaxElapsed)
	}
	return env.Sleep(ctx, d)
}

// backoff returns a random wait below a ceiling that doubles from 10 ms to 1 s.
func (c *committer) backoff(try int) time.Duration {
	ceiling := time.Second
	if try < 8 {
		ceiling = 10 * time.Millisecond << (try - 1)
	}
	if ceiling > time.Second {
		ceiling = time.Second
	}
	return time.Duration(c.t.opts.Env.Jitter() * float64(ceiling))
}

// definite reports whether the store said for certain that a request had no
// effect, and that sending it again will not help.
func definite(err error) bool {
	for _, e := range []error{
		logstore.ErrNotExist, logstore.ErrPermission, logstore.ErrNoSpace,
		logstore.ErrRefused, logstore.ErrBadName, logstore.ErrTooLarge, logstore.ErrUnsafe,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func operationOf(c *Commit) string {
	if ci := c.Info(); ci != nil && ci.Operation != "" {
		return ci.Operation
	}
	return "another commit"
}
