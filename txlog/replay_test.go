package txlog

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the want/ sections of testdata/replay")

// TestReplay reads the logs in testdata/replay and compares what the table is
// with the archive's want/ sections.
func TestReplay(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob("testdata/replay/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, archives)
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			a, err := txtar.ParseFile(name)
			require.NoError(t, err)
			log := newFakeLog(t)
			var logFiles, want []txtar.File
			for _, f := range a.Files {
				if strings.HasPrefix(f.Name, "want/") {
					want = append(want, f)
					continue
				}
				logFiles = append(logFiles, f)
				log.put(f.Name, string(f.Data))
			}
			got := describe(t, log)
			if *update {
				a.Files = append(logFiles, got...)
				require.NoError(t, os.WriteFile(name, txtar.Format(a), 0o600))
				return
			}
			require.Equal(t, string(txtar.Format(&txtar.Archive{Files: want})), string(txtar.Format(&txtar.Archive{Files: got})))
		})
	}
}

// describe prints the table for people.
func describe(t *testing.T, log *fakeLog) []txtar.File {
	t.Helper()
	s, err := Load(t.Context(), log.Store, nil)
	if err != nil {
		return []txtar.File{{Name: "want/error", Data: []byte(err.Error() + "\n")}}
	}
	var files, tombs, state strings.Builder
	for f, err := range s.Files(t.Context(), nil) {
		require.NoError(t, err)
		fmt.Fprintf(&files, "%s size=%d dv=%q\n", f.Path, f.Size, f.DeletionVector.ID())
	}
	for r, err := range s.Tombstones(t.Context()) {
		require.NoError(t, err)
		fmt.Fprintf(&tombs, "%s dv=%q\n", r.Path, r.DeletionVector.ID())
	}
	fmt.Fprintf(&state, "version %d\nprotocol %d,%d\nmetadata %s\n", s.Version(), s.Protocol().MinReaderVersion, s.Protocol().MinWriterVersion, s.Metadata().ID)
	txns, err := s.Txns(t.Context())
	require.NoError(t, err)
	for _, x := range txns {
		fmt.Fprintf(&state, "txn %s %d\n", x.AppID, x.Version)
		one, err := s.Txn(t.Context(), x.AppID)
		require.NoError(t, err)
		require.Equal(t, x, one)
	}
	domains, err := s.Domains(t.Context())
	require.NoError(t, err)
	for _, d := range domains {
		fmt.Fprintf(&state, "domain %s %s\n", d.Domain, d.Configuration)
		one, err := s.Domain(t.Context(), d.Domain)
		require.NoError(t, err)
		require.Equal(t, d, one)
	}
	return []txtar.File{
		{Name: "want/state", Data: []byte(state.String())},
		{Name: "want/files", Data: []byte(files.String())},
		{Name: "want/tombstones", Data: []byte(tombs.String())},
	}
}
