package sqlfn

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A resolver picks the signature for a call.
type resolver func(b *binding) (Signature, error)

// A binding is a call as it was written.
type binding struct {
	name   string
	args   []schema.DataType
	consts []*vec.Vec
}

// A want is a kind of parameter: what it is called in errors, and which type an
// argument of type t is cast to.
type want struct {
	name string
	cast func(t schema.DataType) (schema.DataType, bool)
}

// The parameters. Implicit casts are those of Spark in ANSI mode: null to all,
// number to number, date and timestamps to each other, strings to all atomic
// types and all atomic types to string.
var (
	wantString    = wantType(schema.String)
	wantBinary    = wantType(schema.Binary)
	wantBoolean   = wantType(schema.Boolean)
	wantInt       = wantType(schema.Integer)
	wantLong      = wantType(schema.Long)
	wantDouble    = wantType(schema.Double)
	wantDate      = wantType(schema.Date)
	wantTimestamp = wantType(schema.Timestamp)
	// wantBytes keeps strings and binaries.
	wantBytes = want{"a string or binary", func(t schema.DataType) (schema.DataType, bool) {
		if t.Kind() == schema.KindBinary {
			return t, true
		}
		return implicit(t, schema.String)
	}}
	// wantNumber keeps numbers.
	wantNumber = want{"a number", func(t schema.DataType) (schema.DataType, bool) {
		if isNumber(t.Kind()) {
			return t, true
		}
		return implicit(t, schema.Double)
	}}
	// wantAnyTimestamp keeps both kinds of timestamp.
	wantAnyTimestamp = want{"a timestamp", func(t schema.DataType) (schema.DataType, bool) {
		if t.Kind() == schema.KindTimestampNTZ {
			return t, true
		}
		return implicit(t, schema.Timestamp)
	}}
)

func wantType(to schema.DataType) want {
	return want{article(to), func(t schema.DataType) (schema.DataType, bool) { return implicit(t, to) }}
}

func article(t schema.DataType) string {
	s := t.String()
	if strings.ContainsRune("aeiou", rune(s[0])) {
		return "an " + s
	}
	return "a " + s
}

// implicit returns to, if a value of type from is cast to it without being asked.
func implicit(from, to schema.DataType) (schema.DataType, bool) {
	f, t := from.Kind(), to.Kind()
	switch {
	case f == t && f != schema.KindDecimal, f == schema.KindVoid:
		return to, true
	case isNumber(f) && isNumber(t), isTime(f) && isTime(t), isAtomic(f) && t == schema.KindString, f == schema.KindString && isAtomic(t):
		return to, true
	}
	return nil, false
}

func isInteger(k schema.Kind) bool {
	return k == schema.KindByte || k == schema.KindShort || k == schema.KindInteger || k == schema.KindLong
}

func isNumber(k schema.Kind) bool {
	return isInteger(k) || k == schema.KindFloat || k == schema.KindDouble || k == schema.KindDecimal
}

func isTime(k schema.Kind) bool {
	return k == schema.KindDate || k == schema.KindTimestamp || k == schema.KindTimestampNTZ
}

func isAtomic(k schema.Kind) bool {
	return isNumber(k) || isTime(k) || k == schema.KindBoolean || k == schema.KindString || k == schema.KindBinary
}

// cast returns the types that the arguments are cast to. The last optional
// parameters may be absent.
func (b *binding) cast(params []want, optional int) ([]schema.DataType, error) {
	if len(b.args) > len(params) || len(b.args) < len(params)-optional {
		return nil, b.countError(len(params)-optional, len(params))
	}
	to := make([]schema.DataType, len(b.args))
	for i, t := range b.args {
		ok := false
		if to[i], ok = params[i].cast(t); !ok {
			return nil, fmt.Errorf("argument %d is %v, want %s", i+1, t, params[i].name)
		}
	}
	return to, nil
}

func (b *binding) countError(from, to int) error {
	n := fmt.Sprint(from)
	switch {
	case to < 0:
		n += " or more"
	case to == from+1:
		n += fmt.Sprintf(" or %d", to)
	case to > from:
		n += fmt.Sprintf(" to %d", to)
	}
	return fmt.Errorf("got %d arguments, want %s", len(b.args), n)
}

// constInt returns argument i, which must be an integer constant; isNull if it
// is null.
func (b *binding) constInt(i int, what string) (v int, isNull bool, err error) {
	c := b.consts[i]
	switch {
	case c == nil:
		return 0, false, fmt.Errorf("argument %d, %s, must be a constant", i+1, what)
	case c.Len != 1:
		return 0, false, fmt.Errorf("argument %d, %s, is a constant of %d values", i+1, what, c.Len)
	case c.IsNull(0):
		return 0, true, nil
	}
	switch b.args[i].Kind() {
	case schema.KindByte:
		return int(vec.Values[int8](c)[0]), false, nil
	case schema.KindShort:
		return int(vec.Values[int16](c)[0]), false, nil
	case schema.KindInteger:
		return int(vec.Values[int32](c)[0]), false, nil
	case schema.KindLong:
		l := vec.Values[int64](c)[0]
		if int64(int32(l)) == l {
			return int(l), false, nil
		}
		return 0, false, fmt.Errorf("argument %d, %s, is %d, want an int", i+1, what, l)
	case schema.KindString:
		if l, err := strconv.ParseInt(trimSpace(string(c.At(0))), 10, 32); err == nil {
			return int(l), false, nil
		}
	}
	return 0, false, fmt.Errorf("argument %d, %s, is %v, want an integer constant", i+1, what, b.args[i])
}

// constString returns argument i, which must be a string constant.
func (b *binding) constString(i int, what string) (v string, isNull bool, err error) {
	c := b.consts[i]
	switch {
	case c == nil || c.Len != 1:
		return "", false, fmt.Errorf("argument %d, %s, must be a constant", i+1, what)
	case c.IsNull(0):
		return "", true, nil
	case b.args[i].Kind() != schema.KindString:
		return "", false, fmt.Errorf("argument %d, %s, is %v, want a string constant", i+1, what, b.args[i])
	}
	return string(c.At(0)), false, nil
}

// A def is a function under all of its names, separated by spaces.
type def struct {
	names   string
	resolve resolver
}

// registry has every function under each of its names, in lower case.
var registry = register(
	textFuncs(), concatFuncs(), caseFuncs(), regexFuncs(), encodeFuncs(),
	numberFuncs(), roundFuncs(),
	datePartFuncs(), truncFuncs(), dateFuncs(), timeFuncs(),
	sessionFuncs(), timeTextFuncs(),
	hashFuncs(), digestFuncs(), arrayFuncs(),
)

func register(groups ...[]def) map[string]*Func {
	m := map[string]*Func{}
	for _, d := range slices.Concat(groups...) {
		for name := range strings.FieldsSeq(d.names) {
			f := &Func{Name: name, bind: d.resolve}
			f.Resolve = func(args []schema.DataType) (Signature, error) { return f.Bind(args, nil) }
			m[name] = f
		}
	}
	return m
}

// fixed resolves a function whose result type does not depend on its arguments.
// Nulls make null.
func fixed(result schema.DataType, eval evalFunc, params ...want) resolver {
	return optional(0, result, eval, params...)
}

// optional is fixed for a function whose last n parameters may be absent.
func optional(n int, result schema.DataType, eval evalFunc, params ...want) resolver {
	return func(b *binding) (Signature, error) {
		to, err := b.cast(params, n)
		if err != nil {
			return Signature{}, err
		}
		return strict(to, result, eval), nil
	}
}
