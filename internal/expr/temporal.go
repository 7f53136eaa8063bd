package expr

import (
	"math"
	"time"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// temporal binds + - * / on dates, timestamps and intervals; nil if the sides are
// none.
func (b *binder) temporal(e *arith, l, r node) (node, error) {
	lt, rt := l.typ(), r.typ()
	switch {
	case isInterval(lt) && isInterval(rt):
		return b.intervals(e, l, r)
	case e.op == opAdd && isInterval(lt) && isTime(rt.Kind()), e.op == opAdd && isDays(lt) && rt.Kind() == schema.KindDate:
		l, r, lt, rt = r, l, rt, lt
	}
	switch {
	case isInterval(lt) && (isNumber(rt.Kind()) || rt.Kind() == schema.KindString):
		return b.scaleInterval(e, l, r)
	case isInterval(rt) && isNumber(lt.Kind()) && e.op == opMul:
		return b.scaleInterval(e, r, l)
	case !isTime(lt.Kind()) && !(isTime(rt.Kind()) && e.op == opSub && lt.Kind() == schema.KindString):
		return nil, nil
	case e.op != opAdd && e.op != opSub:
		return nil, nil
	case isInterval(rt):
		return b.addInterval(e, l, r)
	case lt.Kind() == schema.KindDate && isDays(rt):
		return strictApply(e, schema.Date, true, addDays(e.op == opSub), l, r), nil
	case e.op == opSub && (isTime(rt.Kind()) || rt.Kind() == schema.KindString):
		return b.timesBetween(e, l, r)
	}
	return nil, nil
}

// isDays reports whether a number of that type can be added to a date.
func isDays(t schema.DataType) bool {
	k := t.Kind()
	return k == schema.KindByte || k == schema.KindShort || k == schema.KindInteger
}

func (b *binder) intervals(e *arith, l, r node) (node, error) {
	t, ok := commonInterval(l.typ(), r.typ())
	if !ok || e.op != opAdd && e.op != opSub {
		return nil, errorAt(e, "%s: %s is not defined for %s and %s", show(e), e.op, typeText(l.typ()), typeText(r.typ()))
	}
	return strictApply(e, t, true, intKernel[int64](e.op, vec.Int64, t), l, r), nil
}

// scaleInterval binds interval * number and interval / number.
func (b *binder) scaleInterval(e *arith, l, r node) (node, error) {
	if e.op != opMul && e.op != opDiv {
		return nil, nil
	}
	t := l.typ()
	if t == intervalDays {
		t = intervalMicros
	}
	if e.op == opMul && isInteger(r.typ().Kind()) {
		r, err := b.castNode(e, r, schema.Long)
		if err != nil {
			return nil, err
		}
		return strictApply(e, t, true, intKernel[int64](opMul, vec.Int64, t), l, r), nil
	}
	r, err := b.castNode(e, r, schema.Double)
	if err != nil {
		return nil, err
	}
	op := e.op
	return strictApply(e, t, true, func(b *batch) (*vec.Vec, error) {
		x, y := colOf[int64](b.args[0]), colOf[float64](b.args[1])
		out := make([]int64, b.n)
		for i := range out {
			if !b.isValid(i) {
				continue
			}
			f := float64(x.at(i)) * y.at(i)
			if op == opDiv {
				if y.at(i) == 0 {
					return nil, rowError(i, "interval / 0: %w", errDivideByZero)
				}
				f = float64(x.at(i)) / y.at(i)
			}
			f = math.Round(f) // half away from zero
			if !(f < 1<<63 && f > -1<<63) {
				return nil, rowError(i, "%w of %s", errOverflow, typeText(t))
			}
			out[i] = int64(f)
		}
		return vec.Of(vec.Int64, out, nil), nil
	}, l, r), nil
}

func addDays(subtract bool) kernel {
	return func(b *batch) (*vec.Vec, error) {
		x, n := colOf[int32](b.args[0]), numbersOf(b.args[1])
		out := make([]int32, b.n)
		for i := range out {
			days := n.at(i)
			if subtract {
				days = -days
			}
			d := int64(x.at(i)) + days
			if int64(int32(d)) != d && b.isValid(i) {
				return nil, rowError(i, "%w of date", errOverflow)
			}
			out[i] = int32(d)
		}
		return vec.Of(vec.Int32, out, nil), nil
	}
}

// addInterval binds time ± interval.
func (b *binder) addInterval(e *arith, l, r node) (node, error) {
	var err error
	t, loc := l.typ(), b.options.location()
	sign := int64(1)
	if e.op == opSub {
		sign = -1
	}
	if t.Kind() == schema.KindDate {
		if r.typ() != intervalMicros {
			return strictApply(e, t, true, addToDates(r.typ() == intervalMonths, sign), l, r), nil
		}
		if l, err = b.castNode(e, l, schema.Timestamp); err != nil {
			return nil, err
		}
		t = schema.Timestamp
	}
	if t.Kind() == schema.KindTimestampNTZ {
		loc = time.UTC
	}
	months := r.typ() == intervalMonths
	return strictApply(e, t, true, func(b *batch) (*vec.Vec, error) {
		x, n := colOf[int64](b.args[0]), colOf[int64](b.args[1])
		out := make([]int64, b.n)
		for i := range out {
			if !b.isValid(i) {
				continue
			}
			us, ok := addToTimestamp(x.at(i), n.at(i)*sign, months, loc)
			if !ok {
				return nil, rowError(i, "%w of timestamp", errOverflow)
			}
			out[i] = us
		}
		return vec.Of(vec.Int64, out, nil), nil
	}, l, r), nil
}

func addToDates(months bool, sign int64) kernel {
	return func(b *batch) (*vec.Vec, error) {
		x, n := colOf[int32](b.args[0]), colOf[int64](b.args[1])
		out := make([]int32, b.n)
		for i := range out {
			d, by := int64(x.at(i)), n.at(i)*sign
			if months {
				d = addMonths(d, by)
			} else {
				d += by / microsPerDay
			}
			if int64(int32(d)) != d && b.isValid(i) {
				return nil, rowError(i, "%w of date", errOverflow)
			}
			out[i] = int32(d)
		}
		return vec.Of(vec.Int32, out, nil), nil
	}
}

// addMonths moves a date by months; a day that the month does not have becomes
// its last.
func addMonths(days, months int64) int64 {
	if months > math.MaxInt32 || months < math.MinInt32 {
		return math.MaxInt64
	}
	y, m, d := time.Unix(days*86400, 0).UTC().Date()
	first := time.Date(y, m+time.Month(months), 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return first.Unix()/86400 + int64(min(d, last)) - 1
}

// addToTimestamp adds months, or microseconds of which whole days are counted on
// the calendar of the zone, so that they keep the time of day.
func addToTimestamp(us, n int64, months bool, loc *time.Location) (int64, bool) {
	if !months {
		days, rest := n/microsPerDay, n%microsPerDay
		if days == 0 || loc == time.UTC {
			return addInt64(us, n)
		}
		wall, ok := addInt64(toWall(us, loc), days*microsPerDay)
		if !ok {
			return 0, false
		}
		return addInt64(fromWall(wall, loc), rest)
	}
	wall := toWall(us, loc)
	day := floorDiv(wall, microsPerDay)
	moved := addMonths(day, n)
	if moved > maxDays-1 || moved < -maxDays+1 {
		return 0, false
	}
	return fromWall(moved*microsPerDay+wall-day*microsPerDay, loc), true
}

// timesBetween binds the difference of two dates, in days, or of two timestamps.
func (b *binder) timesBetween(e *arith, l, r node) (node, error) {
	t, ok := commonType(l.typ(), r.typ())
	if !ok || !isTime(t.Kind()) {
		return nil, nil
	}
	var err error
	if l, err = b.castNode(e, l, t); err != nil {
		return nil, err
	}
	if r, err = b.castNode(e, r, t); err != nil {
		return nil, err
	}
	if t.Kind() == schema.KindDate {
		return strictApply(e, intervalDays, true, func(b *batch) (*vec.Vec, error) {
			x, y := colOf[int32](b.args[0]), colOf[int32](b.args[1])
			out := make([]int64, b.n)
			for i := range out {
				days := int64(x.at(i)) - int64(y.at(i))
				if (days > maxDays || days < -maxDays) && b.isValid(i) {
					return nil, rowError(i, "%w of interval day", errOverflow)
				}
				out[i] = days * microsPerDay
			}
			return vec.Of(vec.Int64, out, nil), nil
		}, l, r), nil
	}
	loc := b.options.location()
	if t.Kind() == schema.KindTimestampNTZ {
		loc = time.UTC
	}
	return strictApply(e, intervalMicros, true, func(b *batch) (*vec.Vec, error) {
		x, y := colOf[int64](b.args[0]), colOf[int64](b.args[1])
		out := make([]int64, b.n)
		for i := range out {
			p, q := toWall(x.at(i), loc), toWall(y.at(i), loc)
			d := p - q
			if (p^q)&(p^d) < 0 && b.isValid(i) {
				return nil, rowError(i, "%w of interval day to second", errOverflow)
			}
			out[i] = d
		}
		return vec.Of(vec.Int64, out, nil), nil
	}, l, r), nil
}
