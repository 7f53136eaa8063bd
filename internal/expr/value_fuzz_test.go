package expr

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
)

// For every row alone the result is that of the batch, and if the batch fails, it
// is because of the row that it says.
func requireRowwise(t *testing.T, e Expr, rows []row, seed uint64) (ok bool) {
	t.Helper()
	v, err := BindValue(e, OneScope(testSchema), testOptions)
	if err != nil {
		return false
	}
	batch := batchOf(rand.New(rand.NewPCG(seed, 7)), rows)
	got, err := v.Eval(batch, len(rows))
	if err == nil {
		require.NoError(t, vec.Check(got), "%v", e)
		require.Equal(t, len(rows), got.Len, "%v", e)
		require.Equal(t, layoutOf(v.Type()), got.Kind, "%v", e)
	}
	bad, isRow := err.(*EvalError)
	for i := range rows {
		single := make([]*vec.Vec, len(batch))
		for k, c := range batch {
			single[k] = c.Slice(i, i+1)
		}
		one, oneErr := v.Eval(single, 1)
		switch {
		case err == nil:
			require.NoError(t, oneErr, "%v: row %d alone fails: %v", e, i, rows[i])
			require.True(t, vec.Equal(got.Slice(i, i+1), one), "%v: row %d: %v", e, i, rows[i])
		case isRow && int64(i) == bad.Row:
			require.EqualError(t, oneErr, (&EvalError{0, bad.Expr, bad.Err}).Error(), "%v", e)
		}
	}
	require.True(t, err == nil || isRow, "%v: %v", e, err)
	return true
}

func FuzzValue(f *testing.F) {
	for _, text := range []string{
		"i8 + i16 * 2", "dec / big - 1", "CASE WHEN i64 = 0 THEN 1 ELSE 10 / i64 END", "coalesce(s, t || 'x', 'y')",
		"if(b, f32, f64) % i64", "CAST(s AS INT)", "TRY_CAST(t AS DATE)", "array(i8, i64)[i8]", "map(s, i8)[t]", "struct(st, d).st.x",
		"d + INTERVAL 1 MONTH", "ts - ntz > INTERVAL 1 DAY", "greatest(i8, I32, NULL)", "i64 BETWEEN i8 AND i16 OR s LIKE t",
		"nullif(i64 + 1, j64)", "s = i64", "d < ts", "-i8 DIV i16", "i8 IN (i16, I32 + 1, 10 / i64)", "CASE i64 WHEN j64 THEN s END",
	} {
		f.Add(text, uint64(1))
	}
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		e, err := Parse(text, nil)
		if err != nil {
			return
		}
		rows := randomRows(rand.New(rand.NewPCG(seed, 6)), 5)
		requireRowwise(t, e, rows, seed)
	})
}
