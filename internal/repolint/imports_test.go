package repolint

import (
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/deltalog/deltalog"

// A boundary says what some packages may not depend on, directly or not.
// Patterns are import paths, below the module when they start with "./"; one
// that ends in "/..." also matches everything below.
type boundary struct {
	name  string
	from  []string
	never []string
	// direct limits the rule to imports written in the package itself.
	direct bool
}

// clouds are the modules that only the drivers may link.
var clouds = []string{
	"github.com/aws/...", "cloud.google.com/...", "google.golang.org/...",
	"gocloud.dev/blob/s3blob", "gocloud.dev/blob/gcsblob", "gocloud.dev/blob/azureblob", "gocloud.dev/blob/fileblob",
}

// testTools are for tests alone.
var testTools = []string{"testing", "github.com/stretchr/testify/...", "pgregory.net/rapid", "go.uber.org/goleak"}

// boundaries is the architecture: imports point down only.
var boundaries = []boundary{
	{
		name:  "txlog knows neither rows nor clouds",
		from:  []string{"./txlog/..."},
		never: append([]string{"./writer/...", "./reader/...", "./delta/...", "./cmd/...", "github.com/apache/arrow-go/...", "gocloud.dev/...", "go.opentelemetry.io/..."}, clouds...),
	},
	{
		name:  "the schema stands alone",
		from:  []string{"./txlog/schema"},
		never: []string{"./txlog", "./txlog/logstore/...", "./writer/...", "./reader/...", "./delta/..."},
	},
	{
		name:  "stores know nothing of tables",
		from:  []string{"./txlog/logstore/...", "./internal/blobstore", "./internal/faultstore"},
		never: []string{"./txlog", "./writer/...", "./reader/...", "./delta/..."},
	},
	{
		name:  "internal packages stand below the log",
		from:  []string{"./internal/..."},
		never: []string{"./txlog", "./writer/...", "./reader/...", "./delta/...", "./cmd/..."},
	},
	{
		name:  "reader does not write",
		from:  []string{"./reader/..."},
		never: []string{"./writer/...", "./delta/...", "./cmd/..."},
	},
	{
		name:  "writer does not read",
		from:  []string{"./writer/..."},
		never: []string{"./reader/...", "./delta/...", "./cmd/..."},
	},
	{
		name:  "an embedder who imports delta links no cloud",
		from:  []string{"./delta", "./delta/files", "./reader/...", "./writer/..."},
		never: append([]string{"./cmd/...", "./delta/s3", "./delta/gcs"}, clouds...),
	},
	{
		name: "the S3 driver links no Google SDK",
		from: []string{"./delta/s3"},
		// Not all of google.golang.org: gocloud.dev's error codes import gRPC's.
		never: []string{"cloud.google.com/...", "google.golang.org/api/storage/...", "google.golang.org/api/option/...", "gocloud.dev/blob/gcsblob", "./delta/gcs"},
	},
	{
		name:  "the GCS driver links no AWS SDK",
		from:  []string{"./delta/gcs"},
		never: []string{"github.com/aws/...", "gocloud.dev/blob/s3blob", "./delta/s3"},
	},
	{
		name:  "product code never imports its tests",
		from:  []string{"./txlog/...", "./writer/...", "./reader/...", "./delta/...", "./internal/..."},
		never: append([]string{"./conformance/..."}, testTools...),
	},
	{
		// deltactl conformance lets users prove it on their own store: so the command
		// links the checks, and nothing that is for go test.
		name:  "the command links no tests",
		from:  []string{"./cmd/..."},
		never: append([]string{"./conformance/storetest/...", "./conformance/tabletest/...", "./conformance/corpus/..."}, testTools...),
	},
	{
		name: "of Arrow only the containers",
		from: []string{"./..."},
		never: []string{
			"github.com/apache/arrow-go/v18/arrow/compute/...", "github.com/apache/arrow-go/v18/parquet/...",
			"github.com/apache/arrow-go/v18/arrow/flight/...", "github.com/apache/arrow-go/v18/arrow/csv",
		},
		direct: true,
	},
	{
		name:   "no package of yesterday",
		from:   []string{"./..."},
		never:  []string{"io/ioutil", "log", "math/rand", "unsafe/..."},
		direct: true,
	},
}

// unsafeAllowed are the packages that may import unsafe: they view column
// memory as typed slices, and the text of log lines as strings.
var unsafeAllowed = []string{"./txlog", "./writer", "./delta/files", "./internal/..."}

// A listed package, from `go list -json`.
type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
	Dir        string
	Name       string
}

// list returns the module's packages with their dependencies, tests left out.
// Packages that do not compile are listed with what can be parsed: the compiler
// complains about those, this test only about their imports.
func list(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,Deps,Dir,Name", "./...")
	cmd.Dir = root(t)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "go list: %s", stderr.String())
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := d.Decode(&p)
		if err == io.EOF {
			return all
		}
		require.NoError(t, err)
		all = append(all, p)
	}
}

func matches(pattern, path string) bool {
	if rest, ok := strings.CutPrefix(pattern, "./"); ok {
		pattern = module + "/" + rest
	}
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return path == base || strings.HasPrefix(path, base+"/")
	}
	return path == pattern
}

func matchesAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, path) })
}

// violations returns a line for each import that a boundary forbids.
func violations(all []listed, rules []boundary) []string {
	var bad []string
	byPath := map[string]listed{}
	for _, p := range all {
		byPath[p.ImportPath] = p
	}
	for _, rule := range rules {
		for _, p := range all {
			if !matchesAny(rule.from, p.ImportPath) || isTestHelper(p.ImportPath) {
				continue
			}
			deps := p.Deps
			if rule.direct {
				deps = p.Imports
			}
			for _, d := range deps {
				if matchesAny(rule.never, d) && !(rule.direct && d == "unsafe" && matchesAny(unsafeAllowed, p.ImportPath)) {
					bad = append(bad, rule.name+": "+chain(byPath, p.ImportPath, d))
				}
			}
		}
	}
	return bad
}

// chain shows one shortest way from a package to what it should not reach, as
// far as it leads through this module.
func chain(all map[string]listed, from, to string) string {
	came := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		for _, next := range all[at].Imports {
			if _, seen := came[next]; seen {
				continue
			}
			came[next] = at
			queue = append(queue, next)
		}
	}
	if _, found := came[to]; !found {
		return from + " … " + to
	}
	var way []string
	for at := to; at != ""; at = came[at] {
		way = append(way, strings.TrimPrefix(at, module+"/"))
	}
	slices.Reverse(way)
	return strings.Join(way, " → ")
}

func TestImportsPointDown(t *testing.T) {
	t.Parallel()
	all := list(t)
	require.NotEmpty(t, all)
	for _, v := range violations(all, boundaries) {
		t.Error(v)
	}
}

// TestImportRulesBite shows that each rule reports an import that breaks it.
func TestImportRulesBite(t *testing.T) {
	t.Parallel()
	expand := func(pattern string) string {
		pattern = strings.TrimSuffix(pattern, "/...")
		if pattern == "." {
			return module + "/anything"
		}
		if rest, ok := strings.CutPrefix(pattern, "./"); ok {
			return module + "/" + rest
		}
		return pattern
	}
	for _, rule := range boundaries {
		for _, from := range rule.from {
			for _, never := range rule.never {
				p := listed{ImportPath: expand(from), Imports: []string{expand(never)}, Deps: []string{expand(never)}}
				if p.ImportPath == p.Imports[0] {
					continue
				}
				require.Len(t, violations([]listed{p}, []boundary{rule}), 1, "%s: %s imports %s", rule.name, from, never)
			}
		}
	}
	ok := listed{ImportPath: module + "/txlog", Imports: []string{"context", module + "/txlog/schema"}, Deps: []string{"context", module + "/txlog/schema"}}
	require.Empty(t, violations([]listed{ok}, boundaries))
}
