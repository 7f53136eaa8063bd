package expr

import (
	"math"
	"time"

	"github.com/deltalog/deltalog/txlog/schema"
)

// A domain is a way to compare: what a column's values and a literal are turned
// into first.
type domain uint8

const (
	domainInt     domain = iota // int64: integers, dates, timestamps
	domainFloat                 // float64
	domainDecimal               // unscaled, at the column's scale
	domainBytes
	domainNone // values that do not compare
)

// A scalar is a literal in its domain.
type scalar struct {
	domain domain
	i      int64
	f      float64
	d      schema.Decimal128
	scale  int // of the column
	b      string
}

func isInteger(k schema.Kind) bool {
	return k == schema.KindByte || k == schema.KindShort || k == schema.KindInteger || k == schema.KindLong
}

func isFloat(k schema.Kind) bool { return k == schema.KindFloat || k == schema.KindDouble }

func isNumber(k schema.Kind) bool { return isInteger(k) || isFloat(k) || k == schema.KindDecimal }

func isTime(k schema.Kind) bool {
	return k == schema.KindDate || k == schema.KindTimestamp || k == schema.KindTimestampNTZ
}

func isBytes(k schema.Kind) bool { return k == schema.KindString || k == schema.KindBinary }

// compareColumn binds column i op v: v is turned into the column's type, or both
// into a common one, as Spark does. Decimals are exact.
func (b *binder) compareColumn(e Expr, op Op, i int, v schema.Value) (cond, error) {
	typ := b.typeAt(i)
	kind := typ.Kind()
	if v.IsNull() {
		if op == EqNullSafe {
			return nullColumn{i}, nil
		}
		return isUnknown, nil
	}
	if !isNumber(kind) && !isTime(kind) && !isBytes(kind) && kind != schema.KindBoolean {
		return nil, errorAt(e, "%s: values of type %s cannot be compared", show(e), typeText(typ))
	}
	if v.Kind() == schema.KindString && !isBytes(kind) {
		to := typ
		if kind == schema.KindDecimal { // of any number of digits
			to = nil
		}
		cast, err := b.castTextLiteral(v, to)
		if err != nil {
			return nil, errorAt(e, "%s: %v", show(e), err)
		}
		v = cast
	}
	switch vk := v.Kind(); {
	case kind == schema.KindBoolean && vk == schema.KindBoolean:
		return boolCompare{op, boolColumn{i}, constant(v.Bool())}, nil
	case isBytes(kind) && isBytes(vk):
		return newCompare(i, op, scalar{domain: domainBytes, b: v.Text()}), nil
	case isFloat(kind) && isNumber(vk) || isNumber(kind) && isFloat(vk):
		return newCompare(i, op, scalar{domain: domainFloat, f: toFloat(v), scale: scaleOf(typ)}), nil
	case isInteger(kind) && isInteger(vk):
		return newCompare(i, op, scalar{domain: domainInt, i: v.Int64()}), nil
	case isInteger(kind) && vk == schema.KindDecimal:
		d, scale := v.Decimal()
		floor, exact, beyond := floorTo(d, scale, 0)
		k, fits := floor.Int64()
		if beyond == 0 && !fits {
			beyond = d.Sign()
		}
		return place(i, op, scalar{domain: domainInt, i: k}, exact, beyond), nil
	case kind == schema.KindDecimal && isNumber(vk):
		d, scale := schema.Decimal128FromInt64(v.Int64()), 0
		if vk == schema.KindDecimal {
			d, scale = v.Decimal()
		}
		to := typ.(schema.Decimal).Scale
		floor, exact, beyond := floorTo(d, scale, to)
		return place(i, op, scalar{domain: domainDecimal, d: floor, scale: to}, exact, beyond), nil
	case isTime(kind) && isTime(vk):
		return b.compareTime(i, op, kind, v), nil
	}
	if isBytes(kind) {
		return nil, errorAt(e, "%s: %s is of type %v, and the literal is of type %v; write it in quotes",
			show(e), b.nameAt(i), typ, literalType(v))
	}
	return nil, errorAt(e, "%s: type %s cannot be compared with type %v", show(e), typeText(typ), literalType(v))
}

// castTextLiteral casts a string literal; a nil type is a decimal with the digits
// that are written.
func (b *binder) castTextLiteral(v schema.Value, typ schema.DataType) (schema.Value, error) {
	if typ == nil {
		return parseDecimal(v.Text())
	}
	return castText(v.Text(), typ, b.options.location())
}

func toFloat(v schema.Value) float64 {
	switch k := v.Kind(); {
	case isFloat(k):
		return v.Float64()
	case k == schema.KindDecimal:
		d, scale := v.Decimal()
		return d.Float64(scale)
	}
	return float64(v.Int64())
}

// floorTo returns the largest decimal of scale to that is not above d; exact if
// it is d. beyond is -1 or 1 if there is none because d is below or above all
// decimals of that scale.
func floorTo(d schema.Decimal128, scale, to int) (floor schema.Decimal128, exact bool, beyond int) {
	floor, exact, ok := d.Rescale(scale, to)
	if !ok {
		return floor, false, d.Sign()
	}
	if !exact && schema.CompareDecimals(floor, to, d, scale) > 0 { // rounded up
		hi, lo := floor.Hi(), floor.Lo()
		if lo == 0 {
			hi--
		}
		floor = schema.NewDecimal128(hi, lo-1)
	}
	return floor, exact, 0
}

// place binds column i op x for an x that may lie between floor and the next
// value that the column can have, or beyond all of them.
func place(i int, op Op, floor scalar, exact bool, beyond int) cond {
	if exact && beyond == 0 {
		return newCompare(i, op, floor)
	}
	c := newCompare(i, op, floor)
	switch op {
	case Eq, Ne, EqNullSafe:
		c.base = never
		return c
	case Lt, Le:
		c = newCompare(i, Le, floor)
	case Gt, Ge:
		c = newCompare(i, Gt, floor)
	}
	if beyond != 0 {
		// Below a number beyond the top are all values, above it none.
		c.base = never
		c.negate = (op == Lt || op == Le) == (beyond > 0)
	}
	return c
}

const (
	microsPerDay = 86_400_000_000
	maxDays      = math.MaxInt64 / microsPerDay
)

// compareTime binds a column of dates or timestamps op v, both as points on the
// column's line. A date is its midnight in the session's zone.
func (b *binder) compareTime(i int, op Op, kind schema.Kind, v schema.Value) cond {
	loc := b.options.location()
	if v.Kind() == kind {
		return newCompare(i, op, scalar{domain: domainInt, i: v.Int64()})
	}
	wall := v.Int64() // the literal on the wall clock
	switch v.Kind() {
	case schema.KindDate:
		wall = daysToMicros(wall)
	case schema.KindTimestamp:
		wall = toWall(wall, loc)
	}
	switch kind {
	case schema.KindTimestamp:
		return newCompare(i, op, scalar{domain: domainInt, i: fromWall(wall, loc)})
	case schema.KindTimestampNTZ:
		return newCompare(i, op, scalar{domain: domainInt, i: wall})
	}
	day, rest := wall/microsPerDay, wall%microsPerDay
	if rest < 0 {
		day--
	}
	return place(i, op, scalar{domain: domainInt, i: day}, rest == 0, 0)
}

// daysToMicros saturates.
func daysToMicros(days int64) int64 {
	switch {
	case days > maxDays:
		return math.MaxInt64
	case days < -maxDays:
		return math.MinInt64
	}
	return days * microsPerDay
}

// toWall returns what the clock shows in loc, as if it were UTC.
func toWall(micros int64, loc *time.Location) int64 {
	if loc == time.UTC {
		return micros
	}
	_, offset := time.UnixMicro(micros).In(loc).Zone()
	return addSeconds(micros, int64(offset))
}

// fromWall is the inverse of toWall.
func fromWall(wall int64, loc *time.Location) int64 {
	if loc == time.UTC {
		return wall
	}
	t := time.UnixMicro(wall).UTC()
	y, m, d := t.Date()
	local := time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), loc)
	_, offset := local.Zone()
	return addSeconds(wall, -int64(offset))
}

func addSeconds(micros, seconds int64) int64 {
	sum := micros + seconds*1e6
	if (sum > micros) != (seconds > 0) && seconds != 0 {
		return micros // at the very end of time
	}
	return sum
}

// timeUTC is the zone in which a wall clock is an instant.
var timeUTC = time.UTC

// compareColumns binds column i op column j, of one domain.
func (b *binder) compareColumns(e Expr, op Op, i, j int) (cond, error) {
	s, t := b.typeAt(i), b.typeAt(j)
	k, l := s.Kind(), t.Kind()
	c := columnCompare{i: i, j: j, op: normalize(op), scale: [2]int{scaleOf(s), scaleOf(t)}}
	switch {
	case isInterval(s), isInteger(k) && isInteger(l):
		c.domain = domainInt
	case isNumber(k) && isNumber(l) && (isFloat(k) || isFloat(l)):
		c.domain = domainFloat
	case isNumber(k) && isNumber(l):
		c.domain = domainDecimal
	case isBytes(k) && isBytes(l):
		c.domain = domainBytes
	case isTime(k) && isTime(l):
		c.domain = domainInt
		c.days = [2]bool{k == schema.KindDate && l != k, l == schema.KindDate && l != k}
	default:
		return b.compareNested(e, op, i, j)
	}
	return c, nil
}

func scaleOf(t schema.DataType) int {
	if d, ok := t.(schema.Decimal); ok {
		return d.Scale
	}
	return 0
}
