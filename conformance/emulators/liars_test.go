package emulators

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/storetest"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// ignorant takes If-None-Match off requests, as old and small S3 servers do in effect.
func ignorant(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("If-None-Match")
		next.ServeHTTP(w, r)
	})
}

// racy looks whether the object exists and then writes it, as moto does: it passes
// every test that puts one after the other. It lets those that look at the same
// time wait for each other, so that the test does not depend on luck.
func racy(next http.Handler) http.Handler {
	var mu sync.Mutex
	waiting := make(map[string]chan struct{}) // by key: closed when a second has come
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut || r.Header.Get("If-None-Match") == "" {
			next.ServeHTTP(w, r)
			return
		}
		head := httptest.NewRequestWithContext(r.Context(), http.MethodHead, r.URL.EscapedPath(), nil)
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, head)
		if rec.Code != http.StatusOK {
			mu.Lock()
			second, ok := waiting[r.URL.Path]
			if ok {
				close(second)
				delete(waiting, r.URL.Path)
			} else {
				second = make(chan struct{})
				waiting[r.URL.Path] = second
			}
			mu.Unlock()
			select {
			case <-second:
			case <-time.After(200 * time.Millisecond): // nobody else is there
				mu.Lock()
				if waiting[r.URL.Path] == second {
					delete(waiting, r.URL.Path)
				}
				mu.Unlock()
			}
			r.Header.Del("If-None-Match")
		}
		next.ServeHTTP(w, r)
	})
}

// unordered lists the second object before the first.
func unordered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("list-type") != "2" {
			next.ServeHTTP(w, r)
			return
		}
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		parts := strings.SplitAfter(rec.Body.String(), "</Contents>")
		if len(parts) > 2 {
			at := strings.Index(parts[0], "<Contents>")
			head, first := parts[0][:at], parts[0][at:]
			parts[0], parts[1] = head+parts[1], first
		}
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(rec.Code)
		_, _ = w.Write([]byte(strings.Join(parts, "")))
	})
}

func TestProbeAcceptsHonestServers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Server) {
		for range 3 {
			store, err := s.Open(t.Context(), s.Root(), 0)
			require.NoError(t, err)
			require.NoError(t, logstore.Probe(t.Context(), store, rand.Reader))
			for o, err := range store.List(t.Context(), logstore.ListOptions{}) {
				require.NoError(t, err)
				t.Errorf("the probe left %s", o.Name)
			}
			require.NoError(t, store.Close())
		}
	})
}

func TestLiarsAreFound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		wrap   func(http.Handler) http.Handler
		probe  error
		checks string // that must fail, by name
		passes string // that a liar of this kind passes: why races are needed
	}{
		{"ignores the condition", ignorant, logstore.ErrUnsafe, "put if absent", ""},
		{"looks before it writes", racy, logstore.ErrUnsafe, "race of writers", "put if absent"},
		{"lists out of order", unordered, nil, "list options", "put if absent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := GoFakeS3With(t, c.wrap)
			h := harness(s, 5)
			h.Command = func(storetest.T, logstore.Store) *exec.Cmd { panic("not in these checks") }
			require.NotEmpty(t, storetest.Verify(t.Context(), h, c.checks), "the suite does not notice")
			if c.passes != "" {
				require.Empty(t, storetest.Verify(t.Context(), h, c.passes))
			}
			store, err := s.Open(t.Context(), s.Root(), 0)
			require.NoError(t, err)
			defer store.Close()
			err = logstore.Probe(t.Context(), store, rand.Reader)
			require.Error(t, err, "the probe does not notice")
			if c.probe != nil {
				require.ErrorIs(t, err, c.probe)
			}
			require.ErrorContains(t, err, store.URL())
		})
	}
}
