package storecheck

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// An order tells a worker to race for a name with some writers.
type order struct {
	Name    string
	Round   int
	First   int // the first writer's number
	Writers int
}

// Worker takes part in races until in ends: it reads orders from it and writes
// outcomes to out, one JSON value a line each. It is the other half of the race
// of processes; see [Harness].Command.
func Worker(ctx context.Context, s logstore.Store, in io.Reader, out io.Writer) error {
	t := &recorder{check: Check{Name: "worker"}, ctx: ctx}
	dec, enc := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var o order
		if err := dec.Decode(&o); err == io.EOF {
			return s.Close()
		} else if err != nil {
			return fmt.Errorf("storecheck: worker: read an order: %w", err)
		}
		outcomes := make([]outcome, o.Writers)
		var wg sync.WaitGroup
		for i := range outcomes {
			w := o.First + i
			wg.Go(func() {
				outcomes[i] = putOnce(t, s, o.Name, fmt.Sprintf("writer%d", w), raceSize(o.Round, w), w%8 == o.Round%8)
			})
		}
		wg.Wait()
		if err := enc.Encode(outcomes); err != nil {
			return fmt.Errorf("storecheck: worker: answer: %w", err)
		}
	}
}

// A process is a worker that was started.
type process struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	orders *json.Encoder
	answer *json.Decoder
	stderr strings.Builder
}

func startProcess(c suite, h *Harness) *process {
	c.Helper()
	p := &process{cmd: h.Command(c.T, c.s)}
	in, err := p.cmd.StdinPipe()
	if err != nil {
		c.Fatalf("start a worker process: %v", err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		c.Fatalf("start a worker process: %v", err)
	}
	p.cmd.Stderr = &p.stderr
	if err := p.cmd.Start(); err != nil {
		c.Fatalf("start a worker process: %v", err)
	}
	p.in, p.orders, p.answer = in, json.NewEncoder(in), json.NewDecoder(bufio.NewReader(out))
	c.Cleanup(func() { p.stop(c) })
	return p
}

func (p *process) stop(c suite) {
	p.in.Close() // it ends when its orders do
	if c.Failed() {
		_ = p.cmd.Process.Kill() // it may be stuck
	}
	if err := p.cmd.Wait(); err != nil && !c.Failed() {
		c.Errorf("a worker process failed: %v\n%s", err, p.stderr.String())
	}
}

func checkProcessRace(t T, h *Harness) {
	if h.Command == nil {
		t.Logf("no other process can reach this store: %s", h.OneProcess)
		return
	}
	c := begin(t, h)
	workers := make([]*process, h.Processes)
	for i := range workers {
		workers[i] = startProcess(c, h)
	}
	each := max(1, h.Writers/h.Processes)
	rounds := max(1, h.Rounds/4)
	for round := range rounds {
		name := raceName(round)
		for i, p := range workers {
			// Each is first in its turn: the order of telling is a head start.
			p = workers[(i+round)%len(workers)]
			first := (i + round) % len(workers) * each
			if err := p.orders.Encode(order{Name: name, Round: round, First: first, Writers: each}); err != nil {
				c.Fatalf("a worker process ended: %v\n%s", err, p.stderr.String())
			}
		}
		var all []outcome
		for _, p := range workers {
			var some []outcome
			if err := p.answer.Decode(&some); err != nil {
				c.Fatalf("a worker process ended: %v\n%s", err, p.stderr.String())
			}
			all = append(all, some...)
		}
		judge(c, name, all)
		if c.Failed() {
			c.Logf("the race of processes failed in round %d of %d", round+1, rounds)
			return
		}
	}
	c.raced(rounds)
}
