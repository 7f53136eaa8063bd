package check

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/model"
	"github.com/deltalog/deltalog/internal/effort"
)

var parts = []string{"a", "b", "c"}

// A run is clients that work on a model's fake at the same time: each event is
// called, takes place and is answered at three moments, with those of other clients
// between.
type run struct {
	*rand.Rand
	whole   bool // the table is one register
	fake    *model.Fake
	now     int64
	next    int // numbers events
	unknown int // outcomes
	h       *History
}

// A worker is one client.
type worker struct {
	e    *Event
	op   *model.Op // nil: a read
	took bool      // the event has taken place
}

func history(seed uint64, whole bool) *History {
	r := &run{Rand: rand.New(rand.NewPCG(seed, 1)), whole: whole, fake: &model.Fake{}, h: &History{}}
	if _, err := r.fake.Commit(model.Op{Kind: model.Create}); err != nil {
		panic(err)
	}
	workers := make([]worker, 2+r.IntN(4))
	for steps := 20 + r.IntN(150); steps > 0; steps-- {
		i := r.IntN(len(workers))
		r.step(&workers[i], fmt.Sprintf("c%d", i))
	}
	for i := range workers {
		for workers[i].e != nil {
			r.step(&workers[i], "")
		}
	}
	r.step(&workers[0], "last")
	return r.h
}

func (r *run) parts() []string {
	if r.whole {
		return nil
	}
	return parts
}

// step takes a worker to its next moment.
func (r *run) step(w *worker, client string) {
	r.now++
	switch {
	case w.e == nil:
		r.next++
		w.e = &Event{Client: client, Name: fmt.Sprintf("e%d", r.next), Call: r.now, Version: NoVersion, Outcome: Done}
		if client != "last" && r.IntN(3) > 0 {
			op := r.op(w.e.Name)
			changes, ok := ChangesOf(op, r.parts())
			if !ok {
				w.e = nil
				return
			}
			w.op, w.e.Changes = &op, changes
			w.e.Name += " " + string(op.Kind)
		}
		if client == "last" {
			r.place(w)
			r.now++
			r.answer(w)
		}
	case !w.took:
		r.place(w)
	default:
		r.answer(w)
	}
}

// place is the moment at which the event happens, or does not.
func (r *run) place(w *worker) {
	w.took = true
	if w.op == nil {
		t := r.fake.Latest()
		w.e.Version, w.e.Reads = t.Version, RowsOf(t.Rows, r.parts())
		return
	}
	// A search doubles with each outcome that is not known.
	unknown := r.unknown < 4
	switch n := r.IntN(8); {
	case n == 0:
		w.e.Outcome = Failed
	case n == 1 && unknown:
		r.unknown++
		w.e.Outcome = Unknown // and it is not there
	default:
		effect, err := r.fake.Commit(*w.op)
		switch {
		case err != nil:
			w.e.Outcome = Failed
		case r.IntN(6) == 0 && unknown:
			r.unknown++
			w.e.Outcome = Unknown
		case effect.Outcome == model.Applied:
			w.e.Version = effect.Version
		}
	}
}

func (r *run) answer(w *worker) {
	w.e.Return = r.now
	if w.e.Outcome == Unknown {
		w.e.Return = Never
	}
	r.h.Events = append(r.h.Events, w.e)
	*w = worker{}
}

// op is any work. Tags tell rows from each other.
func (r *run) op(name string) model.Op {
	p := parts[r.IntN(len(parts))]
	rows := func(ps ...string) (rows []model.Row) {
		for i := range 1 + r.IntN(2) {
			rows = append(rows, model.Row{Part: ps[r.IntN(len(ps))], ID: int64(r.IntN(5)), Tag: fmt.Sprintf("%s.%d", name, i)})
		}
		return rows
	}
	where := model.Range{Parts: []string{p}, ByID: true, MinID: int64(r.IntN(3)), MaxID: int64(r.IntN(6))}
	switch r.IntN(8) {
	case 0:
		return model.Op{Kind: model.Append, Rows: rows(parts...)}
	case 1, 2:
		return model.Op{Kind: model.ReplaceStatic, Parts: []string{p}, Rows: rows(p)}
	case 3:
		return model.Op{Kind: model.ReplaceDynamic, Rows: rows(parts...)}
	case 4:
		return model.Op{Kind: model.Update, Where: where, Add: int64(1 + r.next)}
	case 5:
		return model.Op{Kind: model.Delete, Where: where}
	case 6:
		return model.Op{Kind: model.InsertNew, ByPart: r.IntN(2) == 0, Rows: rows(p)[:1]}
	}
	return model.Op{Kind: model.Merge, ByPart: r.IntN(2) == 0, Rows: rows(p)[:1]}
}

// judge asks both checkers.
func judge(t *testing.T, h *History) (registers, isolation []*Violation) {
	t.Helper()
	registers, err := Registers(h, &RegisterOptions{MaxOps: 200})
	require.NoError(t, err)
	for _, o := range []IsolationOptions{{}, {Level: SnapshotIsolation}} {
		found, err := Isolation(h, &o)
		require.NoError(t, err)
		isolation = append(isolation, found...)
	}
	return registers, isolation
}

// What a table does that does one thing after the other passes, whichever clients do
// what at the same time.
func TestHistoriesOfASequentialTablePass(t *testing.T) {
	t.Parallel()
	for seed := range uint64(effort.Pick(200, 2000)) {
		registers, isolation := judge(t, history(seed, seed%3 == 0))
		require.Empty(t, registers, "seed %d", seed)
		require.Empty(t, isolation, "seed %d", seed)
	}
}

// corruptions change one thing of a history that would be so if the table had lost,
// doubled or invented something. They return false if there is nothing to change.
// The numbers are how many of a hundred the checkers find at least.
var corruptions = map[string]struct {
	do                   func(r *rand.Rand, h *History) bool
	registers, isolation int
}{
	"a read lacks a row": {func(r *rand.Rand, h *History) bool {
		return changeRead(r, h, func(rows []string) []string {
			i := r.IntN(len(rows))
			return slices.Delete(slices.Clone(rows), i, i+1)
		})
	}, 80, 90},
	"a read has a row twice": {func(r *rand.Rand, h *History) bool {
		return changeRead(r, h, func(rows []string) []string { return append(slices.Clone(rows), rows[r.IntN(len(rows))]) })
	}, 99, 100},
	"a read has a row that nobody wrote": {func(r *rand.Rand, h *History) bool {
		return changeRead(r, h, func(rows []string) []string { return append(slices.Clone(rows), rowText(model.Row{Tag: "nobody"})) })
	}, 100, 100},
	"a change that was told done did nothing": {func(r *rand.Rand, h *History) bool {
		var ws []*Event
		for _, e := range h.Events {
			if e.Outcome == Done && len(e.Changes) > 0 && e.Version != NoVersion {
				ws = append(ws, e)
			}
		}
		if len(ws) == 0 {
			return false
		}
		w := ws[r.IntN(len(ws))]
		for p := range w.Changes {
			w.Changes[p] = Change{Func: func(rows []string) []string { return append(slices.Clone(rows), rowText(model.Row{Tag: "lost"})) }}
		}
		return true
	}, 80, 80},
}

// changeRead changes the rows of one of the last reads, where they are not none.
func changeRead(r *rand.Rand, h *History, f func([]string) []string) bool {
	type place struct {
		e *Event
		p string
	}
	var all []place
	for _, e := range h.Events {
		for _, p := range append([]string{Whole}, parts...) {
			if len(e.Reads[p]) > 0 {
				all = append(all, place{e, p})
			}
		}
	}
	if len(all) == 0 {
		return false
	}
	at := all[r.IntN(len(all))]
	at.e.Reads[at.p] = f(at.e.Reads[at.p])
	return true
}

// Of the histories in which one thing is changed, each checker finds nearly all: a
// row that a change of unknown outcome may have removed can be gone by right, and one
// that such a change may have added can be there twice, where versions are not looked at.
func TestCorruptHistoriesFail(t *testing.T) {
	t.Parallel()
	for name, corrupt := range corruptions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tried, registers, isolation := 0, 0, 0
			for seed := range uint64(effort.Pick(100, 600)) {
				h := history(seed, seed%3 == 0)
				if !corrupt.do(rand.New(rand.NewPCG(seed, 2)), h) {
					continue
				}
				tried++
				a, b := judge(t, h)
				registers += min(len(a), 1)
				isolation += min(len(b), 1)
			}
			t.Logf("%s: of %d histories registers found %d, isolation %d", name, tried, registers, isolation)
			require.Greater(t, tried, 70)
			require.GreaterOrEqual(t, 100*registers, corrupt.registers*tried)
			require.GreaterOrEqual(t, 100*isolation, corrupt.isolation*tried)
		})
	}
}
