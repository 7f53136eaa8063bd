package crash_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/crash"
	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/diskcall"
	"github.com/deltalog/deltalog/internal/effort"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// A duel is two processes at one table: the other does its task, and is told so,
// just before some system call of the one.
type duel struct {
	name       string
	one, other step
}

var duels = []duel{
	{"the same task", appendStep, appendStep},
	{"the same task on rows", mergeStep, mergeStep},
	{"append and append", appendStep, lastStep},
	{"replace and append", replaceStep, lastStep},
	{"merge and delete", mergeStep, deleteStep},
	{"reload and update", reloadStep, updateStep},
	{"the first write, twice", firstStep, firstStep},
}

// A match is the recording of a duel.
type match struct {
	disk *crash.Disk
	duel
	from int // the moment when it begins
	// order has the step of each version that is in the log at the end, and rows
	// the rows of each.
	order []step
	rows  [][]string
}

// fight records a duel in which the other acts before call n of the one; met is
// false if the one makes fewer calls. Dead: the one is killed there. Wrap changes the
// stores of the others.
func fight(t *testing.T, d duel, n int, dead bool, wrap func(logstore.Store) logstore.Store) (m *match, met bool) {
	t.Helper()
	ctx, top := t.Context(), t.TempDir()
	m = &match{disk: crash.NewDisk(top), duel: d}
	open := func() logstore.Store {
		st := openOn(top, m.disk.Hook(filepath.Join(top, below)))
		t.Cleanup(func() { require.NoError(t, st.Close()) })
		return wrap(st)
	}
	before := []step{createStep, baseStep}
	if d.one.makes {
		before = nil
	}
	for _, s := range before {
		_, err := s.run(ctx, open(), s.name, nil)
		require.NoError(t, err)
	}
	m.from = m.disk.Len()

	one := openOn(top, nil)
	calls, hook := 0, m.disk.Hook(one.Dir())
	one = openOn(top, func(c diskcall.Call, do func() error) error {
		calls++
		if calls-1 == n {
			met = true
			res, err := d.other.run(ctx, open(), "other", nil)
			require.NoError(t, err)
			m.disk.Note(told{1, res.Version})
		}
		if met && dead {
			return errDead
		}
		return hook(c, do)
	})
	defer one.Close()
	res, err := d.one.run(ctx, one, "one", nil)
	if !met || !dead {
		require.NoError(t, err)
		m.disk.Note(told{0, res.Version})
	}

	s, err := txlog.Load(ctx, open(), nil)
	require.NoError(t, err)
	at, err := keyed(ctx, s)
	require.NoError(t, err)
	rows := []item(nil)
	for v := delta.Version(0); v <= s.Version(); v++ {
		made := createStep
		for _, s := range []step{baseStep, d.one, d.other} {
			if slices.Contains(at[s.name], v) {
				made = s
			}
		}
		rows = made.then(rows)
		m.order, m.rows = append(m.order, made), append(m.rows, texts(rows))
	}
	return m, met
}

func asItIs(st logstore.Store) logstore.Store { return st }

// errDead is what a dead process is told, which tells nobody.
var errDead = errors.New("the process is dead")

// baseStep puts rows in the table before a duel.
var baseStep = onTable("base", func(ctx context.Context, t *delta.Table, o delta.WriteOptions) (*delta.Result, error) {
	return t.Append(ctx, source(base...), &o)
}, func(rows []item) []item { return append(slices.Clone(rows), base...) })

var base = []item{{1, "a", 1}, {2, "a", 2}, {7, "b", 7}}

// afterPowerCut checks what is left at moment k, and that both tasks, done again,
// have had one effect.
func (m *match) afterPowerCut(ctx context.Context, k int, img *crash.Image, top string) error {
	if len(img.Torn) > 0 {
		return fmt.Errorf("half of a file has the name of a whole one: %q", img.Torn)
	}
	if err := img.Write(top); err != nil {
		return err
	}
	st := openOn(top, nil)
	defer st.Close()
	last := delta.NoVersion
	for _, n := range m.disk.Notes(k) {
		last = max(last, n.(told).version)
	}
	s, err := txlog.Load(ctx, st, nil)
	switch {
	case errors.Is(err, txlog.ErrTableNotFound) && last == delta.NoVersion && m.one.makes:
	case err != nil:
		return err
	case s.Version() < last:
		return fmt.Errorf("version %d was acknowledged, and the newest is %d", last, s.Version())
	default:
		if err := m.holds(ctx, s, m.rows[s.Version()]); err != nil {
			return err
		}
	}
	for _, s := range []step{m.one, m.other} {
		if res, err := s.run(ctx, st, "again-"+s.name, nil); err != nil {
			return fmt.Errorf("%s, done again: %w, %v", s, err, res)
		}
	}
	if s, err = txlog.Load(ctx, st, nil); err != nil {
		return err
	}
	at, err := keyed(ctx, s)
	if err != nil {
		return err
	}
	for _, s := range []step{m.one, m.other} {
		if len(at[s.name]) != 1 {
			return fmt.Errorf("%s was applied in versions %d", s, at[s.name])
		}
	}
	return liveFilesThere(ctx, s)
}

func (m *match) holds(ctx context.Context, s *txlog.Snapshot, want []string) error {
	if err := liveFilesThere(ctx, s); err != nil {
		return err
	}
	rows, err := rowsAt(ctx, s)
	if err == nil && !slices.Equal(want, rows) {
		err = fmt.Errorf("version %d holds %q, want %q", s.Version(), rows, want)
	}
	return err
}

// Two processes write to one table. One of them has been told that its task is done,
// while the other was between two system calls, where it may also be killed; then
// the power goes.
func TestPowerCutBetweenTwoWriters(t *testing.T) {
	for i, d := range duels {
		for _, dead := range []bool{false, true} {
			every := effort.Pick(6, 1)
			if i == 1 && dead {
				every = 1 // what is found of a dead process and not flushed
			}
			t.Run(fmt.Sprintf("%s/dead %t", d.name, dead), func(t *testing.T) {
				t.Parallel()
				states := 0
				for n := 0; ; n += every {
					m, met := fight(t, d, n, dead, asItIs)
					if !met {
						require.Greater(t, n, 8, "the hook does not see the calls")
						break
					}
					more, err := powerCuts(m.disk, t.TempDir(), m.from, 1, false, func(k int, img *crash.Image, top string) error {
						return m.afterPowerCut(t.Context(), k, img, top)
					})
					require.NoError(t, err, "the other acted before call %d of the one", n)
					states += more
				}
				t.Logf("%d states", states)
			})
		}
	}
}
