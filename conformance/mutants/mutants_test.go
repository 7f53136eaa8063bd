package mutants

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	museumRows "github.com/deltalog/deltalog/conformance/museum"
	"github.com/deltalog/deltalog/internal/effort"
)

func root(t *testing.T) string {
	t.Helper()
	dir, err := Root()
	require.NoError(t, err)
	return dir
}

// Every mutant applies to the code as it is, and what comes out is Go; that of the
// log compiles. With the promised effort all is compiled, each mutant is switched
// on, and its killer must notice it.
func TestEveryMutantIsKilled(t *testing.T) {
	all, at := All(), root(t)
	require.GreaterOrEqual(t, len(all), 120)
	touch(t, at)
	if !effort.Full() {
		overlay, err := Overlay(at, t.TempDir(), all)
		require.NoError(t, err)
		compile(t, at, overlay)
		return
	}
	b, err := Build(t.Context(), at, t.TempDir(), all)
	require.NoError(t, err)
	require.NoError(t, b.Neutral(t.Context(), all))
	b.Run(t.Context(), all, func(v Verdict) {
		if !v.Killed {
			t.Errorf("%s, which %s, is not noticed by %s: %s", v.Mutant.Name, v.Mutant.Breaks, v.Mutant.Killer, v.Why)
		}
	})
}

// touch looks at every source file, so that the test's cached result is of no use
// once one of them has changed: the compiler, not this process, reads them.
func touch(t *testing.T, at string) {
	t.Helper()
	for _, dir := range []string{"txlog", "delta", "writer", "reader", "internal", "conformance"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(at, dir), func(name string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(name, ".go") {
				_, err = os.Stat(name)
			}
			return err
		}))
	}
}

// compile builds the packages of the log, which have the most mutants.
func compile(t *testing.T, at, overlay string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlay, "./txlog/...")
	cmd.Dir = at
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
}

// Killers are there: a name that no test has would match nothing.
func TestKillersExist(t *testing.T) {
	sources := map[string]string{}
	for _, m := range All() {
		p := m.Killer.Package
		if sources[p] == "" {
			files, err := filepath.Glob(filepath.Join(root(t), filepath.FromSlash(p), "*_test.go"))
			require.NoError(t, err)
			for _, f := range files {
				src, err := os.ReadFile(f)
				require.NoError(t, err)
				sources[p] += string(src)
			}
		}
		name, _, _ := strings.Cut(m.Killer.Test, "/")
		require.NotEmpty(t, name, "mutant %s", m.Name)
		require.True(t, strings.Contains(sources[p], "func "+name+"(t *testing.T)"), "mutant %s: there is no test %s", m.Name, m.Killer)
	}
}

// Rows are those of the museum, or invariants.
func TestRowsAreKnown(t *testing.T) {
	known := map[string]bool{}
	for _, r := range museumRows.Catalogue {
		known[r.ID] = true
	}
	invariant := regexp.MustCompile(`^(S[1-5]|D[1-5]|T[1-9]|T1[0-2]|C[1-7]|L[1-3])$`)
	for _, m := range All() {
		for r := range strings.FieldsSeq(m.Rows) {
			require.True(t, known[r] || invariant.MatchString(r), "mutant %s: %s is no row and no invariant", m.Name, r)
		}
	}
}

// The ten tests that were to be written first: each has a mutant that it notices.
func TestFirstTenHaveMutants(t *testing.T) {
	for _, row := range []string{"B5", "A1", "A1b", "A1c", "A5", "F-2", "E1", "D-1", "G1", "B1", "C-3", "F-3"} {
		prefix := museumRows.Row{ID: row}.TestPrefix()
		require.True(t, slices.ContainsFunc(All(), func(m Mutant) bool {
			return m.Killer.Package == museum && strings.HasPrefix(m.Killer.Test, prefix)
		}), "no mutant is noticed by a test %s…", prefix)
	}
}

func TestTableIsCurrent(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join(root(t), "docs", "conformance-mutants.md"))
	require.NoError(t, err)
	require.Equal(t, Doc(All()), string(doc), "write it again: go run ./conformance/mutants/cmd/mutants -doc docs/conformance-mutants.md")
}

func TestMutantsThatDoNotApplyAreNamed(t *testing.T) {
	const src = "package p\n\nfunc f() int {\n\ta := 1\n\tb := 1\n\treturn a + b\n}\n"
	for name, test := range map[string]struct {
		ms   []Mutant
		want string
	}{
		"gone":    {[]Mutant{{Name: "m", Old: "a - b", New: "$on"}}, "mutant m: its old text is 0 times in p/f.go"},
		"twice":   {[]Mutant{{Name: "m", Old: ":= 1", New: "$on"}}, "mutant m: its old text is 2 times"},
		"overlap": {[]Mutant{{Name: "m", Old: "return a", New: "$on"}, {Name: "n", Old: "a + b", New: "$on"}}, "mutants m and n change the same text"},
		"no Go":   {[]Mutant{{Name: "m", Old: "return a + b", New: "if $on {"}}, "with its mutants p/f.go is no Go"},
	} {
		_, err := patch("p/f.go", []byte(src), test.ms)
		require.ErrorContains(t, err, test.want, name)
	}
	out, err := patch("p/f.go", []byte(src), []Mutant{
		{Name: "m", Old: "a + b", New: "$old + 1"},
		{Name: "n", Old: "a := 1", New: "a := 2 // $on", And: []Edit{{"b := 1", "b := 2"}}},
	})
	require.NoError(t, err)
	require.Equal(t, "package p; import mutant \""+module+"/internal/mutant\"\n\nfunc f() int {\n\ta := 2 // mutant.On(\"n\")\n\tb := 2\n\treturn a + b + 1\n}\n", string(out))

	require.ErrorContains(t, Check([]Mutant{{Name: "a b"}, {Name: "a b", Old: "x", New: "y"}}), "two of this name")
	require.ErrorContains(t, Check([]Mutant{{Name: "ab", Old: "x", New: "y"}}), "no $on")
}

// What the runner says of mutants that a test does not notice, and of tests that
// are not there.
func TestSurvivorsAreReported(t *testing.T) {
	if !effort.Full() {
		return // it compiles: the promised effort has it
	}
	at := root(t)
	unnoticed := Mutant{
		Name: "unnoticed", Rows: "-", Breaks: "-", File: "txlog/path.go", Killer: Killer{Package: "txlog", Test: "TestSizes"},
		Old: `id := d.StorageType + d.PathOrInlineDV`, New: "$old\nif $on {\nid += \"!\"\n}",
	}
	endless := unnoticed
	endless.Name, endless.Killer.Test = "endless", "TestDeletionVectorID"
	endless.Old, endless.New = "if d.Offset != nil {", "for $on {\n}\n$old"
	b, err := Build(t.Context(), at, t.TempDir(), []Mutant{unnoticed, endless})
	require.NoError(t, err)
	ctx := context.Background()
	require.NoError(t, b.Neutral(ctx, []Mutant{unnoticed, endless}))

	v := b.Judge(ctx, &unnoticed)
	require.False(t, v.Killed)
	require.Contains(t, v.Why, "survived")
	noticed := unnoticed
	noticed.Killer.Test = "TestDeletionVectorID"
	require.True(t, b.Judge(ctx, &noticed).Killed)
	endless.Hangs = true
	v = b.Judge(ctx, &endless)
	require.True(t, v.Killed, v.Why)

	none := unnoticed
	none.Killer.Test = "TestThatIsNotThere"
	require.ErrorContains(t, b.Neutral(ctx, []Mutant{none}), "no test of that name")
	broken := unnoticed
	broken.New = "$old + 1 // $on"
	_, err = Build(ctx, at, t.TempDir(), []Mutant{broken})
	require.ErrorContains(t, err, "does not compile")
	require.Regexp(t, regexp.MustCompile(`path\.go:\d+`), err.Error())
}
