package mutants

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	module = "github.com/deltalog/deltalog"
	// switchDir holds the package of the switch. It is there in the overlay only.
	switchDir = "internal/mutant"
	// Env is the variable that switches one mutant on, by its name.
	Env = "DELTALOG_MUTANT"
)

const switchSource = `// Package mutant is the switch of planted mistakes; see conformance/mutants.
package mutant

import "os"

var on = os.Getenv("` + Env + `")

// On reports whether the mutant of this name is switched on.
func On(name string) bool { return on == name }
`

// patch returns the text of a file with its mutants in place. src is what is there
// now. Every mistake in the mutants is reported: an Old that is not there, or more
// than once, and two that overlap.
func patch(file string, src []byte, ms []Mutant) ([]byte, error) {
	type edit struct {
		from int
		name string
		Edit
	}
	var edits []edit
	var errs []error
	for i := range ms {
		for _, e := range ms[i].edits() {
			if n := bytes.Count(src, []byte(e.Old)); n != 1 {
				errs = append(errs, fmt.Errorf("mutant %s: its old text is %d times in %s, want once; the code has changed, and the mutant must follow:\n%s", ms[i].Name, n, file, e.Old))
				continue
			}
			edits = append(edits, edit{bytes.Index(src, []byte(e.Old)), ms[i].Name, e})
		}
	}
	slices.SortFunc(edits, func(a, b edit) int { return cmp.Compare(a.from, b.from) })
	for i := 1; i < len(edits); i++ {
		if edits[i].from < edits[i-1].from+len(edits[i-1].Old) {
			errs = append(errs, fmt.Errorf("mutants %s and %s change the same text of %s", edits[i-1].name, edits[i].name, file))
		}
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	at, err := afterPackage(file, src)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.Write(src[:at])
	fmt.Fprintf(&out, "; import mutant %q", module+"/"+switchDir)
	for _, e := range edits {
		out.Write(src[at:e.from])
		on := fmt.Sprintf("mutant.On(%q)", e.name)
		out.WriteString(strings.NewReplacer("$on", on, "$old", e.Old).Replace(e.New))
		at = e.from + len(e.Old)
	}
	out.Write(src[at:])
	if _, err := parser.ParseFile(token.NewFileSet(), file, out.Bytes(), parser.SkipObjectResolution); err != nil {
		return nil, fmt.Errorf("with its mutants %s is no Go: %w", file, err)
	}
	return out.Bytes(), nil
}

// afterPackage returns the offset behind the package clause.
func afterPackage(file string, src []byte) (int, error) {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, file, src, parser.PackageClauseOnly)
	if err != nil {
		return 0, err
	}
	return set.Position(f.Name.End()).Offset, nil
}

// Overlay writes the files with their mutants below dir, and returns the name of
// the description of them that go build -overlay takes. root is the repository's.
func Overlay(root, dir string, all []Mutant) (string, error) {
	if err := Check(all); err != nil {
		return "", err
	}
	byFile := map[string][]Mutant{}
	for _, m := range all {
		byFile[m.File] = append(byFile[m.File], m)
	}
	replace := map[string]string{}
	write := func(file string, data []byte) error {
		to := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		replace[filepath.Join(root, filepath.FromSlash(file))] = to
		return os.WriteFile(to, data, 0o644)
	}
	errs := []error{write(switchDir+"/mutant.go", []byte(switchSource))}
	for file, ms := range byFile {
		src, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
		if err == nil {
			src, err = patch(file, src, ms)
		}
		if err == nil {
			err = write(file, src)
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, text, 0o644)
}
