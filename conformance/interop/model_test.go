package interop

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A model is what a table should hold: the reference that all readers are
// compared with. It knows nothing of files or logs.
type model struct {
	t          *testing.T
	partitions []string // the partition columns
	oneZero    bool     // deltactl writes
	rows       *Rows
	versions   map[int64]*Rows
}

func newModel(t *testing.T, partitions []string) *model {
	return &model{t: t, partitions: partitions, versions: map[int64]*Rows{}}
}

// commit notes that the present rows are those of a version.
func (m *model) commit(version int64) { m.versions[version] = m.rows }

func (m *model) append(in *Rows) {
	in = m.stored(in)
	if m.rows == nil {
		m.rows = in
		return
	}
	m.rows = Concat(m.widened(m.rows, in), m.widened(in, m.rows))
}

func (m *model) reload(in *Rows) { m.rows = m.stored(in) }

// replace drops the rows of the given partitions, each a list of the columns'
// canonical JSON, or of the input's partitions when none is given, and adds the input.
func (m *model) replace(in *Rows, partitions ...[]string) {
	in = m.stored(in)
	gone := map[string]bool{}
	for _, p := range partitions {
		gone[strings.Join(p, "\x00")] = true
	}
	if len(partitions) == 0 {
		for _, p := range m.tuples(in) {
			gone[p] = true
		}
	}
	if m.rows == nil {
		m.rows = in
		return
	}
	kept := &Rows{Columns: m.rows.Columns}
	for i, p := range m.tuples(m.rows) {
		if !gone[p] {
			kept.Lines = append(kept.Lines, m.rows.Lines[i])
		}
	}
	m.rows = Concat(m.widened(kept, in), m.widened(in, kept))
}

// widened gives a's rows the columns of b too: those after its own, null.
func (m *model) widened(a, b *Rows) *Rows {
	columns := slices.Clone(a.Columns)
	for _, c := range b.Columns {
		if !slices.Contains(columns, c) {
			columns = append(columns, c)
		}
	}
	slices.SortFunc(columns, func(x, y Column) int { return strings.Compare(x.Name, y.Name) })
	out, err := a.Select(columns)
	require.NoError(m.t, err)
	return out
}

// tuples returns the partition values of each row.
func (m *model) tuples(r *Rows) []string {
	columns := make([]Column, len(m.partitions))
	for i, p := range m.partitions {
		at := slices.IndexFunc(r.Columns, func(c Column) bool { return c.Name == p })
		require.GreaterOrEqual(m.t, at, 0, "no partition column %s", p)
		columns[i] = r.Columns[at]
	}
	selected, err := r.Select(columns)
	require.NoError(m.t, err)
	out := make([]string, len(selected.Lines))
	for i, line := range selected.Lines {
		var cells []json.RawMessage
		require.NoError(m.t, json.Unmarshal([]byte(line), &cells))
		var texts []string
		for _, c := range cells {
			texts = append(texts, string(c))
		}
		out[i] = strings.Join(texts, "\x00")
	}
	return out
}

// stored is what is kept of rows: an empty text or binary as partition value is
// null (PROTOCOL.md, "Partition Value Serialization"), and deltactl has one
// partition for the two zeros, which are equal.
func (m *model) stored(r *Rows) *Rows {
	var at []int
	for i, c := range r.Columns {
		if slices.Contains(m.partitions, c.Name) && (c.Type == "string" || c.Type == "binary" || c.Type == "float" || c.Type == "double") {
			at = append(at, i)
		}
	}
	if len(at) == 0 {
		return r
	}
	out := &Rows{Columns: r.Columns, Lines: slices.Clone(r.Lines)}
	for i, line := range out.Lines {
		var cells []json.RawMessage
		require.NoError(m.t, json.Unmarshal([]byte(line), &cells))
		changed := false
		for _, k := range at {
			switch string(cells[k]) {
			case `""`, `{"b64":""}`:
				cells[k], changed = json.RawMessage("null"), true
			case "-0.0":
				if m.oneZero {
					cells[k], changed = json.RawMessage("0.0"), true
				}
			}
		}
		if changed {
			texts := make([]string, len(cells))
			for k, c := range cells {
				texts[k] = string(c)
			}
			out.Lines[i] = "[" + strings.Join(texts, ",") + "]"
		}
	}
	return out
}

func TestModel(t *testing.T) {
	t.Parallel()
	in := func(lines ...string) *Rows {
		return &Rows{Columns: []Column{{"id", "long"}, {"p", "string"}}, Lines: lines}
	}
	m := newModel(t, []string{"p"})
	m.append(in(`[1,"a"]`, `[2,""]`, `[3,null]`))
	require.Equal(t, []string{`[1,"a"]`, `[2,null]`, `[3,null]`}, m.rows.Lines, "an empty partition value is null")
	m.replace(in(`[4,"b"]`, `[5,"a"]`))
	require.ElementsMatch(t, []string{`[2,null]`, `[3,null]`, `[4,"b"]`, `[5,"a"]`}, m.rows.Lines, "the input's partitions")
	m.replace(in(), []string{`null`}, []string{`"b"`})
	require.Equal(t, []string{`[5,"a"]`}, m.rows.Lines, "declared partitions without rows are emptied")
	m.append(&Rows{Columns: []Column{{"p", "string"}, {"new", "date"}}, Lines: []string{`["c","2026-01-01"]`}})
	require.Empty(t, Diff(&Rows{Columns: []Column{{"id", "long"}, {"new", "date"}, {"p", "string"}}, Lines: []string{`[null,"2026-01-01","c"]`, `[5,null,"a"]`}}, m.rows))
	m.reload(in(`[9,"z"]`))
	require.Equal(t, []string{`[9,"z"]`}, m.rows.Lines)
}
