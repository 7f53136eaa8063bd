package fsck_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/corpus"
	"github.com/deltalog/deltalog/delta/fsck"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

var update = flag.Bool("update", false, "rewrite testdata/corpus.txt")

// corpusStores returns the tables of the corpus, each in a store of its own.
func corpusStores(t *testing.T, tables []corpus.Table) map[string]*memstore.Store {
	t.Helper()
	stores := map[string]*memstore.Store{}
	for _, x := range tables {
		stores[x.Name] = memstore.New(nil)
	}
	sources, err := corpus.Sources()
	require.NoError(t, err)
	for _, s := range sources {
		require.NoError(t, corpus.Each(s, func(name string, b []byte) error {
			for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
				if st := stores[dir]; st != nil {
					return st.Put(t.Context(), name[len(dir)+1:], b, logstore.Overwrite)
				}
			}
			return nil
		}))
	}
	return stores
}

// wrong are errors of tables that Spark reads, which are errors indeed.
var wrong = map[string]fsck.Code{
	// Statistics of an old delta-rs: the min of a timestamp is not that of all rows.
	"delta-rs-data/issue_1374": fsck.StatsBounds,
}

// What other engines wrote, and Spark reads, has no error. testdata/corpus.txt lists
// what is found, of tables that Spark refuses too.
func TestCorpus(t *testing.T) {
	t.Parallel()
	tables, err := corpus.Tables()
	require.NoError(t, err)
	stores := corpusStores(t, tables)
	var list strings.Builder
	clean := 0
	for _, x := range tables {
		r, err := fsck.Run(t.Context(), stores[x.Name], &fsck.Options{Depth: fsck.Rows, Env: env()})
		if err != nil {
			var unsupported *txlog.UnsupportedFeatureError
			require.True(t, errors.As(err, &unsupported) || x.Refused != "", "%s: %v", x.Name, err)
			fmt.Fprintf(&list, "%s: %v\n", x.Name, err)
			continue
		}
		if x.Refused == "" {
			bad := slices.DeleteFunc(slices.Clone(r.Findings), func(f *fsck.Finding) bool { return f.Severity != fsck.Error || f.Code == wrong[x.Name] })
			require.Empty(t, bad, x.Name)
			clean++
		}
		lines := summary(r)
		for _, l := range lines {
			fmt.Fprintf(&list, "%s: %s\n", x.Name, l)
		}
	}
	t.Logf("%d tables, %d that Spark reads are without error", len(tables), clean)
	require.Greater(t, clean, 150)
	const name = "testdata/corpus.txt"
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(name, []byte(list.String()), 0o600))
	}
	want, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, string(want), list.String())
}

// summary has one line for each code: the first finding, and how many there are.
func summary(r *fsck.Report) (lines []string) {
	var codes []fsck.Code
	for _, f := range r.Findings {
		if slices.Contains(codes, f.Code) {
			continue
		}
		codes = append(codes, f.Code)
		line := fmt.Sprintf("%s %s: %s", f.Severity, f.Code, f.Detail)
		if n := r.Counts[f.Code]; n > 1 {
			line = fmt.Sprintf("%s %s: %d times", f.Severity, f.Code, n)
		}
		lines = append(lines, line)
	}
	for _, n := range r.NotChecked {
		lines = append(lines, "not checked: "+n)
	}
	return lines
}
