package museum_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/museum"
)

var testName = regexp.MustCompile(`^Test[A-H][0-9]+[a-d]?_`)

// Every row of the catalogue has its test, or says why it has none.
func TestCatalogueIsComplete(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	tests := map[string]int{}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && testName.MatchString(fn.Name.Name) {
				tests[testName.FindString(fn.Name.Name)]++
			}
		}
	}
	require.Len(t, museum.Catalogue, 96)
	for _, r := range museum.Catalogue {
		require.NotEmpty(t, r.Thread, r.ID)
		require.NotEmpty(t, r.What, r.ID)
		if r.Not != "" {
			require.Zero(t, tests[r.TestPrefix()], "%s cannot concern us (%s), and has a test", r.ID, r.Not)
			continue
		}
		require.NotZero(t, tests[r.TestPrefix()], "%s (%s, %s) has no test %s…", r.ID, r.Thread, r.What, r.TestPrefix())
		delete(tests, r.TestPrefix())
	}
	require.Empty(t, tests, "these tests have no row")
	require.Equal(t, "TestC3_", strings.TrimSpace(museum.Row{ID: "C-3"}.TestPrefix()))
}
