package sim

import (
	"fmt"

	"github.com/deltalog/deltalog/conformance/check"
	"github.com/deltalog/deltalog/conformance/model"
	"github.com/deltalog/deltalog/txlog"
)

// History returns what clients asked for and were told, without anything of the
// log, for the checkers of package check. It returns false for histories that these
// cannot judge: of stores whose listings lag, of work that need not be serializable,
// and those in which a key was used for one content after another, so that one piece
// of work may have acted twice.
func (r *Report) History() (*check.History, bool) {
	if r.Script.Plan.Profile == Legacy || len(r.Records) == 0 {
		return nil, false
	}
	h := &check.History{Start: map[string][]string{check.Whole: r.start()}}
	works := map[string][]*Record{} // attempts at one piece of work
	numbers := map[string]int64{}
	for i, rec := range r.Records {
		if len(rec.Intents) == 0 {
			continue // it came to nothing before it had planned anything
		}
		name := fmt.Sprintf("%s %d", rec.Proc, i)
		if l := r.Intents[rec.Intents[0]].Level; l != "" && l != txlog.Serializable {
			return nil, false
		}
		if in := r.Intents[rec.Intents[0]]; in.Key != "" && !in.Foreign {
			if n, used := numbers[in.Key]; used && n != in.Number && in.Policy == txlog.ReplayReplace && !in.Seq {
				return nil, false
			}
			numbers[in.Key] = in.Number
			name = fmt.Sprintf("%s %d", in.Key, in.Number)
		}
		works[name] = append(works[name], rec)
	}
	for _, name := range sortedKeys(works) {
		h.Events = append(h.Events, r.event(name, works[name]))
	}
	for i, read := range r.Reads {
		if read.Tail || read.Want != txlog.NoVersion {
			continue
		}
		h.Events = append(h.Events, &check.Event{
			Client: read.Proc, Name: fmt.Sprintf("read %d", i), Call: called(read.Call), Return: returned(read.Return),
			Outcome: check.Done, Version: int64(read.Version), Reads: map[string][]string{check.Whole: read.texts()},
		})
	}
	return h, true
}

// Moments: all calls of a step come before all returns of it, so that what happened
// at one step was at the same time.
func called(step int) int64   { return int64(2 * step) }
func returned(step int) int64 { return int64(2*step + 1) }

// event is one piece of work, of which several attempts may have been made.
func (r *Report) event(name string, recs []*Record) *check.Event {
	in := r.Intents[planned(recs).Intents[0]]
	changes, what := map[string]check.Change(nil), string(in.Op)
	if in.Work != nil {
		changes, _ = check.ChangesOf(*in.Work, nil)
		what = in.Work.String()
	} else {
		changes = changeOf(in)
	}
	e := &check.Event{
		Client: recs[0].Proc, Name: name + " " + what, Call: called(recs[0].Call), Return: check.Never,
		Outcome: check.Failed, Version: check.NoVersion, Changes: changes,
	}
	told := false
	for _, rec := range recs {
		e.Call = min(e.Call, called(rec.Call))
		switch {
		case rec.tells(in):
			told = true
			e.Outcome, e.Return = check.Done, min(e.Return, returned(rec.Return))
			if rec.State != txlog.NoOp && rec.Version >= 0 {
				e.Version = int64(rec.Version)
			}
		case told:
		case rec.Crashed, rec.State != txlog.NotCommitted:
			e.Outcome = check.Unknown
		}
	}
	if e.Outcome == check.Failed {
		e.Return = returned(recs[len(recs)-1].Return)
	}
	return e
}

// planned returns the attempt whose intent says what the work is: one that was told
// at once that it is there already has not planned any rows.
func planned(recs []*Record) *Record {
	for _, rec := range recs {
		if rec.FirstPut > 0 {
			return rec
		}
	}
	return recs[0]
}

// tells reports whether the record says that this very work is done. Where a key is
// all that counts, or a number that is past, other work may have been.
func (r *Record) tells(in *Intent) bool {
	switch {
	case r.Crashed:
		return false
	case r.State == txlog.AlreadyApplied:
		return !in.Seq && in.Policy != txlog.ReplaySkip
	}
	// A transaction that finds nothing to do says so of the version that it was begun
	// on, which may be old. Package delta says so of the newest.
	return r.State == txlog.Committed || r.State == txlog.NoOp && in.Work != nil
}

// start returns the rows that the table had before the history.
func (r *Report) start() []string {
	t, s := model.Absent(), newState()
	for i := 0; ; i++ {
		switch in := r.Intents[fmt.Sprintf("setup/%d", i)]; {
		case in == nil && r.Script.Plan.Tier == Parquet:
			return check.RowsOf(t.Rows, nil)[check.Whole]
		case in == nil:
			return textsOf(s.rows)
		case in.Work != nil:
			t, _, _ = t.Apply(*in.Work)
		default:
			s.apply(in, 0)
		}
	}
}

// texts are the rows that were read.
func (r *Read) texts() []string {
	if r.Table != nil {
		return check.RowsOf(r.Table.Rows, nil)[check.Whole]
	}
	return textsOf(r.Rows)
}

// unknown counts the events whose outcome nobody was told.
func unknown(h *check.History) (n int) {
	for _, e := range h.Events {
		if e.Outcome == check.Unknown {
			n++
		}
	}
	return n
}

// second asks the checkers that look at no log.
func (r *Report) second() {
	h, ok := r.History()
	if !ok {
		return
	}
	note := func(rule string, vs []*check.Violation, err error) {
		if err != nil {
			r.Violations = append(r.Violations, Violation{rule, err.Error()})
		}
		for _, v := range vs {
			r.Violations = append(r.Violations, Violation{rule, fmt.Sprint(v)})
		}
	}
	vs, err := check.Registers(h, nil)
	note("registers", vs, err)
	if unknown(h) <= 3 { // it tries all ways in which those may have come out
		vs, err = check.Isolation(h, nil)
		note("isolation", vs, err)
	}
	r.Counts.Judged++
	r.Counts.Violations = len(r.Violations)
}
