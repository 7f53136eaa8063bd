package bucket

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/deltalog/deltalog/conformance"
	"github.com/deltalog/deltalog/conformance/ours"
	"github.com/deltalog/deltalog/conformance/storecheck"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
)

const (
	raceJobs    = 12 // each done by every party
	raceParties = 2  // in this process
	raceTries   = 8  // of a job whose writer was told an error
)

// raceJob is the i-th job: most append, some replace a partition of their own.
func raceJob(i int) conformance.Op {
	op := conformance.Op{Verb: conformance.Append, App: fmt.Sprintf("race/%02d", i), Version: 1}
	for k := range 3 {
		op.Rows = append(op.Rows, conformance.Row{ID: int64(i), P: fmt.Sprintf("p%02d", i), V: int64(k)})
	}
	if i%4 == 3 {
		op.Verb, op.Parts = conformance.Replace, []string{op.Rows[0].P}
	}
	return op
}

// planRace plans the race of keyed writers on one table.
func (r *run) planRace() {
	r.plan = append(r.plan, planned{
		Check: Check{
			Part: "race", Name: "keyed writers at once",
			Promise: "of several attempts at one keyed job that run at once, with answers lost, exactly one has an effect, and each is told the truth",
		},
		run: func(ctx context.Context) ([]string, string) { return r.race(ctx), followsTable },
	})
}

// A raceResult is what one attempt at a job was told.
type raceResult struct {
	Job  int
	Said conformance.Said
	Text string
}

func (r *run) race(ctx context.Context) (seen []string) {
	p := r.place("race/table")
	if a, err := r.attempt(ctx, p, conformance.Op{Verb: conformance.Create}, nil); err != nil || a.Said != conformance.Done {
		return []string{fmt.Sprintf("the table could not be made: %v %v", a, err)}
	}
	parties := raceParties
	if r.o.Worker != nil {
		parties += r.o.Processes
	}
	results, errs := make([][]raceResult, parties), make([]error, parties)
	var wg sync.WaitGroup
	for i := range parties {
		wg.Go(func() {
			if i < raceParties {
				results[i], errs[i] = runJobs(ctx, p, r.o.Seed, i)
				return
			}
			results[i], errs[i] = r.racer(ctx, p.URL, i)
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return []string{err.Error()}
	}
	return append(r.judgeRace(ctx, p, slices.Concat(results...)), r.fsck(ctx, p, false)...)
}

// judgeRace compares the table with what everybody was told.
func (r *run) judgeRace(ctx context.Context, p ours.Place, results []raceResult) (seen []string) {
	done, told := map[int]int{}, map[int]int{}
	for _, x := range results {
		switch x.Said {
		case conformance.Done:
			done[x.Job]++
			told[x.Job]++
		case conformance.Skipped:
			told[x.Job]++
		}
	}
	var want []conformance.Row
	for i := range raceJobs {
		want = append(want, raceJob(i).Rows...)
		if told[i] == 0 {
			seen = append(seen, fmt.Sprintf("job %d: no attempt was told that it is done", i))
		}
		if done[i] > 1 {
			seen = append(seen, fmt.Sprintf("job %d: %d attempts were told that they had committed it", i, done[i]))
		}
	}
	rows, err := r.rows(ctx, p)
	if err != nil {
		return append(seen, "the table cannot be read: "+err.Error())
	}
	if !slices.Equal(rows, sorted(want)) {
		seen = append(seen, fmt.Sprintf("the table has %d rows %v, want %d: every job's rows once", len(rows), rows, len(want)))
	}
	s, err := p.Open(ctx)
	if err != nil {
		return append(seen, err.Error())
	}
	defer s.Close()
	snap, err := txlog.Load(ctx, s, nil)
	if err != nil {
		return append(seen, err.Error())
	}
	if v := snap.Version(); v != raceJobs {
		seen = append(seen, fmt.Sprintf("the table is at version %d, want %d: one for each job", v, raceJobs))
	}
	return seen
}

// runJobs does every job, in an order of the party's own, under faults that the
// seed chooses.
func runJobs(ctx context.Context, p ours.Place, seed uint64, party int) ([]raceResult, error) {
	rng := rand.New(rand.NewPCG(seed, uint64(party)))
	var out []raceResult
	for _, job := range rng.Perm(raceJobs) {
		for range raceTries {
			s, err := p.Open(ctx)
			if err != nil {
				return out, err
			}
			c := ours.NewClient(p.URL, s, chance(ctx, rng.Uint64()))
			a, err := c.Do(ctx, raceJob(job))
			if err := errors.Join(err, c.Close(), ctx.Err()); err != nil {
				return out, err
			}
			out = append(out, raceResult{job, a.Said, a.Text})
			if a.Said == conformance.Done || a.Said == conformance.Skipped {
				break
			}
		}
	}
	return out, nil
}

// chance fails some requests: a lost answer, none at all, a delay.
func chance(ctx context.Context, seed uint64) func(faultstore.Call) faultstore.Fault {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 1))
	return func(c faultstore.Call) faultstore.Fault {
		mu.Lock()
		n := rng.IntN(100)
		mu.Unlock()
		if !c.Mutates() {
			return faultstore.Pass
		}
		switch {
		case n < 8:
			return faultstore.Lose(errors.New("connection reset"))
		case n < 12:
			return faultstore.Fail(errors.New("connection reset"))
		case n < 30:
			return faultstore.Fault{Run: func() { wait(ctx, time.Duration(n)*time.Millisecond) }}
		}
		return faultstore.Pass
	}
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// racer lets another process do the jobs.
func (r *run) racer(ctx context.Context, url string, party int) ([]raceResult, error) {
	cmd := r.o.Worker()
	cmd.Args = append(cmd.Args, "race", url, strconv.FormatUint(r.o.Seed, 10), strconv.Itoa(party))
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a process: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("a process of the race: %w: %s", err, stderr.String())
	}
	var answer raceAnswer
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
		return nil, fmt.Errorf("a process of the race said %q: %w", out.String(), err)
	}
	r.m.written.Add(answer.Written)
	r.m.readOut.Add(answer.Read)
	return answer.Results, r.m.ask(answer.Requests)
}

type raceAnswer struct {
	Results                 []raceResult
	Requests, Written, Read int64
}

// workerRequests bounds what one process of a race asks.
const workerRequests = 20_000

// Worker is what a command of [Options].Worker runs: args are those that Run has
// added to it.
func Worker(ctx context.Context, open func(ctx context.Context, url string) (logstore.Store, error), args []string, in io.Reader, out io.Writer) error {
	switch {
	case len(args) == 2 && args[0] == "store":
		s, err := open(ctx, args[1])
		if err != nil {
			return err
		}
		return storecheck.Worker(ctx, s, in, out)
	case len(args) == 4 && args[0] == "race":
		seed, err := strconv.ParseUint(args[2], 10, 64)
		if err != nil {
			return err
		}
		party, err := strconv.Atoi(args[3])
		if err != nil {
			return err
		}
		m := newMeter(Options{MaxRequests: workerRequests, MaxBytes: DefaultMaxBytes})
		p := ours.Place{URL: args[1], Open: func(ctx context.Context) (logstore.Store, error) {
			s, err := open(ctx, args[1])
			if err != nil {
				return nil, err
			}
			return m.wrap(s), nil
		}}
		results, err := runJobs(ctx, p, seed, party)
		if err != nil {
			return err
		}
		return json.NewEncoder(out).Encode(raceAnswer{results, m.requests.Load(), m.written.Load(), m.readOut.Load()})
	}
	return fmt.Errorf("bucket: worker: arguments %q", args)
}
