package interop

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/corpus"
)

// corpusRoot is the corpus on disk, written once in a run.
var corpusRoot = sync.OnceValues(func() (string, error) {
	root := filepath.Join(bench.dir, "corpus")
	if err := os.Mkdir(root, 0o755); err != nil {
		return "", err
	}
	return root, corpus.Extract(root)
})

// A refusal is a table of the corpus that deltalog does not read, with the
// error that it gives; it is part of what users can rely on. With Exit 0 it is a
// table that only Spark refuses.
type refusal struct {
	Table string `json:"table"`
	Exit  int    `json:"exit"`
	Says  string `json:"says"` // part of the message
	Rows  int    `json:"rows"` // with Exit 0, what we read
	Why   string `json:"why"`
}

func refusals(t *testing.T) map[string]refusal {
	t.Helper()
	text, err := os.ReadFile("testdata/refused.json")
	require.NoError(t, err)
	var list []refusal
	require.NoError(t, json.Unmarshal(text, &list))
	all := map[string]refusal{}
	for _, r := range list {
		require.Equal(t, r.Exit == ExitOK, r.Says == "", r.Table)
		require.NotEmpty(t, r.Why, r.Table)
		require.NotContains(t, all, r.Table)
		all[r.Table] = r
	}
	return all
}

func corpusTables(t *testing.T) ([]corpus.Table, string) {
	t.Helper()
	tables, err := corpus.Tables()
	require.NoError(t, err)
	root, err := corpusRoot()
	require.NoError(t, err)
	return tables, root
}

// TestWeReadTheCorpusAsSparkDoes exports every table of the corpus, at every
// version of which Spark's rows are known. A table that Spark refuses must be
// refused, or read for a reason that refused.json gives.
func TestWeReadTheCorpusAsSparkDoes(t *testing.T) {
	t.Parallel()
	tables, root := corpusTables(t)
	refused := refusals(t)
	for name := range refused {
		require.True(t, contains(tables, name), "refused.json names a table that is not in the corpus: %s", name)
	}
	for _, table := range tables {
		t.Run(table.Name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(root, filepath.FromSlash(table.Name))
			rows, r, err := product(t).Export(engine(t, "files"), path, "arrow")
			require.NoError(t, err)
			if no, ok := refused[table.Name]; ok {
				require.Equal(t, no.Exit, r.Code, "%s", r)
				require.Contains(t, r.Stderr, no.Says, "%s", r)
				if no.Exit == ExitOK {
					require.Negative(t, table.Rows, "Spark reads it too: %s", no.Why)
					require.Len(t, rows.Lines, no.Rows)
				}
				return
			}
			require.Equal(t, ExitOK, r.Code, "%s", r)
			require.GreaterOrEqual(t, table.Rows, 0, "Spark refuses this table, we read %d rows; say why in refused.json, or refuse: %s", len(rows.Lines), table.Refused)
			require.Empty(t, diffExpected(t, table, table.Version, rows))
			for _, v := range table.Older {
				require.Empty(t, diffExpected(t, table, v, export(t, fmt.Sprintf("%s@v%d", path, v))), "version %d", v)
			}
		})
	}
}

func contains(tables []corpus.Table, name string) bool {
	for _, t := range tables {
		if t.Name == name {
			return true
		}
	}
	return false
}

// diffExpected compares rows with those that Spark read when the corpus was made.
func diffExpected(t *testing.T, table corpus.Table, version int64, got *Rows) string {
	t.Helper()
	text, err := corpus.Expected(table.Name, version)
	if errors.Is(err, fs.ErrNotExist) && table.SHA256 != "" {
		if got.Digest() == table.SHA256 {
			return ""
		}
		return fmt.Sprintf("digest of %d rows differs, want %d rows", len(got.Lines), table.Rows)
	}
	require.NoError(t, err)
	want, err := ParseRows(text)
	require.NoError(t, err)
	return Diff(unpadded(t, table.Name, want), unpadded(t, table.Name, got))
}

// unpadded takes off the spaces at the end of CHAR columns.
func unpadded(t *testing.T, table string, r *Rows) *Rows {
	t.Helper()
	out := &Rows{Columns: r.Columns, Lines: slices.Clone(r.Lines)}
	for i, c := range r.Columns {
		if !charColumns[table+"."+c.Name] {
			continue
		}
		for k, line := range out.Lines {
			var cells []json.RawMessage
			require.NoError(t, json.Unmarshal([]byte(line), &cells))
			if text, ok := strings.CutSuffix(string(cells[i]), `"`); ok {
				cells[i] = json.RawMessage(strings.TrimRight(text, " ") + `"`)
			}
			texts := make([]string, len(cells))
			for j, cell := range cells {
				texts[j] = string(cell)
			}
			out.Lines[k] = "[" + strings.Join(texts, ",") + "]"
		}
	}
	return out
}

// TestSparkStillReadsTheCorpusSo keeps the expected rows honest.
func TestSparkStillReadsTheCorpusSo(t *testing.T) {
	t.Parallel()
	tables, root := corpusTables(t)
	spark := engine(t, "spark")
	for _, table := range tables {
		rows, err := spark.Read(filepath.Join(root, filepath.FromSlash(table.Name)), nil)
		if table.Rows < 0 {
			var refused *EngineError
			require.True(t, errors.As(err, &refused) || err == nil && len(rows.Lines) == 0, "Spark reads %s now: %v", table.Name, err)
			continue
		}
		require.NoError(t, err, table.Name)
		require.Empty(t, diffExpected(t, table, table.Version, rows), table.Name)
	}
}

// charColumns are columns of CHAR(n). Files hold their texts without the spaces
// at the end; Spark pads them when it reads and other engines do not. We give
// what is stored.
var charColumns = map[string]bool{"spark-4.2/primitives/delta.c": true}

// TestFixturesAgreeWithTheirOwnExpectations compares Spark's rows with those
// that came with the tables, which other versions of Spark wrote down.
func TestFixturesAgreeWithTheirOwnExpectations(t *testing.T) {
	t.Parallel()
	tables, root := corpusTables(t)
	compared := 0
	for _, table := range tables {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(strings.TrimSuffix(table.Name, "delta")), "expected.json"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		require.NoError(t, err)
		var fixture struct {
			Columns []string
			Version int64
			Rows    [][]any
		}
		d := json.NewDecoder(strings.NewReader(string(text)))
		d.UseNumber()
		require.NoError(t, d.Decode(&fixture))
		require.Equal(t, fixture.Version, table.Version, table.Name)
		if fixture.Rows == nil || strings.Contains(table.Name, "variant") {
			continue
		}
		expected, err := corpus.Expected(table.Name, table.Version)
		require.NoError(t, err)
		want, err := ParseRows(expected)
		require.NoError(t, err)
		require.Len(t, fixture.Columns, len(want.Columns))
		var left, right []string
		for _, row := range fixture.Rows {
			left = append(left, plainRow(t, table.Name, fixture.Columns, row))
		}
		for _, line := range want.Lines {
			var row []any
			d := json.NewDecoder(strings.NewReader(line))
			d.UseNumber()
			require.NoError(t, d.Decode(&row))
			right = append(right, plainRow(t, table.Name, fixture.Columns, row))
		}
		require.ElementsMatch(t, left, right, table.Name)
		compared++
	}
	require.GreaterOrEqual(t, compared, 35)
}

func plainRow(t *testing.T, table string, columns []string, row []any) string {
	t.Helper()
	for i, v := range row {
		if text, ok := v.(string); ok && charColumns[table+"."+columns[i]] {
			row[i] = strings.TrimRight(text, " ")
		}
	}
	text, err := json.Marshal(row)
	require.NoError(t, err)
	return string(text)
}
