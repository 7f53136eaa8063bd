package sdk

import (
	"fmt"
	"sync"

	"github.com/deltalog/deltalog/txlog"
)

// env is the surroundings of one process: the bubble's clock, seeded names and
// seeded jitter.
func env(seed uint64) *txlog.Env {
	var mu sync.Mutex
	rng, ids := newRand(seed), 0
	return &txlog.Env{
		NewID: func() string {
			mu.Lock()
			defer mu.Unlock()
			ids++
			return fmt.Sprintf("%016x-%d", rng.Uint64(), ids)
		},
		Jitter: func() float64 { mu.Lock(); defer mu.Unlock(); return rng.Float64() },
	}
}
