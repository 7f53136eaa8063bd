package expr

import (
	"errors"
	"math"

	"github.com/deltalog/deltalog/internal/sqlfn"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

var (
	errDivideByZero = errors.New("division by zero")
	errOverflow     = errors.New("the result is out of range")
)

// numberKernel returns the kernel of an operator on two values of one type.
func numberKernel(op arithOp, k schema.Kind) kernel {
	switch k {
	case schema.KindByte:
		return intKernel[int8](op, vec.Int8, schema.Byte)
	case schema.KindShort:
		return intKernel[int16](op, vec.Int16, schema.Short)
	case schema.KindInteger:
		return intKernel[int32](op, vec.Int32, schema.Integer)
	case schema.KindLong:
		return intKernel[int64](op, vec.Int64, schema.Long)
	case schema.KindFloat:
		return floatKernel[float32](op, vec.Float32)
	}
	return floatKernel[float64](op, vec.Float64)
}

type integer interface {
	int8 | int16 | int32 | int64
}

// intKernel computes all rows and gathers overflows as a sign bit, without a
// branch; only if there was one it looks for the row.
func intKernel[T integer](op arithOp, kind vec.Kind, t schema.DataType) kernel {
	return func(b *batch) (*vec.Vec, error) {
		x, y := colOf[T](b.args[0]), colOf[T](b.args[1])
		out := make([]T, b.n)
		var over T // negative if a row overflowed
		switch op {
		case opAdd:
			for i := range out {
				p, q := x.at(i), y.at(i)
				s := p + q
				over |= (p ^ s) & (q ^ s)
				out[i] = s
			}
		case opSub:
			for i := range out {
				p, q := x.at(i), y.at(i)
				s := p - q
				over |= (p ^ q) & (p ^ s)
				out[i] = s
			}
		case opMul:
			for i := range out {
				p, q := x.at(i), y.at(i)
				s, ok := mulInt(p, q)
				if !ok {
					over = -1
				}
				out[i] = s
			}
		default:
			return intDivide(b, op, x, y, kind)
		}
		if over < 0 {
			if err := findOverflow(b, op, x, y, t); err != nil {
				return nil, err
			}
		}
		return vec.Of(kind, out, nil), nil
	}
}

func mulInt[T integer](p, q T) (T, bool) {
	n, ok := mulInt64(int64(p), int64(q))
	return T(n), ok && int64(T(n)) == n
}

// findOverflow returns the error of the first valid row that overflowed.
func findOverflow[T integer](b *batch, op arithOp, x, y col[T], t schema.DataType) error {
	for i := range b.n {
		if !b.isValid(i) {
			continue
		}
		p, q := int64(x.at(i)), int64(y.at(i))
		n, ok := int64(0), false
		switch op {
		case opAdd:
			n, ok = addInt64(p, q)
		case opSub:
			n = p - q
			ok = (p^q)&(p^n) >= 0
		case opMul:
			n, ok = mulInt64(p, q)
		}
		if !ok || int64(T(n)) != n {
			return rowError(i, "%d %s %d: %w of %s", p, op, q, errOverflow, typeText(t))
		}
	}
	return nil
}

func intDivide[T integer](b *batch, op arithOp, x, y col[T], kind vec.Kind) (*vec.Vec, error) {
	out := make([]T, b.n)
	for i := range out {
		p, q := x.at(i), y.at(i)
		switch {
		case q == 0:
			if b.isValid(i) {
				return nil, rowError(i, "%d %s 0: %w", p, op, errDivideByZero)
			}
		case op == opMod:
			out[i] = p % q
		case q == -1 && p == -p && p != 0: // the smallest number
			if b.isValid(i) {
				return nil, rowError(i, "%d DIV -1: %w of bigint", p, errOverflow)
			}
		default:
			out[i] = p / q
		}
	}
	return vec.Of(kind, out, nil), nil
}

func floatKernel[T float32 | float64](op arithOp, kind vec.Kind) kernel {
	return func(b *batch) (*vec.Vec, error) {
		x, y := colOf[T](b.args[0]), colOf[T](b.args[1])
		out := make([]T, b.n)
		switch op {
		case opAdd:
			for i := range out {
				out[i] = x.at(i) + y.at(i)
			}
		case opSub:
			for i := range out {
				out[i] = x.at(i) - y.at(i)
			}
		case opMul:
			for i := range out {
				out[i] = x.at(i) * y.at(i)
			}
		default:
			for i := range out {
				q := y.at(i)
				if q == 0 && b.isValid(i) {
					return nil, rowError(i, "%v %s 0: %w", x.at(i), op, errDivideByZero)
				}
				if op == opDiv {
					out[i] = x.at(i) / q
				} else {
					out[i] = T(math.Mod(float64(x.at(i)), float64(q)))
				}
			}
		}
		return vec.Of(kind, out, nil), nil
	}
}

func negateKernel(t schema.DataType) kernel {
	switch t.Kind() {
	case schema.KindByte:
		return negateInts[int8](vec.Int8, t)
	case schema.KindShort:
		return negateInts[int16](vec.Int16, t)
	case schema.KindInteger:
		return negateInts[int32](vec.Int32, t)
	case schema.KindFloat:
		return negateFloats[float32](vec.Float32)
	case schema.KindDouble:
		return negateFloats[float64](vec.Float64)
	case schema.KindDecimal:
		return func(b *batch) (*vec.Vec, error) {
			x := colOf[[16]byte](b.args[0])
			out := make([][16]byte, b.n)
			for i := range out {
				out[i] = schema.Decimal128FromLittleEndian(x.at(i)).Neg().LittleEndian()
			}
			return vec.Of(vec.Decimal128, out, nil), nil
		}
	}
	return negateInts[int64](vec.Int64, t)
}

func negateInts[T integer](kind vec.Kind, t schema.DataType) kernel {
	return func(b *batch) (*vec.Vec, error) {
		x := colOf[T](b.args[0])
		out := make([]T, b.n)
		for i := range out {
			p := x.at(i)
			if p == -p && p != 0 && b.isValid(i) {
				return nil, rowError(i, "-(%d): %w of %s", p, errOverflow, typeText(t))
			}
			out[i] = -p
		}
		return vec.Of(kind, out, nil), nil
	}
}

func negateFloats[T float32 | float64](kind vec.Kind) kernel {
	return func(b *batch) (*vec.Vec, error) {
		x := colOf[T](b.args[0])
		out := make([]T, b.n)
		for i := range out {
			out[i] = -x.at(i)
		}
		return vec.Of(kind, out, nil), nil
	}
}

// numbersOf returns an argument's values for code that is not generic over the
// layout.
func numbersOf(a sqlfn.Arg) col[int64] {
	mask := -1
	if a.Const {
		mask = 0
	}
	return col[int64]{toInts(a.Vec, false), mask}
}
