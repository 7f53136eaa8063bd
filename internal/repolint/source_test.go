package repolint

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// root is the top of the repository.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(dir, "go.mod"))
	return dir
}

// files returns the names, slash-separated and relative to the root, of every
// file that git tracks or would add; without git, of every file.
func files(t *testing.T) []string {
	t.Helper()
	dir := root(t)
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err == nil {
		names := strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
		return slices.DeleteFunc(names, func(n string) bool {
			info, err := os.Lstat(filepath.Join(dir, n))
			return err != nil || !info.Mode().IsRegular() // deleted but not committed yet, or a link
		})
	}
	var names []string
	require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && slices.Contains([]string{".git", ".cache", ".venv", "bin", "jars"}, d.Name()) {
			return fs.SkipDir
		}
		if err == nil && d.Type().IsRegular() {
			names = append(names, name)
		}
		return err
	}))
	return names
}

// isFixture says that a file is data for tests, often written by others.
func isFixture(name string) bool { return strings.Contains("/"+name, "/testdata/") }

// isCore says that a Go file is product code that takes its surroundings
// injected: everything but the commands, the tests and what helps them.
func isCore(name string) bool {
	return isProduct(name) && !strings.HasPrefix(name, "cmd/") && !under(name, "internal/bench", "internal/faultstore")
}

// isTestHelper says that a package's last name is that of test helpers, such as vectest.
func isTestHelper(dir string) bool { return strings.HasSuffix(dir, "test") }

func isProduct(name string) bool {
	return strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") && !isFixture(name) &&
		under(name, "txlog", "writer", "reader", "delta", "internal", "cmd") && !under(name, "internal/repolint") && !isTestHelper(filepath.Dir(name))
}

func isTest(name string) bool {
	return !isFixture(name) && (strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "conformance/") && strings.HasSuffix(name, ".go"))
}

func under(name string, dirs ...string) bool {
	return slices.ContainsFunc(dirs, func(d string) bool { return strings.HasPrefix(name, d+"/") })
}

// seam is the one file that reads the process's clock and makes ids; everything
// else takes them from a txlog.Env.
const seam = "txlog/env.go"

// A ban forbids a use of a package's function, or a method by name when pkg is
// empty, in the files that where selects.
type ban struct {
	rule  string // the word after repolint:allow
	where func(name string) bool
	pkg   string
	names []string // nil: everything of the package
	why   string
}

var bans = []ban{
	{"clock", isCore, "time", []string{"Now", "Since", "Until", "Sleep"}, "take the clock from txlog.Env"},
	{"random", isCore, "math/rand/v2", nil, "take randomness from txlog.Env"},
	{"random", isCore, "math/rand", nil, "take randomness from txlog.Env"},
	{"random", isCore, "crypto/rand", nil, "take randomness from txlog.Env"},
	{"random", isCore, "github.com/google/uuid", []string{"New", "NewString", "NewRandom", "NewV7", "NewUUID", "Must"}, "take ids from txlog.Env"},
	{"print", isCore, "fmt", []string{"Print", "Printf", "Println"}, "a library does not print"},
	{"print", isCore, "os", []string{"Stdout", "Stderr", "Stdin", "Exit"}, "a library leaves the process's streams alone"},
	{"print", isProduct, "log", nil, "take a *slog.Logger"},
	{"print", isCore, "log/slog", []string{"Default", "SetDefault", "Info", "Warn", "Error", "Debug"}, "take the logger from txlog.Env"},
	{"context", isCore, "context", []string{"TODO"}, "pass the caller's context"},
	{"skip", isTest, "", []string{"Skip", "Skipf", "SkipNow"}, "a skipped test proves nothing: install what it needs or delete it"},
	{"sleep", isTest, "time", []string{"Sleep"}, "wait for the event, or use testing/synctest"},
	{"assert", isTest, "github.com/stretchr/testify/assert", nil, "use require"},
	{"global-random", isTest, "math/rand/v2", []string{"Int", "IntN", "Int64", "Int64N", "Uint32", "Uint64", "Float64", "Perm", "Shuffle", "N"}, "use rand.New with a fixed seed, and print it on failure"},
	{"global-random", isTest, "math/rand", []string{"Int", "Intn", "Int63", "Int31n", "Float64", "Perm", "Shuffle", "Read"}, "use rand.New with a fixed seed, and print it on failure"},
}

// check returns the uses in one file that a ban forbids.
func check(name string, src []byte, bans []ban) ([]string, error) {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	imported := map[string]string{} // local name → path
	for _, spec := range f.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		local := path[strings.LastIndex(path, "/")+1:]
		if local == "v2" {
			local = "rand"
		}
		if spec.Name != nil {
			local = spec.Name.Name
		}
		imported[local] = path
	}
	allowed := allowances(set, f)
	var bad []string
	report := func(b ban, at token.Pos, what string) {
		line := set.Position(at).Line
		if allowed[line][b.rule] || allowed[line-1][b.rule] {
			return
		}
		bad = append(bad, fmt.Sprintf("%s:%d: %s: %s (rule %s)", name, line, what, b.why, b.rule))
	}
	ast.Inspect(f, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		from := "" // the package, when the selector is of one
		if id, ok := sel.X.(*ast.Ident); ok {
			from = imported[id.Name]
		}
		for _, b := range bans {
			if b.where(name) && b.pkg == from && (b.names == nil || slices.Contains(b.names, sel.Sel.Name)) {
				report(b, sel.Pos(), sel.Sel.Name)
			}
		}
		return true
	})
	return bad, nil
}

var allowance = regexp.MustCompile(`^//repolint:allow ([a-z-]+): .{10,}`)

// allowances returns, for each line, the rules that a comment lifts there.
func allowances(set *token.FileSet, f *ast.File) map[int]map[string]bool {
	out := map[int]map[string]bool{}
	for _, group := range f.Comments {
		for _, c := range group.List {
			m := allowance.FindStringSubmatch(c.Text)
			if m == nil {
				continue
			}
			line := set.Position(c.Pos()).Line
			if out[line] == nil {
				out[line] = map[string]bool{}
			}
			out[line][m[1]] = true
		}
	}
	return out
}

func TestBannedCalls(t *testing.T) {
	t.Parallel()
	dir := root(t)
	for _, name := range files(t) {
		if !strings.HasSuffix(name, ".go") || isFixture(name) || name == seam {
			continue
		}
		src, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		bad, err := check(name, src, bans)
		require.NoError(t, err)
		for _, b := range bad {
			t.Error(b)
		}
	}
}

// TestBansBite shows that each ban reports its call, and that an allowance with
// a reason lifts it.
func TestBansBite(t *testing.T) {
	t.Parallel()
	where := map[bool]string{true: "txlog/x.go", false: "txlog/x_test.go"}
	for _, b := range bans {
		names := b.names
		if names == nil {
			names = []string{"Anything"}
		}
		for _, n := range names {
			head, call := "package p\n", "t."+n
			if b.pkg != "" {
				head += "import x " + strconv.Quote(b.pkg) + "\n"
				call = "x." + n
			}
			name := where[b.where("txlog/x.go")]
			bad, err := check(name, []byte(head+"var _ = "+call+"\n"), []ban{b})
			require.NoError(t, err)
			require.Len(t, bad, 1, "%s of %q", n, b.pkg)
			bad, err = check(name, []byte(head+"//repolint:allow "+b.rule+": a reason of some length\nvar _ = "+call+"\n"), []ban{b})
			require.NoError(t, err)
			require.Empty(t, bad)
			bad, err = check(name, []byte(head+"//repolint:allow "+b.rule+":\nvar _ = "+call+"\n"), []ban{b})
			require.NoError(t, err)
			require.Len(t, bad, 1, "an allowance without a reason counts for nothing")
		}
	}
}

// Words that no file of the repository holds: the machines that it was made on
// and the hosts of package registries, which differ from site to site. They are
// put together here so that this file passes.
var machineWords = regexp.MustCompile(strings.Join([]string{
	`(^|[\s"'=(:` + "`" + `])/` + `work/[a-z]`,
	`(^|[\s"'=(:` + "`" + `])/` + `tmp/[a-z]`,
	`(^|[\s"'=(:` + "`" + `])/` + `root/`,
	`proxy\.golang` + `\.org`, `sum\.golang` + `\.org`, `pypi` + `\.org`, `pythonhosted` + `\.org`,
	`repo1?\.maven` + `\.`, `registry\.npmjs` + `\.`, `crates` + `\.io`, `goproxy` + `\.`,
}, "|"))

func TestNoMachineNamesInFiles(t *testing.T) {
	t.Parallel()
	dir := root(t)
	for _, name := range files(t) {
		if isFixture(name) {
			continue
		}
		src, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		if bytes.IndexByte(src, 0) >= 0 {
			continue
		}
		for i, line := range bytes.Split(src, []byte("\n")) {
			if m := machineWords.Find(line); m != nil {
				t.Errorf("%s:%d: names a machine's path or a registry's host: %q", name, i+1, m)
			}
		}
	}
	require.Regexp(t, machineWords, "see /"+"work/main")
	require.Regexp(t, machineWords, "https://"+"pypi"+".org/simple")
	require.NotRegexp(t, machineWords, "a/"+"work/x and network/root of https://github.com")
}

// Sizes. A file above the first number is named in the log, above the second it fails.
const (
	fileLinesWanted = 600
	fileLinesMost   = 1000
	fixtureMost     = 2 << 20 // bytes
)

func TestFileSizes(t *testing.T) {
	t.Parallel()
	dir := root(t)
	for _, name := range files(t) {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		if info.Size() > fixtureMost {
			t.Errorf("%s: %d bytes, want at most %d: a clone should stay small", name, info.Size(), fixtureMost)
		}
		if !strings.HasSuffix(name, ".go") {
			continue
		}
		src, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		switch n := bytes.Count(src, []byte("\n")); {
		case n > fileLinesMost:
			t.Errorf("%s: %d lines, want at most %d: split it by topic", name, n, fileLinesMost)
		case n > fileLinesWanted:
			t.Logf("%s: %d lines, %d would read better", name, n, fileLinesWanted)
		}
	}
}

func TestExportedSymbolsAreDocumented(t *testing.T) {
	t.Parallel()
	dir := root(t)
	packages := map[string]bool{} // directory → has a package comment
	for _, name := range files(t) {
		if !isProduct(name) && !(strings.HasPrefix(name, "conformance/") && strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")) {
			continue
		}
		src, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		bad, documented, err := undocumented(name, src)
		require.NoError(t, err)
		for _, b := range bad {
			t.Error(b)
		}
		at := filepath.Dir(name)
		packages[at] = packages[at] || documented
	}
	for at, documented := range packages {
		if !documented {
			t.Errorf("%s: no package comment", at)
		}
	}
}

// plain are methods whose meaning their interface fixes.
var plain = []string{"Error", "Unwrap", "Is", "As", "String", "GoString", "Len", "Less", "Swap", "MarshalJSON", "UnmarshalJSON", "MarshalText", "UnmarshalText"}

// undocumented returns the exported declarations of a file without a comment,
// and whether the file has a package comment. Methods of one line may speak for
// themselves.
func undocumented(name string, src []byte) (bad []string, hasDoc bool, err error) {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, false, err
	}
	report := func(id *ast.Ident) {
		bad = append(bad, fmt.Sprintf("%s: exported %s has no comment", set.Position(id.Pos()), id.Name))
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			oneLine := d.Recv != nil && d.Body != nil && set.Position(d.Pos()).Line == set.Position(d.End()).Line
			if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) && f.Name.Name != "main" && !oneLine && !slices.Contains(plain, d.Name.Name) {
				report(d.Name)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
						report(s.Name)
					}
				case *ast.ValueSpec:
					for _, id := range s.Names {
						if id.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
							report(id)
						}
					}
				}
			}
		}
	}
	return bad, f.Doc != nil, nil
}

// exportedReceiver says that a function can be called from outside: it is no
// method, or its receiver's type is exported.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	typ := d.Recv.List[0].Type
	for {
		switch x := typ.(type) {
		case *ast.StarExpr:
			typ = x.X
		case *ast.IndexExpr:
			typ = x.X
		case *ast.IndexListExpr:
			typ = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}

func TestUndocumentedBites(t *testing.T) {
	t.Parallel()
	bad, doc, err := undocumented("x.go", []byte("package p\ntype T struct{}\nfunc (T) M() {\n}\nfunc (t) M() {\n}\nfunc (T) String() string {\n}\nfunc (T) One() {}\nvar V int\nconst (\n// C is.\nC = 1\nD = 2\n)\n// F is.\nfunc F() {}\n"))
	require.NoError(t, err)
	require.False(t, doc)
	require.Len(t, bad, 4, "T, M, V and D: %v", bad)
}
