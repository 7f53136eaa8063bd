package mutants

import (
	"fmt"
	"strings"
)

// Doc returns docs/conformance-mutants.md.
func Doc(all []Mutant) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Planted mistakes, and the tests that notice them

Written by `+"`go run ./conformance/mutants/cmd/mutants -doc docs/conformance-mutants.md`"+`; do not edit.

Each of these %d mutants is one mistake in our own code. The test command compiles the
code with all of them in place, each behind a switch, switches them on one at a time, and
requires that the test named beside it fails; with none switched on all of these tests pass.
Rows (A1, B5 …) are those of the museum, `+"`conformance/museum`"+`, where each has its thread;
S, D, T, C and L are the invariants of `+"`docs/conformance.md`"+`.

| Mutant | What the code then does | Where | Rows | Killed by |
|---|---|---|---|---|
`, len(all))
	for _, m := range all {
		fmt.Fprintf(&b, "| `%s` | %s | `%s` | %s | `%s` in `%s` |\n", m.Name, cell(m.Breaks), m.File, m.Rows, m.Killer.Test, m.Killer.Package)
	}
	return b.String()
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
