package txlog

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// memCopy is a store with the files of dir.
func memCopy(t *testing.T, dir string) *fakeLog {
	t.Helper()
	log := &fakeLog{memstore.New(&memstore.Options{URL: "file:/foreign/table"}), t}
	require.NoError(t, filepath.Walk(dir, func(p string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, p)
		log.put(filepath.ToSlash(name), string(data))
		return err
	}))
	return log
}

// TestForeignTables reads logs of other engines: see testdata/tables/README.md.
// A checkpoint of our own of each must be the same table.
func TestForeignTables(t *testing.T) {
	t.Parallel()
	dirs, err := filepath.Glob("testdata/tables/*/_delta_log")
	require.NoError(t, err)
	require.Greater(t, len(dirs), 30)
	for _, dir := range dirs {
		dir = filepath.Dir(dir)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			log := memCopy(t, dir)
			got := txtar.Format(&txtar.Archive{Files: describe(t, log)})
			if *update {
				require.NoError(t, os.WriteFile(dir+".want", got, 0o600))
				return
			}
			want, err := os.ReadFile(dir + ".want")
			require.NoError(t, err)
			require.Equal(t, string(want), string(got))

			s, err := Load(t.Context(), log.Store, nil)
			if err != nil {
				return
			}
			if CheckWrite(s.Protocol(), nil) != nil {
				_, err := s.WriteCheckpoint(t.Context(), clock(0))
				require.Error(t, err)
				return
			}
			log.remove(checkpointPath(s.Version()))
			s, err = Load(t.Context(), log.Store, nil)
			if err != nil {
				return // that checkpoint was all there was
			}
			after, err := s.WriteCheckpoint(t.Context(), clock(0))
			require.NoError(t, err)
			same(t, s, after)
		})
	}
}

// Statistics that a checkpoint has as structs only come out as the JSON that the
// commits had.
func TestStructStatistics(t *testing.T) {
	t.Parallel()
	for table, commits := range map[string]int{"spark-ckpt_struct_stats": 10, "deltars-delta-1.2.1-only-struct-stats": 10} {
		log := memCopy(t, "testdata/tables/"+table)
		want := map[string]string{}
		for v := range Version(commits + 1) {
			c, err := log.load(nil).CommitAt(t.Context(), v)
			require.NoError(t, err)
			for _, a := range c.Actions {
				if f, ok := a.(*AddFile); ok {
					want[f.Path] = f.Stats
				}
			}
		}
		s := log.load(&LoadOptions{Version: ptr(Version(commits))})
		require.NotNil(t, s.base)
		n := 0
		for f, err := range s.Files(t.Context(), nil) {
			require.NoError(t, err)
			require.JSONEq(t, want[f.Path], f.Stats, f.Path)
			n++
		}
		require.Greater(t, n, 5)
	}
}
