package delta_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog/schema"
)

// made has a generated partition column, a generated column and defaults.
func made() *schema.Struct {
	s := cols("p", schema.String, "n", schema.Long, "twice", schema.Integer, "s", schema.String, "at!", schema.Timestamp)
	with(s, "p", "delta.generationExpression", `"substring(s, 1, 1)"`)
	with(s, "twice", "delta.generationExpression", `"n * 2"`)
	with(s, "s", "CURRENT_DEFAULT", `"'abc'"`)
	return with(s, "at", "CURRENT_DEFAULT", `"current_timestamp()"`)
}

func TestEveryWriteMakesColumns(t *testing.T) {
	for _, w := range writes(t.Context()) {
		t.Run(w.name, func(t *testing.T) {
			tbl, st := table(t, made(), &delta.CreateOptions{PartitionBy: []string{"p"}, Options: delta.Options{Env: virtual("a")}})
			res, err := w.do(tbl, rows(t, cols("n", schema.Long), `{"n":1}`, `{"n":null}`), nil)
			require.NoError(t, err)
			require.Equal(t, []string{"p=a"}, res.Partitions)
			require.Equal(t, []string{
				`{"at":"2026-02-02T02:40:00Z","n":1,"p":"a","s":"abc","twice":2}`,
				`{"at":"2026-02-02T02:40:00Z","n":null,"p":"a","s":"abc","twice":null}`,
			}, dump(t, tbl))

			// Nulls that the input gives stay null, and are refused where null is.
			log := len(st.Names())
			for row, want := range map[string]string{
				`{"n":1,"at":null}`:                  "column at is null in row 1",
				`{"n":1,"twice":3}`:                  "row 1 breaks the rule of generated column twice (n * 2): twice = 3, n = 1",
				`{"n":1,"twice":null}`:               "row 1 breaks the rule of generated column twice (n * 2): twice = NULL, n = 1",
				`{"n":2147483648}`:                   "row 1 breaks the rule of generated column twice (n * 2): n = 2147483648",
				`{"n":1,"p":"z"}`:                    "row 1 breaks the rule of generated column p (substring(s, 1, 1)): p = 'z', s = 'abc'",
				`{"n":1,"s":"az","p":"b"}`:           "row 1 breaks the rule of generated column p (substring(s, 1, 1)): p = 'b', s = 'az'",
				`{"n":9223372036854775807}`:          "row 1 breaks the rule of generated column twice (n * 2): n = 9223372036854775807",
				`{"n":1,"s":null,"p":"b"}`:           "p = 'b', s = NULL",
				`{"n":1,"s":"ax","p":"a","at":null}`: "column at is null in row 1",
			} {
				good := map[string]string{"at": `"at":"2026-01-01T00:00:00Z"`, "twice": `"twice":2`, "p": `"p":"a"`, "s": `"s":"abc"`}
				in := cols("n", schema.Long)
				first := `"n":1`
				for _, c := range []string{"p", "twice", "s", "at"} {
					if strings.Contains(row, `"`+c+`"`) {
						in.Fields = append(in.Fields, made().Fields[made().Index(c)])
						first += "," + good[c]
					}
				}
				_, err := w.do(tbl, rows(t, in, "{"+first+"}", row), nil)
				var broken *delta.ConstraintError
				if w.name == "replace-where" && err != nil && strings.Contains(err.Error(), "outside the declared") {
					continue // its partition is refused first
				}
				require.ErrorAs(t, err, &broken, row)
				require.ErrorContains(t, err, want)
			}
			require.Len(t, st.Names(), log, "nothing is left behind")
		})
	}
}

// What columns are filled with is no part of the content: sent again, later, the
// work is already applied. A null in place of a default is other content.
func TestDefaultsAreNoPartOfTheKey(t *testing.T) {
	for _, readTwice := range []bool{true, false} {
		env := virtual("a")
		tbl, _ := table(t, made(), &delta.CreateOptions{Options: delta.Options{Env: env}})
		o := &delta.WriteOptions{Key: "load"}
		source := func(rec delta.Source) delta.Source {
			if readTwice {
				return rec
			}
			return delta.Batches(rec.Schema(), rec.Batches(t.Context()))
		}
		_, err := tbl.Append(t.Context(), source(rows(t, cols("n", schema.Long), `{"n":1}`)), o)
		require.NoError(t, err)
		require.NoError(t, env.Sleep(t.Context(), 1e9))
		res, err := tbl.Append(t.Context(), source(rows(t, cols("n", schema.Long), `{"n":1}`)), o)
		require.NoError(t, err)
		require.Equal(t, delta.AlreadyApplied, res.State)
		_, err = tbl.Append(t.Context(), source(rows(t, cols("n", schema.Long, "s", schema.String), `{"n":1,"s":null}`)), o)
		require.ErrorIs(t, err, delta.ErrKeyReused)
		require.Len(t, dump(t, tbl), 1)
	}
}

// A generated column may read a number that turns out to be taken.
func TestGeneratedFromNumbersThatAreTaken(t *testing.T) {
	s := with(cols("id", schema.Long, "n", schema.Long, "even", schema.Boolean), "id", always(1, 1)...)
	s = with(s, "even", "delta.generationExpression", `"id % 2 = 0"`)
	tbl, _ := table(t, s, &delta.CreateOptions{PartitionBy: []string{"even"}})
	p, _, err := tbl.Prepare(t.Context(), "replace-partitions", "", rows(t, cols("n", schema.Long), `{"n":1}`), nil)
	require.NoError(t, err)
	_, err = tbl.Append(t.Context(), rows(t, cols("n", schema.Long), `{"n":2}`), nil)
	require.NoError(t, err)
	_, err = tbl.Commit(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, []string{`{"even":false,"id":1,"n":2}`, `{"even":true,"id":2,"n":1}`}, dump(t, tbl))
}

func TestSparksTablesWithRules(t *testing.T) {
	tbl := corpusTable(t, "column_defaults")
	_, err := tbl.Append(t.Context(), rows(t, cols("id", schema.Long), `{"id":4}`), nil)
	require.NoError(t, err)
	_, err = tbl.Append(t.Context(), rows(t, cols("id", schema.Long, "s", schema.String), `{"id":5,"s":null}`), nil)
	require.NoError(t, err)
	got := dump(t, tbl)
	require.Contains(t, got, `{"d":"2026-01-01","id":4,"n":42,"s":"dflt"}`)
	require.Contains(t, got, `{"d":"2026-01-01","id":5,"n":42,"s":null}`)

	tbl = corpusTable(t, "check_constraints")
	in := cols("id", schema.Long, "v", schema.Double)
	_, err = tbl.Append(t.Context(), rows(t, in, `{"id":100,"v":0}`), nil)
	require.NoError(t, err)
	for row, sample := range map[string]string{`{"id":100,"v":-1}`: "v = -1.0, id = 100", `{"id":1000,"v":1}`: "v = 1.0, id = 1000", `{"id":1}`: "v = NULL, id = 1"} {
		_, err = tbl.Append(t.Context(), rows(t, in, row), nil)
		require.ErrorContains(t, err, "row 0 breaks the constraint v_pos (v >= 0 AND id < 1000): "+sample)
	}

	tbl = corpusTable(t, "not_null")
	in = cols("id", schema.Long, "st", cols("a", schema.Integer, "b", schema.String))
	_, err = tbl.Append(t.Context(), rows(t, in, `{"id":2,"st":{"a":1,"b":null}}`, `{"id":3,"st":null}`), nil)
	require.NoError(t, err)
	_, err = tbl.Append(t.Context(), rows(t, in, `{"id":2,"st":{"a":null,"b":null}}`), nil)
	require.ErrorContains(t, err, "column st.a is null in row 0")
}
