package crash_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/crash"
	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/diskcall"
	"github.com/deltalog/deltalog/internal/effort"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/localstore"
)

// A told is the note that a caller was told that a step has been done.
type told struct {
	step    int
	version delta.Version
}

// below is where the table is below the directory that is recorded: two parents
// are made with it.
const below = "lake/tables/items"

// systems are the kinds of file systems, played by hooks around the disk's.
var systems = map[string]func(diskcall.Hook) diskcall.Hook{
	"plain": func(h diskcall.Hook) diskcall.Hook { return h },
	"no anonymous files": func(h diskcall.Hook) diskcall.Hook {
		return refusing(h, diskcall.OpenAnonymous, syscall.EOPNOTSUPP)
	},
	"no links": func(h diskcall.Hook) diskcall.Hook {
		return refusing(refusing(h, diskcall.OpenAnonymous, syscall.EOPNOTSUPP), diskcall.Link, syscall.EPERM)
	},
}

func refusing(h diskcall.Hook, op string, err error) diskcall.Hook {
	return func(c diskcall.Call, do func() error) error {
		if c.Op == op {
			return err
		}
		return h(c, do)
	}
}

// openOn opens the store below a directory, with a hook.
func openOn(top string, hook diskcall.Hook) *localstore.Store {
	st := must(localstore.Open(filepath.Join(top, below), &localstore.Options{NoSync: hook == nil}))
	if hook != nil {
		st.Intercept(hook)
	}
	return st
}

// A recording is the life of a table, and what its tasks left outside of it.
type recording struct {
	disk  *crash.Disk
	steps []step
	rows  [][]item // after each number of steps
	kept  kept
}

// record lets a table live. Each step is a process of its own.
func record(t *testing.T, steps []step, system func(diskcall.Hook) diskcall.Hook) *recording {
	t.Helper()
	top := t.TempDir()
	r := &recording{disk: crash.NewDisk(top), steps: steps, rows: outcomes(steps)}
	for i, s := range steps {
		st := openOn(top, system(r.disk.Hook(filepath.Join(top, below))))
		res, err := s.run(t.Context(), st, s.name, &r.kept)
		require.NoError(t, err, "step %s", s)
		require.NoError(t, st.Close())
		r.disk.Note(told{i, res.Version})
	}
	return r
}

// afterPowerCut checks what is left at moment k, and that work can go on. It
// returns what is wrong.
func (r *recording) afterPowerCut(ctx context.Context, k int, img *crash.Image, top string) error {
	if len(img.Torn) > 0 {
		return fmt.Errorf("half of a file has the name of a whole one: %q", img.Torn)
	}
	done, at := 0, delta.NoVersion
	for _, n := range r.disk.Notes(k) {
		done, at = n.(told).step+1, max(at, n.(told).version)
	}
	if err := img.Write(top); err != nil {
		return err
	}
	st := openOn(top, nil)
	defer st.Close()
	landed, err := r.left(ctx, st, done, at)
	if err != nil {
		return err
	}
	// The task that was under way is done again, and the next one after it.
	k1 := r.kept
	if !slices.ContainsFunc(r.steps[:done], func(s step) bool { return s.name == prepareStep.name }) {
		k1 = kept{} // nobody has it yet
	}
	for i := done; i < min(done+2, len(r.steps)); i++ {
		s := r.steps[i]
		res, err := s.run(ctx, st, "again-"+s.name, &k1)
		if err != nil {
			return fmt.Errorf("%s, done again: %w", s, err)
		}
		if i == done && landed && !s.makes && (res.State != delta.AlreadyApplied || res.Version != at+1) {
			return fmt.Errorf("%s had landed as version %d; done again it is said to be %s, version %d", s, at+1, res.State, res.Version)
		}
		if err := r.holds(ctx, st, i+1); err != nil {
			return fmt.Errorf("%s, done again: %w", s, err)
		}
	}
	if done > 0 && !r.steps[done-1].silent && r.steps[done-1].name != createStep.name {
		s := r.steps[done-1]
		res, err := s.run(ctx, st, "once-more", &r.kept)
		if err != nil || res.State != delta.AlreadyApplied {
			return fmt.Errorf("%s was acknowledged before the power cut; done again it is %v, %w", s, res, err)
		}
	}
	return swept(ctx, st, top)
}

// left checks the table as it came back: after the acknowledged steps, the last of
// which made version at, and perhaps the one that was under way, which has then landed.
func (r *recording) left(ctx context.Context, st logstore.Store, done int, at delta.Version) (landed bool, err error) {
	s, err := txlog.Load(ctx, st, nil)
	if errors.Is(err, txlog.ErrTableNotFound) && done == 0 {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("after %d acknowledged steps: %w", done, err)
	}
	switch landed = s.Version() == at+1; {
	case s.Version() == at:
		return false, r.holdsAt(ctx, s, done)
	case landed && done < len(r.steps) && !r.steps[done].silent:
		return true, r.holdsAt(ctx, s, done+1)
	}
	return false, fmt.Errorf("version %d, acknowledged was %d", s.Version(), at)
}

func (r *recording) holds(ctx context.Context, st logstore.Store, steps int) error {
	s, err := txlog.Load(ctx, st, nil)
	if err != nil {
		return err
	}
	return r.holdsAt(ctx, s, steps)
}

// holdsAt checks that a snapshot holds what a number of steps leaves.
func (r *recording) holdsAt(ctx context.Context, s *txlog.Snapshot, steps int) error {
	if err := liveFilesThere(ctx, s); err != nil {
		return err
	}
	rows, err := rowsAt(ctx, s)
	if err != nil {
		return err
	}
	if want := texts(r.rows[steps]); !slices.Equal(want, rows) {
		return fmt.Errorf("version %d holds %q, want %q", s.Version(), rows, want)
	}
	at, err := keyed(ctx, s)
	for key, versions := range at {
		if len(versions) > 1 {
			return fmt.Errorf("%s was applied in versions %d", key, versions)
		}
	}
	return err
}

// swept checks that what dead writers have left can be removed, and harms nobody.
func swept(ctx context.Context, st *localstore.Store, top string) error {
	if _, err := st.Sweep(ctx, time.Now().Add(time.Hour)); err != nil {
		return err
	}
	return filepath.WalkDir(top, func(name string, _ os.DirEntry, err error) error {
		if base := path.Base(filepath.ToSlash(name)); err == nil && strings.HasPrefix(base, ".") && strings.HasSuffix(base, ".tmp") {
			err = fmt.Errorf("%s is left after a sweep", name)
		}
		return err
	})
}

// damages are what the power cuts of one moment do. Alone: there was one writer.
func damages(moment, seeds int, alone bool) (all []crash.Damage) {
	for _, percent := range []int{0, 10, 50, 100} {
		for seed := range seeds {
			if seed > 0 && percent%100 == 0 {
				break // nothing or all: no choice, but for content
			}
			seed := uint64(moment*1000 + seed)
			all = append(all, crash.Damage{Percent: percent, Seed: seed})
			if alone {
				all = append(all, crash.Unordered(percent, seed))
			}
		}
	}
	return all
}

// powerCuts cuts the power at every moment of a recording, from one on, and checks
// each different state that it may leave. It returns how many states there were, and
// the first thing that is wrong.
func powerCuts(d *crash.Disk, dir string, from, seeds int, alone bool, check func(k int, img *crash.Image, top string) error) (states int, err error) {
	type seen struct {
		image [32]byte
		notes int
	}
	met := map[seen]bool{}
	for k := from; k <= d.Len(); k++ {
		for _, g := range damages(k, seeds, alone) {
			img := d.Crash(k, g)
			id := seen{img.Hash(), len(d.Notes(k))}
			if met[id] {
				continue
			}
			met[id] = true
			states++
			top := filepath.Join(dir, fmt.Sprint(states))
			if err := os.Mkdir(top, 0o750); err != nil {
				return states, err
			}
			if err := check(k, img, top); err != nil {
				return states, fmt.Errorf("%s; %s: %w", d.Moment(k), g, err)
			}
			if err := os.RemoveAll(top); err != nil {
				return states, err
			}
		}
	}
	return states, nil
}

// The power goes after every system call of the lives of tables. Whatever the disk
// then holds: what was acknowledged is there, nothing is half there, and the task
// that was under way has one effect when it is done again.
func TestPowerCut(t *testing.T) {
	seeds := effort.Pick(1, 8)
	for _, name := range slices.Sorted(maps.Keys(lives)) {
		for _, kind := range slices.Sorted(maps.Keys(systems)) {
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				r := record(t, lives[name], systems[kind])
				states, err := powerCuts(r.disk, t.TempDir(), 0, seeds, true, func(k int, img *crash.Image, top string) error {
					return r.afterPowerCut(t.Context(), k, img, top)
				})
				require.NoError(t, err)
				t.Logf("%d moments, %d states", r.disk.Len()+1, states)
				require.Greater(t, 8*states, r.disk.Len(), "hardly a call changes anything")
			})
		}
	}
}

// The power goes again while the task that was under way is done again.
func TestPowerCutTwice(t *testing.T) {
	every := effort.Pick(24, 3)
	for _, kind := range slices.Sorted(maps.Keys(systems)) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			r := record(t, lives["created"], systems[kind])
			first, second := 0, 0
			_, err := powerCuts(r.disk, t.TempDir(), 0, 1, true, func(k int, img *crash.Image, top string) error {
				if first++; first%every != 0 {
					return nil
				}
				again, from, err := r.recover(t.Context(), k, img, top, systems[kind])
				if err != nil || again == nil {
					return err
				}
				states, err := powerCuts(again.disk, t.TempDir(), from, 1, true, func(k int, img *crash.Image, top string) error {
					return again.afterPowerCut(t.Context(), k, img, top)
				})
				second += states
				return err
			})
			require.NoError(t, err)
			t.Logf("%d states after two power cuts", second)
			require.Positive(t, second)
		})
	}
}

// recover records how the task that was under way at moment k is done again on what
// is left, from some moment of a new record on. It returns nil if there is none.
func (r *recording) recover(ctx context.Context, k int, img *crash.Image, top string, system func(diskcall.Hook) diskcall.Hook) (again *recording, from int, err error) {
	again = &recording{disk: crash.NewDisk(top), steps: r.steps, rows: r.rows, kept: r.kept}
	again.disk.Start(img)
	done := 0
	for _, n := range r.disk.Notes(k) {
		again.disk.Note(n)
		done = n.(told).step + 1
	}
	if done == len(r.steps) {
		return nil, 0, nil
	}
	if err := img.Write(top); err != nil {
		return nil, 0, err
	}
	from = again.disk.Len()
	st := openOn(top, system(again.disk.Hook(filepath.Join(top, below))))
	defer st.Close()
	s := r.steps[done]
	res, err := s.run(ctx, st, "second-"+s.name, &again.kept)
	if err != nil {
		return nil, 0, fmt.Errorf("%s, done again: %w", s, err)
	}
	again.disk.Note(told{done, res.Version})
	return again, from, nil
}
