package sqlfn

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/civil"
	"github.com/deltalog/deltalog/internal/schemavec"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/internal/vec/vectest"
	"github.com/deltalog/deltalog/txlog/schema"
)

// now is the clock of tests.
var now = time.Date(2024, 2, 29, 23, 30, 15, 123456789, time.UTC)

func envIn(t testing.TB, name string) *Env {
	t.Helper()
	loc, err := LoadZone(name)
	require.NoError(t, err)
	return &Env{Now: now, Location: loc, User: "me"}
}

// typeOf reads the types that the tests write.
func typeOf(text string) schema.DataType {
	inner := func(prefix string) string { return strings.TrimSuffix(strings.TrimPrefix(text, prefix), ">") }
	switch {
	case strings.HasPrefix(text, "decimal("):
		var d schema.Decimal
		if _, err := fmt.Sscanf(text, "decimal(%d,%d)", &d.Precision, &d.Scale); err != nil {
			panic(err)
		}
		return d
	case strings.HasPrefix(text, "array<"):
		return &schema.Array{Element: typeOf(inner("array<")), ContainsNull: true}
	case strings.HasPrefix(text, "map<"):
		k, v, _ := strings.Cut(inner("map<"), ",")
		return &schema.Map{Key: typeOf(k), Value: typeOf(v), ValueContainsNull: true}
	case strings.HasPrefix(text, "struct<"):
		s := &schema.Struct{}
		for f := range strings.SplitSeq(inner("struct<"), ",") {
			name, typ, _ := strings.Cut(f, ":")
			s.Fields = append(s.Fields, schema.Field{Name: name, Type: typeOf(typ), Nullable: true})
		}
		return s
	}
	for p := schema.Boolean; p <= schema.Variant; p++ {
		if p.Kind() != schema.KindDecimal && p.String() == text {
			return p
		}
	}
	panic("type " + text)
}

func shapeOf(t schema.DataType) vectest.Shape {
	s := vectest.Shape{Kind: schemavec.Layout(t)}
	switch t := t.(type) {
	case *schema.Array:
		s.Children = []vectest.Shape{shapeOf(t.Element)}
	case *schema.Map:
		s.Children = []vectest.Shape{shapeOf(t.Key), shapeOf(t.Value)}
	case *schema.Struct:
		for i := range t.Fields {
			s.Children = append(s.Children, shapeOf(t.Fields[i].Type))
		}
	}
	return s
}

// boxed reads a value of type t from its text, or from JSON if t is nested.
func boxed(t schema.DataType, text string, env *Env) (any, error) {
	text = strings.TrimRight(text, "\x00")
	bad := fmt.Errorf("%q is no %v", text, t)
	switch t.Kind() {
	case schema.KindBoolean:
		return strconv.ParseBool(text)
	case schema.KindByte:
		v, err := strconv.ParseInt(text, 10, 8)
		return int8(v), err
	case schema.KindShort:
		v, err := strconv.ParseInt(text, 10, 16)
		return int16(v), err
	case schema.KindInteger:
		v, err := strconv.ParseInt(text, 10, 32)
		return int32(v), err
	case schema.KindLong:
		return strconv.ParseInt(text, 10, 64)
	case schema.KindFloat:
		v, ok := schema.ParseFloat(text, 32)
		if !ok {
			return nil, bad
		}
		return float32(v), nil
	case schema.KindDouble:
		v, ok := schema.ParseFloat(text, 64)
		if !ok {
			return nil, bad
		}
		return v, nil
	case schema.KindDecimal:
		d, scale, ok := schema.ParseDecimal(text)
		if ok {
			d, _, ok = d.Rescale(scale, t.(schema.Decimal).Scale)
		}
		if !ok || !d.Fits(t.(schema.Decimal).Precision) {
			return nil, bad
		}
		return d.LittleEndian(), nil
	case schema.KindString:
		return text, nil
	case schema.KindBinary:
		b, err := hex.DecodeString(text)
		return string(b), err
	case schema.KindDate:
		v, ok := ParseDate(text)
		if !ok {
			return nil, bad
		}
		return v, nil
	case schema.KindTimestamp:
		v, ok := ParseTimestamp(text, env)
		if !ok {
			return nil, bad
		}
		return v, nil
	case schema.KindTimestampNTZ:
		v, ok := ParseTimestampNTZ(text)
		if !ok {
			return nil, bad
		}
		return v, nil
	}
	var v any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return unjson(t, v, env)
}

func unjson(t schema.DataType, v any, env *Env) (any, error) {
	if v == nil {
		return nil, nil
	}
	switch t := t.(type) {
	case *schema.Array:
		out := []any{}
		for _, e := range v.([]any) {
			x, err := unjson(t.Element, e, env)
			if err != nil {
				return nil, err
			}
			out = append(out, x)
		}
		return out, nil
	case *schema.Map:
		out := [][2]any{}
		for k, e := range v.(map[string]any) {
			x, err := unjson(t.Value, e, env)
			if err != nil {
				return nil, err
			}
			out = append(out, [2]any{k, x})
		}
		return out, nil
	case *schema.Struct:
		out := []any{}
		for i := range t.Fields {
			x, err := unjson(t.Fields[i].Type, v.(map[string]any)[t.Fields[i].Name], env)
			if err != nil {
				return nil, err
			}
			out = append(out, x)
		}
		return out, nil
	}
	return boxed(t, fmt.Sprint(v), env)
}

// textOfValue writes value i as Spark casts it to a string, binaries in
// hexadecimal and timestamps in microseconds.
func textOfValue(v *vec.Vec, t schema.DataType, i int) string {
	switch t.Kind() {
	case schema.KindBinary:
		return strings.ToUpper(hex.EncodeToString(v.At(i)))
	case schema.KindTimestamp, schema.KindTimestampNTZ:
		return strconv.FormatInt(vec.Values[int64](v)[i], 10)
	case schema.KindFloat:
		return string(schema.AppendFloat(nil, float64(vec.Values[float32](v)[i]), 32))
	case schema.KindDouble:
		return string(schema.AppendFloat(nil, vec.Values[float64](v)[i], 64))
	case schema.KindString:
		return string(v.At(i))
	case schema.KindDate:
		return string(schema.AppendDate(nil, vec.Values[int32](v)[i]))
	case schema.KindDecimal:
		return schema.Decimal128FromLittleEndian(vec.Values[[16]byte](v)[i]).Text(t.(schema.Decimal).Scale)
	case schema.KindBoolean:
		return strconv.FormatBool(v.Bool(i))
	}
	return fmt.Sprint(vectest.Value(v, i))
}

// castTo is as much of CAST as the tests need.
func castTo(v *vec.Vec, from, to schema.DataType, env *Env) (*vec.Vec, error) {
	f, t := from.Kind(), to.Kind()
	z := newZone(env.location())
	switch {
	case schema.Equal(from, to):
		return v, nil
	case f == schema.KindVoid:
		return vec.AllNull(schemavec.Empty(to), v.Len), nil
	case f == schema.KindArray && t == schema.KindArray:
		child, err := castTo(v.Children[0], from.(*schema.Array).Element, to.(*schema.Array).Element, env)
		if err != nil {
			return nil, err
		}
		w := *v
		w.Children = []*vec.Vec{child}
		return &w, nil
	case f == schema.KindString && t == schema.KindBinary:
		return v, nil
	}
	values := make([]any, v.Len)
	for i := range values {
		if v.IsNull(i) {
			continue
		}
		text := textOfValue(v, from, i)
		var err error
		switch {
		case f == schema.KindDate && t == schema.KindTimestamp:
			values[i], err = z.startOfDay(int64(vec.Values[int32](v)[i]))
		case f == schema.KindTimestamp && t == schema.KindDate:
			values[i] = int32(civil.FloorDiv(z.wall(vec.Values[int64](v)[i]), microsPerDay))
		case f == schema.KindTimestampNTZ && t == schema.KindTimestamp:
			us := vec.Values[int64](v)[i]
			values[i] = z.instant(civil.FloorDiv(us, microsPerSecond), noOffset)*microsPerSecond + civil.FloorMod(us, microsPerSecond)
		case f == schema.KindTimestampNTZ && t == schema.KindDate:
			values[i] = int32(civil.FloorDiv(vec.Values[int64](v)[i], microsPerDay))
		case isNumber(f) && t == schema.KindTimestamp:
			values[i], err = boxed(schema.Long, text, env)
			if err == nil {
				values[i] = values[i].(int64) * microsPerSecond
			}
		case (f == schema.KindDouble || f == schema.KindFloat || f == schema.KindDecimal) && isInteger(t):
			x, _ := schema.ParseFloat(text, 64)
			values[i], err = boxed(to, strconv.FormatFloat(math.Trunc(x), 'f', -1, 64), env)
		case f == schema.KindFloat && t == schema.KindDouble:
			values[i] = float64(vec.Values[float32](v)[i])
		case f == schema.KindBinary && t == schema.KindString:
			values[i] = string(v.At(i))
		default:
			values[i], err = boxed(to, text, env)
		}
		if err != nil {
			return nil, err
		}
	}
	return vectest.New(shapeOf(to), values...), nil
}

// A column is an argument of a test: constant or not.
type column struct {
	typ schema.DataType
	v   *vec.Vec
}

// callOf binds and evaluates a function on columns of one row.
func callOf(name string, args []column, env *Env) (v *vec.Vec, t schema.DataType, err error) {
	f, ok := Lookup(name)
	if !ok {
		return nil, nil, fmt.Errorf("no function %s", name)
	}
	types, consts := []schema.DataType{}, []*vec.Vec{}
	for _, a := range args {
		types, consts = append(types, a.typ), append(consts, a.v)
	}
	s, err := f.Bind(types, consts)
	if err != nil {
		return nil, nil, err
	}
	in := make([]Arg, len(args))
	for i, a := range args {
		w, err := castTo(a.v, a.typ, s.Args[i], env)
		if err != nil {
			return nil, nil, err
		}
		in[i] = Arg{w, true}
	}
	v, err = s.Eval(env, in, 1)
	return v, s.Result, err
}
