package sqlfn

import "math"

// Java's StrictMath fixes every bit of its results by naming the formulas, those
// of fdlibm. The ones here follow them; products are converted so that no
// machine fuses them with a sum. ln and power are Go's, which differ from
// Java's by the last bit now and then.

const (
	ln2High   = 6.93147180369123816490e-01
	ln2Low    = 1.90821492927058770002e-10
	log2Ten   = 3.01029995663611771306e-01 // the high part of log10(2)
	log2Low   = 3.69423907715893078616e-13
	inverseLn = 4.34294481903251816668e-01 // 1/ln(10)
)

// javaExp reduces x to k·ln2 + r and approximates exp(r) by a rational function.
func javaExp(x float64) float64 {
	switch {
	case x != x || math.IsInf(x, 1):
		return x
	case x > 7.09782712893383973096e+02:
		return math.Inf(1)
	case x < -7.45133219101941108420e+02:
		return 0
	case math.Abs(x) < 0x1p-28:
		return 1 + x
	}
	var high, low float64
	k := 0
	if a := math.Abs(x); a > 0.5*math.Ln2 {
		half := math.Copysign(0.5, x)
		if k = int(float64(x*math.Log2E) + half); a < 1.5*math.Ln2 {
			k = int(2 * half)
		}
		high, low = x-float64(float64(k)*ln2High), float64(float64(k)*ln2Low)
		x = high - low
	}
	t := float64(x * x)
	p := float64(t * 4.13813679705723846039e-08)
	for _, c := range [...]float64{-1.65339022054652515390e-06, 6.61375632143793436117e-05, -2.77777777770155933842e-03, 1.66666666666666019037e-01} {
		p = float64(t * (c + p))
	}
	c := x - p
	if k == 0 {
		return 1 - (float64(x*c)/(c-2) - x)
	}
	return math.Ldexp(1-((low-float64(x*c)/(2-c))-high), k)
}

// javaLog10 takes the power of two apart, so that powers of ten come out exact.
func javaLog10(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 1) {
		return math.Log10(x)
	}
	fraction, exp := math.Frexp(x) // in [0.5, 1)
	k := float64(exp - 1)
	if k < 0 {
		k++ // and the fraction stays below 1
	} else {
		fraction *= 2
	}
	return float64(k*log2Low) + float64(inverseLn*math.Log(fraction)) + float64(k*log2Ten)
}

// javaLog2 is what Spark computes.
func javaLog2(x float64) float64 { return math.Log(x) / math.Ln2 }
