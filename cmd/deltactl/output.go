package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/deltalog/deltalog/delta"
)

// A writeResult is what a write prints with -o json. Fields are only ever added.
type writeResult struct {
	Operation    string      `json:"operation"`
	State        delta.State `json:"state"`
	Version      *int64      `json:"version"`
	Retryable    bool        `json:"retryable"`
	Attempts     int         `json:"attempts"`
	Recovered    bool        `json:"recovered"`
	RowsIn       int64       `json:"rows_in"`
	RowsAdded    int64       `json:"rows_added"`
	RowsRemoved  *int64      `json:"rows_removed"`
	FilesAdded   int64       `json:"files_added"`
	FilesRemoved int64       `json:"files_removed"`
	BytesAdded   int64       `json:"bytes_added"`
	Partitions   []string    `json:"partitions"`
	Key          *string     `json:"key"`
	DryRun       bool        `json:"dry_run"`
	Warnings     []string    `json:"warnings"`
	Error        string      `json:"error,omitempty"`
	ExitCode     int         `json:"exit_code"`

	*rowsJSON                  // of changes of rows
	Duplicates *duplicatesJSON `json:"duplicates,omitempty"`
}

// printResult prints the one document of a write: as JSON always, as text unless
// there is an error, which is reported by itself.
func (a *app) printResult(r *delta.Result, err error, code int) {
	for _, w := range r.Warnings {
		fmt.Fprintf(a.stderr, "warning: %v\n", w)
	}
	if a.json() {
		a.printJSON(resultJSON(r, err, code))
		return
	}
	if err == nil && !a.quiet {
		fmt.Fprintln(a.stdout, resultText(r))
	}
}

func resultJSON(r *delta.Result, err error, code int) *writeResult {
	j := &writeResult{
		Operation: r.Operation, State: r.State, Retryable: r.Retryable, Attempts: r.Attempts, Recovered: r.Recovered,
		RowsIn: r.RowsIn, RowsAdded: r.RowsAdded, FilesAdded: r.FilesAdded, FilesRemoved: r.FilesRemoved,
		BytesAdded: r.BytesAdded, Partitions: r.Partitions, DryRun: r.DryRun, Warnings: []string{}, ExitCode: code,
	}
	if r.Version != delta.NoVersion {
		v := int64(r.Version)
		j.Version = &v
	}
	if r.RowsRemoved >= 0 {
		j.RowsRemoved = &r.RowsRemoved
	}
	if r.Key != "" {
		j.Key = &r.Key
	}
	if j.Partitions == nil {
		j.Partitions = []string{}
	}
	for _, w := range r.Warnings {
		j.Warnings = append(j.Warnings, w.Error())
	}
	j.rowsJSON = rowsOf(r.Rows)
	if err != nil {
		j.Error, j.Duplicates = err.Error(), duplicatesOf(err)
	}
	return j
}

func resultText(r *delta.Result) string {
	var b strings.Builder
	if r.DryRun {
		b.WriteString("[DRY RUN] ")
	}
	switch r.State {
	case delta.AlreadyApplied:
		at := "a version that is no longer in the log"
		if r.Version != delta.NoVersion {
			at = fmt.Sprintf("version %d", r.Version)
		}
		fmt.Fprintf(&b, "already applied by %s under key %q: nothing to do", at, r.Key)
		return b.String()
	case delta.NoOp:
		if r.Rows != nil && (r.RowsIn > 0 || *r.Rows != delta.RowCounts{}) {
			b.WriteString(rowsText(r))
			return b.String()
		}
		if alterVerbs[r.Operation] != "" {
			fmt.Fprintf(&b, "nothing to do: version %d is so already", r.Version)
			return b.String()
		}
		fmt.Fprintf(&b, "nothing to do: the input has no rows (version %d)", r.Version)
		return b.String()
	}
	if r.Rows != nil {
		b.WriteString(rowsText(r))
		return b.String() + recovered(r)
	}
	if verb := alterVerbs[r.Operation]; verb != "" {
		if r.DryRun {
			verb = "would have " + verb
		}
		fmt.Fprintf(&b, "%s in version %d", verb, r.Version)
		return b.String() + recovered(r)
	}
	verb := map[string]string{"replace": "replaced", "append": "appended", "replace-partition": "replaced", "reload": "reloaded"}[r.Operation]
	if r.DryRun {
		verb = "would have " + verb
	}
	fmt.Fprintf(&b, "%s%s in version %d: %s in %s, %s", verb, some(r.Partitions), r.Version,
		plural(r.RowsAdded, "row"), plural(r.FilesAdded, "file"), size(r.BytesAdded))
	if r.FilesRemoved > 0 {
		rows := "rows"
		if r.RowsRemoved >= 0 {
			rows = plural(r.RowsRemoved, "row")
		}
		fmt.Fprintf(&b, "; took out %s in %s", rows, plural(r.FilesRemoved, "file"))
	}
	return b.String() + recovered(r)
}

func recovered(r *delta.Result) string {
	if !r.Recovered {
		return ""
	}
	return "; the store's answer was lost, the log says that it landed"
}

// some names a few partitions.
func some(partitions []string) string {
	switch n := len(partitions); {
	case n == 0:
		return ""
	case n <= 3:
		return " " + strings.Join(partitions, " ")
	default:
		return fmt.Sprintf(" %s … %s (%d partitions)", partitions[0], partitions[n-1], n)
	}
}

// plural counts things.
func plural(n int64, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return count(n) + " " + thing
}

// count writes 1204331 as 1,204,331.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// size writes a number of bytes for people.
func size(n int64) string {
	f, units := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for ; f >= 1024 && i < len(units)-1; i++ {
		f /= 1024
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", f, units[i])
}

func (a *app) printJSON(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		b = []byte(`{"error":` + strconv.Quote(err.Error()) + `}`)
	}
	fmt.Fprintln(a.stdout, string(b))
}

// A list prints rows as a table for people, or as JSON, one object a line.
type list struct {
	a       *app
	columns []string
	t       table.Writer
}

func (a *app) list(columns ...string) *list {
	l := &list{a: a, columns: columns, t: table.NewWriter()}
	l.t.SetStyle(plainStyle)
	head := table.Row{}
	for _, c := range columns {
		head = append(head, c)
	}
	l.t.AppendHeader(head)
	return l
}

var plainStyle = func() table.Style {
	s := table.StyleDefault
	s.Options = table.OptionsNoBordersAndSeparators
	s.Format.Header = text.FormatDefault
	s.Box.PaddingLeft, s.Box.PaddingRight = "", "  "
	return s
}()

// add prints or keeps a row; object is its JSON form, cells are in the columns' order.
func (l *list) add(object any, cells ...any) {
	if l.a.json() {
		l.a.printJSON(object)
		return
	}
	l.t.AppendRow(cells)
}

func (l *list) end() {
	if l.a.json() || l.t.Length() == 0 {
		return
	}
	for _, line := range strings.Split(l.t.Render(), "\n") {
		_, _ = io.WriteString(l.a.stdout, strings.TrimRight(line, " ")+"\n")
	}
}
