package ops

import (
	"context"
	"errors"
	"fmt"

	"github.com/deltalog/deltalog/conformance/model"
	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// A Witness is a log that is replayed: what every version of the table must hold,
// and by which intent it came to be.
type Witness struct {
	st      logstore.Store
	base    *model.Table
	snap    *txlog.Snapshot // that commits were applied to, one by one; nil: none yet
	commits []Commit        // all, by version
	tables  []*model.Table  // from base on
	effects []model.Effect  // of the versions after base
}

// NewWitness returns a witness of the table in a store. base is the table as it is
// now, which is not judged; it is [model.Absent] if there is none.
func NewWitness(ctx context.Context, st logstore.Store, base *model.Table) (w *Witness, err error) {
	w = &Witness{st: st, base: base, tables: []*model.Table{base}}
	if v := delta.Version(base.Version); v != delta.NoVersion {
		if w.snap, err = txlog.Load(ctx, st, &txlog.LoadOptions{Version: &v}); err != nil {
			return nil, err
		}
		w.commits = make([]Commit, v+1)
		for i := range w.commits {
			w.commits[i] = Commit{Version: delta.Version(i), Intent: "before"}
		}
	}
	return w, nil
}

// Follow reads what came to the log, and applies, version by version, the operation
// of the intent that the commit names. It returns an error if the table is not what
// the model says at any of these versions: another row more or less, a commit of
// nobody, an operation applied that had nothing to do, a key used twice. The newest
// version is read as any process would that comes now, with what checkpoints say;
// it is read again if there is none that is newer. Then Follow looks whether every
// file that the table needs is there.
//
// A version 0 without an intent is a create.
func (w *Witness) Follow(ctx context.Context, op func(intent string) (model.Op, bool)) error {
	now, err := txlog.Load(ctx, w.st, nil)
	if errors.Is(err, txlog.ErrTableNotFound) && w.base.Version == model.NoVersion && w.snap == nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	if now.Version() < delta.Version(w.Last().Version) {
		return fmt.Errorf("the newest version is %d, and was %d", now.Version(), w.Last().Version)
	}
	for v := delta.Version(len(w.commits)); v <= now.Version(); v++ {
		if err := w.next(ctx, now, v, op); err != nil {
			return err
		}
	}
	if err := w.read(ctx, now); err != nil {
		return err
	}
	return w.files(ctx, now)
}

// next applies one commit.
func (w *Witness) next(ctx context.Context, now *txlog.Snapshot, v delta.Version, op func(string) (model.Op, bool)) error {
	commit, err := now.CommitAt(ctx, v)
	if err != nil {
		return err
	}
	c := commitOf(commit)
	o, ok := op(c.Intent)
	switch at := w.landed(c.Intent); {
	case at != delta.NoVersion:
		return fmt.Errorf("versions %d and %d are both by %q", at, v, c.Intent)
	case v == 0 && c.Intent == "":
		o = model.Op{Kind: model.Create}
	case !ok:
		return fmt.Errorf("version %d is by %q, which is nobody", v, c.Intent)
	}
	after, e, err := w.Last().Apply(o)
	if e.Outcome != model.Applied {
		return fmt.Errorf("version %d by %q should not be: %s is %s (%v)", v, c.Intent, o, e.Outcome, err)
	}
	w.commits, w.tables, w.effects = append(w.commits, c), append(w.tables, after), append(w.effects, e)
	if w.snap == nil {
		w.snap, err = txlog.Load(ctx, w.st, &txlog.LoadOptions{Version: &v})
	} else {
		w.snap, err = w.snap.Advance(commit)
	}
	if err != nil {
		return fmt.Errorf("version %d: %w", v, err)
	}
	if v == now.Version() {
		return nil // it is read as it was loaded
	}
	return w.read(ctx, w.snap)
}

// read compares a version with the model.
func (w *Witness) read(ctx context.Context, s *txlog.Snapshot) error {
	got, err := Read(ctx, s)
	if err != nil {
		return fmt.Errorf("read version %d: %w", s.Version(), err)
	}
	if want := w.at(s.Version()); !want.Equal(got) {
		return fmt.Errorf("version %d by %q is not what it makes of version %d, columns %v:\n%s",
			s.Version(), w.commits[s.Version()].Intent, s.Version()-1, got.Columns, model.Diff(want.Rows, got.Rows))
	}
	return nil
}

// Last returns the newest version of the table.
func (w *Witness) Last() *model.Table { return w.tables[len(w.tables)-1] }

// at returns the table at a version from base on; nil if there is none.
func (w *Witness) at(v delta.Version) *model.Table {
	if i := int64(v) - w.base.Version; i >= 0 && i < int64(len(w.tables)) {
		return w.tables[i]
	}
	return nil
}

// An Attempt is one execution of an operation, and what its process was told.
type Attempt struct {
	Intent string
	Op     model.Op
	Result *delta.Result
	Err    error
	// Crashed: the process did not live to hear more than that it was done.
	Crashed bool
}

// String is one line for people.
func (a *Attempt) String() string {
	return fmt.Sprintf("%s of %s was told %s, version %d (%v)", a.Intent, a.Op.Kind, a.Result.State, a.Result.Version, a.Err)
}

// Judge says what in an outcome that an attempt was told is not true; nil if all of
// it is. It is for the end of a history, when every request has landed that ever
// will.
func (w *Witness) Judge(a *Attempt) error {
	if err := w.judge(a); err != nil {
		return fmt.Errorf("%s: %w", a, err)
	}
	return nil
}

func (w *Witness) judge(a *Attempt) error {
	r := a.Result
	landed := w.landed(a.Intent)
	if r.State != delta.NotCommitted && r.State != delta.Unknown && a.Err != nil {
		return errors.New("it is no failure, and there is an error")
	}
	switch r.State {
	case delta.Committed:
		if a.Op.Kind == model.Create {
			if r.Version != 0 || w.commits[0].Intent != "" {
				return errors.New("somebody else made the table")
			}
			return nil
		}
		if landed != r.Version {
			return fmt.Errorf("it is version %d", landed)
		}
		return Counts(a.Op, r, w.effects[int64(r.Version)-w.base.Version-1])
	case delta.NotCommitted:
		if landed != delta.NoVersion && !a.Crashed {
			return fmt.Errorf("it is version %d", landed)
		}
		if a.Err == nil {
			return errors.New("there is no error")
		}
	case delta.Unknown:
		if !errors.Is(a.Err, delta.ErrCommitUnknown) && !a.Crashed {
			return errors.New("the error does not say that the outcome is unknown")
		}
	case delta.AlreadyApplied:
		if landed != delta.NoVersion {
			return fmt.Errorf("it is version %d", landed)
		}
		return w.holds(a.Op, r.Version)
	case delta.NoOp:
		if landed != delta.NoVersion {
			return fmt.Errorf("it is version %d", landed)
		}
		if t := w.at(r.Version); t == nil {
			return errors.New("there is no such version")
		} else if _, e, _ := t.Apply(a.Op); e.Outcome != model.NoOp {
			return fmt.Errorf("on that version it is %s", e.Outcome)
		}
	}
	return nil
}

// landed returns the version that an intent made.
func (w *Witness) landed(intent string) delta.Version {
	for _, c := range w.commits[min(int(w.base.Version)+1, len(w.commits)):] {
		if c.Intent == intent && intent != "" {
			return c.Version
		}
	}
	return delta.NoVersion
}

// holds checks that a version recorded the key of an operation for the same work,
// or for a number that is not smaller.
func (w *Witness) holds(op model.Op, v delta.Version) error {
	t := w.at(v)
	if t == nil {
		return errors.New("there is no such version")
	}
	if _, e, _ := t.Apply(op); e.Outcome != model.AlreadyApplied || e.Version != int64(v) {
		return fmt.Errorf("that version does not hold it: there it is %s", e.Outcome)
	}
	return nil
}
