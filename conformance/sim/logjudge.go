package sim

import (
	"slices"

	"github.com/deltalog/deltalog/conformance/check"
)

// The log-only tier, as the checkers that look at no log have it: the whole table is
// one register, whose rows are texts.

func rowText(r Row) string { return encodeRows([]Row{r}) + "@" + r.P }

func rowOfText(s string) Row {
	text, part, _ := cutLast(s)
	return decodeRows(text, part)[0]
}

// cutLast cuts a row's text into the row and its partition.
func cutLast(s string) (text, part string, ok bool) {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == '@' {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// textsOf lists rows as texts, each as often as it is there.
func textsOf(rows map[Row]int) []string {
	out := []string{}
	for r, n := range rows {
		for range n {
			out = append(out, rowText(r))
		}
	}
	slices.Sort(out)
	return out
}

// changeOf is what an intent does to the rows of a table.
func changeOf(in *Intent) map[string]check.Change {
	return map[string]check.Change{check.Whole: {Func: func(rows []string) []string {
		s := newState()
		for _, t := range rows {
			s.rows[rowOfText(t)]++
		}
		s.apply(in, 0)
		return textsOf(s.rows)
	}}}
}
