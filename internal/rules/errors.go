package rules

import (
	"fmt"
	"strings"
)

// What a rule without a name is called in a [ConstraintError].
const (
	NotNull     = "NOT NULL"
	ofInvariant = "invariant"
	ofGenerated = "generated column"
	ofIdentity  = "identity column"
	ofDefault   = "default"
)

// A ConstraintError says that a row is not what the table promises of its rows.
// Nothing was committed.
type ConstraintError struct {
	// Constraint is the name of a CHECK constraint, or "NOT NULL", "invariant",
	// "generated column", "identity column", "default".
	Constraint string
	Column     string // path of the column that the rule belongs to; empty for a CHECK constraint
	Expression string // SQL
	Row        int64  // the first such row of the input, from 0
	Sample     string // the row's values of the columns that the expression reads
	Err        error  // why the expression has no value for the row; nil: it has one
}

// Error names the rule, the row and its values.
func (e *ConstraintError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "row %d breaks ", e.Row)
	switch {
	case e.Column == "":
		fmt.Fprintf(&b, "the constraint %s", e.Constraint)
	case e.Constraint == ofInvariant:
		fmt.Fprintf(&b, "the invariant of column %s", e.Column)
	default:
		fmt.Fprintf(&b, "the rule of %s %s", e.Constraint, e.Column)
	}
	if e.Expression != "" {
		fmt.Fprintf(&b, " (%s)", clip(e.Expression, 200))
	}
	if e.Sample != "" {
		b.WriteString(": " + e.Sample)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	b.WriteString("; nothing was committed")
	return b.String()
}

// Unwrap returns Err.
func (e *ConstraintError) Unwrap() error { return e.Err }

// An UnsupportedError lists the rules of a table that this package cannot keep.
type UnsupportedError struct {
	Features []string // of the table, by name
	Reasons  []string // one for each rule
}

// Error returns the reasons.
func (e *UnsupportedError) Error() string { return "rules: " + strings.Join(e.Reasons, "; ") }

func (e *UnsupportedError) add(feature, format string, args ...any) {
	seen := false
	for _, f := range e.Features {
		seen = seen || f == feature
	}
	if !seen {
		e.Features = append(e.Features, feature)
	}
	e.Reasons = append(e.Reasons, fmt.Sprintf(format, args...))
}

func (e *UnsupportedError) orNil() error {
	if len(e.Reasons) == 0 {
		return nil
	}
	return e
}

// clip shortens s to about n characters.
func clip(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n]) + "…"
}

// brief returns the first line of an error, without the package that it is from.
func brief(err error) string {
	s, _, _ := strings.Cut(err.Error(), "\n")
	return strings.TrimPrefix(s, "expr: ")
}
