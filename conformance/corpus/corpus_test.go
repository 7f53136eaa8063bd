package corpus_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/corpus"
)

func TestEverySourceHasTablesAndALicence(t *testing.T) {
	t.Parallel()
	tables, err := corpus.Tables()
	require.NoError(t, err)
	sources, err := corpus.Sources()
	require.NoError(t, err)
	require.Len(t, sources, 6)
	for _, s := range sources {
		n := 0
		for _, table := range tables {
			if strings.HasPrefix(table.Name, s+"/") {
				n++
			}
		}
		require.NotZero(t, n, "no table of %s in expected.json", s)
		if s != "spark-4.2" { // made for this project
			require.FileExists(t, filepath.Join("testdata", s+".LICENSE.txt"))
		}
	}
}

func TestExpectedRowsAreThereAndCounted(t *testing.T) {
	t.Parallel()
	tables, err := corpus.Tables()
	require.NoError(t, err)
	require.Greater(t, len(tables), 200)
	for _, table := range tables {
		rows, err := corpus.Expected(table.Name, table.Version)
		switch {
		case table.Rows < 0:
			require.NotEmpty(t, table.Refused, table.Name)
			require.ErrorIs(t, err, fs.ErrNotExist)
		case table.SHA256 != "":
			require.ErrorIs(t, err, fs.ErrNotExist)
		default:
			require.NoError(t, err)
			require.Equal(t, table.Rows, bytes.Count(rows, []byte("\n"))-1, table.Name)
		}
	}
}

func TestExtractWritesEveryTable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, corpus.Extract(dir))
	tables, err := corpus.Tables()
	require.NoError(t, err)
	for _, table := range tables {
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(table.Name)))
		require.NoError(t, err)
		require.True(t, info.IsDir())
	}
	require.Error(t, corpus.Extract(dir, "no such source"))
}
