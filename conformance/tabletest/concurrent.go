// Package tabletest judges what package delta promises of a table on some store:
// that concurrent writers, in goroutines and in processes, leave a table that
// equals some serial order of their work, and that each was told the truth.
//
// [Replacements], [FirstWrites] and [Changes] are run from a test of the store's own, which
// names the store by a URL that other processes can open too; its TestMain calls
// [Main], or [Worker] before anything else.
package tabletest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/writer"
)

// A Row of the test's table says who wrote it.
type Row struct {
	Part   string `parquet:"part"`
	Writer int32  `parquet:"writer"`
	N      int32  `parquet:"n"`
}

// A Job is the work of one writer: it replaces partitions by rows of its own, or
// changes rows of them.
type Job struct {
	URL    string
	Writer int32
	Parts  []string
	Rows   int // in each partition
	Key    string
	First  bool // the table may not be there: then the write makes it
	Change Change

	open Opener
}

// An Opener opens the store at a URL.
type Opener func(ctx context.Context, url string) (logstore.Store, error)

// A Harness says how writers reach the store.
type Harness struct {
	// URL names a directory that is not there yet; tables are made beside it.
	URL string
	// Open opens a store in this process. Nil: by the registered drivers.
	Open Opener
	// Env is what a process needs to open the URL by the registered drivers.
	Env []string
	// Writers is how many write at once.
	Writers int
	// Processes gives each writer a process of its own.
	Processes bool
}

// An Outcome is what a writer was told.
type Outcome struct {
	State   string
	Version delta.Version
	Err     string
}

// workerEnv carries a Job to a process.
const workerEnv = "DELTALOG_TABLETEST_JOB"

// Main runs the tests, or, in a process that a test has started, its job. Call it
// from TestMain.
func Main(m *testing.M) {
	Worker()
	os.Exit(m.Run())
}

// Worker ends the process with its job done if a test has started it for one, and
// else returns.
func Worker() {
	text := os.Getenv(workerEnv)
	if text == "" {
		return
	}
	var j Job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	out, err := json.Marshal(j.Run(context.Background()))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("outcome " + string(out))
	os.Exit(0)
}

// Run does the job through a handle of its own.
func (j *Job) Run(ctx context.Context) Outcome {
	t, err := j.table(ctx)
	if err != nil {
		return Outcome{State: delta.NotCommitted.String(), Version: delta.NoVersion, Err: err.Error()}
	}
	defer t.Close()
	if j.Change != "" {
		return outcome(j.change(ctx, t))
	}
	src, err := delta.Slice(j.rows())
	if err != nil {
		return Outcome{Err: err.Error()}
	}
	o := &delta.WriteOptions{Key: j.Key}
	for _, p := range j.Parts {
		o.Partitions = append(o.Partitions, delta.Part("part", p))
	}
	return outcome(t.ReplacePartitions(ctx, src, o))
}

func outcome(res *delta.Result, err error) Outcome {
	out := Outcome{State: res.State.String(), Version: res.Version}
	if err != nil {
		out.Err = err.Error()
	}
	return out
}

func (j *Job) table(ctx context.Context) (*delta.Table, error) {
	var o delta.Options
	if j.open != nil {
		var err error
		if o.Store, err = j.open(ctx, j.URL); err != nil {
			return nil, err
		}
	}
	if !j.First {
		return delta.Open(ctx, j.URL, &o)
	}
	s, err := writer.SchemaOf[Row]()
	if err != nil {
		return nil, err
	}
	return delta.OpenOrCreate(ctx, j.URL, s, &delta.CreateOptions{
		Options: o, PartitionBy: []string{"part"}, Description: j.definition(),
	})
}

// definition marks the table that the job makes.
func (j *Job) definition() string { return "by writer " + strconv.Itoa(int(j.Writer)) }

func (j *Job) rows() []Row {
	var rows []Row
	for _, p := range j.Parts {
		for i := range j.Rows {
			rows = append(rows, Row{p, j.Writer, int32(i)})
		}
	}
	return rows
}

// process runs the job in a process of its own.
func (j *Job) process(ctx context.Context, env []string) Outcome {
	job, err := json.Marshal(j)
	if err != nil {
		return Outcome{Err: err.Error()}
	}
	c := exec.CommandContext(ctx, os.Args[0], "-test.run=^$")
	c.Env = append(append(os.Environ(), env...), workerEnv+"="+string(job))
	var stderr bytes.Buffer
	c.Stderr = &stderr
	text, err := c.Output()
	var out Outcome
	for line := range strings.Lines(string(text)) {
		if s, ok := strings.CutPrefix(line, "outcome "); ok && json.Unmarshal([]byte(s), &out) == nil {
			return out
		}
	}
	return Outcome{Err: fmt.Sprintf("process: %v, %s", err, stderr.String())}
}

// Replacements lets writers replace partitions of one table all at once, and
// checks every version of the table against the order in which they committed.
func Replacements(t *testing.T, h Harness) {
	t.Helper()
	for name, parts := range map[string]func(w int) []string{
		"same":     func(int) []string { return []string{"hot"} },
		"absent":   func(int) []string { return []string{"new"} },
		"disjoint": func(w int) []string { return []string{"own-" + strconv.Itoa(w)} },
		"overlap":  func(w int) []string { return []string{"p-" + strconv.Itoa(w%4), "p-" + strconv.Itoa((w+1)%4)} },
	} {
		t.Run(name, func(t *testing.T) { replacements(t, h, h.URL+"-"+name, parts) })
	}
}

func replacements(t *testing.T, h Harness, url string, parts func(w int) []string) {
	ctx := t.Context()
	s, err := writer.SchemaOf[Row]()
	require.NoError(t, err)
	o := &delta.CreateOptions{PartitionBy: []string{"part"}}
	if h.Open != nil {
		o.Store, err = h.Open(ctx, url)
		require.NoError(t, err)
	}
	tbl, err := delta.Create(ctx, url, s, o)
	require.NoError(t, err)
	defer tbl.Close()
	first := Job{URL: url, Writer: -1, Parts: []string{"hot", "p-0"}, Rows: 3, open: h.Open}
	require.Equal(t, "committed", first.Run(ctx).State)

	jobs := make([]Job, h.Writers)
	for w := range jobs {
		jobs[w] = Job{URL: url, Writer: int32(w), Parts: parts(w), Rows: 2 + w%3, Key: "job/" + strconv.Itoa(w), open: h.Open}
	}
	outcomes := h.run(ctx, jobs)
	checkOrder(t, tbl, []*Job{nil, &first}, jobs, outcomes)
	again := jobs[0].Run(ctx)
	require.Equal(t, "already_applied", again.State, again.Err)
	require.Equal(t, outcomes[0].Version, again.Version)
}

// FirstWrites lets writers write to a table that is not there, all at once. One of
// them makes it, and its definition stays; the others come after it. Every job is
// done twice, by two writers.
func FirstWrites(t *testing.T, h Harness) {
	t.Helper()
	ctx, url := t.Context(), h.URL+"-first"
	jobs := make([]Job, h.Writers)
	for w := range jobs {
		work := w / 2
		jobs[w] = Job{
			URL: url, Writer: int32(work), Parts: []string{"hot", "own-" + strconv.Itoa(work)}, Rows: 2,
			Key: "job/" + strconv.Itoa(work), First: true, open: h.Open,
		}
	}
	outcomes := h.run(ctx, jobs)
	var o delta.Options
	if h.Open != nil {
		var err error
		o.Store, err = h.Open(ctx, url)
		require.NoError(t, err)
	}
	tbl, err := delta.Open(ctx, url, &o)
	require.NoError(t, err)
	defer tbl.Close()

	// Of two writers of one job one did it, and the other was told where it is.
	done := map[string]delta.Version{}
	var once []Job
	var told []Outcome
	for w, o := range outcomes {
		if o.State == "committed" {
			_, twice := done[jobs[w].Key]
			require.False(t, twice, "%s was done twice", jobs[w].Key)
			done[jobs[w].Key] = o.Version
			once, told = append(once, jobs[w]), append(told, o)
		}
	}
	for w, o := range outcomes {
		if o.State != "committed" {
			require.Equal(t, "already_applied", o.State, "writer %d: %s", w, o.Err)
			require.Equal(t, done[jobs[w].Key], o.Version, "writer %d", w)
		}
	}
	require.Len(t, once, (len(jobs)+1)/2)
	checkOrder(t, tbl, nil, once, told)
	s, err := tbl.Snapshot(ctx, delta.At{})
	require.NoError(t, err)
	for i := range once {
		if told[i].Version == 0 {
			require.Equal(t, once[i].definition(), s.Metadata().Description)
		}
	}
}

// run does all jobs at once.
func (h *Harness) run(ctx context.Context, jobs []Job) []Outcome {
	outcomes := make([]Outcome, len(jobs))
	var wg sync.WaitGroup
	for w := range jobs {
		wg.Go(func() {
			if h.Processes {
				outcomes[w] = jobs[w].process(ctx, h.Env)
				return
			}
			outcomes[w] = jobs[w].Run(ctx)
		})
	}
	wg.Wait()
	return outcomes
}

// checkOrder checks that the versions which the jobs were told are a serial order
// of them, after those of before (nil: a version without rows): the table at each
// version is what the one before it was, with the partitions of one job replaced.
func checkOrder(t *testing.T, tbl *delta.Table, before []*Job, jobs []Job, outcomes []Outcome) {
	t.Helper()
	order := append(before, make([]*Job, len(jobs))...)
	for w, o := range outcomes {
		require.Equal(t, "committed", o.State, "writer %d: %s", w, o.Err)
		require.Less(t, int(o.Version), len(order), "version %d is one too many", o.Version)
		require.Nil(t, order[o.Version], "version %d was promised twice", o.Version)
		order[o.Version] = &jobs[w]
	}
	want := map[string]string{}
	for v, j := range order {
		if j == nil {
			require.Less(t, v, len(before), "version %d belongs to nobody", v)
			continue
		}
		for _, p := range j.Parts {
			want[p] = fmt.Sprintf("writer %d × %d", j.Writer, j.Rows)
		}
		require.Equal(t, want, contents(t, tbl, delta.Version(v)), "version %d", v)
	}
}

// contents reads who wrote each partition, and how many rows.
func contents(t *testing.T, tbl *delta.Table, v delta.Version) map[string]string {
	t.Helper()
	snap, err := tbl.Snapshot(t.Context(), delta.AtVersion(v))
	require.NoError(t, err)
	counts := map[string]map[string]int{}
	for rec, err := range scan(t, snap) {
		require.NoError(t, err)
		for i := range int(rec.NumRows()) {
			p, w := rec.Column(0).ValueStr(i), rec.Column(1).ValueStr(i)
			if counts[p] == nil {
				counts[p] = map[string]int{}
			}
			counts[p][w]++
		}
	}
	got := map[string]string{}
	for p, writers := range counts {
		var parts []string
		for _, w := range slices.Sorted(maps.Keys(writers)) {
			parts = append(parts, fmt.Sprintf("writer %s × %d", w, writers[w]))
		}
		got[p] = strings.Join(parts, " and ")
	}
	return got
}
