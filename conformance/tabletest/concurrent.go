// Package tabletest judges what package delta promises of a table on some store:
// that concurrent writers, in goroutines and in processes, leave a table that
// equals some serial order of their work, and that each was told the truth.
//
// [Replacements] is run from a test of the store's own, which names the store by a
// URL that other processes can open too; its TestMain calls [Main], or [Worker]
// before anything else.
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

// A Job is the work of one writer: it replaces partitions by rows of its own.
type Job struct {
	URL    string
	Writer int32
	Parts  []string
	Rows   int // in each partition
	Key    string

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
	src, err := delta.Slice(j.rows())
	if err != nil {
		return Outcome{Err: err.Error()}
	}
	o := &delta.WriteOptions{Key: j.Key}
	for _, p := range j.Parts {
		o.Partitions = append(o.Partitions, delta.Part("part", p))
	}
	res, err := t.ReplacePartitions(ctx, src, o)
	out := Outcome{State: res.State.String(), Version: res.Version}
	if err != nil {
		out.Err = err.Error()
	}
	return out
}

func (j *Job) table(ctx context.Context) (*delta.Table, error) {
	if j.open == nil {
		return delta.Open(ctx, j.URL, nil)
	}
	s, err := j.open(ctx, j.URL)
	if err != nil {
		return nil, err
	}
	return delta.Open(ctx, j.URL, &delta.Options{Store: s})
}

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

	writers := h.Writers
	jobs := make([]Job, writers)
	outcomes := make([]Outcome, writers)
	var wg sync.WaitGroup
	for w := range jobs {
		jobs[w] = Job{URL: url, Writer: int32(w), Parts: parts(w), Rows: 2 + w%3, Key: "job/" + strconv.Itoa(w), open: h.Open}
		wg.Go(func() {
			if h.Processes {
				outcomes[w] = jobs[w].process(ctx, h.Env)
				return
			}
			outcomes[w] = jobs[w].Run(ctx)
		})
	}
	wg.Wait()

	byVersion := map[delta.Version]*Job{1: &first}
	for w, o := range outcomes {
		require.Equal(t, "committed", o.State, "writer %d: %s", w, o.Err)
		require.Nil(t, byVersion[o.Version], "version %d was promised twice", o.Version)
		byVersion[o.Version] = &jobs[w]
	}
	// Versions 2 … writers+1 are the serial order; the table at each of them is what
	// the one before it was, with the partitions of one job replaced.
	want := map[string]string{}
	for v := delta.Version(1); v <= delta.Version(writers+1); v++ {
		j := byVersion[v]
		require.NotNil(t, j, "version %d belongs to nobody", v)
		for _, p := range j.Parts {
			want[p] = fmt.Sprintf("writer %d × %d", j.Writer, j.Rows)
		}
		require.Equal(t, want, contents(t, tbl, v), "version %d", v)
	}
	again := jobs[0].Run(ctx)
	require.Equal(t, "already_applied", again.State, again.Err)
	require.Equal(t, outcomes[0].Version, again.Version)
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
