package join

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestScaleIsEvenAndInOrder(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 40))
	for i := range 2000 {
		h := hashRange{lo: r.Uint64() >> r.IntN(64)}
		h.hi = h.lo + min(r.Uint64()>>r.IntN(64), math.MaxUint64-h.lo)
		switch i {
		case 0:
			h = allHashes
		case 1:
			h.hi = h.lo
		case 2:
			h = hashRange{lo: 1, hi: math.MaxUint64}
		case 3:
			h = hashRange{hi: 1<<63 - 1}
		}
		n := uint64(1 + r.IntN(1<<r.IntN(31)))
		s := h.scale(n)
		require.Zero(t, s.of(h.lo))
		require.Less(t, s.of(h.hi), n, "%v", h)
		if span := h.hi - h.lo; span > n<<10 {
			for _, part := range []uint64{2, 3, 5, 100} {
				require.InDelta(t, float64(n)/float64(part), float64(s.of(h.lo+span/part)), 1+float64(n)/500, "%v", h)
			}
			require.Equal(t, n-1, s.of(h.hi))
		}
	}
}

// TestHashesAreSpread counts how many keys fall into each of some parts, by their
// first and their last bits, for keys as they come in practice.
func TestHashesAreSpread(t *testing.T) {
	t.Parallel()
	const n, parts = 1 << 16, 64
	kinds := map[string]func(i int) uint64{
		"one after the other": func(i int) uint64 { return hashWord(uint64(i)) },
		"negative":            func(i int) uint64 { return hashWord(uint64(-i)) },
		"microseconds":        func(i int) uint64 { return hashWord(1700000000000000 + uint64(i)*1000000) },
		"upper half":          func(i int) uint64 { return hashWord(uint64(i) << 32) },
		"multiples":           func(i int) uint64 { return hashWord(uint64(spread(i))) },
		"doubles":             func(i int) uint64 { return hashWord(math.Float64bits(float64(i))) },
		"text":                func(i int) uint64 { return hashBytes(fmt.Appendf(nil, "customer-%d", i)) },
		"long text":           func(i int) uint64 { return hashBytes(fmt.Appendf(nil, "%040d", i)) },
		"short text":          func(i int) uint64 { return hashBytes([]byte{byte(i), byte(i >> 8), 'x'}) },
	}
	for name, hash := range kinds {
		var first, last, tags [parts]int
		for i := range n {
			h := hash(i)
			first[h>>58]++
			last[h&63]++
			tags[h>>1&63]++
		}
		for i := range parts {
			require.InEpsilon(t, n/parts, first[i], 0.25, name)
			require.InEpsilon(t, n/parts, last[i], 0.25, name)
			require.InEpsilon(t, n/parts, tags[i], 0.25, name)
		}
	}
}
