package txlog

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
)

// An Env is what the library takes from its surroundings: clock, randomness,
// identities, logger. The zero value uses the process's own; tests and the
// simulator inject theirs. An Env is safe for concurrent use if its functions are.
type Env struct {
	// Now is the wall clock. Default: time.Now.
	Now func() time.Time
	// Sleep waits for d or until the context ends, whose error it then returns.
	// Default: a timer.
	Sleep func(ctx context.Context, d time.Duration) error
	// NewID returns a fresh unique id: tokens of commits, names of files.
	// Default: a random UUID.
	NewID func() string
	// Jitter returns a number in [0, 1) for back-off. Default: math/rand/v2.
	Jitter func() float64
	// Logger takes warnings. Default: discard.
	Logger *slog.Logger
}

// WithDefaults returns e with every nil field set. A nil e is fine.
func (e *Env) WithDefaults() *Env {
	var d Env
	if e != nil {
		d = *e
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Sleep == nil {
		d.Sleep = sleep
	}
	if d.NewID == nil {
		d.NewID = uuid.NewString
	}
	if d.Jitter == nil {
		d.Jitter = rand.Float64
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	return &d
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
