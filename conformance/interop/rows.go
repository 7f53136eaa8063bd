package interop

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Rows are the rows of a table in the canonical form of engines/canon.py.
type Rows struct {
	Columns []Column
	Lines   []string // each an array in JSON, in no order
}

// A Column is a name and Delta's name of a type.
type Column struct {
	Name, Type string
}

// UnmarshalJSON reads ["name", "type"].
func (c *Column) UnmarshalJSON(text []byte) error {
	var pair [2]string
	if err := json.Unmarshal(text, &pair); err != nil {
		return err
	}
	c.Name, c.Type = pair[0], pair[1]
	return nil
}

// LoadRows reads a canonical file.
func LoadRows(name string) (*Rows, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("interop: %w", err)
	}
	return ParseRows(text)
}

// ParseRows reads the text of a canonical file.
func ParseRows(text []byte) (*Rows, error) {
	head, body, _ := bytes.Cut(text, []byte("\n"))
	var header struct{ Columns []Column }
	if err := json.Unmarshal(head, &header); err != nil {
		return nil, fmt.Errorf("interop: header of canonical rows: %w", err)
	}
	r := &Rows{Columns: header.Columns}
	for line := range bytes.Lines(body) {
		r.Lines = append(r.Lines, string(bytes.TrimSuffix(line, []byte("\n"))))
	}
	return r, nil
}

// Concat returns the rows of several reads with the same columns as one.
func Concat(all ...*Rows) *Rows {
	r := &Rows{Columns: all[0].Columns}
	for _, a := range all {
		r.Lines = append(r.Lines, a.Lines...)
	}
	return r
}

// Select returns the rows with other columns, in that order: the names may
// leave columns out, and one that the rows do not have is all null.
func (r *Rows) Select(columns []Column) (*Rows, error) {
	from := make([]int, len(columns))
	for i, c := range columns {
		from[i] = slices.IndexFunc(r.Columns, func(have Column) bool { return have.Name == c.Name })
	}
	out := &Rows{Columns: columns, Lines: make([]string, len(r.Lines))}
	var cells []json.RawMessage
	for i, line := range r.Lines {
		cells = cells[:0]
		if err := json.Unmarshal([]byte(line), &cells); err != nil {
			return nil, fmt.Errorf("interop: row %s: %w", line, err)
		}
		var b strings.Builder
		for k, at := range from {
			b.WriteByte("[,"[min(k, 1)])
			if at < 0 {
				b.WriteString("null")
			} else {
				b.Write(cells[at])
			}
		}
		out.Lines[i] = b.String() + "]"
	}
	return out, nil
}

// Where returns the rows that a test on the cells' JSON keeps.
func (r *Rows) Where(keep func(cells []json.RawMessage) bool) (*Rows, error) {
	out := &Rows{Columns: r.Columns}
	for _, line := range r.Lines {
		var cells []json.RawMessage
		if err := json.Unmarshal([]byte(line), &cells); err != nil {
			return nil, fmt.Errorf("interop: row %s: %w", line, err)
		}
		if keep(cells) {
			out.Lines = append(out.Lines, line)
		}
	}
	return out, nil
}

// Diff says how two sets of rows differ, counting equal rows; an empty text
// means that they do not. The order of columns and rows is of no account, names
// and types of columns are.
func Diff(want, got *Rows) string {
	if d := diffColumns(want.Columns, got.Columns); d != "" {
		return d
	}
	got, err := got.Select(want.Columns)
	if err != nil {
		return err.Error()
	}
	count := make(map[string]int, len(want.Lines))
	for _, l := range want.Lines {
		count[l]++
	}
	for _, l := range got.Lines {
		count[l]--
	}
	var missing, extra []string
	var nMissing, nExtra int
	for l, n := range count {
		switch {
		case n > 0:
			missing, nMissing = append(missing, times(n, l)), nMissing+n
		case n < 0:
			extra, nExtra = append(extra, times(-n, l)), nExtra-n
		}
	}
	if nMissing+nExtra == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "want %d rows, got %d; %d missing, %d extra; columns %v\n", len(want.Lines), len(got.Lines), nMissing, nExtra, want.Columns)
	show(&b, "missing", missing)
	show(&b, "extra", extra)
	return b.String()
}

// shown is how many rows of each kind a difference prints.
const shown = 5

func show(b *strings.Builder, what string, lines []string) {
	slices.Sort(lines)
	for _, l := range lines[:min(shown, len(lines))] {
		if r := []rune(l); len(r) > 2000 {
			l = string(r[:2000]) + " …"
		}
		fmt.Fprintf(b, "  %s %s\n", what, l)
	}
	if len(lines) > shown {
		fmt.Fprintf(b, "  %s … and %d other rows\n", what, len(lines)-shown)
	}
}

func times(n int, line string) string {
	if n == 1 {
		return line
	}
	return fmt.Sprintf("%d × %s", n, line)
}

func diffColumns(want, got []Column) string {
	var b strings.Builder
	for _, w := range want {
		i := slices.IndexFunc(got, func(g Column) bool { return g.Name == w.Name })
		switch {
		case i < 0:
			fmt.Fprintf(&b, "column %s (%s) is missing\n", w.Name, w.Type)
		case got[i].Type != w.Type:
			fmt.Fprintf(&b, "column %s: want type %s, got %s\n", w.Name, w.Type, got[i].Type)
		}
	}
	for _, g := range got {
		if !slices.ContainsFunc(want, func(w Column) bool { return w.Name == g.Name }) {
			fmt.Fprintf(&b, "column %s (%s) is extra\n", g.Name, g.Type)
		}
	}
	if b.Len() == 0 && len(want) != len(got) {
		fmt.Fprintf(&b, "want %d columns, got %d", len(want), len(got))
	}
	return b.String()
}

// Text is the canonical file of the rows, sorted, so that equal rows have equal text.
func (r *Rows) Text() []byte {
	pairs := make([][2]string, len(r.Columns))
	for i, c := range r.Columns {
		pairs[i] = [2]string{c.Name, c.Type}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(map[string]any{"columns": pairs}); err != nil {
		panic(err) // strings always encode
	}
	lines := slices.Clone(r.Lines)
	slices.Sort(lines)
	for _, l := range lines {
		b.WriteString(l)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// Digest is the SHA-256 of Text, in hexadecimal.
func (r *Rows) Digest() string {
	sum := sha256.Sum256(r.Text())
	return hex.EncodeToString(sum[:])
}
