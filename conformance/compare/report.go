package compare

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/deltalog/deltalog/conformance"
)

// A Column is one engine of the published table.
type Column struct {
	Engine   string                         `json:"engine"`
	Storage  []string                       `json:"storage"`
	Settings []string                       `json:"settings,omitempty"`
	Verdicts map[string]conformance.Verdict `json:"verdicts"` // by scenario
}

// verdictsFile keeps what run.sh has seen.
var verdictsFile = filepath.Join("testdata", "verdicts.json")

// engineOrder is the order of the columns.
var engineOrder = []string{"deltalog", "deltactl", "delta-rs", "spark"}

// reportFile is the published table.
var reportFile = filepath.Join("..", "..", "docs", "conformance-engines.md")

func loadVerdicts() (map[string]*Column, error) {
	all := map[string]*Column{}
	data, err := os.ReadFile(verdictsFile)
	if os.IsNotExist(err) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	return all, json.Unmarshal(data, &all)
}

func saveVerdicts(all map[string]*Column) error {
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(verdictsFile), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(verdictsFile, append(data, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(reportFile, []byte(render(all)), 0o644)
}

// render writes the published table.
func render(all map[string]*Column) string {
	var b strings.Builder
	b.WriteString(`# Which engine keeps which promise

This page is written by ` + "`conformance/compare/run.sh`" + `, which plays the scenarios of
package conformance with each engine; do not edit it. In each scenario one thing goes
wrong at one request. The verdict comes from the bytes of the table, read by
deltalog's reader, and not from the engine's word: see
[the guide](guide/conformance.md). Engines have their own defaults but for the
settings below. Only what was run is claimed: these versions, on this storage, these
stories. "n/a": the engine or its storage cannot play the story; the reason is below.

A job that ends with an error is run again once, as an orchestrator does.

`)
	var columns []*Column
	for _, name := range engineOrder {
		if c := all[name]; c != nil {
			columns = append(columns, c)
			fmt.Fprintf(&b, "- **%s**: %s", c.Engine, strings.Join(c.Storage, "; "))
			if len(c.Settings) > 0 {
				fmt.Fprintf(&b, ". Settings: %s", strings.Join(c.Settings, "; "))
			}
			b.WriteString(".\n")
		}
	}
	b.WriteString("\n| scenario | stands for |")
	for _, c := range columns {
		fmt.Fprintf(&b, " %s |", c.Engine)
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(columns)) + "\n")
	passed := make([]int, len(columns))
	played := make([]int, len(columns))
	for _, s := range conformance.Scenarios() {
		fmt.Fprintf(&b, "| %s | %s |", s.Name, strings.Join(s.IDs, " "))
		for i, c := range columns {
			v := c.Verdicts[s.Name]
			text := string(v.Result)
			switch v.Result {
			case conformance.Pass:
				passed[i]++
				played[i]++
			case conformance.Fail:
				played[i]++
				text = "**fail**"
			}
			fmt.Fprintf(&b, " %s |", text)
		}
		b.WriteString("\n")
	}
	b.WriteString("| passed of those played | |")
	for i := range columns {
		fmt.Fprintf(&b, " %d of %d |", passed[i], played[i])
	}
	b.WriteString("\n")
	for _, c := range columns {
		seen(&b, c, "what was seen where it failed", conformance.Fail)
		seen(&b, c, "why not applicable", conformance.NotApplicable)
	}
	b.WriteString("\n## The promises\n\n")
	for _, s := range conformance.Scenarios() {
		fmt.Fprintf(&b, "- *%s*: %s\n", s.Name, s.Promise)
	}
	return b.String()
}

// seen lists what was seen in the scenarios that ended in one way.
func seen(b *strings.Builder, c *Column, title string, result conformance.Result) {
	head := fmt.Sprintf("\n## %s: %s\n\n", c.Engine, title)
	for _, s := range conformance.Scenarios() {
		if v := c.Verdicts[s.Name]; v.Result == result {
			b.WriteString(head + "- *" + s.Name + "*: " + strings.ReplaceAll(v.Seen, "|", "\\|") + "\n")
			head = ""
		}
	}
}
