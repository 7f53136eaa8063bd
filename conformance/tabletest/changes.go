package tabletest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/writer"
)

// A Change is what a [Job] does to rows that are there.
type Change string

// The changes. A row's key is its partition and number.
const (
	Upsert Change = "upsert" // rows of the writer's, whether their keys are there or not
	Add    Change = "add"    // to every row, so that twice is not once
	Delete Change = "delete" // every third row
	Append Change = "append" // rows whose keys nobody else has
)

// step is what a job adds to the rows of its partitions.
func (j *Job) step() int32 { return 100 * (j.Writer + 1) }

// rest is which rows a job deletes: those with this remainder by three.
func (j *Job) rest() int32 { return j.Writer % 3 }

// own are the rows that a job appends.
func (j *Job) own() []Row {
	rows := j.rows()
	for i := range rows {
		rows[i].N += 1000 * (j.Writer + 1)
	}
	return rows
}

func (j *Job) where() string {
	var in string
	for _, p := range j.Parts {
		in += ", '" + p + "'"
	}
	return "part IN (" + in[2:] + ")"
}

func (j *Job) change(ctx context.Context, t *delta.Table) (*delta.Result, error) {
	o := &delta.ChangeOptions{WriteOptions: delta.WriteOptions{Key: j.Key, Parallel: 1}}
	rows := j.rows()
	if j.Change == Append {
		rows = j.own()
	}
	src, err := delta.Slice(rows)
	if err != nil {
		return &delta.Result{}, err
	}
	switch j.Change {
	case Upsert:
		return t.Merge(src).OnColumns("part", "n").Upsert().Run(ctx, o)
	case Add:
		return t.Update(ctx, delta.Set{"writer": fmt.Sprintf("writer + %d", j.step())}, j.where(), o)
	case Delete:
		return t.Delete(ctx, fmt.Sprintf("%s AND n %% 3 = %d", j.where(), j.rest()), o)
	case Append:
		return t.Append(ctx, src, &o.WriteOptions)
	}
	return &delta.Result{}, fmt.Errorf("%q is no change", j.Change)
}

// A key says which row, in the model of the table.
type key struct {
	part string
	n    int32
}

// apply does to the model what the job does to the table.
func (j *Job) apply(m map[key]int32) {
	touches := func(k key) bool { return slices.Contains(j.Parts, k.part) }
	switch j.Change {
	case Add:
		for k := range m {
			if touches(k) {
				m[k] += j.step()
			}
		}
	case Delete:
		maps.DeleteFunc(m, func(k key, _ int32) bool { return touches(k) && k.n%3 == j.rest() })
	case Append:
		for _, r := range j.own() {
			m[key{r.Part, r.N}] = r.Writer
		}
	default:
		for _, r := range j.rows() {
			m[key{r.Part, r.N}] = r.Writer
		}
	}
}

// Changes lets writers merge into, update, delete from and append to one table all
// at once, and compares every version of the table with what the jobs do one after
// the other. Then all jobs are done once more, and must find themselves done.
func Changes(t *testing.T, h Harness) {
	t.Helper()
	mixed := []Change{Upsert, Add, Delete, Upsert, Append, Add}
	overlap := func(w int) []string { return []string{"p-" + strconv.Itoa(w%3), "p-" + strconv.Itoa((w+1)%3)} }
	vectors := map[string]string{"delta.enableDeletionVectors": "true"}
	t.Run("overlap", func(t *testing.T) { changes(t, h, h.URL+"-mixed", nil, mixed, overlap) })
	t.Run("overlap-vectors", func(t *testing.T) { changes(t, h, h.URL+"-mixed-vectors", vectors, mixed, overlap) })
}

// DisjointChanges lets each writer change a partition of its own: all succeed.
func DisjointChanges(t *testing.T, h Harness) {
	t.Helper()
	changes(t, h, h.URL+"-apart", nil, []Change{Upsert, Upsert, Add, Delete},
		func(w int) []string { return []string{"own-" + strconv.Itoa(w)} })
}

func changes(t *testing.T, h Harness, url string, properties map[string]string, kinds []Change, parts func(w int) []string) {
	t.Helper()
	ctx := t.Context()
	s, err := writer.SchemaOf[Row]()
	require.NoError(t, err)
	o := &delta.CreateOptions{PartitionBy: []string{"part"}, Properties: properties}
	if h.Open != nil {
		o.Store, err = h.Open(ctx, url)
		require.NoError(t, err)
	}
	tbl, err := delta.Create(ctx, url, s, o)
	require.NoError(t, err)
	defer tbl.Close()
	first := Job{URL: url, Writer: -1, Rows: 20, Key: "first", Change: Upsert, open: h.Open}
	jobs := make([]Job, h.Writers)
	for w := range jobs {
		jobs[w] = Job{
			URL: url, Writer: int32(w), Parts: parts(w), Rows: 4 + w%3, Key: "job/" + strconv.Itoa(w),
			Change: kinds[w%len(kinds)], open: h.Open,
		}
		first.Parts = append(first.Parts, jobs[w].Parts...)
	}
	slices.Sort(first.Parts)
	first.Parts = slices.Compact(first.Parts)
	made := first.Run(ctx)
	require.Equal(t, "committed", made.State, made.Err)

	outcomes := h.run(ctx, jobs)
	order := make([]*Job, len(jobs))
	for w, o := range outcomes {
		require.Equal(t, "committed", o.State, "writer %d: %s", w, o.Err)
		at := int(o.Version - made.Version - 1)
		require.Less(t, at, len(order), "version %d is one too many", o.Version)
		require.Nil(t, order[at], "version %d was promised twice", o.Version)
		order[at] = &jobs[w]
	}
	want := map[key]int32{}
	first.apply(want)
	for i, j := range order {
		j.apply(want)
		v := made.Version + 1 + delta.Version(i)
		require.Empty(t, difference(want, rowsAt(t, tbl, v)), "version %d, %s by writer %d", v, j.Change, j.Writer)
	}
	for w, o := range h.run(ctx, jobs) {
		require.Equal(t, "already_applied", o.State, "writer %d: %s", w, o.Err)
		require.Equal(t, outcomes[w].Version, o.Version, "writer %d", w)
	}
	snap, err := tbl.Snapshot(ctx, delta.At{})
	require.NoError(t, err)
	require.Equal(t, made.Version+txlog.Version(len(jobs)), snap.Version())
}

// rowsAt reads a version of the table.
func rowsAt(t *testing.T, tbl *delta.Table, v delta.Version) map[key]int32 {
	t.Helper()
	snap, err := tbl.Snapshot(t.Context(), delta.AtVersion(v))
	require.NoError(t, err)
	got := map[key]int32{}
	for rec, err := range scan(t, snap) {
		require.NoError(t, err)
		for i := range int(rec.NumRows()) {
			n, err := strconv.Atoi(rec.Column(2).ValueStr(i))
			require.NoError(t, err)
			w, err := strconv.Atoi(rec.Column(1).ValueStr(i))
			require.NoError(t, err)
			k := key{rec.Column(0).ValueStr(i), int32(n)}
			_, twice := got[k]
			require.False(t, twice, "version %d has row %v twice", v, k)
			got[k] = int32(w)
		}
	}
	return got
}

// difference lists the rows in which two tables differ.
func difference(want, got map[key]int32) (d []string) {
	for k, w := range want {
		if g, ok := got[k]; !ok || g != w {
			d = append(d, fmt.Sprintf("%v: want %d, got %d (%t)", k, w, g, ok))
		}
	}
	for k, g := range got {
		if _, ok := want[k]; !ok {
			d = append(d, fmt.Sprintf("%v: want none, got %d", k, g))
		}
	}
	return d
}
