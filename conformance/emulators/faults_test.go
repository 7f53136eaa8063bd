package emulators

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/faultproxy"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// each runs a test against every server.
func each(t *testing.T, f func(t *testing.T, s *Server)) {
	for name, start := range map[string]func(testing.TB) *Server{
		"gofakes3": GoFakeS3, "versitygw": VersityGW, "fake-gcs-server": FakeGCS,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, start(t))
		})
	}
}

// faulty opens one new root twice: through a proxy, with short time-outs, and
// directly, to see what is really there.
func faulty(t *testing.T, s *Server, timeout time.Duration) (store, truth logstore.Store, p *faultproxy.Proxy) {
	t.Helper()
	f, p := WithFaults(t, s, nil)
	root := f.Root()
	store, err := f.Open(t.Context(), root, timeout)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	truth, err = s.Open(t.Context(), root, 0)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, truth.Close()) })
	return store, truth, p
}

// short is the time-out of tests in which a server says nothing.
const short = 400 * time.Millisecond

var definite = []error{
	logstore.ErrNotExist, logstore.ErrExist, logstore.ErrPermission, logstore.ErrNoSpace,
	logstore.ErrRefused, logstore.ErrUnavailable,
}

// class is the definite error that err matches, nil if it claims nothing.
func class(err error) error {
	for _, d := range definite {
		if errors.Is(err, d) {
			return d
		}
	}
	return nil
}

func absent(t *testing.T, s logstore.Store, name string) {
	t.Helper()
	_, err := s.Stat(t.Context(), name)
	require.ErrorIs(t, err, logstore.ErrNotExist)
}

func holds(t *testing.T, s logstore.Store, name string, want []byte) {
	t.Helper()
	got, err := s.Read(t.Context(), name, 0)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got), "%s holds %d bytes, want the %d that were written", name, len(got), len(want))
}

const commit = "_delta_log/00000000000000000007.json"

// TestPutClaimsOnlyWhatIsTrue puts under every fault and compares the claim with
// what the store has, also after a late request has arrived.
func TestPutClaimsOnlyWhatIsTrue(t *testing.T) {
	t.Parallel()
	type test struct {
		fault faultproxy.Fault
		lands bool
		want  error // the definite class; nil: none may be claimed
	}
	tests := []test{
		{faultproxy.DropBefore(), false, nil},
		{faultproxy.DropAfter(), true, nil},
		{faultproxy.Late(), true, nil},
		{faultproxy.HangBefore(), false, nil},
		{faultproxy.HangAfter(), true, nil},
		// The object is there, which is all that the answer says. Whose it is, only reading tells.
		{faultproxy.Duplicate(), true, logstore.ErrExist},
		{faultproxy.StatusAfter(412, "PreconditionFailed"), true, logstore.ErrExist},
		{faultproxy.StatusBefore(403, "AccessDenied"), false, logstore.ErrPermission},
		{faultproxy.StatusBefore(401, "Unauthorized"), false, logstore.ErrPermission},
		{faultproxy.StatusBefore(400, "InvalidArgument"), false, logstore.ErrRefused},
		{faultproxy.StatusBefore(501, "NotImplemented"), false, logstore.ErrRefused},
		{faultproxy.StatusBefore(404, "NoSuchBucket"), false, logstore.ErrRefused},
		{faultproxy.StatusBefore(409, "ConditionalRequestConflict"), false, logstore.ErrUnavailable},
		{faultproxy.StatusBefore(409, "OperationAborted"), false, nil},
		{faultproxy.StatusBefore(400, "RequestTimeout"), false, nil},
	}
	for _, status := range []int{408, 429, 500, 502, 503, 504} {
		tests = append(tests,
			test{faultproxy.StatusBefore(status, "SlowDown"), false, nil},
			test{faultproxy.StatusAfter(status, "InternalError"), true, nil})
	}
	each(t, func(t *testing.T, s *Server) {
		for _, c := range tests {
			for _, size := range []int{900, 17 << 20} {
				if size > 1000 && c.fault != faultproxy.DropAfter() && c.fault != faultproxy.StatusAfter(500, "InternalError") {
					continue
				}
				t.Run(fmt.Sprintf("%s/%d", c.fault, size), func(t *testing.T) {
					timeout := 20 * time.Second
					if c.want == nil && (c.fault == faultproxy.HangBefore() || c.fault == faultproxy.HangAfter()) {
						timeout = short
					}
					store, truth, p := faulty(t, s, timeout)
					p.SetScript(faultproxy.Every(c.fault, faultproxy.Request.Writes))
					data := bytes.Repeat([]byte("commit 7\n"), size/9)

					err := store.Put(t.Context(), commit, data, logstore.IfAbsent)
					require.Error(t, err)
					require.Equal(t, c.want, class(err), "%v", err)
					require.Len(t, p.Events(), 1, "a conditional put is one request")
					require.True(t, p.Events()[0].Conditional())
					if c.fault == faultproxy.Late() {
						absent(t, truth, commit)
						n, err := p.Release()
						require.NoError(t, err)
						require.Equal(t, 1, n)
					}
					if !c.lands {
						absent(t, truth, commit)
						return
					}
					holds(t, truth, commit, data)
				})
			}
		}
	})
}

// TestPutCancelled cancels while the server works, before and after it acted.
func TestPutCancelled(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Server) {
		for _, f := range []faultproxy.Fault{faultproxy.HangBefore(), faultproxy.HangAfter()} {
			store, truth, p := faulty(t, s, 0)
			ctx, cancel := context.WithCancel(t.Context())
			p.SetScript(func(faultproxy.Request) faultproxy.Fault {
				time.AfterFunc(short, cancel) // the server acts in between
				return f
			})
			err := store.Put(ctx, commit, []byte("x"), logstore.IfAbsent)
			require.ErrorIs(t, err, context.Canceled)
			require.NoError(t, class(err), "%v", err)
			if f == faultproxy.HangAfter() {
				holds(t, truth, commit, []byte("x"))
			} else {
				absent(t, truth, commit)
			}
		}
	})
}

// TestPutWithoutServer: what never left this machine is definitely not done.
func TestPutWithoutServer(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"s3", "gs"} {
		s := &Server{Kind: kind, URL: fmt.Sprintf("http://127.0.0.1:%d", freePort(t))}
		store, err := s.Open(t.Context(), s.Root(), 0)
		require.NoError(t, err)
		err = store.Put(t.Context(), commit, []byte("x"), logstore.IfAbsent)
		require.ErrorIs(t, err, logstore.ErrUnavailable)
		require.ErrorContains(t, err, commit)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err = store.Put(ctx, commit, []byte("x"), logstore.IfAbsent)
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, class(err))
	}
}

// TestOverwriteIsNotConditional: 412 has no meaning there.
func TestOverwriteIsNotConditional(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Server) {
		store, truth, p := faulty(t, s, 0)
		require.NoError(t, store.Put(t.Context(), "_delta_log/_last_checkpoint", []byte("1"), logstore.Overwrite))
		require.NoError(t, store.Put(t.Context(), "_delta_log/_last_checkpoint", []byte("2"), logstore.Overwrite))
		holds(t, truth, "_delta_log/_last_checkpoint", []byte("2"))
		for _, e := range p.Events() {
			require.False(t, e.Conditional())
		}
		p.SetScript(faultproxy.Every(faultproxy.StatusBefore(412, "PreconditionFailed"), faultproxy.Request.Writes))
		err := store.Put(t.Context(), "_delta_log/_last_checkpoint", []byte("3"), logstore.Overwrite)
		require.Error(t, err)
		require.NoError(t, class(err))
	})
}

// TestRequests counts what each call costs.
func TestRequests(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Server) {
		store, _, p := faulty(t, s, 0)
		ctx := t.Context()
		cost := func(want int, what string, f func() error) {
			t.Helper()
			p.Reset()
			require.NoError(t, f(), what)
			require.Len(t, p.Events(), want, what)
		}
		for i := range 20 {
			cost(1, "put", func() error {
				return store.Put(ctx, fmt.Sprintf("_delta_log/%020d.json", i), []byte("abc"), logstore.IfAbsent)
			})
		}
		cost(1, "large put", func() error {
			return store.Put(ctx, "large", make([]byte, 20<<20), logstore.IfAbsent)
		})
		cost(1, "overwrite", func() error { return store.Put(ctx, "x", []byte("abc"), logstore.Overwrite) })
		cost(1, "read", func() error { _, err := store.Read(ctx, "x", 0); return err })
		cost(1, "range", func() error {
			r, err := store.ReadRange(ctx, "large", 1<<20, 4<<20)
			require.NoError(t, err)
			n, err := new(bytes.Buffer).ReadFrom(r)
			require.EqualValues(t, 4<<20, n)
			return errors.Join(err, r.Close())
		})
		cost(1, "stat", func() error { _, err := store.Stat(ctx, "x"); return err })
		cost(1, "delete", func() error { return store.Delete(ctx, "x") })
		cost(1, "delete of nothing", func() error { return store.Delete(ctx, "x") })
		for _, o := range []logstore.ListOptions{{}, {Prefix: "_delta_log/", StartAfter: fmt.Sprintf("_delta_log/%020d", 17)}, {Shallow: true}} {
			cost(1, "list", func() error {
				for _, err := range store.List(ctx, o) {
					if err != nil {
						return err
					}
				}
				return nil
			})
		}
	})
}
