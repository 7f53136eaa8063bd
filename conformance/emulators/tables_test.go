package emulators

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/faultproxy"
	"github.com/deltalog/deltalog/conformance/tabletest"
	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/writer"
)

// 16 writers at once, in goroutines and in processes, through the real SDKs.
func TestReplacements(t *testing.T) {
	each(t, func(t *testing.T, s *Server) {
		h := tabletest.Harness{
			URL: s.Root(), Writers: 16, Env: s.Env(),
			Open: func(ctx context.Context, url string) (logstore.Store, error) { return s.Open(ctx, url, 0) },
		}
		t.Run("goroutines", func(t *testing.T) { tabletest.Replacements(t, h) })
		h.URL, h.Processes = s.Root(), true
		t.Run("processes", func(t *testing.T) { tabletest.Replacements(t, h) })
	})
}

// 8 writers at once that merge, update, delete and append.
func TestChanges(t *testing.T) {
	each(t, func(t *testing.T, s *Server) {
		h := tabletest.Harness{
			URL: s.Root(), Writers: 8, Env: s.Env(),
			Open: func(ctx context.Context, url string) (logstore.Store, error) { return s.Open(ctx, url, 0) },
		}
		t.Run("goroutines", func(t *testing.T) { tabletest.Changes(t, h) })
		h.URL, h.Processes = s.Root(), true
		t.Run("processes", func(t *testing.T) { tabletest.Changes(t, h) })
	})
}

type item struct {
	Part string `parquet:"part"`
	N    int64  `parquet:"n"`
}

// A work is an operation under a key, and the rows that the table must have then.
type work struct {
	name string
	run  func(ctx context.Context, t *delta.Table, src delta.Source) (*delta.Result, error)
	want map[string]int64
	// more are rows that the table has besides, and with them deletion vectors.
	more []item
}

func works() []work {
	o := func() *delta.WriteOptions { return &delta.WriteOptions{Key: "job"} }
	return []work{
		{name: "append", run: func(ctx context.Context, t *delta.Table, src delta.Source) (*delta.Result, error) {
			return t.Append(ctx, src, o())
		}, want: map[string]int64{"a": 3, "b": 1}},
		{name: "replace", run: func(ctx context.Context, t *delta.Table, src delta.Source) (*delta.Result, error) {
			return t.ReplacePartitions(ctx, src, o())
		}, want: map[string]int64{"a": 2, "b": 1}},
		{name: "reload", run: func(ctx context.Context, t *delta.Table, src delta.Source) (*delta.Result, error) {
			return t.Reload(ctx, src, o())
		}, want: map[string]int64{"a": 2}},
		{name: "merge", run: func(ctx context.Context, t *delta.Table, src delta.Source) (*delta.Result, error) {
			// One row moves, and one is new; done twice, two more would be new.
			return t.Merge(src).OnColumns("part", "n").WhenMatched().Update(delta.Set{"n": "t.n + 100"}).
				WhenNotMatched().Insert(delta.Set{"part": "s.part", "n": "s.n + 10"}).
				Run(ctx, &delta.ChangeOptions{WriteOptions: *o(), Strategy: delta.StrategyVectors})
		}, want: map[string]int64{"a": 6, "b": 1}, more: []item{{"a", 1}, {"a", 5}, {"a", 6}, {"a", 7}}},
	}
}

func source(t *testing.T) delta.Source {
	t.Helper()
	src, err := delta.Slice([]item{{"a", 1}, {"a", 2}})
	require.NoError(t, err)
	return src
}

// seeded makes a table with one row in each of two partitions, and those that the
// work wants besides.
func seeded(t *testing.T, s *Server, root string, w work) {
	t.Helper()
	store, err := s.Open(t.Context(), root, 0)
	require.NoError(t, err)
	defer store.Close()
	cols, err := writer.SchemaOf[item]()
	require.NoError(t, err)
	o := &delta.CreateOptions{Options: delta.Options{Store: store}, PartitionBy: []string{"part"}}
	if w.more != nil {
		o.Properties = map[string]string{"delta.enableDeletionVectors": "true"}
	}
	tbl, err := delta.Create(t.Context(), root, cols, o)
	require.NoError(t, err)
	src, err := delta.Slice(append([]item{{"a", 0}, {"b", 0}}, w.more...))
	require.NoError(t, err)
	_, err = tbl.Append(t.Context(), src, nil)
	require.NoError(t, err)
}

// do runs the work as a process of its own would.
func do(ctx context.Context, t *testing.T, s *Server, root string, w work, timeout time.Duration) (*delta.Result, error) {
	t.Helper()
	store, err := s.Open(ctx, root, timeout)
	require.NoError(t, err)
	defer store.Close()
	tbl, err := delta.Open(ctx, root, &delta.Options{Store: store, CommitTimeout: 20 * time.Second, SkipProbe: true})
	if err != nil {
		return &delta.Result{State: delta.NotCommitted, Version: delta.NoVersion}, err
	}
	return w.run(ctx, tbl, source(t))
}

func rowsByPart(t *testing.T, s *Server, root string) map[string]int64 {
	t.Helper()
	store, err := s.Open(t.Context(), root, 0)
	require.NoError(t, err)
	defer store.Close()
	snap, err := txlog.Load(t.Context(), store, nil)
	require.NoError(t, err)
	sc, err := reader.New(snap, nil)
	require.NoError(t, err)
	got := map[string]int64{}
	for rec, err := range sc.Batches(t.Context()) {
		require.NoError(t, err)
		for i := range int(rec.NumRows()) {
			got[rec.Column(0).ValueStr(i)]++
		}
	}
	return got
}

// effects counts the commits that carry the key.
func effects(t *testing.T, s *Server, root string) (vs []delta.Version) {
	t.Helper()
	store, err := s.Open(t.Context(), root, 0)
	require.NoError(t, err)
	defer store.Close()
	snap, err := txlog.Load(t.Context(), store, nil)
	require.NoError(t, err)
	for v := delta.Version(0); v <= snap.Version(); v++ {
		c, err := snap.CommitAt(t.Context(), v)
		require.NoError(t, err)
		for _, a := range c.Actions {
			if x, ok := a.(*txlog.SetTransaction); ok && x.AppID == "job" {
				vs = append(vs, v)
			}
		}
	}
	return vs
}

// Every request of every write × every fault, through the real SDKs: the writer is
// told the truth, and the same key afterwards has one effect.
func TestWritesUnderEveryFault(t *testing.T) {
	faults := []faultproxy.Fault{
		faultproxy.DropBefore(), faultproxy.DropAfter(), faultproxy.Late(), faultproxy.Duplicate(),
		faultproxy.StatusBefore(500, "InternalError"), faultproxy.StatusAfter(500, "InternalError"),
		faultproxy.StatusAfter(503, "SlowDown"), faultproxy.HangBefore(), faultproxy.HangAfter(),
	}
	each(t, func(t *testing.T, s *Server) {
		for _, w := range works() {
			f, p := WithFaults(t, s, nil)
			root := f.Root()
			seeded(t, s, root, w)
			p.Reset()
			_, err := do(t.Context(), t, f, root, w, 0)
			require.NoError(t, err)
			requests := p.Events()
			require.Greater(t, len(requests), 5)
			for _, fault := range faults {
				t.Run(fmt.Sprintf("%s/%s", w.name, fault), func(t *testing.T) {
					t.Parallel() // most of the time is waiting
					for n := 1; n <= len(requests); n++ {
						// A read that hangs is another read; each costs a time-out.
						if hangs := strings.HasPrefix(fault.String(), "hang"); !hangs || requests[n-1].Writes() {
							underFault(t, s, w, fault, n)
						}
					}
				})
			}
		}
	})
}

func underFault(t *testing.T, s *Server, w work, fault faultproxy.Fault, n int) {
	f, p := WithFaults(t, s, nil)
	root := f.Root()
	seeded(t, s, root, w)
	p.Reset()
	p.SetScript(faultproxy.Nth(n, fault, func(faultproxy.Request) bool { return true }))
	res, err := do(t.Context(), t, f, root, w, short)
	p.SetScript(nil)
	msg := fmt.Sprintf("request %d: %s, %v", n, res.State, err)
	at := effects(t, s, root)
	switch res.State {
	case delta.Committed:
		require.NoError(t, err, msg)
		require.Equal(t, []delta.Version{res.Version}, at, msg)
	case delta.NotCommitted:
		require.Error(t, err, msg)
		require.Empty(t, at, msg)
	case delta.Unknown:
		require.ErrorIs(t, err, delta.ErrCommitUnknown, msg)
	default:
		require.Fail(t, msg)
	}
	again, err := do(t.Context(), t, s, root, w, 0)
	require.NoError(t, err, msg)
	if len(at) > 0 {
		require.Equal(t, delta.AlreadyApplied, again.State, msg)
	}
	_, err = p.Release()
	require.NoError(t, err, msg)
	at = effects(t, s, root)
	require.Len(t, at, 1, msg)
	require.Equal(t, w.want, rowsByPart(t, s, root), msg)
	require.Equal(t, at[0], again.Version, msg)
}

// A server that stores every commit and never says so.
func TestCommitsWithoutAnswers(t *testing.T) {
	each(t, func(t *testing.T, s *Server) {
		for _, w := range works() {
			for _, fault := range []faultproxy.Fault{faultproxy.DropAfter(), faultproxy.StatusAfter(500, "InternalError"), faultproxy.HangAfter()} {
				f, p := WithFaults(t, s, nil)
				root := f.Root()
				seeded(t, s, root, w)
				p.SetScript(faultproxy.Every(fault, func(r faultproxy.Request) bool { return r.Writes() && isCommit(r) }))
				res, err := do(t.Context(), t, f, root, w, short)
				require.NoError(t, err, "%s, %s", w.name, fault)
				require.Equal(t, delta.Committed, res.State)
				require.True(t, res.Recovered)
				require.Equal(t, []delta.Version{res.Version}, effects(t, s, root))
				require.Equal(t, w.want, rowsByPart(t, s, root))
			}
		}
	})
}

// isCommit recognises the creation of N.json in both protocols: the name is in the
// path for S3, in the query or the body for GCS, where all that is small and
// conditional below the log is taken.
func isCommit(r faultproxy.Request) bool {
	return r.Conditional() && r.Bytes < 8<<10 && (strings.Contains(r.Path, ".json") || strings.Contains(r.Query.Get("name"), ".json") || r.Query.Get("uploadType") != "" && r.Query.Get("name") == "")
}
