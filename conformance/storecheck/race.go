package storecheck

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// An outcome is what one writer was told, and what it then saw.
type outcome struct {
	// Writer names who it is: the author of the bytes.
	Writer string
	// Err is "" for a Put that returned nil, "exist" for one that matched
	// ErrExist, else the error's text.
	Err string
	// Saw is whose bytes the writer read right after, "" if it did not look.
	Saw string
	// Problem is what was wrong with what it read.
	Problem string
}

const lost = "exist"

// putOnce is one writer's part in a round. Winners look at once at what is
// there, and so do some of the losers.
func putOnce(t T, s logstore.Store, name, writer string, size int, look bool) outcome {
	o := outcome{Writer: writer}
	err := s.Put(t.Context(), name, content(writer, size), logstore.IfAbsent)
	switch {
	case errors.Is(err, logstore.ErrExist):
		o.Err = lost
	case err != nil:
		o.Err = err.Error()
	}
	if o.Err != "" && !(o.Err == lost && look) {
		return o
	}
	data, err := s.Read(t.Context(), name, 0)
	if err != nil {
		o.Problem = fmt.Sprintf("it could not be read: %v", err)
		return o
	}
	if o.Saw, err = whole(data); err != nil {
		o.Problem = err.Error()
	}
	return o
}

// judge says what is wrong with a round.
func judge(t T, name string, round []outcome) {
	t.Helper()
	var winners []string
	told := make(map[string]int)
	for _, o := range round {
		switch o.Err {
		case "":
			winners = append(winners, o.Writer)
		default:
			told[o.Err]++
		}
	}
	switch {
	case len(winners) > 1:
		t.Errorf("%d of %d writers that put %q at once with IfAbsent were told that they had won (%s): "+
			"the store looks whether the name is free and writes it in two steps, or ignores the condition; commits would be lost",
			len(winners), len(round), name, strings.Join(winners, ", "))
		return
	case len(winners) == 0:
		t.Errorf("none of %d writers that put %q at once with IfAbsent won; they were told: %s", len(round), name, tally(told))
		return
	}
	winner := winners[0]
	for _, o := range round {
		switch {
		case o.Err != "" && o.Err != lost:
			t.Errorf("a writer that lost the race for %q was told %q, want an error that matches ErrExist", name, o.Err)
		case o.Problem != "" && o.Err == "":
			t.Errorf("the winner of %q read it right after Put returned, and %s", name, o.Problem)
		case o.Problem != "":
			t.Errorf("a writer was told that %q exists, read it, and %s", name, o.Problem)
		case o.Saw != "" && o.Saw != winner:
			t.Errorf("%s won the race for %q, but %s read what %s had written: a loser's bytes are in storage", winner, name, o.Writer, o.Saw)
		}
	}
}

func tally(told map[string]int) string {
	var parts []string
	for text, n := range told {
		parts = append(parts, fmt.Sprintf("%q %d times", text, n))
	}
	sort.Strings(parts)
	return strings.Join(parts, ", ")
}

// raceName is what the writers of a round put: the next commit.
func raceName(round int) string { return fmt.Sprintf("_delta_log/%020d.json", round) }

// raceSize varies what is written, so that one writer's end cannot pass for another's.
func raceSize(round, writer int) int { return 50 + (round*31+writer*997)%4000 }

func checkRace(t T, h *Harness) {
	c := begin(t, h)
	for round := range h.Rounds {
		name := raceName(round)
		outcomes := make([]outcome, h.Writers)
		start := make(chan struct{})
		var wg sync.WaitGroup
		for w := range outcomes {
			wg.Go(func() {
				<-start
				outcomes[w] = putOnce(c, c.s, name, fmt.Sprintf("writer%d", w), raceSize(round, w), w%8 == round%8)
			})
		}
		close(start)
		wg.Wait()
		judge(c, name, outcomes)
		if c.Failed() {
			c.Logf("the race failed in round %d of %d", round+1, h.Rounds)
			return
		}
	}
	c.raced(h.Rounds)
}

// raced checks that a listing has each round's name once and nothing else: no
// loser left anything behind.
func (c suite) raced(rounds int) {
	c.Helper()
	want := make([]string, rounds)
	for i := range want {
		want[i] = raceName(i)
	}
	c.sameNames(names(c.list(logstore.ListOptions{})), want, "the names that writers raced for")
}

// checkOverwriteRace reads an object all the while it is being replaced.
func checkOverwriteRace(t T, h *Harness) {
	const readers = 3
	c := begin(t, h)
	const name = "_delta_log/_last_checkpoint"
	version := func(i int) []byte { return content(fmt.Sprintf("v%06d", i), (i*7919)%50_000) }
	c.put(name, version(0))
	var done atomic.Bool
	var wg sync.WaitGroup
	for r := range readers {
		wg.Go(func() {
			last := ""
			for ; !done.Load() && !c.Failed(); h.pace(c) {
				data, err := c.readEither(name, r == 0)
				if err != nil {
					c.Errorf("an object that is being replaced could not be read: %v", err)
					return
				}
				seen, err := whole(data)
				if err != nil {
					c.Errorf("an object that is being replaced was read, and %v: readers see half of a Put", err)
					return
				}
				if seen < last {
					c.Errorf("an object that is being replaced was read as %s after it had been read as %s: a read went back in time", seen, last)
					return
				}
				last = seen
			}
		})
	}
	for i := 1; i <= h.Overwrites && !c.Failed(); i++ {
		if err := c.s.Put(c.Context(), name, version(i), logstore.Overwrite); err != nil {
			c.Errorf("Put with Overwrite failed while others read the object: %v", err)
			break
		}
		if data, err := c.s.Read(c.Context(), name, 0); err != nil || !bytes.Equal(data, version(i)) {
			c.Errorf("Read right after Put with Overwrite gave %s, %v, want the new content", brief(data), err)
		}
	}
	done.Store(true)
	wg.Wait()
}

func (c suite) readEither(name string, byRange bool) ([]byte, error) {
	if !byRange {
		return c.s.Read(c.Context(), name, 0)
	}
	body, err := c.s.ReadRange(c.Context(), name, 0, -1)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}
