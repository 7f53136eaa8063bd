package check

import (
	"context"
	"io"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/effort"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/localstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// drive returns how many of some histories of a store are not those of registers.
func drive(t *testing.T, open func(t *testing.T) logstore.Store) (bad int, first *Violation) {
	t.Helper()
	for seed := range uint64(effort.Pick(30, 500)) {
		s := open(t)
		found, err := Puts(Drive(t.Context(), s, &DriveOptions{Seed: seed}), nil)
		require.NoError(t, err, "seed %d", seed)
		require.NoError(t, s.Close())
		if len(found) > 0 {
			bad++
			if first == nil {
				first = found[0]
			}
		}
	}
	return bad, first
}

func newMem(*testing.T) logstore.Store { return memstore.New(nil) }

func TestStoresAreRegisters(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	for name, open := range map[string]func(t *testing.T) logstore.Store{
		"memstore": newMem,
		"localstore": func(t *testing.T) logstore.Store {
			s, err := localstore.Open(t.TempDir(), nil)
			require.NoError(t, err)
			return s
		},
		// Every third answer of a Put is lost, after or before it was done.
		"memstore with lost answers": func(t *testing.T) logstore.Store {
			return faultstore.New(newMem(t), func(c faultstore.Call) faultstore.Fault {
				switch n := calls.Add(1); {
				case c.Verb != logstore.VerbPutIfAbsent:
				case n%6 == 0:
					return faultstore.Lose(io.ErrUnexpectedEOF)
				case n%6 == 3:
					return faultstore.Fail(io.ErrUnexpectedEOF)
				}
				return faultstore.Pass
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad, first := drive(t, open)
			require.Zero(t, bad, "%v", first)
		})
	}
}

// ignoring is a store that takes no notice of the condition.
type ignoring struct{ logstore.Store }

func (s ignoring) Put(ctx context.Context, name string, data []byte, _ logstore.PutMode) error {
	return s.Store.Put(ctx, name, data, logstore.Overwrite)
}

func TestLyingStoresAreFound(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		open func(t *testing.T) logstore.Store
		text string
	}{
		"ignores the condition": {func(t *testing.T) logstore.Store { return ignoring{newMem(t)} }, "ignores the condition"},
		"answers a request that it carried out twice with the second answer": {func(t *testing.T) logstore.Store {
			return faultstore.New(newMem(t), faultstore.On(logstore.VerbPutIfAbsent, "", 0, faultstore.Fault{Twice: true}))
		}, "what was read or answered"},
		"does not find what was stored": {func(t *testing.T) logstore.Store {
			return faultstore.New(newMem(t), faultstore.On(logstore.VerbRead, "", 0, faultstore.Fail(logstore.ErrNotExist)))
		}, "what was read or answered"},
		"finds what was not stored": {func(t *testing.T) logstore.Store {
			return faultstore.New(newMem(t), faultstore.On(logstore.VerbRead, "", 0, faultstore.Fault{Mutate: func([]byte) []byte { return []byte("other") }}))
		}, "what was read or answered"},
		"says stored and stores nothing": {func(t *testing.T) logstore.Store {
			return forgetful{newMem(t)}
		}, "Puts of one name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad, first := drive(t, x.open)
			require.Greater(t, bad, effort.Pick(20, 400))
			require.Contains(t, first.Error(), x.text)
		})
	}
}

// forgetful says that it has stored, and has not.
type forgetful struct{ logstore.Store }

func (forgetful) Put(context.Context, string, []byte, logstore.PutMode) error { return nil }

// One race between two who have looked before either wrote is enough.
func TestLookingBeforeWritingIsNotEnough(t *testing.T) {
	t.Parallel()
	mem := newMem(t)
	events := []StoreEvent{
		{Client: 0, Name: "n", Call: 1, Return: 4, Put: true, Body: "a", Answer: putAnswer(mem.Put(t.Context(), "n", []byte("a"), logstore.Overwrite))},
		{Client: 1, Name: "n", Call: 2, Return: 3, Put: true, Body: "b", Answer: putAnswer(mem.Put(t.Context(), "n", []byte("b"), logstore.Overwrite))},
	}
	found, err := Puts(events, nil)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.ErrorContains(t, found[0], "does not look and write at once")
}

func TestBudgetIsNoPass(t *testing.T) {
	t.Parallel()
	var events []StoreEvent
	h := &History{}
	for i := range int64(101) {
		events = append(events, StoreEvent{Name: "n", Call: 2 * i, Return: 2*i + 1, Answer: Absent})
		h.Events = append(h.Events, did(string(rune('a'+i)), 2*i, 2*i+1, NoVersion).read("p"))
	}
	var budget *BudgetError
	_, err := Puts(events, nil)
	require.ErrorAs(t, err, &budget)
	_, err = Registers(h, nil)
	require.ErrorAs(t, err, &budget)
	require.Equal(t, 101, budget.Ops)
	// Thirty that may or may not have happened, and a read of none of them.
	slow := &History{}
	for i := range int64(30) {
		slow.Events = append(slow.Events, did(string(rune('a'+i)), i, 0, NoVersion).change("p", Add(string(rune('a'+i)))).as(Unknown))
	}
	slow.Events = append(slow.Events, did("read", 100, 101, NoVersion).read("p", "never"))
	_, err = Registers(slow, &RegisterOptions{Timeout: 50_000_000})
	require.ErrorAs(t, err, &budget)
	require.NotZero(t, budget.Timeout)
}
