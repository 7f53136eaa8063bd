package fsck_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta/fsck"
)

// The guide has every code.
func TestGuideHasEveryCode(t *testing.T) {
	t.Parallel()
	const name, begin, end = "../../docs/guide/fsck.md", "<!-- made by go test ./delta/fsck -run Guide -update -->\n", "<!-- end -->"
	page, err := os.ReadFile(name)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(page), begin)
	require.True(t, ok)
	_, after, ok := strings.Cut(rest, end)
	require.True(t, ok)
	var b strings.Builder
	b.WriteString("| code | | what it means | what to do |\n|---|---|---|---|\n")
	for _, c := range fsck.Codes() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", c.Code, c.Severity, c.Meaning, c.Do)
	}
	want := before + begin + b.String() + end + after
	if *update {
		require.NoError(t, os.WriteFile(name, []byte(want), 0o600))
		return
	}
	require.Equal(t, want, string(page), "run with -update")
}
