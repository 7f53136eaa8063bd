package sqlfn

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/internal/vec/vectest"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A goldenCase is a call and what Spark 4.2 said: testdata/spark.py.
type goldenCase struct {
	F     string
	Args  [][2]*string
	Zone  string
	Type  string
	Value *string
	Error string
}

func (g *goldenCase) String() string {
	args := make([]string, len(g.Args))
	for i, a := range g.Args {
		args[i] = *a[0] + " null"
		if a[1] != nil {
			args[i] = fmt.Sprintf("%s %q", *a[0], *a[1])
		}
	}
	return fmt.Sprintf("%s(%s) in %s", g.F, strings.Join(args, ", "), g.Zone)
}

func readGolden(t testing.TB) []goldenCase {
	t.Helper()
	data, err := os.ReadFile("testdata/spark.json")
	require.NoError(t, err)
	var cases []goldenCase
	require.NoError(t, json.Unmarshal(data, &cases))
	require.Greater(t, len(cases), 1000)
	return cases
}

// columns reads the arguments of a case; ok is false if one is itself an error.
func (g *goldenCase) columns(env *Env) (out []column, err error) {
	for _, a := range g.Args {
		c := column{typ: typeOf(*a[0])}
		var value any
		if a[1] != nil {
			if value, err = boxed(c.typ, *a[1], env); err != nil {
				return nil, err
			}
		}
		c.v = vectest.New(shapeOf(c.typ), value)
		out = append(out, c)
	}
	return out, nil
}

// answer returns what we say: a text, null, or an error.
func (g *goldenCase) answer(env *Env) (typ, value string, isNull bool, err error) {
	args, err := g.columns(env)
	if err != nil {
		return "", "", false, err
	}
	v, result, err := callOf(g.F, args, env)
	if err != nil {
		return "", "", false, err
	}
	if err := vec.Check(v); err != nil {
		return "", "", false, err
	}
	if v.Len != 1 || v.Kind != vec.Null && v.Kind != shapeOf(result).Kind {
		return "", "", false, fmt.Errorf("got %d values of %v", v.Len, v.Kind)
	}
	if v.IsNull(0) {
		return result.String(), "", true, nil
	}
	return result.String(), textOfValue(v, result, 0), false, nil
}

// nearly are the functions that Java computes with other polynomials than Go: their
// results may differ in the last bits.
var nearly = map[string]bool{"power": true, "pow": true}

// deviations are the cases in which we do not do as Spark does: the function,
// what the call has in it, and why.
var deviations = [][3]string{
	{"substring", `binary "0001020304", int "-2147483648"`, "Spark's sum overflows, and it returns bytes from before the position"},
	{"from_unixtime", `"9223372036854775807"`, "Spark's product wraps around; we say that it is out of range"},
	{"date_format", `string "zzzz"`, "the long names of zones are not in the zone data"},
}

func deviates(g *goldenCase) int {
	for i, d := range deviations {
		if g.F == d[0] && strings.Contains(g.String(), d[1]) {
			return i
		}
	}
	return -1
}

func sameText(g *goldenCase, want, got string) bool {
	if want == got || g.Type != "double" {
		return want == got
	}
	x, _ := schema.ParseFloat(want, 64) // Java 17 does not always write the fewest digits
	y, _ := schema.ParseFloat(got, 64)
	return x == y || nearly[g.F] && math.Abs(x-y) <= math.Abs(x)*0x1p-51
}

func TestSparkAgrees(t *testing.T) {
	t.Parallel()
	bad, used := map[string]int{}, map[int]bool{}
	for _, g := range readGolden(t) {
		typ, value, isNull, err := g.answer(envIn(t, g.Zone))
		why := ""
		switch {
		case g.Error != "":
			if err == nil {
				why = fmt.Sprintf("is %q (null: %v), Spark has the error %s", value, isNull, g.Error)
			}
		case err != nil:
			why = fmt.Sprintf("fails: %v; Spark has %s", err, show(g.Value))
		case isNull != (g.Value == nil), !isNull && !sameText(&g, *g.Value, value):
			why = fmt.Sprintf("is %q (null: %v), Spark has %s", value, isNull, show(g.Value))
		case typ != g.Type:
			why = fmt.Sprintf("is of type %s, Spark has %s", typ, g.Type)
		}
		if d := deviates(&g); d >= 0 && why != "" {
			used[d] = true
			continue
		}
		if why == "" {
			continue
		}
		if bad[g.F]++; bad[g.F] <= 12 {
			t.Errorf("%v %s", &g, why)
		}
	}
	require.Len(t, used, len(deviations), "deviations that are none any more")
	for f, n := range bad {
		t.Logf("%s: %d differ", f, n)
	}
}

func show(s *string) string {
	if s == nil {
		return "null"
	}
	return strconv.Quote(*s)
}
