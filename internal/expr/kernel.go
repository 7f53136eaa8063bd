package expr

import (
	"bytes"
	"cmp"
	"encoding/binary"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// The kernels turn a column and a comparison's base into one bit per row, 64 at
// a time and without a branch per row. What they say for nulls is arbitrary.

type number interface {
	int8 | int16 | int32 | int64 | float32 | float64
}

func (c columnLiteral) eval(in *inputs) (truth, error) {
	col := in.column(c.i)
	w := in.words()
	if c.base != never && col.v.Kind != vec.Null {
		c.kernel(w, col.v)
	}
	return finish(in, w, c.normalOp, col.valid, nil), nil
}

func (c columnLiteral) kernel(w []uint64, v *vec.Vec) {
	switch c.to.domain {
	case domainInt:
		switch v.Kind {
		case vec.Int8:
			narrowInts(w, vec.Values[int8](v), c.base, c.to.i)
		case vec.Int16:
			narrowInts(w, vec.Values[int16](v), c.base, c.to.i)
		case vec.Int32:
			narrowInts(w, vec.Values[int32](v), c.base, c.to.i)
		case vec.Int64:
			compareInts(w, vec.Values[int64](v), c.base, c.to.i)
		}
	case domainFloat:
		switch v.Kind {
		case vec.Float64:
			compareFloats(w, vec.Values[float64](v), c.base, c.to.f)
		case vec.Float32:
			compareFloats(w, vec.Values[float32](v), c.base, c.to.f)
		default:
			compareFloats(w, toFloats(v, c.to.scale), c.base, c.to.f)
		}
	case domainDecimal:
		compareDecimals(w, vec.Values[[16]byte](v), c.base, c.to.d)
	case domainBytes:
		compareBytes(w, v, c.base, []byte(c.to.b))
	}
}

// narrowInts compares with a number that may be out of the range of T.
func narrowInts[T int8 | int16 | int32](w []uint64, v []T, op base, to int64) {
	if int64(T(to)) == to {
		compareInts(w, v, op, T(to))
		return
	}
	if op == less && to > 0 || op == greater && to < 0 {
		for i := range w {
			w[i] = ^uint64(0)
		}
	}
}

// compareInts is written out by base, so that the loops have no branch but
// their own.
func compareInts[T int8 | int16 | int32 | int64](w []uint64, v []T, op base, to T) {
	for i := range w {
		s := v[i<<6 : min(i<<6+64, len(v))]
		var bits uint64
		switch op {
		case less:
			for j, x := range s {
				bits |= bit(x < to) << (j & 63)
			}
		case equal:
			for j, x := range s {
				bits |= bit(x == to) << (j & 63)
			}
		case greater:
			for j, x := range s {
				bits |= bit(x > to) << (j & 63)
			}
		}
		w[i] = bits
	}
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// compareFloats has NaN equal to itself and greater than all else.
func compareFloats[T float32 | float64](w []uint64, v []T, op base, to float64) {
	toNaN := to != to
	for i := range w {
		s := v[i<<6 : min(i<<6+64, len(v))]
		var bits uint64
		switch {
		case op == less && toNaN:
			for j, x := range s {
				bits |= bit(x == x) << (j & 63)
			}
		case op == equal && toNaN:
			for j, x := range s {
				bits |= bit(x != x) << (j & 63)
			}
		case op == greater && toNaN: // nothing is
		case op == less:
			for j, x := range s {
				bits |= bit(float64(x) < to) << (j & 63)
			}
		case op == equal:
			for j, x := range s {
				bits |= bit(float64(x) == to) << (j & 63)
			}
		case op == greater:
			for j, x := range s {
				bits |= bit(!(float64(x) <= to)) << (j & 63)
			}
		}
		w[i] = bits
	}
}

func compareDecimals(w []uint64, v [][16]byte, op base, to schema.Decimal128) {
	toHi, toLo := to.Hi(), to.Lo()
	for i := range w {
		s := v[i<<6 : min(i<<6+64, len(v))]
		var bits uint64
		for j := range s {
			lo := binary.LittleEndian.Uint64(s[j][:8])
			hi := int64(binary.LittleEndian.Uint64(s[j][8:]))
			var b uint64
			switch op {
			case less:
				b = bit(hi < toHi) | bit(hi == toHi)&bit(lo < toLo)
			case equal:
				b = bit(hi == toHi) & bit(lo == toLo)
			case greater:
				b = bit(hi > toHi) | bit(hi == toHi)&bit(lo > toLo)
			}
			bits |= b << (j & 63)
		}
		w[i] = bits
	}
}

// each sets the bits of the rows for which f is true. It is for comparisons that
// cost more than a call.
func each(w []uint64, n int, f func(i int) bool) {
	for i := range n {
		w[i>>6] |= bit(f(i)) << (i & 63)
	}
}

// holds reports whether op is true of two values that compare as c.
func holds(op base, c int) bool {
	switch op {
	case less:
		return c < 0
	case equal:
		return c == 0
	case greater:
		return c > 0
	}
	return false
}

func compareBytes(w []uint64, v *vec.Vec, op base, to []byte) {
	if v.Len == 0 {
		return
	}
	offsets := v.Offsets[v.Off : v.Off+v.Len+1]
	if op != equal {
		each(w, v.Len, func(i int) bool {
			return holds(op, bytes.Compare(v.Data[offsets[i]:offsets[i+1]], to))
		})
		return
	}
	n := int32(len(to))
	for i := range w {
		s := offsets[i<<6 : min(i<<6+65, len(offsets))]
		var word uint64
		for j := range len(s) - 1 {
			if s[j+1]-s[j] == n && string(v.Data[s[j]:s[j+1]]) == string(to) {
				word |= 1 << (j & 63)
			}
		}
		w[i] = word
	}
}

func (c likeColumn) eval(in *inputs) (truth, error) {
	col := in.column(c.i)
	w := in.words()
	if v := col.v; v.Kind != vec.Null && v.Len > 0 {
		offsets := v.Offsets[v.Off : v.Off+v.Len+1]
		each(w, v.Len, func(i int) bool { return c.pattern.match(v.Data[offsets[i]:offsets[i+1]]) })
	}
	return finish(in, w, normalOp{}, col.valid, nil), nil
}

func (c columnCompare) eval(in *inputs) (truth, error) {
	x, y := in.column(c.i), in.column(c.j)
	w := in.words()
	if x.v.Kind != vec.Null && y.v.Kind != vec.Null {
		c.kernel(w, x.v, y.v)
	}
	return compared(in, w, c.op, x, y), nil
}

// compared turns the rows for which a comparison's base holds, and anything for
// nulls, into a truth. It takes w over.
func compared(in *inputs, w []uint64, op normalOp, x, y input) truth {
	if !op.nullSafe {
		return finish(in, w, op, x.valid, y.valid)
	}
	yes := finish(in, w, normalOp{base: op.base}, x.valid, y.valid).yes
	if x.valid != nil && y.valid != nil {
		for i, m := range in.all() {
			yes[i] |= m &^ (x.valid[i] | y.valid[i]) // null <=> null
		}
	}
	return truth{yes, complement(in, yes)}
}

func (c columnCompare) kernel(w []uint64, x, y *vec.Vec) {
	switch c.domain {
	case domainInt:
		a, b := toInts(x, c.days[0]), toInts(y, c.days[1])
		each(w, x.Len, func(i int) bool { return holds(c.op.base, cmp.Compare(a[i], b[i])) })
	case domainFloat:
		a, b := toFloats(x, c.scale[0]), toFloats(y, c.scale[1])
		each(w, x.Len, func(i int) bool { return holds(c.op.base, vec.CompareFloats(a[i], b[i])) })
	case domainDecimal:
		a, b := toDecimals(x), toDecimals(y)
		each(w, x.Len, func(i int) bool {
			return holds(c.op.base, schema.CompareDecimals(a[i], c.scale[0], b[i], c.scale[1]))
		})
	case domainBytes:
		each(w, x.Len, func(i int) bool { return holds(c.op.base, bytes.Compare(x.At(i), y.At(i))) })
	}
}

// toInts returns a column of integers, dates or timestamps as int64; days as the
// microseconds of their midnights if micros is set.
func toInts(v *vec.Vec, micros bool) []int64 {
	var out []int64
	switch v.Kind {
	case vec.Int8:
		out = convert[int64](vec.Values[int8](v))
	case vec.Int16:
		out = convert[int64](vec.Values[int16](v))
	case vec.Int32:
		out = convert[int64](vec.Values[int32](v))
	case vec.Int64:
		return vec.Values[int64](v)
	}
	if micros {
		for i, d := range out {
			out[i] = daysToMicros(d)
		}
	}
	return out
}

// toFloats returns a column of numbers as doubles.
func toFloats(v *vec.Vec, scale int) []float64 {
	switch v.Kind {
	case vec.Int8:
		return convert[float64](vec.Values[int8](v))
	case vec.Int16:
		return convert[float64](vec.Values[int16](v))
	case vec.Int32:
		return convert[float64](vec.Values[int32](v))
	case vec.Int64:
		return convert[float64](vec.Values[int64](v))
	case vec.Float32:
		return convert[float64](vec.Values[float32](v))
	case vec.Float64:
		return vec.Values[float64](v)
	}
	out := make([]float64, v.Len)
	for i, d := range vec.Values[[16]byte](v) {
		out[i] = schema.Decimal128FromLittleEndian(d).Float64(scale)
	}
	return out
}

func convert[T, S number](s []S) []T {
	out := make([]T, len(s))
	for i, x := range s {
		out[i] = T(x)
	}
	return out
}

// toDecimals returns a column of decimals or integers as unscaled decimals.
func toDecimals(v *vec.Vec) []schema.Decimal128 {
	out := make([]schema.Decimal128, v.Len)
	if v.Kind == vec.Decimal128 {
		for i, d := range vec.Values[[16]byte](v) {
			out[i] = schema.Decimal128FromLittleEndian(d)
		}
		return out
	}
	for i, x := range toInts(v, false) {
		out[i] = schema.Decimal128FromInt64(x)
	}
	return out
}
