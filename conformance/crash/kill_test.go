package crash_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/delta/fsck"
	"github.com/deltalog/deltalog/internal/diskcall"
	"github.com/deltalog/deltalog/internal/effort"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore/localstore"
)

// A job is a task that a process of its own does.
type job struct {
	Dir  string
	Key  string
	Op   string // see jobOps
	N    int64  // whose rows are the job's own
	Part string
	// System is the kind of file system.
	System string
	// DieAt is before which system call that changes something the process kills
	// itself; -1: never.
	DieAt int
	// Prepared is what an earlier process has left to commit.
	Prepared json.RawMessage `json:",omitempty"`
}

// A said is what a process tells its parent.
type said struct {
	Begun    bool            `json:",omitempty"` // it works now
	Prepared json.RawMessage `json:",omitempty"`
	State    string          `json:",omitempty"`
	Version  delta.Version
	Err      string `json:",omitempty"`
}

// jobEnv carries a job to a process.
const jobEnv = "DELTALOG_CRASH_JOB"

func TestMain(m *testing.M) {
	if text := os.Getenv(jobEnv); text != "" {
		var j job
		if err := json.Unmarshal([]byte(text), &j); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		j.main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func say(s said) {
	if err := json.NewEncoder(os.Stdout).Encode(s); err != nil {
		os.Exit(1)
	}
}

func (j *job) main() {
	ctx := context.Background()
	st := must(localstore.Open(j.Dir, nil))
	calls := 0
	st.Intercept(systems[j.System](func(_ diskcall.Call, do func() error) error {
		if calls++; calls-1 == j.DieAt {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		return do()
	}))
	t, err := delta.Open(ctx, j.Dir, &delta.Options{Store: st})
	if err != nil {
		say(said{State: delta.NotCommitted.String(), Err: err.Error()})
		return
	}
	say(said{Begun: true})
	res, err := j.do(ctx, t)
	out := said{State: res.State.String(), Version: res.Version}
	if err != nil {
		out.Err = err.Error()
	}
	say(out)
}

// do does the job.
func (j *job) do(ctx context.Context, t *delta.Table) (*delta.Result, error) {
	o := delta.WriteOptions{Key: j.Key, Parallel: 1}
	change := &delta.ChangeOptions{WriteOptions: o}
	switch j.Op {
	case "append":
		return t.Append(ctx, source(j.rows()...), &o)
	case "replace":
		return t.ReplacePartitions(ctx, source(j.rows()...), &o)
	case "reload":
		return t.Reload(ctx, source(j.rows()...), &o)
	case "merge":
		return t.Merge(source(j.rows()...)).OnColumns("id").Upsert().Run(ctx, change)
	case "update":
		return t.Update(ctx, delta.Set{"qty": "qty + 1"}, "part = '"+j.Part+"'", change)
	case "delete":
		return t.Delete(ctx, fmt.Sprintf("id = %d", j.N%20), change)
	case "checkpoint":
		v, err := t.Checkpoint(ctx)
		return &delta.Result{State: delta.NoOp, Version: v}, err
	case "prepared":
		p := new(delta.Prepared)
		if j.Prepared == nil {
			var res *delta.Result
			var err error
			if p, res, err = t.Prepare(ctx, "append", "", source(j.rows()...), &o); err != nil {
				return res, err
			}
			say(said{Prepared: must(p.MarshalBinary())})
		} else if err := p.UnmarshalBinary(j.Prepared); err != nil {
			return &delta.Result{}, err
		}
		return t.Commit(ctx, p)
	}
	return nil, fmt.Errorf("no operation %q", j.Op)
}

// rows are what the job brings.
func (j *job) rows() []item {
	if j.Op == "merge" { // some that others have too
		return []item{{j.N % 20, j.Part, j.N}, {(j.N + 7) % 20, j.Part, -j.N}, {1000 + j.N, j.Part, j.N}}
	}
	return []item{{10_000 + j.N, j.Part, j.N}, {20_000 + j.N, j.Part, j.N}}
}

// then is what the job makes of a table's rows.
func (j *job) then(rows []item) []item {
	in := func(part string) func(item) bool { return func(i item) bool { return i.Part == part } }
	switch j.Op {
	case "append", "prepared":
		return append(slices.Clone(rows), j.rows()...)
	case "replace":
		return append(without(rows, in(j.Part)), j.rows()...)
	case "reload":
		return j.rows()
	case "merge":
		ids := map[int64]bool{}
		for _, i := range j.rows() {
			ids[i.ID] = true
		}
		return append(without(rows, func(i item) bool { return ids[i.ID] }), j.rows()...)
	case "update":
		rows = slices.Clone(rows)
		for i := range rows {
			if rows[i].Part == j.Part {
				rows[i].Qty++
			}
		}
		return rows
	case "delete":
		return without(rows, func(i item) bool { return i.ID == j.N%20 })
	}
	panic(j.Op)
}

// jobOps are the operations of jobs, more often those of everyday.
var jobOps = []string{"append", "append", "replace", "replace", "merge", "merge", "update", "delete", "prepared", "reload", "checkpoint"}

// A cycle is a table under workers that are killed.
type cycle struct {
	t    *testing.T
	dir  string
	seed uint64

	mu   sync.Mutex
	jobs map[string]*job
	acks map[string][]said
	runs int // processes
	// Those of them that were killed at work: by the parent at any moment, and by
	// themselves at a system call.
	shot, fell int
}

// work does jobs, one after the other, each until a process says what became of it.
func (c *cycle) work(worker int, jobs []*job) {
	random := rand.New(rand.NewPCG(c.seed, uint64(worker)))
	for _, j := range jobs {
		for try := 0; ; try++ {
			j := *j
			j.DieAt = -1
			after := time.Duration(-1)
			switch { // of five attempts at most four are killed
			case try >= 4:
			case random.IntN(2) == 0:
				after = time.Duration(random.Int64N(int64(12 * time.Millisecond)))
			default:
				j.DieAt = random.IntN(24)
			}
			twins := 1
			if random.IntN(4) == 0 {
				twins = 2 // the scheduler has lost sight of one that is alive
			}
			var wg sync.WaitGroup
			told := make([]bool, twins)
			for twin := range twins {
				wg.Go(func() { told[twin] = c.run(&j, after) })
			}
			wg.Wait()
			if slices.Contains(told, true) {
				break
			}
		}
	}
}

// run lets a process do a job, and kills it some time after it has begun. It reports
// whether the process said what became of the job.
func (c *cycle) run(j *job, after time.Duration) bool {
	c.mu.Lock()
	j.Prepared = c.jobs[j.Key].Prepared
	c.runs++
	c.mu.Unlock()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), jobEnv+"="+string(must(json.Marshal(j))))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	require.NoError(c.t, err)
	require.NoError(c.t, cmd.Start())
	begun, told := c.listen(j, cmd, out, after)
	err = cmd.Wait()
	killed := false
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		killed = exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
	}
	require.True(c.t, err == nil || killed, "seed %d: %s: %v %s", c.seed, j.Key, err, stderr.String())
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !killed || !begun || told:
	case after >= 0:
		c.shot++
	default:
		c.fell++
	}
	return told
}

// listen reads what a process says until its end.
func (c *cycle) listen(j *job, cmd *exec.Cmd, out io.Reader, after time.Duration) (begun, told bool) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var s said
		require.NoError(c.t, json.Unmarshal(lines.Bytes(), &s), "%s", lines.Text())
		switch {
		case s.Begun:
			begun = true
			if after >= 0 {
				defer time.AfterFunc(after, func() { _ = cmd.Process.Kill() }).Stop()
			}
		case s.Prepared != nil:
			c.mu.Lock()
			c.jobs[j.Key].Prepared = s.Prepared
			c.mu.Unlock()
		default:
			told = true
			c.mu.Lock()
			c.acks[j.Key] = append(c.acks[j.Key], s)
			c.mu.Unlock()
		}
	}
	return begun, told
}

// read reads the table until the context ends: each version that it meets must be
// what the versions before and after it say, which is checked at the end.
func (c *cycle) read(ctx context.Context, seen map[delta.Version][]string) error {
	t, err := delta.Open(context.Background(), c.dir, nil)
	if err != nil {
		return err
	}
	defer t.Close()
	last := delta.NoVersion
	for ctx.Err() == nil {
		s, err := t.Snapshot(context.Background(), delta.At{})
		if err != nil {
			return err
		}
		if s.Version() < last {
			return fmt.Errorf("version %d after version %d", s.Version(), last)
		}
		last = s.Version()
		if seen[last], err = rowsAt(context.Background(), s); err != nil {
			return fmt.Errorf("read version %d: %w", last, err)
		}
	}
	return nil
}

// check is the witness: the log says in which order the jobs were done; each was
// done once, everybody was told the truth, and the rows of every version are those
// of the jobs up to it.
func (c *cycle) check(seen map[delta.Version][]string) {
	t, ctx := c.t, c.t.Context()
	st := must(localstore.Open(c.dir, nil))
	s, err := txlog.Load(ctx, st, nil)
	require.NoError(t, err)
	at, err := keyed(ctx, s)
	require.NoError(t, err)
	byVersion := map[delta.Version]*job{}
	for key, j := range c.jobs {
		if j.Op == "checkpoint" {
			continue
		}
		require.Len(t, at[key], 1, "seed %d: %s was done in versions %d", c.seed, key, at[key])
		byVersion[at[key][0]] = j
		require.NotEmpty(t, c.acks[key])
		committed := 0
		for _, a := range c.acks[key] {
			require.Contains(t, []string{"committed", "already_applied"}, a.State, "seed %d: %s: %s", c.seed, key, a.Err)
			require.Equal(t, at[key][0], a.Version, "seed %d: %s was said to be %s", c.seed, key, a.State)
			if a.State == "committed" {
				committed++
			}
		}
		require.LessOrEqual(t, committed, 1, "seed %d: %s", c.seed, key)
	}
	rows := []item(nil)
	for v := delta.Version(1); v <= s.Version(); v++ {
		require.NotNil(t, byVersion[v], "seed %d: version %d is nobody's", c.seed, v)
		rows = byVersion[v].then(rows)
		got := seen[v]
		if got == nil {
			old, err := txlog.Load(ctx, st, &txlog.LoadOptions{Version: &v})
			require.NoError(t, err)
			got, err = rowsAt(ctx, old)
			require.NoError(t, err)
		}
		require.Equal(t, texts(rows), got, "seed %d: version %d, by %s", c.seed, v, byVersion[v].Key)
	}
	report, err := fsck.Run(ctx, st, nil)
	require.NoError(t, err)
	require.NoError(t, report.Err())
	_, err = st.Sweep(ctx, time.Now().Add(time.Hour))
	require.NoError(t, err)
}

// Processes that write to one table are killed, at random moments and at system
// calls, and started again under the same key until one says what became of its
// job; two or more at once, and readers in between.
func TestKillCycles(t *testing.T) {
	const workers = 3
	want := effort.Pick(8, 60)
	shot, fell := 0, 0
	for seed := uint64(1); shot < want || fell < want; seed++ {
		c := &cycle{t: t, dir: filepath.Join(t.TempDir(), "table"), seed: seed, jobs: map[string]*job{}, acks: map[string][]said{}}
		tbl, err := delta.Create(t.Context(), c.dir, itemSchema, itemTable(delta.Options{}))
		require.NoError(t, err)
		require.NoError(t, tbl.Close())
		random := rand.New(rand.NewPCG(seed, 100))
		work := make([][]*job, workers)
		for w := range work {
			for i := range 4 {
				system := slices.Sorted(maps.Keys(systems))[seed%3]
				j := &job{Dir: c.dir, System: system, Op: jobOps[random.IntN(len(jobOps))], N: int64(w*100 + i), Part: string(rune('a' + random.IntN(3)))}
				j.Key = fmt.Sprintf("%s/%d", j.Op, j.N)
				work[w], c.jobs[j.Key] = append(work[w], j), j
			}
		}
		reading, stop := context.WithCancel(t.Context())
		seen := map[delta.Version][]string{}
		read := make(chan error, 1)
		go func() { read <- c.read(reading, seen) }()
		var wg sync.WaitGroup
		for w := range work {
			wg.Go(func() { c.work(w, work[w]) })
		}
		wg.Wait()
		stop()
		require.NoError(t, <-read, "seed %d", seed)
		c.check(seen)
		shot, fell = shot+c.shot, fell+c.fell
		t.Logf("seed %d: %d processes for %d jobs; %d were killed at any moment, %d at a system call; %d versions read meanwhile",
			seed, c.runs, len(c.jobs), c.shot, c.fell, len(seen))
		require.Less(t, int(seed), want, "hardly a process is killed at work")
	}
}
