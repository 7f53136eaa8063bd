package fsck_test

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/corpus"
	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/delta/fsck"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// Checkpoints that deltalog does not write, damaged.
func TestDamageOfForeignCheckpoints(t *testing.T) {
	t.Parallel()
	tables, err := corpus.Tables()
	require.NoError(t, err)
	stores := corpusStores(t, tables)
	first := func(st *memstore.Store, part string) string {
		all := names(st, func(n string) bool { return strings.Contains(n, part) && !strings.HasPrefix(path.Base(n), ".") })
		require.NotEmpty(t, all, part)
		return all[0]
	}
	for _, x := range []struct {
		table string
		do    func(st *memstore.Store)
		want  []fsck.Code
	}{
		{"golden-tables/v2-checkpoint-parquet", func(st *memstore.Store) {
			drop(t, st, first(st, "/_sidecars/"))
		}, []fsck.Code{fsck.CheckpointBad}},
		{"golden-tables/v2-checkpoint-json", func(st *memstore.Store) {
			name := first(st, "/_sidecars/")
			write(t, st, name, read(t, st, name)[:200])
		}, []fsck.Code{fsck.CheckpointBad}},
		{"golden-tables/v2-checkpoint-json", func(st *memstore.Store) {
			name := first(st, ".checkpoint.")
			s := read(t, st, name)
			write(t, st, name, s[:strings.Index(s, "\n")])
		}, []fsck.Code{fsck.CheckpointBad}},
		{"golden-tables/multi-part-checkpoint", func(st *memstore.Store) {
			drop(t, st, first(st, ".checkpoint.0000000002."))
		}, []fsck.Code{fsck.CheckpointPartial}},
		{"golden-tables/multi-part-checkpoint", func(st *memstore.Store) {
			write(t, st, first(st, ".checkpoint.0000000002."), read(t, st, first(st, ".checkpoint.0000000001.")))
		}, []fsck.Code{fsck.CheckpointBad}},
	} {
		t.Run(x.table, func(t *testing.T) {
			st := stores[x.table].Clone()
			x.do(st)
			r := run(t, st, nil)
			require.Contains(t, codesOf(r), x.want[0], "%v", r.Findings)
		})
	}
	// A sidecar that no checkpoint names is an orphan.
	st := stores["golden-tables/v2-checkpoint-parquet"].Clone()
	require.Zero(t, run(t, st, nil).OrphanFiles)
	name := first(st, "/_sidecars/")
	write(t, st, path.Dir(name)+"/lost.parquet", read(t, st, name))
	r := run(t, st, nil)
	require.Equal(t, int64(1), r.OrphanFiles)
	require.Equal(t, path.Dir(name)+"/lost.parquet", r.Orphans[0].Name)
}

func codesOf(r *fsck.Report) (codes []fsck.Code) {
	for _, f := range r.Findings {
		if !slices.Contains(codes, f.Code) {
			codes = append(codes, f.Code)
		}
	}
	return codes
}

// Clean-up that removes commits, or a checkpoint, under a run is no damage.
func TestCleanUpUnderARun(t *testing.T) {
	t.Parallel()
	for name, gone := range map[string][]string{
		"commits":    {commitFile(0), crcFile(0), commitFile(1), crcFile(1), commitFile(2), crcFile(2), commitFile(3), crcFile(3)},
		"checksum":   {crcFile(2)},
		"checkpoint": {checkpointFile(4)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := good(t, "plain")
			cleaned := false
			faulty := faultstore.New(st, func(c faultstore.Call) faultstore.Fault {
				if c.Verb != logstore.VerbRead || cleaned {
					return faultstore.Pass
				}
				cleaned = true
				return faultstore.Fault{Run: func() { drop(t, st, gone...) }}
			})
			r := run(t, faulty, &fsck.Options{Parallel: 1})
			require.Empty(t, r.Findings)
			require.True(t, cleaned)
		})
	}
	// It cannot go on for ever.
	st := good(t, "plain")
	never := faultstore.New(st, faultstore.On(logstore.VerbRead, commitFile(2), 0, faultstore.Fail(logstore.ErrNotExist)))
	_, err := fsck.Run(t.Context(), never, nil)
	require.ErrorContains(t, err, "the log changed while it was read")
}

// A writer that commits under a run does no harm to it.
func TestCommitUnderARun(t *testing.T) {
	t.Parallel()
	for _, at := range []int{1, 2, 3} { // listings: of the log, of the data
		st := good(t, "partitioned")
		tbl, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st, Env: env()})
		require.NoError(t, err)
		lists := 0
		faulty := faultstore.New(st, func(c faultstore.Call) faultstore.Fault {
			if c.Verb != logstore.VerbList {
				return faultstore.Pass
			}
			if lists++; lists != at {
				return faultstore.Pass
			}
			return faultstore.Fault{Run: func() {
				_, err := tbl.Append(t.Context(), rows(t, "d1", 999), nil)
				require.NoError(t, err)
			}}
		})
		r := run(t, faulty, nil)
		require.NoError(t, r.Err())
		require.LessOrEqual(t, r.OrphanFiles, int64(1)) // the writer's file, which the log did not name yet
	}
}

// A listing that is late, or says things twice, does not make files missing.
func TestListingsThatLie(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func([]logstore.Object) []logstore.Object{
		"the last is missing": func(o []logstore.Object) []logstore.Object { return o[:max(len(o)-1, 0)] },
		"each is there twice": func(o []logstore.Object) (twice []logstore.Object) {
			for _, x := range o {
				twice = append(twice, x, x)
			}
			return twice
		},
	} {
		st := good(t, "vectors")
		write(t, st, "ds=d0/lost.parquet", "x")
		lists := 0
		faulty := faultstore.New(st, func(c faultstore.Call) faultstore.Fault {
			if c.Verb != logstore.VerbList {
				return faultstore.Pass
			}
			if lists++; c.Name != "" {
				return faultstore.Pass // the log's: readers cannot do with less
			}
			return faultstore.Fault{Edit: edit}
		})
		r := run(t, faulty, nil)
		require.Empty(t, r.Findings, name)
		require.Greater(t, lists, 2)
		require.Equal(t, int64(1), r.OrphanFiles, name)
	}
}

// Requests of a run that does not open data files do not grow with the files; a
// small budget of memory, and one request at a time, change nothing.
func TestBudgets(t *testing.T) {
	t.Parallel()
	st := twenty(t)
	traced := faultstore.New(st, nil)
	r := run(t, traced, &fsck.Options{Depth: fsck.Listing})
	count := map[logstore.Verb]int{}
	for _, c := range traced.Trace() {
		count[c.Verb]++
	}
	require.Zero(t, count[logstore.VerbStat])
	require.LessOrEqual(t, count[logstore.VerbList], 4)
	require.Equal(t, int64(count[logstore.VerbList]+count[logstore.VerbRead]+count[logstore.VerbReadRange]), r.Checked.Requests)
	commits, files := int64(21), int64(20)
	require.Equal(t, commits, r.Checked.Commits)
	require.Equal(t, files, r.Checked.Files)
	require.Equal(t, int64(2), r.Checked.Checkpoints)
	deep := run(t, st, &fsck.Options{})
	require.Equal(t, files, deep.Checked.Requests-r.Checked.Requests, "one request for each footer")

	for _, kind := range []string{"vectors", "changes", "row tracking"} {
		st := good(t, kind)
		want := run(t, st, &fsck.Options{Depth: fsck.Rows, History: true})
		got := run(t, st, &fsck.Options{Depth: fsck.Rows, History: true, MaxMemory: 1, Parallel: 1})
		require.Equal(t, want, got)
	}
}

// Findings and orphans are listed up to a number, and counted all.
func TestReportsAreBounded(t *testing.T) {
	t.Parallel()
	st := twenty(t)
	files := names(st, func(n string) bool { return strings.HasPrefix(n, "ds=") })
	drop(t, st, files[:10]...)
	for i := range 10 {
		write(t, st, "ds=d/lost-"+string(rune('a'+i)), "xx")
	}
	r := run(t, st, &fsck.Options{MaxFindings: 3, MaxOrphans: 4})
	require.Len(t, r.Findings, 3)
	require.Equal(t, int64(10), r.Counts[fsck.DataMissing])
	require.Equal(t, int64(10), r.Errors)
	require.Len(t, r.Orphans, 4)
	require.Equal(t, int64(10), r.OrphanFiles)
	require.Equal(t, int64(20), r.OrphanBytes)
	require.Equal(t, "ds=d/lost-a", r.Orphans[0].Name) // all are of one age
	var lines int
	for _, o := range r.Orphans {
		require.Equal(t, noon, o.Modified)
		lines++
	}
	require.Equal(t, 4, lines)
}

// A version is chosen by number or by time; one that is not there is no finding.
func TestVersions(t *testing.T) {
	t.Parallel()
	st := good(t, "timestamps")
	v := txlog.Version(99)
	_, err := fsck.Run(t.Context(), st, &fsck.Options{Version: &v})
	require.ErrorIs(t, err, txlog.ErrVersionNotFound)
	early := noon.AddDate(-1, 0, 0)
	_, err = fsck.Run(t.Context(), st, &fsck.Options{AsOf: &early})
	require.ErrorIs(t, err, txlog.ErrVersionNotFound)
	late := noon.AddDate(1, 0, 0)
	require.Equal(t, txlog.Version(9), run(t, st, &fsck.Options{AsOf: &late}).Version)
	_, err = fsck.Run(t.Context(), newStore(), nil)
	require.ErrorIs(t, err, txlog.ErrTableNotFound)
}
