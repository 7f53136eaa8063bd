package mutants

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A Mutant is one thing that our code could get wrong.
type Mutant struct {
	Name   string // words with hyphens between them; unique
	Rows   string // rows of the catalogue and invariants that it violates: "A1 T4"
	Breaks string // what the code does with it, in a few words
	File   string // from the root of the repository
	// Old is what the file has there now; it occurs once. New is what stands in its
	// place in the instrumented code: in it $on is the condition that the mutant is
	// switched on, and $old stands for Old.
	Old, New string
	And      []Edit // further changes of the same file
	Killer   Killer
	// Hangs says that the mutant is noticed because the test does not end.
	Hangs bool
}

// An Edit is a change of the same file that belongs to a mutant.
type Edit struct{ Old, New string }

func (m *Mutant) edits() []Edit { return append([]Edit{{m.Old, m.New}}, m.And...) }

// A Killer is the test that notices a mutant.
type Killer struct {
	Package string // import path below the module: "txlog"
	Test    string // as for go test -run, without anchors: "TestKeys/verify,_same"; "": all
}

// String is how a person runs it.
func (k Killer) String() string { return k.Package + " " + k.Test }

// pattern anchors each level of the test's name.
func (k Killer) pattern() string {
	if k.Test == "" {
		return "."
	}
	levels := strings.Split(k.Test, "/")
	for i, l := range levels {
		levels[i] = "^" + regexp.QuoteMeta(l) + "$"
	}
	return strings.Join(levels, "/")
}

// All returns the mutants, area by area.
func All() []Mutant {
	return slices.Concat(commit, keys, conflicts, logs, stores, tables, rows, found)
}

var nameForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// Check returns what is wrong with mutants as data, before any file is looked at.
func Check(all []Mutant) error {
	var errs []error
	seen := map[string]bool{}
	for _, m := range all {
		bad := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("mutant %s: %s", m.Name, fmt.Sprintf(format, args...)))
		}
		if !nameForm.MatchString(m.Name) {
			bad("its name is not of words with hyphens between them")
		}
		if seen[m.Name] {
			bad("there are two of this name")
		}
		seen[m.Name] = true
		if m.Rows == "" || m.Breaks == "" || m.Killer.Package == "" {
			bad("say which rows it is about, what it breaks and what kills it")
		}
		for _, e := range m.edits() {
			if !strings.Contains(e.New, "$on") {
				bad("its new text has no $on, so that it could not be switched off")
			}
		}
	}
	return errors.Join(errs...)
}
