package expr

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"regexp"
	"strings"
	"time"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/internal/vec/vectest"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A second implementation of conditions, row by row and by the rules only: big
// rationals for numbers, regular expressions for LIKE.

type value3 int8 // false, true, null

const (
	isFalse value3 = iota
	isYes
	isNil
)

var testSchema = &schema.Struct{Fields: []schema.Field{
	{Name: "b", Type: schema.Boolean, Nullable: true},
	{Name: "i8", Type: schema.Byte, Nullable: true},
	{Name: "i16", Type: schema.Short, Nullable: true},
	{Name: "I32", Type: schema.Integer, Nullable: true},
	{Name: "i64", Type: schema.Long, Nullable: true},
	{Name: "f32", Type: schema.Float, Nullable: true},
	{Name: "f64", Type: schema.Double, Nullable: true},
	{Name: "dec", Type: schema.Decimal{Precision: 10, Scale: 2}, Nullable: true},
	{Name: "big", Type: schema.Decimal{Precision: 38, Scale: 10}, Nullable: true},
	{Name: "s", Type: schema.String, Nullable: true},
	{Name: "bin", Type: schema.Binary, Nullable: true},
	{Name: "d", Type: schema.Date, Nullable: true},
	{Name: "ts", Type: schema.Timestamp, Nullable: true},
	{Name: "ntz", Type: schema.TimestampNTZ, Nullable: true},
	{Name: "st", Nullable: true, Type: &schema.Struct{Fields: []schema.Field{
		{Name: "x", Type: schema.Long, Nullable: true},
		{Name: "y z", Type: schema.String, Nullable: true},
	}}},
	{Name: "t", Type: schema.String, Nullable: true},
	{Name: "j64", Type: schema.Long, Nullable: true},
}}

// leafPaths are the columns that have values.
var leafPaths = func() (paths [][]string) {
	for path := range testSchema.Leaves() {
		paths = append(paths, append([]string(nil), path...))
	}
	return paths
}()

func leafType(path []string) schema.DataType {
	s := testSchema
	for _, name := range path[:len(path)-1] {
		s = s.Fields[s.Find(name)].Type.(*schema.Struct)
	}
	return s.Fields[s.Find(path[len(path)-1])].Type
}

// A row has a value for each leaf, keyed by its path in lower case.
type row map[string]schema.Value

func key(path []string) string { return strings.ToLower(strings.Join(path, ".")) }

// randomValue returns a value of a type from a small domain with its edges.
func randomValue(r *rand.Rand, t schema.DataType) schema.Value {
	n := int64(r.IntN(7) - 3)
	edge := r.IntN(12) == 0
	switch k := t.Kind(); k {
	case schema.KindBoolean:
		return schema.BooleanValue(r.IntN(2) == 0)
	case schema.KindByte, schema.KindShort, schema.KindInteger, schema.KindLong:
		if edge {
			bits := map[schema.Kind]int{schema.KindByte: 8, schema.KindShort: 16, schema.KindInteger: 32, schema.KindLong: 64}[k]
			n = []int64{math.MinInt64, math.MinInt64 + 1, math.MaxInt64, 1<<53 + 1, 1<<53 + 3}[r.IntN(5)] >> (64 - bits)
		}
		return integerValue(k, n)
	case schema.KindFloat:
		return schema.FloatValue(float32(randomFloat(r, edge)))
	case schema.KindDouble:
		return schema.DoubleValue(randomFloat(r, edge))
	case schema.KindDecimal:
		d := t.(schema.Decimal)
		u := schema.Decimal128FromInt64(n*100 + int64(r.IntN(3)))
		if d.Precision == 38 {
			u = schema.Decimal128FromInt64(n*10_000_000_000 + int64(r.IntN(3))*100_000_000)
			if edge {
				u = schema.NewDecimal128(5421010862427522170-1, r.Uint64()) // close to 10^38
			}
		}
		if r.IntN(2) == 0 {
			u = u.Neg()
		}
		return schema.DecimalValue(u, d.Scale)
	case schema.KindString, schema.KindBinary:
		words := []string{"", "a", "ab", "abc", "b", "a%", "a_b", "é", "éa", "日本", "Z", `\`, "a\nb"}
		w := words[r.IntN(len(words))]
		if k == schema.KindBinary {
			return schema.BinaryValue(w)
		}
		return schema.StringValue(w)
	case schema.KindDate:
		if edge {
			return schema.DateValue([]int32{-719162, 2932896, 20000}[r.IntN(3)])
		}
		return schema.DateValue(int32(n))
	case schema.KindTimestamp:
		return schema.TimestampValue(randomMicros(r, n))
	case schema.KindTimestampNTZ:
		return schema.TimestampNTZValue(randomMicros(r, n))
	}
	return schema.Null(t)
}

func randomFloat(r *rand.Rand, edge bool) float64 {
	if edge {
		return []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 1 << 53}[r.IntN(5)]
	}
	return float64(r.IntN(13)-6) / 2
}

func randomMicros(r *rand.Rand, n int64) int64 {
	return n*microsPerDay + []int64{0, 0, 1, -1, 3600e6}[r.IntN(5)]
}

func randomRows(r *rand.Rand, n int) []row {
	rows := make([]row, n)
	for i := range rows {
		rows[i] = row{}
		nullStruct := r.IntN(5) == 0
		for _, p := range leafPaths {
			t := leafType(p)
			if r.IntN(5) == 0 || nullStruct && len(p) > 1 {
				rows[i][key(p)] = schema.Null(t)
				continue
			}
			rows[i][key(p)] = randomValue(r, t)
		}
	}
	return rows
}

// batchOf returns the rows as vectors that are windows of longer ones.
func batchOf(r *rand.Rand, rows []row) []*vec.Vec {
	shapeOf := func(t schema.DataType) vectest.Shape { return vectest.Shape{Kind: layoutOf(t)} }
	batch := make([]*vec.Vec, len(testSchema.Fields))
	for i, f := range testSchema.Fields {
		st, nested := f.Type.(*schema.Struct)
		shape := shapeOf(f.Type)
		values := make([]any, len(rows))
		if nested {
			for _, g := range st.Fields {
				shape.Children = append(shape.Children, shapeOf(g.Type))
			}
		}
		for k, row := range rows {
			if !nested {
				values[k] = boxed(row[key([]string{f.Name})])
				continue
			}
			var fields []any
			allNull := true
			for _, g := range st.Fields {
				x := boxed(row[key([]string{f.Name, g.Name})])
				allNull = allNull && x == nil
				fields = append(fields, x)
			}
			values[k] = fields
			if allNull && r.IntN(2) == 0 {
				values[k] = nil // the struct itself
			}
		}
		batch[i] = vectest.Window(r, shape, values...)
	}
	return batch
}

func boxed(v schema.Value) any {
	if v.IsNull() {
		return nil
	}
	switch v.Kind() {
	case schema.KindBoolean:
		return v.Bool()
	case schema.KindByte:
		return int8(v.Int64())
	case schema.KindShort:
		return int16(v.Int64())
	case schema.KindInteger, schema.KindDate:
		return int32(v.Int64())
	case schema.KindFloat:
		return float32(v.Float64())
	case schema.KindDouble:
		return v.Float64()
	case schema.KindDecimal:
		d, _ := v.Decimal()
		return d.LittleEndian()
	case schema.KindString, schema.KindBinary:
		return v.Text()
	}
	return v.Int64()
}

// A generator makes random conditions that bind to testSchema.
type generator struct{ *rand.Rand }

func (g generator) cond(depth int) Expr {
	if depth == 0 {
		return g.test()
	}
	switch g.IntN(8) {
	case 0, 1:
		return And(g.cond(depth-1), g.cond(depth-1), g.cond(depth-1))
	case 2, 3:
		return Or(g.cond(depth-1), g.cond(depth-1))
	case 4:
		return Not(g.cond(depth - 1))
	case 5:
		switch g.IntN(3) {
		case 0:
			return IsNull(g.cond(depth - 1))
		case 1:
			return &isTrue{x: g.cond(depth - 1), want: g.IntN(2) == 0}
		}
		return Compare(g.op(), g.cond(depth-1), g.cond(depth-1))
	}
	return g.test()
}

func (g generator) op() Op { return Op(g.IntN(int(EqNullSafe) + 1)) }

func (g generator) test() Expr {
	path := leafPaths[g.IntN(len(leafPaths))]
	c := Column(path...)
	if g.IntN(2) == 0 {
		c = Column(strings.Split(strings.ToUpper(strings.Join(path, "\x00")), "\x00")...)
	}
	t := leafType(path)
	switch g.IntN(10) {
	case 0:
		return IsNull(c)
	case 1:
		var list []Expr
		for range 1 + g.IntN(14) {
			list = append(list, Literal(g.literal(t)))
		}
		return &in{x: c, list: list}
	case 2:
		return Between(c, Literal(g.literal(t)), Literal(g.literal(t)))
	case 3:
		if t.Kind() == schema.KindString {
			patterns := []string{"a%", "%b", "%b%", "a", "", "%", "a_c", "_", "%_", "_%", "a%b%c", `a\%`, `a\_%`, "é%", "%%a%", "__", "%a_", "a%_"}
			return &like{x: c, pattern: patterns[g.IntN(len(patterns))], escape: '\\'}
		}
		if t.Kind() == schema.KindBoolean {
			return c
		}
		return Literal([]schema.Value{schema.BooleanValue(true), schema.BooleanValue(false), schema.Null(schema.Boolean)}[g.IntN(3)])
	case 4: // two columns
		var others []Expr
		for _, p := range leafPaths {
			if comparable3(t.Kind(), leafType(p).Kind()) {
				others = append(others, Column(p...))
			}
		}
		return Compare(g.op(), c, others[g.IntN(len(others))])
	case 5:
		return Compare(g.op(), Literal(g.literal(t)), c)
	}
	return Compare(g.op(), c, Literal(g.literal(t)))
}

func comparable3(k, l schema.Kind) bool {
	return k == l || isNumber(k) && isNumber(l) || isTime(k) && isTime(l) || isBytes(k) && isBytes(l)
}

// literal returns a value to compare a column of type t with: of its type, of
// another that compares with it, or as text.
func (g generator) literal(t schema.DataType) schema.Value {
	k := t.Kind()
	switch g.IntN(6) {
	case 0:
		if g.IntN(3) == 0 {
			return schema.Null(t)
		}
		fallthrough
	case 1: // another type
		var types []schema.DataType
		for _, p := range leafPaths {
			if u := leafType(p); comparable3(k, u.Kind()) {
				types = append(types, u)
			}
		}
		if isNumber(k) && !isFloat(k) {
			types = append(types, schema.Decimal{Precision: 5, Scale: 3})
		}
		return randomValue(g.Rand, types[g.IntN(len(types))])
	case 2: // text
		v := randomValue(g.Rand, t)
		if isBytes(k) {
			return v
		}
		return schema.StringValue(v.String())
	}
	return randomValue(g.Rand, t)
}

// eval is the reference.
func (r row) eval(e Expr) value3 {
	switch e := e.(type) {
	case *literal, *column:
		v := r.value(e)
		if v.IsNull() {
			return isNil
		}
		return truth3(v.Bool())
	case *logic:
		result := truth3(!e.or)
		for _, x := range e.args {
			if e.or {
				result = invert3(and3(invert3(result), invert3(r.eval(x))))
			} else {
				result = and3(result, r.eval(x))
			}
		}
		return result
	case *not:
		return invert3(r.eval(e.x))
	case *isTrue:
		return truth3(r.eval(e.x) == truth3(e.want))
	case *isNull:
		return truth3(r.value(e.x).IsNull())
	case *compare:
		return compare3(e.op, r.value(e.l), r.value(e.r))
	case *between:
		x := r.value(e.x)
		return and3(compare3(Ge, x, r.value(e.lo)), compare3(Le, x, r.value(e.hi)))
	case *in:
		result := isFalse
		for _, v := range e.list {
			result = invert3(and3(invert3(result), invert3(compare3(Eq, r.value(e.x), r.value(v)))))
		}
		return result
	case *like:
		v := r.value(e.x)
		if v.IsNull() {
			return isNil
		}
		var b strings.Builder
		escaped := false
		for _, c := range e.pattern {
			switch {
			case escaped || c != e.escape && c != '%' && c != '_':
				b.WriteString(regexp.QuoteMeta(string(c)))
				escaped = false
			case c == e.escape:
				escaped = true
			case c == '%':
				b.WriteString(".*")
			default:
				b.WriteByte('.')
			}
		}
		return truth3(regexp.MustCompile("(?s)^" + b.String() + "$").MatchString(v.Text()))
	}
	panic(fmt.Sprintf("%T", e))
}

func truth3(b bool) value3 {
	if b {
		return isYes
	}
	return isFalse
}

func invert3(v value3) value3 { return [...]value3{isYes, isFalse, isNil}[v] }

func and3(a, b value3) value3 {
	switch {
	case a == isFalse || b == isFalse:
		return isFalse
	case a == isNil || b == isNil:
		return isNil
	}
	return isYes
}

func (r row) value(e Expr) schema.Value {
	switch e := e.(type) {
	case *column:
		return r[key(e.path)]
	case *literal:
		return e.value
	}
	switch r.eval(e) {
	case isNil:
		return schema.Null(schema.Boolean)
	case isYes:
		return schema.BooleanValue(true)
	}
	return schema.BooleanValue(false)
}

func compare3(op Op, a, b schema.Value) value3 {
	if a.IsNull() || b.IsNull() {
		if op == EqNullSafe {
			return truth3(a.IsNull() && b.IsNull())
		}
		return isNil
	}
	if a.Kind() == schema.KindString && !isBytes(b.Kind()) {
		a = fromText3(a.Text(), b.Kind())
	}
	if b.Kind() == schema.KindString && !isBytes(a.Kind()) {
		b = fromText3(b.Text(), a.Kind())
	}
	c := order3(a, b)
	return truth3([...]bool{Eq: c == 0, Ne: c != 0, Lt: c < 0, Le: c <= 0, Gt: c > 0, Ge: c >= 0, EqNullSafe: c == 0}[op])
}

func fromText3(s string, k schema.Kind) schema.Value {
	switch {
	case k == schema.KindBoolean:
		return schema.BooleanValue(s == "true")
	case k == schema.KindFloat:
		var f float32
		fmt.Sscan(s, &f)
		return schema.FloatValue(f)
	case k == schema.KindDouble:
		var f float64
		fmt.Sscan(s, &f)
		return schema.DoubleValue(f)
	case isNumber(k):
		whole, frac, _ := strings.Cut(s, ".")
		n, ok := new(big.Int).SetString(whole+frac, 10)
		if !ok {
			panic(s)
		}
		d, ok := schema.Decimal128FromBigEndian(twosComplement(n))
		if !ok {
			panic(s)
		}
		return schema.DecimalValue(d, len(frac))
	case k == schema.KindDate:
		return schema.DateValue(int32(wallTime(s, "2006-01-02").Unix() / 86400))
	case k == schema.KindTimestamp:
		return schema.TimestampValue(wallTime(s, "2006-01-02T15:04:05.999999Z").UnixMicro())
	}
	return schema.TimestampNTZValue(wallTime(s, "2006-01-02 15:04:05.999999").UnixMicro())
}

func wallTime(s, layout string) time.Time {
	t, err := time.Parse(layout, s)
	if err != nil {
		panic(err)
	}
	return t
}

func twosComplement(n *big.Int) []byte {
	if n.Sign() < 0 {
		n = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), 128))
	}
	return n.FillBytes(make([]byte, 16))
}

func order3(a, b schema.Value) int {
	k, l := a.Kind(), b.Kind()
	switch {
	case isFloat(k) || isFloat(l):
		x, y := float3(a), float3(b)
		switch {
		case math.IsNaN(x) || math.IsNaN(y):
			return int(bit(math.IsNaN(x))) - int(bit(math.IsNaN(y)))
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	case isNumber(k):
		return rational(a).Cmp(rational(b))
	case isTime(k):
		return big.NewInt(instant3(a)).Cmp(big.NewInt(instant3(b)))
	case k == schema.KindBoolean:
		return int(bit(a.Bool())) - int(bit(b.Bool()))
	}
	return bytes.Compare([]byte(a.Text()), []byte(b.Text()))
}

func float3(v schema.Value) float64 {
	if isFloat(v.Kind()) {
		return v.Float64()
	}
	f, _ := rational(v).Float64()
	return f
}

func rational(v schema.Value) *big.Rat {
	if v.Kind() != schema.KindDecimal {
		return new(big.Rat).SetInt64(v.Int64())
	}
	x, ok := new(big.Rat).SetString(v.String())
	if !ok {
		panic(v.String())
	}
	return x
}

func instant3(v schema.Value) int64 {
	if v.Kind() == schema.KindDate {
		return v.Int64() * microsPerDay
	}
	return v.Int64()
}
