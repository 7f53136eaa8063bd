package fsck_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta/fsck"
	"github.com/deltalog/deltalog/internal/effort"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// Whichever request fails, and however, the run fails with that error: nothing is
// said to be damaged, and nothing to be whole.
func TestFailedRequestsAreNoFindings(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"plain", "row tracking", "changes"} {
		st := good(t, kind)
		o := &fsck.Options{Depth: fsck.Rows, History: true, Env: env(), Parallel: 1}
		counting := faultstore.New(st, nil)
		_, err := fsck.Run(t.Context(), counting, o)
		require.NoError(t, err)
		trace := counting.Trace()
		require.Greater(t, len(trace), 40)
		stride := effort.Pick(3, 1)
		for n, call := range trace {
			if n%stride != 0 {
				continue
			}
			for how, fault := range map[string]faultstore.Fault{
				"fails":             faultstore.Fail(io.ErrUnexpectedEOF),
				"is not available":  faultstore.Fail(logstore.ErrUnavailable),
				"breaks after some": faultstore.Cut(1, io.ErrUnexpectedEOF),
				"breaks at once":    faultstore.Cut(0, errors.New("reset")),
			} {
				cut := fault.Break
				if cut && call.Verb != logstore.VerbReadRange && call.Verb != logstore.VerbList {
					continue
				}
				t.Run(fmt.Sprintf("%s/%d %s %s", kind, n, call, how), func(t *testing.T) {
					t.Parallel()
					hit := false
					faulty := faultstore.New(st, func(c faultstore.Call) faultstore.Fault {
						// Requests under way at once come in any order.
						if c.Verb == call.Verb && c.Name == call.Name && c.Nth == call.Nth {
							hit = true
							return fault
						}
						return faultstore.Pass
					})
					r, err := fsck.Run(t.Context(), faulty, o)
					require.True(t, hit)
					if cut && err == nil {
						// The body was not read so far.
						require.Empty(t, r.Findings)
						require.Empty(t, r.NotChecked)
						return
					}
					require.Error(t, err)
					require.ErrorIs(t, err, fault.Err)
				})
			}
		}
	}
}

// A run only reads.
func TestRunOnlyReads(t *testing.T) {
	t.Parallel()
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		st := faultstore.New(good(t, kind), nil)
		_, err := fsck.Run(t.Context(), st, &fsck.Options{Depth: fsck.Rows, History: true, Env: env()})
		require.NoError(t, err)
		for _, c := range st.Trace() {
			require.False(t, c.Mutates(), c)
		}
	}
}
