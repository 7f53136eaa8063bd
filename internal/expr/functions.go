package expr

import (
	"fmt"
	"slices"
	"strings"

	"github.com/deltalog/deltalog/internal/sqlfn"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// An ownFunc is a function that this package computes itself: because it
// evaluates only some of its arguments, or makes or takes values with parts, or
// reads the session.
type ownFunc struct {
	least, most int // arguments; most is negative for any number
	bind        func(b *binder, e *call, depth int) (node, error)
}

var ownFuncs map[string]ownFunc

func init() {
	at := func(how int) func(b *binder, e *call, depth int) (node, error) {
		return func(b *binder, e *call, depth int) (node, error) { return b.elementAt(e, depth, how) }
	}
	ownFuncs = map[string]ownFunc{
		"if": {3, 3, (*binder).ifElse}, "coalesce": {1, -1, (*binder).coalesce},
		"nvl": {2, 2, (*binder).coalesce}, "ifnull": {2, 2, (*binder).coalesce},
		"nvl2": {3, 3, (*binder).nvl2}, "nullif": {2, 2, (*binder).nullIf},
		"greatest": {2, -1, (*binder).greatest}, "least": {2, -1, (*binder).greatest},
		"isnull": {1, 1, (*binder).isNullFunc}, "isnotnull": {1, 1, (*binder).isNullFunc},
		"struct": {1, -1, (*binder).structOf}, "named_struct": {2, -1, (*binder).namedStruct},
		"array": {0, -1, (*binder).array}, "map": {0, -1, (*binder).mapOf},
		"element_at": {2, 2, at(elementFrom1)}, "try_element_at": {2, 2, at(elementOrNull1)}, "get": {2, 2, at(elementOrNull0)},
		"timestampadd": {3, 3, (*binder).timestampAdd},
		"size":         {1, 1, (*binder).size}, "cardinality": {1, 1, (*binder).size},
		"current_date": {0, 0, (*binder).session}, "curdate": {0, 0, (*binder).session},
		"current_timestamp": {0, 0, (*binder).session}, "now": {0, 0, (*binder).session},
		"localtimestamp": {0, 0, (*binder).session}, "current_timezone": {0, 0, (*binder).session},
		"current_user": {0, 0, (*binder).session}, "user": {0, 0, (*binder).session}, "session_user": {0, 0, (*binder).session},
	}
}

// castFuncs are the types that are functions too: date('2026-01-05').
var castFuncs = map[string]schema.DataType{
	"bigint": schema.Long, "binary": schema.Binary, "boolean": schema.Boolean, "date": schema.Date,
	"decimal": schema.Decimal{Precision: 10}, "double": schema.Double, "float": schema.Float, "int": schema.Integer,
	"smallint": schema.Short, "string": schema.String, "timestamp": schema.Timestamp, "tinyint": schema.Byte,
}

// unstable are functions whose values differ from one evaluation to the next.
var unstable = []string{
	"rand", "random", "randn", "uniform", "randstr", "uuid", "shuffle", "monotonically_increasing_id",
	"spark_partition_id", "input_file_name", "input_file_block_start", "input_file_block_length",
}

// call binds a function.
func (b *binder) call(e *call, depth int) (node, error) {
	if own, ok := ownFuncs[e.name]; ok {
		if n := len(e.args); n < own.least || own.most >= 0 && n > own.most {
			return nil, errorAt(e, "%s: got %d arguments, want %s", e.name, n, counts(own))
		}
		return own.bind(b, e, depth)
	}
	if slices.Contains(unstable, e.name) {
		return nil, errorAt(e, "function %s has another value at each evaluation: a retry would not be the same work", e.name)
	}
	f, ok := sqlfn.Lookup(e.name)
	if !ok {
		if t, isCast := castFuncs[e.name]; isCast && len(e.args) == 1 {
			return b.value(&castTo{e.at, e.args[0], t, false}, depth)
		}
		return nil, errorAt(e, "there is no function %s%s", clip(e.name), suggest(e.name))
	}
	if f.Name == "unix_timestamp" && len(e.args) == 0 && b.env.Now.IsZero() {
		return nil, b.noTime(e)
	}
	args, err := b.values(e.args, depth)
	if err != nil {
		return nil, err
	}
	return b.scalar(e, f, args)
}

func counts(f ownFunc) string {
	switch {
	case f.most < 0:
		return fmt.Sprintf("%d or more", f.least)
	case f.most == f.least:
		return itoa(f.least)
	}
	return fmt.Sprintf("%d to %d", f.least, f.most)
}

// scalar binds a function of package sqlfn.
func (b *binder) scalar(e *call, f *sqlfn.Func, args []node) (node, error) {
	types := make([]schema.DataType, len(args))
	consts := make([]*vec.Vec, len(args))
	for i, x := range args {
		types[i] = x.typ()
		if isInterval(types[i]) {
			return nil, errorAt(e, "%s: functions do not take intervals", show(e))
		}
		if c, is := x.(constNode); is {
			consts[i] = c.v
		}
	}
	sig, err := f.Bind(types, consts)
	if err != nil {
		return nil, errorAt(e, "%v", err)
	}
	for i := range args {
		if args[i], err = b.castNode(e, args[i], sig.Args[i]); err != nil {
			return nil, err
		}
	}
	env := b.env
	return foldApply(&apply{src: e, args: args, t: sig.Result, null: true, fails: true, run: func(b *batch) (*vec.Vec, error) {
		return sig.Eval(env, b.args, b.n)
	}}), nil
}

// suggest names functions that are spelled nearly like name.
func suggest(name string) string {
	var near []string
	try := func(known string) {
		if distance(name, known) <= max(1, len(known)/4) {
			near = append(near, known)
		}
	}
	if len(name) <= 64 {
		for _, known := range sqlfn.Names() {
			try(known)
		}
		for known := range ownFuncs {
			try(known)
		}
	}
	if len(near) == 0 {
		return ""
	}
	slices.SortFunc(near, func(a, b string) int {
		if d := distance(name, a) - distance(name, b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return "; did you mean " + strings.Join(near[:min(3, len(near))], " or ") + "?"
}

// distance counts the letters to insert, delete, replace or swap.
func distance(a, b string) int {
	prev2 := make([]int, len(b)+1)
	prev := make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+int(bit(a[i-1] != b[j-1])))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], prev2[j-2]+1)
			}
		}
		prev2, prev, row = prev, row, prev2
	}
	return prev[len(b)]
}

// nvl2 binds NVL2(x, y, z): y where x is not null, else z.
func (b *binder) nvl2(e *call, depth int) (node, error) {
	return b.caseWhen(&caseWhen{at: e.at, whens: []when{{Not(IsNull(e.args[0])), e.args[1]}}, els: e.args[2]}, depth)
}

func (b *binder) isNullFunc(e *call, depth int) (node, error) {
	x := IsNull(e.args[0])
	if e.name == "isnotnull" {
		x = Not(x)
	}
	return b.value(x, depth)
}

// structOf binds STRUCT, which Parse makes a NAMED_STRUCT.
func (b *binder) structOf(e *call, depth int) (node, error) {
	named := &call{at: e.at, name: "named_struct"}
	for i, x := range e.args {
		named.args = append(named.args, Literal(schema.StringValue("col"+itoa(i+1))), x)
	}
	return b.namedStruct(named, depth)
}

// session binds what the operation knows of itself.
func (b *binder) session(e *call, _ int) (node, error) {
	var v schema.Value
	loc := b.options.location()
	switch e.name {
	case "current_timezone":
		return literalNode(&literal{value: schema.StringValue(loc.String())})
	case "current_user", "user", "session_user":
		if b.env.User == "" {
			return nil, errorAt(e, "%s is not known here", e.name)
		}
		return literalNode(&literal{value: schema.StringValue(b.env.User)})
	}
	if b.env.Now.IsZero() {
		return nil, b.noTime(e)
	}
	now := b.env.Now.UnixMicro()
	switch e.name {
	case "current_date", "curdate":
		v = schema.DateValue(int32(floorDiv(toWall(now, loc), microsPerDay)))
	case "localtimestamp":
		v = schema.TimestampNTZValue(toWall(now, loc))
	default:
		v = schema.TimestampValue(now)
	}
	return literalNode(&literal{value: v})
}

func (b *binder) noTime(e *call) error {
	return errorAt(e, "%s is not known here: the time of the operation is not set", e.name)
}

// timestampAdd binds TIMESTAMPADD(unit, n, ts) as ts + n * INTERVAL 1 unit.
func (b *binder) timestampAdd(e *call, depth int) (node, error) {
	name, err := b.value(e.args[0], depth)
	if err != nil {
		return nil, err
	}
	text, _ := operand{nil, name}.constant()
	u, _, ok := unitOf(text.Text())
	if strings.EqualFold(text.Text(), "QUARTER") {
		u, ok = unit{months: 3}, true
	}
	if !ok {
		return nil, errorAt(e.args[0], "%s: the unit must be a constant such as DAY", show(e))
	}
	by := &interval{at: e.at, span: span{intervalMicros, u.micros}}
	if u.months != 0 {
		by.span = span{intervalMonths, u.months}
	}
	ts := e.args[2]
	x, err := b.value(ts, depth)
	if err != nil {
		return nil, err
	}
	if x.typ().Kind() != schema.KindTimestampNTZ {
		ts = &castTo{e.at, ts, schema.Timestamp, false}
	}
	return b.value(&arith{e.at, opAdd, ts, &arith{e.at, opMul, by, e.args[1]}}, depth)
}
