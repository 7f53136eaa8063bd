package interop

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// exprColumns are two columns of each type.
var exprColumns = func() []Column {
	var out []Column
	for i, typ := range []string{
		"integer", "long", "double", "decimal(12,2)", "string", "boolean", "date", "timestamp", "struct<a:integer,b:string>", "array<integer>",
	} {
		out = append(out, Column{fmt.Sprintf("a%d", i), typ}, Column{fmt.Sprintf("b%d", i), typ})
	}
	return out
}()

// A valued is what an expression gives on some rows: a text for each, or an error.
type valued struct {
	typ    string
	values []string
	errs   []string
}

// ourValues evaluates an expression row by row.
func ourValues(text string, s *schema.Struct, rows [][]*vec.Vec) valued {
	out := valued{values: make([]string, len(rows)), errs: make([]string, len(rows))}
	e, err := expr.Parse(text, nil)
	var v *expr.Value
	if err == nil {
		v, err = expr.BindValue(e, expr.OneScope(s), &expr.Options{Now: time.Unix(1_780_000_000, 0)})
	}
	if err == nil {
		out.typ = v.Type().String()
		if name := map[string]string{"int": "integer", "bigint": "long"}[out.typ]; name != "" {
			out.typ = name
		}
	}
	for i, row := range rows {
		if err != nil {
			out.errs[i] = err.Error()
			continue
		}
		got, err := v.Eval(row, 1)
		if err != nil {
			out.errs[i] = err.Error()
			continue
		}
		a, err := arrowvec.ToArray(got, arrowvec.Type(v.Type()))
		if err != nil {
			out.errs[i] = err.Error()
			continue
		}
		out.values[i] = cellText(a, 0)
	}
	return out
}

// A question is what Spark is asked: expressions on rows.
type question struct {
	Expressions []string `json:"expressions"`
	On          []int    `json:"on"`
}

type answer struct {
	Types []string `json:"types"`
	Rows  []string `json:"rows"`
}

// column returns the values of one expression of an answer.
func (a *answer) column(i int) ([]string, error) {
	out := make([]string, len(a.Rows))
	for k, row := range a.Rows {
		var cells []json.RawMessage
		if err := json.Unmarshal([]byte(row), &cells); err != nil {
			return nil, err
		}
		var err error
		if out[k], err = jsonText(a.Types[i], cells[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// TestExpressionsAsSparkEvaluatesThem compares the type and the values of
// generated expressions, and the rows for which they fail.
func TestExpressionsAsSparkEvaluatesThem(t *testing.T) {
	t.Parallel()
	spark := engine(t, "spark")
	const count, size, rowCount = 2200, 40, 12
	g := &generator{setting: setting{constants: true}, r: rand.New(rand.NewPCG(1, 11))}
	rows := g.rows(exprColumns, "", rowCount)
	s := &schema.Struct{}
	for _, c := range exprColumns {
		s.Fields = append(s.Fields, schema.Field{Name: c.Name, Type: deltaTypes[c.Type], Nullable: true})
	}
	batches := make([][]*vec.Vec, rowCount)
	var all []int
	for i := range rows {
		rec, err := record(exprColumns, rows[i:i+1])
		require.NoError(t, err)
		for _, a := range rec.Columns() {
			v, err := arrowvec.FromArray(a)
			require.NoError(t, err)
			batches[i] = append(batches[i], v)
		}
		all = append(all, i)
	}
	scope := variables("", exprColumns)
	types := []string{"integer", "long", "double", "decimal(12,2)", "string", "boolean", "boolean", "date", "timestamp"}
	texts := make([]string, count)
	ours := make([]valued, count)
	var whole, failing []int // expressions that never fail here, and those that do on some rows
	for i := range texts {
		typ := types[i%len(types)]
		if typ == "boolean" && g.oneIn(2) {
			texts[i] = g.condition(scope, 2).Spark
		} else {
			texts[i] = g.expr(typ, 1+g.r.IntN(3), scope).Spark
		}
		ours[i] = ourValues(texts[i], s, batches)
		if slices.IndexFunc(ours[i].errs, func(e string) bool { return e != "" }) < 0 {
			whole = append(whole, i)
		} else {
			failing = append(failing, i)
		}
	}
	ask := func(questions []question) []sparkAnswer[answer] {
		var out []sparkAnswer[answer]
		require.NoError(t, spark.Do("expressions", Args{"columns": exprColumns, "rows": rows, "batches": questions}, &out))
		require.Len(t, out, len(questions))
		return out
	}
	var wrong []string
	compare := func(i int, on []int, a sparkAnswer[answer], at int) {
		if why := differentValues(&ours[i], on, a, at); why != "" && !exprAllowed(texts[i], why) {
			wrong = append(wrong, texts[i]+"\n  "+why)
		}
	}

	var questions []question
	for part := range slices.Chunk(whole, size) {
		q := question{On: all}
		for _, i := range part {
			q.Expressions = append(q.Expressions, texts[i])
		}
		questions = append(questions, q)
	}
	var alone []int
	for b, a := range ask(questions) {
		part := whole[b*size : min((b+1)*size, len(whole))]
		if a.Error != "" { // one of them fails for Spark
			alone = append(alone, part...)
			continue
		}
		for at, i := range part {
			compare(i, all, a, at)
		}
	}
	questions = nil
	for _, i := range alone {
		questions = append(questions, question{[]string{texts[i]}, all})
	}
	if len(alone) > 0 {
		for k, a := range ask(questions) {
			compare(alone[k], all, a, 0)
		}
	}

	// Those that fail: on the rows for which we have a value there is the same one,
	// and each other row fails.
	questions = nil
	var about []int
	for _, i := range failing {
		var good []int
		bad := -1
		for row, e := range ours[i].errs {
			if e == "" {
				good = append(good, row)
			} else {
				bad = row
			}
		}
		if len(good) > 0 {
			questions, about = append(questions, question{[]string{texts[i]}, good}), append(about, i)
		}
		questions, about = append(questions, question{[]string{texts[i]}, []int{bad}}), append(about, i)
	}
	for k, a := range ask(questions) {
		compare(about[k], questions[k].On, a, 0)
	}
	t.Logf("%d expressions on %d rows, of which %d fail on some; %d of Spark's batches failed", count, rowCount, len(failing), len(alone)/size)
	if len(wrong) > 0 {
		for i, row := range rows {
			text, err := json.Marshal(row)
			require.NoError(t, err)
			t.Logf("row %d: %s", i, text)
		}
		t.Errorf("%d expressions differ:\n%s", len(wrong), strings.Join(wrong, "\n"))
	}
}

// differentValues says how Spark's answer about an expression is another than ours.
func differentValues(ours *valued, on []int, a sparkAnswer[answer], at int) string {
	failed := ours.errs[on[0]] // all rows of a question fail, or none does
	if a.Error != "" {
		if failed == "" {
			return "Spark fails, we do not: " + a.Error
		}
		return ""
	}
	values, err := a.OK.column(at)
	if err == nil && len(values) != len(on) {
		err = errors.New("an answer about other rows")
	}
	if err != nil {
		return err.Error()
	}
	if failed != "" {
		return fmt.Sprintf("row %d: Spark has %s, we fail: %s", on[0], values[0], failed)
	}
	if a.OK.Types[at] != ours.typ {
		return fmt.Sprintf("Spark's type is %s, ours %s", a.OK.Types[at], ours.typ)
	}
	for k, row := range on {
		if values[k] != ours.values[row] {
			return fmt.Sprintf("row %d: Spark has %s, we have %s", row, values[k], ours.values[row])
		}
	}
	return ""
}

// exprAllowances are differences that are known: part of the expression, part of
// what differs, and why.
var exprAllowances = [][3]string{
	{"CAST('", "(at character", "a CAST of a literal text that fails is an error when it is bound, wherever it stands"},
	{"CAST(NULL AS", "Spark has null, we fail", "Spark replaces an operation on a constant null by null, and does not look at the other side"},
	{"array_contains(", "we fail", "Spark does not look at the value if the array is null; we evaluate the arguments of functions first"},
	{"nanvl(", "we fail", "Spark looks at the second argument only if the first is NaN; as above"},
}

func exprAllowed(text, difference string) bool {
	for _, a := range exprAllowances {
		if strings.Contains(text, a[0]) && strings.Contains(difference, a[1]) {
			return true
		}
	}
	return false
}
