package interop

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
)

// createSQL is Spark's statement that makes the table.
func (c *statementCase) createSQL(path string) string {
	var columns, properties []string
	for _, col := range c.Columns {
		columns = append(columns, col.Name+" "+sparkTypes[col.Type])
	}
	for k, v := range c.Properties {
		properties = append(properties, fmt.Sprintf("'%s' = '%s'", k, v))
	}
	slices.Sort(properties)
	sql := fmt.Sprintf("CREATE TABLE delta.`%s` (%s) USING DELTA", path, strings.Join(columns, ", "))
	if c.Partition != "" {
		sql += " PARTITIONED BY (" + c.Partition + ")"
	}
	if len(properties) > 0 {
		sql += " TBLPROPERTIES (" + strings.Join(properties, ", ") + ")"
	}
	return sql
}

// ambiguousToSpark is Spark's error for a row of the table that several source
// rows meet. Spark counts all that meet the row, we count those for which a clause
// acts, so that we do some merges that Spark refuses. DuckDB says whether they are
// right.
const ambiguousToSpark = "DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE"

// A sparkAnswer is what Spark says about one case, or one table.
type sparkAnswer[T any] struct {
	OK    T      `json:"ok"`
	Error string `json:"error"`
}

// A reading is the rows of a table's versions, and its changes by version and kind.
type reading struct {
	Rows    map[int64][]string            `json:"rows"`
	Changes map[int64]map[string][]string `json:"changes"`
}

// onSpark runs the statements of several cases on tables of Spark's own.
func onSpark(spark *Engine, dir string, cases []*statementCase) ([][]outcome, error) {
	var work []Args
	for i, c := range cases {
		path := filepath.Join(dir, fmt.Sprintf("spark-%d", i))
		var steps []Args
		for _, s := range c.Steps {
			a := Args{"sql": s.sql("delta.`"+path+"`", false), "source": s.Source, "source_rows": s.SourceRows}
			if len(s.SourceRows) == 0 {
				a["source_rows"] = []cells{}
			}
			steps = append(steps, a)
		}
		rows := c.rows()
		if rows == nil {
			rows = []cells{}
		}
		work = append(work, Args{
			"path": path, "create": c.createSQL(path), "columns": c.Columns, "rows": rows, "steps": steps,
		})
	}
	var answers []sparkAnswer[[]outcome]
	if err := spark.Do("statements", Args{"cases": work}, &answers); err != nil {
		return nil, err
	}
	out := make([][]outcome, len(cases))
	for i, a := range answers {
		if a.Error != "" {
			return nil, fmt.Errorf("seed %d: Spark: %s", cases[i].Seed, a.Error)
		}
		for k := range a.OK {
			var err error
			if a.OK[k].Rows, err = lines(cases[i].Columns, a.OK[k].Rows); err != nil {
				return nil, err
			}
		}
		out[i] = a.OK
	}
	return out, nil
}

// sparkReads has Spark read the versions of our tables that the outcomes name,
// and their changes, and compares both with what we read.
func sparkReads(spark *Engine, dir string, cases []*statementCase, ours [][]outcome) ([]string, error) {
	var work []Args
	for i, c := range cases {
		var wanted []int64
		for _, o := range ours[i] {
			if !slices.Contains(wanted, o.Version) {
				wanted = append(wanted, o.Version)
			}
		}
		slices.Sort(wanted)
		if first := wanted[0]; first > 0 && ours[i][0].Error == "" {
			wanted = slices.Insert(wanted, 0, first-1)
		}
		work = append(work, Args{
			"path": ourPath(dir, i), "columns": c.Columns, "wanted": wanted,
			"changes": c.Properties["delta.enableChangeDataFeed"] == "true",
		})
	}
	var answers []sparkAnswer[reading]
	if err := spark.Do("readings", Args{"tables": work}, &answers); err != nil {
		return nil, err
	}
	out := make([]string, len(cases))
	for i, a := range answers {
		if a.Error != "" {
			out[i] = "Spark reading our table: " + a.Error
			continue
		}
		rows := map[int64][]string{}
		for v, r := range a.OK.Rows {
			var err error
			if rows[v], err = lines(cases[i].Columns, r); err != nil {
				return nil, err
			}
		}
		for _, o := range ours[i] {
			if !slices.Equal(rows[o.Version], o.Rows) {
				out[i] = fmt.Sprintf("Spark reads other rows of our version %d:\n%s", o.Version, diffLines(o.Rows, rows[o.Version]))
			}
		}
		for _, o := range ours[i] {
			if o.Changes == nil || out[i] != "" {
				continue
			}
			for kind := range kindsOf(o.Changes, a.OK.Changes[o.Version]) {
				theirs, err := lines(cases[i].Columns, a.OK.Changes[o.Version][kind])
				if err != nil {
					return nil, err
				}
				slices.Sort(o.Changes[kind])
				if !slices.Equal(o.Changes[kind], theirs) {
					out[i] = fmt.Sprintf("Spark reads other changes of our version %d, %s:\n%s", o.Version, kind, diffLines(o.Changes[kind], theirs))
				}
			}
		}
	}
	return out, nil
}

func kindsOf(all ...map[string][]string) map[string]bool {
	out := map[string]bool{}
	for _, kinds := range all {
		for k := range kinds {
			out[k] = true
		}
	}
	return out
}

func ourPath(dir string, i int) string { return filepath.Join(dir, fmt.Sprintf("ours-%d", i)) }

// againstSpark compares our outcomes of cases with Spark's, what Spark reads of
// our tables with what we read, and so for delta-rs.
func againstSpark(ctx context.Context, spark, deltars *Engine, cases []*statementCase) (compared, failed int, differences []string, err error) {
	dir, err := os.MkdirTemp(bench.dir, "statements-")
	if err != nil {
		return 0, 0, nil, err
	}
	want, err := onSpark(spark, dir, cases)
	if err != nil {
		return 0, 0, nil, err
	}
	differences = make([]string, len(cases))
	ours := make([][]outcome, len(cases))
	for i, c := range cases {
		// Where Spark finds a merge ambiguous that is none to us, the table must
		// stay as Spark leaves it for the steps after it.
		var dry []bool
		for _, o := range want[i] {
			dry = append(dry, strings.Contains(o.Error, ambiguousToSpark))
		}
		if ours[i], err = c.run(ctx, ourPath(dir, i), delta.Options{}, dry...); err != nil {
			return 0, 0, nil, fmt.Errorf("seed %d: we: %w", c.Seed, err)
		}
		for k := range dry {
			if dry[k] && ours[i][k].Error == "" {
				ours[i][k].Error = want[i][k].Error
				compared-- // it was not
			}
		}
		var n int
		n, differences[i] = differ(c, "Spark", want[i], ours[i])
		compared += n
		for _, o := range ours[i][:n] {
			if o.Error != "" {
				failed++
			}
		}
	}
	reads, err := sparkReads(spark, dir, cases, ours)
	if err != nil {
		return 0, 0, nil, err
	}
	for i, c := range cases {
		if differences[i] == "" {
			differences[i] = reads[i]
		}
		if differences[i] == "" {
			differences[i], err = deltarsReads(deltars, ourPath(dir, i), c, ours[i])
			if err != nil {
				return 0, 0, nil, err
			}
		}
	}
	return compared, failed, differences, nil
}

// deltarsReads compares what delta-rs reads of the newest version.
func deltarsReads(deltars *Engine, path string, c *statementCase, ours []outcome) (string, error) {
	rows, err := deltars.Read(path, nil)
	var refused *EngineError
	if errors.As(err, &refused) {
		return "delta-rs: " + refused.Error(), nil
	}
	if err != nil {
		return "", err
	}
	columns := slices.Clone(rows.Columns)
	slices.SortFunc(columns, func(a, b Column) int { return c.at(a.Name) - c.at(b.Name) })
	if rows, err = rows.Select(columns); err != nil {
		return "", err
	}
	got, err := lines(c.Columns, rows.Lines)
	if err != nil {
		return "", err
	}
	if want := ours[len(ours)-1].Rows; !slices.Equal(want, got) {
		return "delta-rs reads other rows:\n" + diffLines(want, got), nil
	}
	return "", nil
}

func (c *statementCase) at(name string) int {
	return slices.IndexFunc(c.Columns, func(c Column) bool { return c.Name == name })
}

// TestStatementsAsSparkRunsThem runs generated statements on our tables and on
// Spark's. Spark and delta-rs read ours.
func TestStatementsAsSparkRunsThem(t *testing.T) {
	t.Parallel()
	spark, deltars := engine(t, "spark"), engine(t, "deltars")
	ctx := t.Context()
	again := func(c *statementCase) string {
		_, _, d, err := againstSpark(ctx, spark, deltars, []*statementCase{c})
		if err != nil {
			return "Spark: " + err.Error()
		}
		return d[0]
	}
	if c := replayed(t); c != nil {
		require.Empty(t, again(c))
		return
	}
	const batches, size, steps = 10, 4, 6
	ran, failed, bad := 0, 0, 0
	for b := range uint64(batches) {
		var cases []*statementCase
		for i := range uint64(size) {
			cases = append(cases, newCase(1_000_000+b*size+i, setting{steps: steps}))
		}
		n, errs, differences, err := againstSpark(ctx, spark, deltars, cases)
		require.NoError(t, err)
		ran, failed = ran+n, failed+errs
		for i, d := range differences {
			if d != "" {
				cases[i].fail(t, 12, d, again)
				if bad++; bad == 3 {
					t.Fatal("three cases failed; the others are not run")
				}
			}
		}
	}
	t.Logf("%d statements, of which %d fail on both sides", ran, failed)
	require.GreaterOrEqual(t, ran, 200)
	require.GreaterOrEqual(t, failed, 5, "errors are compared too")
}
