package retry_test

import (
	"flag"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/retry"
)

var update = flag.Bool("update", false, "write the table of guarantees into the README")

// The table in the README is between these lines.
const (
	readme      = "../../README.md"
	tableBegins = "<!-- What conformance/retry asserts; go test ./conformance/retry -run TestReadme -update writes it. -->\n"
	tableEnds   = "<!-- end of the table -->\n"
)

// What the README promises is what the tests of this package assert.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile(readme)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), tableBegins)
	require.True(t, found, "the README has no line %q", tableBegins)
	table, after, found := strings.Cut(rest, tableEnds)
	require.True(t, found, "the README has no line %q", tableEnds)
	want := "\n" + retry.Markdown() + "\n"
	if *update {
		require.NoError(t, os.WriteFile(readme, []byte(before+tableBegins+want+tableEnds+after), 0o600))
		return
	}
	require.Equal(t, want, table, "run this test with -update")
}

// Every operation is in the table once with a key and once without.
func TestTableIsComplete(t *testing.T) {
	for _, keyed := range []bool{true, false} {
		var in []string
		for _, g := range retry.Guarantees {
			if g.Keyed == keyed {
				in = append(in, g.Op)
			}
			for _, c := range g.Cells {
				require.NotEmpty(t, c.Text)
			}
		}
		slices.Sort(in)
		require.Equal(t, slices.Sorted(maps.Keys(ops)), in)
	}
}
