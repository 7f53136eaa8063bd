package gcs_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta/gcs"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// A stub answers every request by f and remembers them.
type stub struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
}

func newStub(t *testing.T, f http.HandlerFunc) *stub {
	s := &stub{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		s.mu.Lock()
		s.requests = append(s.requests, r)
		s.mu.Unlock()
		f(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func fails(status int, reason, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error":{"code":%d,"message":%q,"errors":[{"reason":%q}]}}`, status, message, reason)
	}
}

func open(t *testing.T, endpoint string, timeout time.Duration) logstore.Store {
	t.Helper()
	s, err := gcs.Open(t.Context(), "gs://bucket/t", &gcs.Options{
		HTTPClient: &http.Client{Transport: &http.Transport{}}, Endpoint: endpoint + "/storage/v1/", RequestTimeout: timeout,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for url, why := range map[string]string{
		"s3://bucket/x":                            "not of the form",
		"gs://":                                    "bucket name",
		"gs://user:canary@bucket/x":                "user name",
		"gs://bucket/x?private_key_path=canary":    "parameters",
		"gs://bucket?universe_domain=canary.local": "parameters",
		"gs://bucket:443/x":                        "port",
		"gs://bucket/../x":                         "segment ..",
	} {
		_, err := gcs.Open(t.Context(), url, &gcs.Options{HTTPClient: http.DefaultClient})
		require.ErrorContains(t, err, why, url)
		require.NotContains(t, err.Error(), "canary")
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status             int
		reason             string
		put, read, listing error
	}{
		{404, "notFound", logstore.ErrRefused, logstore.ErrNotExist, logstore.ErrNotExist},
		{403, "forbidden", logstore.ErrPermission, logstore.ErrPermission, logstore.ErrPermission},
		{401, "authError", logstore.ErrPermission, logstore.ErrPermission, logstore.ErrPermission},
		{412, "conditionNotMet", logstore.ErrExist, nil, nil},
		{400, "invalid", logstore.ErrRefused, logstore.ErrRefused, logstore.ErrRefused},
		{409, "conflict", nil, nil, nil},
		{410, "gone", logstore.ErrRefused, logstore.ErrRefused, logstore.ErrRefused},
		{429, "rateLimitExceeded", nil, nil, nil},
		{503, "backendError", nil, nil, nil},
	} {
		t.Run(fmt.Sprint(c.status), func(t *testing.T) {
			t.Parallel()
			srv := newStub(t, fails(c.status, c.reason, "it said so"))
			s := open(t, srv.URL, 100*time.Millisecond) // the client repeats until the time is over
			check := func(what string, err, want error) {
				t.Helper()
				require.Error(t, err, what)
				for _, class := range []error{
					logstore.ErrNotExist, logstore.ErrExist, logstore.ErrPermission, logstore.ErrNoSpace, logstore.ErrRefused, logstore.ErrUnavailable,
				} {
					require.Equal(t, class == want, errors.Is(err, class), "%s: %v: %v", what, err, class) //nolint:errorlint // identity is meant
				}
			}
			check("put", s.Put(t.Context(), "a", []byte("x"), logstore.IfAbsent), c.put)
			require.Len(t, srv.requests, 1)
			require.Equal(t, "0", srv.requests[0].URL.Query().Get("ifGenerationMatch"))
			_, err := s.Read(t.Context(), "a", 0)
			check("read", err, c.read)
			for _, err := range s.List(t.Context(), logstore.ListOptions{}) {
				check("list", err, c.listing)
			}
		})
	}
}

// TestGzipIsRefused: the bytes that arrive are not those that the size counts.
func TestGzipIsRefused(t *testing.T) {
	t.Parallel()
	srv := newStub(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Goog-Stored-Content-Encoding", "gzip")
		w.Header().Set("X-Goog-Stored-Content-Length", "3")
		w.Header().Set("X-Goog-Generation", "7")
		_, _ = io.WriteString(w, "unpacked on the way")
	})
	_, err := open(t, srv.URL, 0).Read(t.Context(), "a", 0)
	require.Equal(t, "identity", srv.requests[0].Header.Get("Accept-Encoding"))
	require.ErrorContains(t, err, "Content-Encoding: gzip")
}

// TestWithoutCredentials says so, prints nothing and sends nothing.
func TestWithoutCredentials(t *testing.T) {
	t.Setenv("STORAGE_EMULATOR_HOST", "")
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "absent.json"))
	stdout := os.Stdout
	r, w, err := os.Pipe()
	require.NoError(t, err)
	os.Stdout = w
	_, err = gcs.Open(t.Context(), "gs://bucket/t", nil)
	os.Stdout = stdout
	require.NoError(t, w.Close())
	require.ErrorIs(t, err, logstore.ErrPermission)
	require.ErrorContains(t, err, "GOOGLE_APPLICATION_CREDENTIALS")
	printed, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Empty(t, string(printed))
}

// TestRefusedCredentials: the token service says no, in words with a secret.
func TestRefusedCredentials(t *testing.T) {
	t.Setenv("STORAGE_EMULATOR_HOST", "")
	tokens := newStub(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(400)
		_, _ = io.WriteString(w, `{"error":"invalid_grant","error_description":"bad","assertion":"assertioncanary","access_token":"ya29.tokencanary"}`)
	})
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	file, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "a@b.example", "private_key_id": "1", "token_uri": tokens.URL,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "key.json")
	require.NoError(t, os.WriteFile(path, file, 0o600))
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", path)

	s, err := gcs.Open(t.Context(), "gs://bucket/t", &gcs.Options{Endpoint: "http://127.0.0.1:1/storage/v1/", RequestTimeout: time.Second})
	require.NoError(t, err)
	err = s.Put(t.Context(), "a", []byte("x"), logstore.IfAbsent)
	require.NotEmpty(t, tokens.requests)
	require.ErrorIs(t, err, logstore.ErrPermission)
	for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
		require.NotContains(t, text, "canary")
		require.NotContains(t, text, "PRIVATE KEY")
	}
}

// TestEmulatorVariable opens as a program does, with nothing but the variable.
func TestEmulatorVariable(t *testing.T) {
	srv := newStub(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"name":"x","size":"1"}`)
	})
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "absent.json"))
	for _, host := range []string{srv.URL, strings.TrimPrefix(srv.URL, "http://")} {
		t.Setenv("STORAGE_EMULATOR_HOST", host)
		s, err := logstore.Open(t.Context(), "gs://bucket/dir/t")
		require.NoError(t, err)
		require.NoError(t, s.Put(t.Context(), "city=New%20York/x", []byte("x"), logstore.IfAbsent))
	}
	require.Len(t, srv.requests, 2)
	for _, r := range srv.requests {
		require.Equal(t, "/upload/storage/v1/b/bucket/o", r.URL.Path)
		require.Equal(t, "dir/t/city=New%20York/x", r.URL.Query().Get("name"))
	}
}

func TestCancelledBeforeItStartsSendsNothing(t *testing.T) {
	t.Parallel()
	srv := newStub(t, fails(500, "x", "y"))
	s := open(t, srv.URL, 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.Put(ctx, "a", nil, logstore.IfAbsent)
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, logstore.ErrUnavailable)
	require.Empty(t, srv.requests)
}

// TestLinksOneCloud keeps the other SDK out of programs that do not want it.
func TestLinksOneCloud(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	require.NoError(t, err)
	require.Contains(t, string(out), "cloud.google.com/go/storage\n")
	for _, dep := range strings.Fields(string(out)) {
		require.False(t, strings.HasPrefix(dep, "github.com/aws/") || strings.HasPrefix(dep, "github.com/apache/arrow-go"), dep)
	}
}
