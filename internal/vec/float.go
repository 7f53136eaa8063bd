package vec

import "math"

// FloatBits returns bits that are equal for floats that SQL calls equal: one zero,
// and one NaN.
func FloatBits(f float64) uint64 {
	switch {
	case f == 0:
		return 0
	case f != f:
		return math.Float64bits(math.NaN())
	}
	return math.Float64bits(f)
}

// CompareFloats is the order of SQL: the zeros are equal, and NaN is greatest.
func CompareFloats(x, y float64) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	case x == y || x != x && y != y:
		return 0
	case x != x:
		return 1
	}
	return -1
}
