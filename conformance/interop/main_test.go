package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var bench *Bench

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "deltalog-interop-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	bench = NewBench(dir)
	code := m.Run()
	if err := bench.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// judges are the engines that read tables.
var judges = []string{"spark", "deltars", "duck"}

func engine(t *testing.T, name string) *Engine {
	t.Helper()
	e, err := bench.Engine(name)
	require.NoError(t, err)
	return e
}

func product(t *testing.T) *Product {
	t.Helper()
	p, err := bench.Product()
	require.NoError(t, err)
	return p
}

// newTable returns a path for a table that does not exist yet. It goes with the
// whole run and not with the test: an engine that failed may still be writing.
func newTable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(bench.dir, "table-")
	require.NoError(t, err)
	return filepath.Join(dir, "table")
}

// An input is a file of rows, with their canonical form.
type input struct {
	path string
	rows *Rows
}

// input writes a dataset of engines/datasets.py in the format of the ending.
func makeInput(t *testing.T, ending, name string, args Args) input {
	t.Helper()
	request := Args{"name": name, "out": filepath.Join(t.TempDir(), name+"."+ending)}
	for k, v := range args {
		request[k] = v
	}
	files := engine(t, "files")
	require.NoError(t, files.Do("dataset", request, nil))
	rows, err := files.Read(request["out"].(string), nil)
	require.NoError(t, err)
	return input{request["out"].(string), rows}
}

// export returns what deltactl reads, by Arrow.
func export(t *testing.T, table string, extra ...string) *Rows {
	t.Helper()
	rows, r, err := product(t).Export(engine(t, "files"), table, "arrow", extra...)
	require.NoError(t, err)
	require.Equal(t, ExitOK, r.Code, "%s", r)
	return rows
}

func TestCanonicalFormOfPython(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("../.venv/bin/python", "-m", "unittest", "-q", "test_canon")
	cmd.Dir = "engines"
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
