package bucket

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

func options(wrap func(logstore.Store) logstore.Store) (Options, *memstore.Store) {
	all := memstore.New(nil)
	return Options{
		URL: "mem://bucket", Prefix: "own", MaxTime: time.Minute, MaxRequests: DefaultMaxRequests, MaxBytes: DefaultMaxBytes, Seed: 1,
		Open: func(_ context.Context, url string) (logstore.Store, error) {
			return wrap(Below(all, strings.TrimPrefix(url, "mem://bucket/")+"/", url)), nil
		},
	}, all
}

func honest(s logstore.Store) logstore.Store { return s }

func TestRun(t *testing.T) {
	t.Parallel()
	o, all := options(honest)
	r, err := Run(t.Context(), o)
	require.NoError(t, err)
	for _, c := range r.Checks {
		require.Equal(t, "pass", c.Result, "%s: %s", c.Name, c.Seen)
	}
	require.Equal(t, "pass", r.Verdict)
	require.Less(t, r.Requests, int64(DefaultMaxRequests))
	require.Positive(t, r.Commits)
	require.Empty(t, names(t, all), "the run cleans up")
	t.Logf("%d checks, %d requests, %d bytes written, %.1f s, %d commits", len(r.Checks), r.Requests, r.BytesOut, r.Seconds, r.Commits)
}

func names(t *testing.T, s logstore.Store) (all []string) {
	t.Helper()
	for o, err := range s.List(t.Context(), logstore.ListOptions{}) {
		require.NoError(t, err)
		all = append(all, o.Name)
	}
	return all
}

// A liar ignores the condition of writes.
type liar struct{ logstore.Store }

func (l *liar) Put(ctx context.Context, name string, data []byte, _ logstore.PutMode) error {
	return l.Store.Put(ctx, name, data, logstore.Overwrite)
}

// A store that lies is found by every part, in words that its author understands.
func TestLiar(t *testing.T) {
	t.Parallel()
	for _, part := range []string{"store", "scenarios", "race"} {
		o, all := options(func(s logstore.Store) logstore.Store { return &liar{s} })
		o.Parts = []string{part}
		r, err := Run(t.Context(), o)
		require.NoError(t, err)
		require.Equal(t, "fail", r.Verdict, part)
		require.Empty(t, names(t, all))
		for _, c := range r.Checks {
			if c.Result == "fail" {
				require.NotEmpty(t, c.Promise)
				require.NotEmpty(t, c.Seen)
				require.NotEmpty(t, c.Follows)
				t.Logf("%s: %s\n  promise: %s\n  seen: %s\n  follows: %s", c.Part, c.Name, c.Promise, c.Seen, c.Follows)
			}
		}
	}
}

// A forgetful store loses what was acknowledged, now and then.
type forgetful struct{ logstore.Store }

func (f *forgetful) Put(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
	if mode == logstore.IfAbsent && strings.HasSuffix(name, "00000000000000000001.json") {
		return nil
	}
	return f.Store.Put(ctx, name, data, mode)
}

func TestForgetful(t *testing.T) {
	t.Parallel()
	o, _ := options(func(s logstore.Store) logstore.Store { return &forgetful{s} })
	o.Parts = []string{"sweep"}
	r, err := Run(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, "fail", r.Verdict)
}

// A prefix that is in use is not touched.
func TestPrefixInUse(t *testing.T) {
	t.Parallel()
	o, all := options(honest)
	require.NoError(t, all.Put(t.Context(), "own/precious", []byte("x"), logstore.IfAbsent))
	_, err := Run(t.Context(), o)
	require.ErrorIs(t, err, ErrNotEmpty)
	require.ErrorContains(t, err, "precious")
	require.Equal(t, []string{"own/precious"}, names(t, all))
}

// Limits end the run, what was not looked at is no pass, and everything is cleaned
// up all the same.
func TestLimits(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]func(o *Options){
		"requests": func(o *Options) { o.MaxRequests = 3000 },
		"bytes":    func(o *Options) { o.MaxBytes = 1 << 20 },
		"time":     func(o *Options) { o.MaxTime = 300 * time.Millisecond },
	} {
		o, all := options(honest)
		limit(&o)
		r, err := Run(t.Context(), o)
		require.NoError(t, err, name)
		require.Equal(t, "incomplete", r.Verdict, name)
		require.Positive(t, r.NotRun, name)
		require.Contains(t, r.Stopped, "limit", name)
		require.LessOrEqual(t, r.Requests, o.MaxRequests, name)
		require.Empty(t, names(t, all), name)
	}
}

// An interrupt does the same.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	interrupted := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	o, all := options(honest)
	o.Progress = func(p Progress) {
		if p.Part == "scenarios" {
			cancel(interrupted)
		}
	}
	r, err := Run(ctx, o)
	require.NoError(t, err)
	require.Equal(t, "incomplete", r.Verdict)
	require.Equal(t, "interrupted", r.Stopped)
	require.Empty(t, names(t, all))

	o, all = options(honest)
	o.Parts, o.Keep = []string{"race"}, true
	r, err = Run(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, "pass", r.Verdict)
	require.Len(t, names(t, all), r.Left)
	require.Positive(t, r.Left)
}
