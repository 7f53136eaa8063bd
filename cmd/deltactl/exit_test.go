package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/delta/files"
	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/schema"
	"github.com/deltalog/deltalog/writer"
)

func TestExitCodes(t *testing.T) {
	t.Parallel()
	a := &app{process: &process{}}
	for _, c := range []struct {
		err  error
		want int
	}{
		{errors.New("disk full"), 1},
		{delta.ErrCorrupt, 1},
		{delta.ErrTableExists, 1},
		{usagef("no"), 2},
		{errors.New(`unknown command "x" for "deltactl"`), 2},
		{logstore.ErrUnsafe, 3},
		{logstore.ErrPermission, 4},
		{fs.ErrPermission, 4},
		{delta.ErrTableNotFound, 5},
		{delta.ErrVersionNotFound, 5},
		{delta.ErrConflict, 6},
		{delta.ErrRetriesExhausted, 6},
		{delta.ErrKeyReused, 7},
		{delta.ErrCommitUnknown, 8},
		{&delta.UnsupportedFeatureError{}, 9},
		{delta.ErrEmptyInput, 10},
		{delta.ErrAppendOnly, 10},
		{&delta.PartitionError{}, 10},
		{&delta.GuardError{}, 10},
		{&delta.ConstraintError{}, 10},
		{&delta.DuplicateKeyError{}, 10},
		{&delta.PredicateError{}, 10},
		{&expr.EvalError{Err: errors.New("x")}, 10},
		{&delta.StatementError{Err: errors.New("x")}, 2},
		{&delta.StatementError{Err: &schema.MismatchError{}}, 10}, // the input may be corrected
		{&expr.Error{Msg: "x"}, 2},
		{&schema.MismatchError{}, 10},
		{&delta.ConstraintError{Constraint: "c", Err: errors.New("division by zero")}, 10},
		{&writer.NullError{}, 10},
		{&files.InputError{Err: errors.New("x")}, 10},
		{errDeadline, 124},
		{errInterrupted, 130},
		// Unknown wins: the script must know that the work may be there.
		{fmt.Errorf("%w: %w", errInterrupted, delta.ErrCommitUnknown), 8},
		{fmt.Errorf("%w: %w", errDeadline, delta.ErrCommitUnknown), 8},
		{errors.Join(logstore.ErrPermission, delta.ErrCommitUnknown), 8},
		// What a broken off input looks like is no verdict on it.
		{fmt.Errorf("%w: %w", errInterrupted, &files.InputError{Err: errors.New("torn")}), 130},
		{fmt.Errorf("%w: %w", errDeadline, delta.ErrRetriesExhausted), 124},
	} {
		wrapped := fmt.Errorf("delta: append to x: %w", c.err)
		if strings.HasPrefix(c.err.Error(), "unknown command") {
			wrapped = c.err
		}
		require.Equal(t, c.want, a.code(wrapped), "%v", c.err)
		require.NotEmpty(t, a.hint(wrapped, c.want), "%v has no hint", c.err)
	}
}

func TestCause(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	failed := errors.New("failed")
	require.Equal(t, failed, cause(ctx, failed), "the context has not ended")
	cancel(errInterrupted)
	require.NoError(t, cause(ctx, nil))
	require.ErrorIs(t, cause(ctx, failed), errInterrupted)
	require.ErrorIs(t, cause(ctx, failed), failed)
}

func TestDeadlineHasItsOwnCause(t *testing.T) {
	t.Parallel()
	a := &app{process: &process{}, deadline: time.Nanosecond}
	ctx, cancel := a.withDeadline(t.Context())
	defer cancel()
	<-ctx.Done()
	require.Equal(t, exitDeadline, a.code(cause(ctx, ctx.Err())))
}

func TestRetryable(t *testing.T) {
	t.Parallel()
	for code := range 131 {
		want := code == 1 || code == 6 || code == 8 || code == 124 || code == 130
		require.Equal(t, want, retryable(true, code), "code %d", code)
		require.False(t, retryable(false, code))
	}
}

func TestHintsAreCommands(t *testing.T) {
	t.Parallel()
	a := &app{process: &process{}, table: "s3://lake/it's", key: "orders 5", writes: true}
	require.Equal(t, `see deltactl status 's3://lake/it'\''s' --key 'orders 5'; another key, or --on-replay, says that this is other work`,
		a.hint(delta.ErrKeyReused, exitKeyReused))
}

func TestParseTable(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]struct {
		url    string
		pinned bool
	}{
		"t":                           {"t", false},
		"t@v12":                       {"t", true},
		"t@v-1":                       {"t@v-1", false},
		"t@vx":                        {"t@vx", false},
		"@v1":                         {"@v1", false},
		"s3://b/me@home/t":            {"s3://b/me@home/t", false},
		"s3://b/t@2026-01-05":         {"s3://b/t", true},
		"t@2026-01-05T00:00:00Z":      {"t", true},
		"t@2026-01-05T00:00:00.5Z":    {"t", true},
		"t@2026-01-05T00:00:00+02:00": {"t", true},
		"t@2026-13-05":                {"t@2026-13-05", false},
		"what?":                       {"what?", false},
	} {
		got, err := parseTable(arg)
		require.NoError(t, err, arg)
		require.Equal(t, want.url, got.url, arg)
		require.Equal(t, want.pinned, got.pinned, arg)
	}
	for _, arg := range []string{"", "s3://b/t?endpoint=x", "gs://b/t#x", "file:///t?x"} {
		_, err := parseTable(arg)
		require.Equal(t, exitUsage, (&app{}).code(err), arg)
	}
}

func TestSizesAndShares(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]int64{"1": 1, "2k": 2048, "512MiB": 512 << 20, "128mb": 128 << 20, "1 GiB": 1 << 30} {
		n, err := byteSize("--x", s)
		require.NoError(t, err, s)
		require.Equal(t, want, n, s)
	}
	for _, s := range []string{"x", "0", "-1", "1tb", "1.5g", "99999999999g", "k"} {
		_, err := byteSize("--x", s)
		require.Error(t, err, s)
	}
	for s, want := range map[string]float64{"": 0, "20%": 0.2, "0.2": 0.2, "100%": 1} {
		f, err := share(s)
		require.NoError(t, err, s)
		require.InDelta(t, want, f, 1e-12, s)
	}
	for _, s := range []string{"x", "120%", "-1%", "NaN", "2"} {
		_, err := share(s)
		require.Error(t, err, s)
	}
}
