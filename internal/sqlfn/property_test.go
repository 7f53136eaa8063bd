package sqlfn

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/internal/vec/vectest"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A row is the cast arguments of a call, boxed, and what it gave as constants.
type row struct {
	args []any
	want any
	err  error
}

// A group is the calls of one function that one signature answers.
type group struct {
	name string
	sig  Signature
	env  *Env
	rows []row
}

// pinned are the functions whose types depend on the argument of this number.
var pinned = map[string]int{
	"round": 1, "bround": 1, "floor": 1, "ceil": 1, "ceiling": 1,
	"date_part": 0, "datepart": 0, "extract": 0,
}

// groups turns the golden cases into columns. Each case is there again with each
// of its arguments null.
func groups(t *testing.T) []*group {
	t.Helper()
	byKey := map[string]*group{}
	var order []*group
	for _, g := range readGolden(t) {
		env := envIn(t, g.Zone)
		args, err := g.columns(env)
		if err != nil || len(args) == 0 {
			continue
		}
		f, ok := Lookup(g.F)
		require.True(t, ok, g.F)
		types, consts, key := []schema.DataType{}, []*vec.Vec{}, g.F+g.Zone
		pin, isPinned := pinned[g.F]
		for i, a := range args {
			types, consts = append(types, a.typ), append(consts, a.v)
			if key += "," + a.typ.String(); isPinned && i == pin {
				key += fmt.Sprint(vectest.Values(a.v))
			}
		}
		if g.F == "mod" || g.F == "pmod" {
			consts = nil // an int's type would depend on its value
		}
		sig, err := f.Bind(types, consts)
		if err != nil {
			continue
		}
		if byKey[key] == nil {
			byKey[key] = &group{name: key, sig: sig, env: env}
			order = append(order, byKey[key])
		}
		boxes := make([]any, len(args))
		for i, a := range args {
			v, err := castTo(a.v, a.typ, sig.Args[i], env)
			if err != nil {
				boxes = nil
				break
			}
			boxes[i] = vectest.Value(v, 0)
		}
		if boxes == nil {
			continue
		}
		byKey[key].add(t, boxes)
		for i := range boxes {
			if !isPinned || i != pin {
				nulled := slices.Clone(boxes)
				nulled[i] = nil
				byKey[key].add(t, nulled)
			}
		}
	}
	return order
}

func (g *group) add(t *testing.T, args []any) {
	t.Helper()
	in := make([]Arg, len(args))
	for i, a := range args {
		in[i] = Arg{vectest.New(shapeOf(g.sig.Args[i]), a), true}
	}
	r := row{args: args}
	v, err := g.sig.Eval(g.env, in, 1)
	if r.err = err; err == nil {
		r.want = vectest.Value(v, 0)
	}
	g.rows = append(g.rows, r)
}

// eval computes rows with the arguments in isConst as constants, which have one
// value in all rows, and the others as windows on longer columns.
func (g *group) eval(r *rand.Rand, rows []row, isConst int, window bool) (*vec.Vec, error) {
	in := make([]Arg, len(g.sig.Args))
	for k, t := range g.sig.Args {
		values := make([]any, len(rows))
		for i := range rows {
			values[i] = rows[i].args[k]
		}
		switch {
		case isConst&(1<<k) != 0:
			in[k] = Arg{vectest.New(shapeOf(t), values[0]), true}
		case window:
			in[k] = Arg{vectest.Window(r, shapeOf(t), values...), false}
		default:
			in[k] = Arg{vectest.New(shapeOf(t), values...), false}
		}
	}
	v, err := g.sig.Eval(g.env, in, len(rows))
	if err != nil {
		return nil, err
	}
	if v.Len != len(rows) {
		return nil, fmt.Errorf("%d rows, want %d", v.Len, len(rows))
	}
	return v, vec.Check(v)
}

func (g *group) equal(t *testing.T, r *rand.Rand, rows []row, isConst int, window bool) {
	t.Helper()
	want := make([]any, len(rows))
	for i := range rows {
		want[i] = rows[i].want
	}
	v, err := g.eval(r, rows, isConst, window)
	require.NoError(t, err, "%s, constants %b", g.name, isConst)
	if !vec.Equal(vectest.New(shapeOf(g.sig.Result), want...), v) {
		for i, got := range vectest.Values(v) {
			if fmt.Sprint(got) != fmt.Sprint(want[i]) {
				t.Fatalf("%s, constants %b, window %v: %v is %v in a column, %v alone", g.name, isConst, window, rows[i].args, got, want[i])
			}
		}
	}
}

// TestColumnsAgreeWithConstants computes each golden case alone with constants,
// and again as a row of a column, with some arguments constant and some not, and
// in windows with other values around.
func TestColumnsAgreeWithConstants(t *testing.T) {
	t.Parallel()
	const seed = 1
	r := rand.New(rand.NewPCG(seed, seed))
	for _, g := range groups(t) {
		var good, bad []row
		for _, w := range g.rows {
			if w.err == nil {
				good = append(good, w)
			} else {
				bad = append(bad, w)
			}
		}
		v, err := g.eval(r, nil, 0, false)
		require.NoError(t, err, g.name)
		require.Zero(t, v.Len)
		if len(good) == 0 {
			continue
		}
		for _, window := range []bool{false, true} {
			g.equal(t, r, good, 0, window)
			for isConst := 1; isConst < 1<<len(g.sig.Args); isConst++ {
				w := good[r.IntN(len(good))]
				same := slices.DeleteFunc(slices.Clone(good), func(o row) bool {
					for k := range w.args {
						if isConst&(1<<k) != 0 && fmt.Sprint(o.args[k]) != fmt.Sprint(w.args[k]) {
							return true
						}
					}
					return false
				})
				g.equal(t, r, append(same, same...), isConst, window)
			}
		}
		for range 8 {
			w := good[r.IntN(len(good))]
			g.equal(t, r, []row{w, w}, 0, true) // a column of nothing else may take another path
		}
		for _, w := range bad {
			_, err := g.eval(r, slices.Concat(good, []row{w}, good), 0, true)
			var at *RowError
			require.ErrorAs(t, err, &at, g.name)
			require.Equal(t, len(good), at.Row, "%s: %v", g.name, w.args)
			require.Equal(t, strings.TrimPrefix(w.err.Error(), "row 0: "), errors.Unwrap(at).Error())
		}
	}
}

// TestEveryFunctionIsAsked fails for functions that no golden case calls.
func TestEveryFunctionIsAsked(t *testing.T) {
	t.Parallel()
	// These depend on when, where and by whom they are asked, or are other names.
	asked := map[string]bool{
		"current_timestamp": true, "now": true, "localtimestamp": true, "current_date": true, "curdate": true,
		"current_timezone": true, "current_user": true, "user": true, "session_user": true, "len": true,
		"starts_with": true, "ends_with": true,
	}
	for _, g := range readGolden(t) {
		asked[g.F] = true
	}
	for _, name := range Names() {
		require.True(t, asked[name], name)
	}
}
