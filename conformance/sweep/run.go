package sweep

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/deltalog/deltalog/conformance/model"
	"github.com/deltalog/deltalog/conformance/ops"
	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// A Mode is a way in which a call fails.
type Mode string

// The modes.
const (
	// These are about one call.
	CrashBefore  Mode = "crash before"  // the process ends, the call is not made
	CrashAfter   Mode = "crash after"   // the call is made, and the process ends
	Lost         Mode = "applied, lost" // the call is made, and an unclear error returned
	NotApplied   Mode = "not applied"   // the call is not made, and the same error returned
	LateRerun    Mode = "after re-run"  // as that, but the call is made after the work was sent again
	LateOther    Mode = "after another" // as that, but after another process's commit
	Cancelled    Mode = "cancelled"     // the context ends when the call is made
	Unavailable  Mode = "unavailable"   // the store says that it has not made the call
	OwnCondition Mode = "own 412"       // the call is made, and the store says that the object exists
	Full         Mode = "no space"      // the store says that it has no room
	TwiceSent    Mode = "sent twice"    // a proxy sends it twice, and returns the second answer
	Forbidden    Mode = "no permission" // the store says that the process may not

	// These begin with a call, and last.
	Outage  Mode = "outage"   // nothing is made, and an unclear error returned
	AllLate Mode = "all late" // what changes the store is made when the process has given up
)

// Modes returns all of them.
func Modes() []Mode {
	return []Mode{
		CrashBefore, CrashAfter, Lost, NotApplied, LateRerun, LateOther, Cancelled, Unavailable, OwnCondition, Full, TwiceSent, Forbidden,
		Outage, AllLate,
	}
}

// alters reports whether the mode does to a call what no other mode does: a reading
// that is lost, late or refused is one that failed, and a crash after it is one
// before the next call.
func (m Mode) alters(c faultstore.Call) bool {
	switch m {
	case CrashAfter, Lost, LateRerun, LateOther, Full, Unavailable, Forbidden, AllLate:
		return c.Mutates()
	case OwnCondition:
		return c.Verb == logstore.VerbPutIfAbsent
	case TwiceSent:
		return c.Mutates() && c.Verb != logstore.VerbClose
	}
	return true
}

// A fault is one call of one attempt that fails.
type fault struct {
	attempt, call int
	mode          Mode
	what          string // the call, for people
}

func (f fault) String() string {
	return fmt.Sprintf("attempt %d, call %d (%s) %s", f.attempt, f.call, f.what, f.mode)
}

// strikes reports whether the fault is about a call of its attempt.
func (f fault) strikes(c faultstore.Call) bool {
	switch f.mode {
	case Outage:
		return c.N >= f.call
	case AllLate:
		return c.N >= f.call && c.Mutates()
	}
	return c.N == f.call
}

// script is what happens to a call of an attempt; cancel ends its context.
func (f fault) script(cancel func()) faultstore.Fault {
	switch f.mode {
	case CrashBefore:
		return faultstore.Fault{CrashBefore: true}
	case CrashAfter:
		return faultstore.Fault{CrashAfter: true}
	case Lost:
		return faultstore.Lose(nil)
	case LateRerun, LateOther, AllLate:
		return faultstore.Delay(nil)
	case Cancelled:
		return faultstore.Fault{Run: cancel}
	case Unavailable:
		return faultstore.Fail(logstore.ErrUnavailable)
	case OwnCondition:
		return faultstore.Lose(logstore.ErrExist)
	case Full:
		return faultstore.Fail(logstore.ErrNoSpace)
	case TwiceSent:
		return faultstore.Fault{Twice: true}
	case Forbidden:
		return faultstore.Fail(logstore.ErrPermission)
	}
	return faultstore.Fail(nil)
}

// A run is a case with some faults.
type run struct {
	c        Case
	base     *ops.Base
	st       *recorder
	witness  *ops.Witness
	attempts []*ops.Attempt
	faulty   int // attempts that faults were meant for, the first ones
	late     []*faultstore.Store
	perform  performer
}

// A performer does an operation; it is (*ops.Table).Do, or in tests what that would
// be if it were wrong.
type performer func(t *ops.Table, ctx context.Context, op model.Op, intent string) (*delta.Result, error)

// dry does the operation without a fault, and returns its calls.
func (r *run) dry(ctx context.Context) ([]faultstore.Call, error) {
	if err := r.begin(ctx); err != nil {
		return nil, err
	}
	if err := r.disturbed(ctx, 0, nil); err != nil {
		return nil, err
	}
	if a := r.attempts[0]; a.Err != nil {
		return nil, a.Err
	}
	return r.late[0].Trace(), r.end(ctx)
}

func (r *run) begin(ctx context.Context) error {
	before := model.Absent()
	if !r.c.First {
		before = r.base.Table
		if err := r.base.Put(ctx, r.st.Store); err != nil {
			return err
		}
	}
	var err error
	r.witness, err = ops.NewWitness(ctx, r.st.Store, before)
	return err
}

// do makes an attempt for each fault, or one for two that strike the same; then
// another process does the work again, without a fault; then what is late arrives;
// then all is judged; and then the work is sent a last time.
func (r *run) do(ctx context.Context, faults []fault) error {
	if err := r.begin(ctx); err != nil {
		return err
	}
	r.faulty = 1 + faults[len(faults)-1].attempt
	for n := range r.faulty {
		if err := r.disturbed(ctx, n, faults); err != nil {
			return err
		}
	}
	if err := r.follow(ctx); err != nil {
		return err
	}
	if err := r.clean(ctx, "again"); err != nil {
		return err
	}
	for _, fs := range r.late {
		_ = fs.Release() // what was on its way arrives, after everything else
	}
	if err := r.end(ctx); err != nil {
		return err
	}
	if err := r.tidy(ctx, faults); err != nil {
		return err
	}
	if err := r.clean(ctx, "last"); err != nil {
		return err
	}
	return r.end(ctx)
}

// disturbed is an attempt that meets its faults, the first one its rival too.
func (r *run) disturbed(ctx context.Context, n int, faults []fault) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	another, now := false, false // what is late arrives after another's commit, or at once
	met := n > 0 || r.c.Rival.Kind == ""
	var rival error
	fs := faultstore.New(r.st, func(c faultstore.Call) (x faultstore.Fault) {
		for _, f := range faults {
			if f.attempt == n && f.strikes(c) {
				another, now = another || f.mode == LateOther, now || f.mode == AllLate
				x = f.script(cancel)
				break
			}
		}
		if !met && c.Verb == logstore.VerbPutIfAbsent && isCommit(c.Name) {
			met, rival = true, r.attemptOf(context.WithoutCancel(ctx), r.st, r.c.Rival, "rival").Err
		}
		return x
	})
	r.attempt(ctx, fs, fmt.Sprintf("attempt %d", n))
	if rival != nil {
		return fmt.Errorf("the rival: %w", rival)
	}
	if another {
		if a := r.attemptOf(context.WithoutCancel(ctx), r.st, other, fmt.Sprintf("other %d", n)); a.Err != nil {
			return fmt.Errorf("another process: %w", a.Err)
		}
	}
	if another || now {
		_ = fs.Release()
	}
	return nil
}

// attempt is one process: it opens the table and does the operation.
func (r *run) attempt(ctx context.Context, fs *faultstore.Store, intent string) *ops.Attempt {
	a := r.attemptOf(ctx, fs, r.c.Op, intent)
	a.Crashed = fs.Crashed()
	r.attempts, r.late = append(r.attempts, a), append(r.late, fs)
	return a
}

func (r *run) attemptOf(ctx context.Context, st logstore.Store, op model.Op, intent string) *ops.Attempt {
	a := &ops.Attempt{Intent: intent, Op: op, Result: &delta.Result{State: delta.NotCommitted, Version: delta.NoVersion}}
	t, err := ops.Open(ctx, r.base.Options(st, intent))
	if err == nil {
		var res *delta.Result
		if res, err = r.perform(t, ctx, op, intent); res != nil {
			a.Result = res
		}
	}
	a.Err = err
	return a
}

// clean is an attempt without faults. It must be told what the model says of the
// table as the witness has it, which must have seen all.
func (r *run) clean(ctx context.Context, intent string) error {
	_, e, want := r.witness.Last().Apply(r.c.Op)
	a := r.attempt(ctx, faultstore.New(r.st, nil), intent)
	if err := ops.Told(a.Op, a.Result, a.Err, e, want); err != nil {
		return fmt.Errorf("%s, without a fault: %w", intent, err)
	}
	return nil
}

// end judges the table, and what all processes were told.
func (r *run) end(ctx context.Context) error {
	err := r.follow(ctx)
	if err != nil {
		return err
	}
	for _, a := range r.attempts {
		err = errors.Join(err, r.witness.Judge(a))
	}
	return errors.Join(err, r.st.twice)
}

// tidy checks that nobody has left a file that no commit names, unless he died, could
// not reach the store, or does not know what became of a request. Of two faults the
// second may be that deleting a file failed.
func (r *run) tidy(ctx context.Context, faults []fault) error {
	if len(faults) > 1 {
		return nil
	}
	for _, f := range faults {
		switch f.mode {
		case CrashBefore, CrashAfter, LateRerun, LateOther, Outage, AllLate:
			return nil
		}
		if strings.HasPrefix(f.what, string(logstore.VerbDelete)) {
			return nil
		}
	}
	for _, a := range r.attempts {
		if a.Result.State == delta.Unknown || a.Op.Kind == model.Optimize { // the other engine leaves it to its vacuum
			return nil
		}
	}
	left, err := r.witness.Orphans(ctx, r.base.Names())
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("files were left: %v", left)
	}
	return err
}

func (r *run) follow(ctx context.Context) error {
	return r.witness.Follow(ctx, func(intent string) (model.Op, bool) {
		switch {
		case strings.HasPrefix(intent, "other "):
			return other, true
		case intent == "rival":
			return r.c.Rival, true
		}
		for _, a := range r.attempts {
			if a.Intent == intent {
				return a.Op, true
			}
		}
		return model.Op{}, false
	})
}

// story tells what happened, for people.
func (r *run) story() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s\n", r.base.Variant.Name, r.c.Op)
	for i, a := range r.attempts {
		fmt.Fprintln(&b, a)
		for n, c := range r.late[i].Trace() {
			fmt.Fprintf(&b, "  %d %s\n", n, c)
		}
	}
	return b.String()
}
