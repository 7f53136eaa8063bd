package compare

import (
	"context"
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance"
	"github.com/deltalog/deltalog/conformance/emulators"
	"github.com/deltalog/deltalog/conformance/ours"
	"github.com/deltalog/deltalog/txlog/logstore"
)

var write = flag.String("write", "", "play these engines (comma-separated; all; none) and write the published table")

var only = flag.String("only", "", "with -write: play the scenarios of this name alone")

// harnesses of one engine: what one cannot play, the next may.
func harnesses(t *testing.T, name string) []*conformance.Harness {
	t.Helper()
	switch name {
	case "deltalog":
		server := emulators.GoFakeS3(t)
		return []*conformance.Harness{ours.New("S3 (gofakes3), faults at the library's store", func(context.Context) (ours.Place, error) {
			url := server.Root()
			return ours.Place{URL: url, Open: func(ctx context.Context) (logstore.Store, error) { return server.Open(ctx, url, 0) }}, nil
		})}
	case "deltactl":
		bin := buildDeltactl(t)
		return []*conformance.Harness{deltactlOnS3(t, bin), deltactlOnDisk(t, bin)}
	case "delta-rs":
		return []*conformance.Harness{deltarsOnS3(t), deltarsOnDisk(t)}
	case "spark":
		return []*conformance.Harness{sparkOnDisk(t)}
	}
	require.Fail(t, "no such engine", name)
	return nil
}

// evaluate plays a scenario with the first harness that can.
func evaluate(ctx context.Context, all []*conformance.Harness, c conformance.Scenario) (v conformance.Verdict) {
	for i, h := range all {
		if next := c.Evaluate(ctx, h); i == 0 || next.Result != conformance.NotApplicable {
			v = next
		}
		if v.Result != conformance.NotApplicable {
			break
		}
	}
	v.Took = 0 // what is published does not change with the machine
	v.Seen = plain(v.Seen)
	return v
}

// names of files and directories differ from run to run.
var (
	fileName = regexp.MustCompile(`(part-\d+-)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}[\w.-]*`)
	dirName  = regexp.MustCompile(`(file:)?/[\w./-]*/Test\w+/\d+/`)
)

func plain(text string) string {
	text = dirName.ReplaceAllString(fileName.ReplaceAllString(text, "FILE"), "DIR/")
	if len(text) > 700 {
		text = strings.ToValidUTF8(text[:700], "") + "…"
	}
	return text
}

// TestWrite writes the published table: run.sh.
func TestWrite(t *testing.T) {
	if *write == "" {
		return
	}
	if *write == "none" { // only the page, from what was seen before
		all, err := loadVerdicts()
		require.NoError(t, err)
		require.NoError(t, saveVerdicts(all))
		return
	}
	names := strings.Split(*write, ",")
	if *write == "all" {
		names = engineOrder
	}
	for _, name := range names {
		hs := harnesses(t, name)
		column := &Column{Engine: hs[0].Engine, Settings: hs[0].Settings, Verdicts: map[string]conformance.Verdict{}}
		for _, h := range hs {
			column.Storage = append(column.Storage, h.Storage)
		}
		before, err := loadVerdicts()
		require.NoError(t, err)
		for _, c := range conformance.Scenarios() {
			if *only != "" && c.Name != *only {
				column.Verdicts[c.Name] = before[name].Verdicts[c.Name]
				continue
			}
			v := evaluate(t.Context(), hs, c)
			t.Log(name, v)
			require.NotEqual(t, conformance.Broken, v.Result, "%s: %s", c.Name, v.Seen)
			column.Verdicts[c.Name] = v
		}
		all, err := loadVerdicts()
		require.NoError(t, err)
		all[name] = column
		require.NoError(t, saveVerdicts(all))
	}
}

// handful are the scenarios that continuous integration plays with delta-rs.
var handful = []string{
	"lost answer, append", "resurrection", "second attempt under a key", "two overwrites of an empty table", "two deletes of rows of one file",
}

// What is published is true: ours completely, delta-rs in part.
func TestPublishedVerdicts(t *testing.T) {
	all, err := loadVerdicts()
	require.NoError(t, err)
	page, err := os.ReadFile(reportFile)
	require.NoError(t, err)
	require.Equal(t, render(all), string(page), "the page is not what was seen: go test . -args -write none")
	for name, some := range map[string][]string{"deltalog": nil, "deltactl": nil, "delta-rs": handful} {
		t.Run(name, func(t *testing.T) {
			published := all[name]
			require.NotNil(t, published, "run conformance/compare/run.sh")
			hs := harnesses(t, name)
			for _, c := range conformance.Scenarios() {
				if some != nil && !slices.Contains(some, c.Name) {
					continue
				}
				v := evaluate(t.Context(), hs, c)
				require.Equal(t, published.Verdicts[c.Name].Result, v.Result, "%s: %s", c.Name, v.Seen)
				if name != "delta-rs" {
					require.NotEqual(t, conformance.Fail, v.Result, "%s: %s", c.Name, v.Seen)
				}
			}
		})
	}
}
