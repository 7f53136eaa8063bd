package s3_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta/s3"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// A stub answers every request alike and remembers them.
type stub struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
}

func newStub(t *testing.T, status int, body string) *stub {
	s := &stub{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		s.mu.Lock()
		s.requests = append(s.requests, r)
		s.mu.Unlock()
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			_, _ = io.WriteString(w, body)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func xmlError(code, message string) string {
	return fmt.Sprintf(`<?xml version="1.0"?><Error><Code>%s</Code><Message>%s</Message></Error>`, code, message)
}

func options(endpoint string) *s3.Options {
	return &s3.Options{
		RequestTimeout: 10 * time.Second,
		Config: &aws.Config{
			Region: "eu-central-1", BaseEndpoint: &endpoint,
			Credentials: credentials.NewStaticCredentialsProvider("AKIACANARY0123456789", "secretcanary", "tokencanary"),
			Retryer: func() aws.Retryer {
				return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = time.Millisecond })
			},
		},
	}
}

func open(t *testing.T, url string, o *s3.Options) logstore.Store {
	t.Helper()
	s, err := s3.Open(t.Context(), url, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for url, why := range map[string]string{
		"gs://bucket/x":                         "not of the form",
		"s3:/bucket/x":                          "not of the form",
		"s3://":                                 "bucket name",
		"s3:///path":                            "bucket name",
		"s3://b":                                "bucket name",
		"s3://bu cket/x":                        "bucket name",
		"s3://AKIACANARY:secretcanary@bucket/x": "user name",
		"s3://bucket/x?endpoint=http://canary.example/": "parameters",
		"s3://bucket/x#canary":                          "parameters",
		"s3://bucket?profile=canary":                    "parameters",
		"s3://bucket:9000/x":                            "port",
		"s3://bucket/a/../b":                            `segment ..`,
		"s3://bucket/a//b":                              "empty segment",
		"s3://bucket--use1-az4--x-s3/t":                 "directory bucket",
	} {
		_, err := s3.Open(t.Context(), url, options("http://127.0.0.1:1"))
		require.ErrorContains(t, err, why, url)
		require.NotContains(t, err.Error(), "canary")
	}
	o := options("http://127.0.0.1:1")
	o.PartSize = 1 << 20
	_, err := s3.Open(t.Context(), "s3://bucket/x", o)
	require.ErrorContains(t, err, "5 MiB")
}

func TestURLIsCanonical(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"s3://bucket": "s3://bucket", "s3a://bucket/": "s3://bucket", "S3A://bucket/a%20b/c d/": "s3://bucket/a%20b/c d",
		"s3://my.bucket_x/t": "s3://my.bucket_x/t",
	} {
		require.Equal(t, want, open(t, url, options("http://127.0.0.1:1")).URL())
	}
}

// TestEnvironment opens as a program does, with nothing but variables.
func TestEnvironment(t *testing.T) {
	srv := newStub(t, 200, "")
	isolate(t)
	t.Setenv("AWS_ENDPOINT_URL_S3", srv.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDFROMENV")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	s, err := logstore.Open(t.Context(), "s3a://bucket/dir/table")
	require.NoError(t, err)
	require.NoError(t, s.Put(t.Context(), "city=New%20York/é x", []byte("abc"), logstore.IfAbsent))
	require.Len(t, srv.requests, 1)
	r := srv.requests[0]
	require.Equal(t, "/bucket/dir/table/city=New%20York/é x", r.URL.Path, "path-style, the name as it is")
	require.Equal(t, "*", r.Header.Get("If-None-Match"))
	require.Contains(t, r.Header.Get("Authorization"), "Credential=AKIDFROMENV/")
	require.Contains(t, r.Header.Get("Authorization"), "/us-east-1/s3/")
}

// isolate hides the machine's own AWS configuration.
func isolate(t *testing.T) {
	dir := t.TempDir()
	for _, v := range []string{
		"AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
		"AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
	} {
		t.Setenv(v, "")
	}
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "credentials"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

func TestWithoutRegionOrCredentials(t *testing.T) {
	isolate(t)
	_, err := s3.Open(t.Context(), "s3://bucket/x", nil)
	require.ErrorContains(t, err, "AWS_REGION")

	srv := newStub(t, 200, "")
	t.Setenv("AWS_ENDPOINT_URL", srv.URL)
	s := open(t, "s3://bucket/x", nil)
	err = s.Put(t.Context(), "a", nil, logstore.IfAbsent)
	require.ErrorIs(t, err, logstore.ErrPermission)
	require.ErrorContains(t, err, "AWS_PROFILE")
	require.Empty(t, srv.requests)
}

// TestAnswers is what each answer means for each call.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status                        int
		code                          string
		put, overwrite, read, listing error
	}{
		{404, "NoSuchKey", logstore.ErrRefused, logstore.ErrRefused, logstore.ErrNotExist, logstore.ErrNotExist},
		{404, "NoSuchBucket", logstore.ErrRefused, logstore.ErrRefused, logstore.ErrNotExist, logstore.ErrNotExist},
		{403, "AccessDenied", logstore.ErrPermission, logstore.ErrPermission, logstore.ErrPermission, logstore.ErrPermission},
		{403, "SignatureDoesNotMatch", logstore.ErrPermission, logstore.ErrPermission, logstore.ErrPermission, logstore.ErrPermission},
		{400, "ExpiredToken", logstore.ErrPermission, logstore.ErrPermission, logstore.ErrPermission, logstore.ErrPermission},
		{400, "AuthorizationHeaderMalformed", logstore.ErrRefused, logstore.ErrRefused, logstore.ErrRefused, logstore.ErrRefused},
		{301, "PermanentRedirect", logstore.ErrRefused, logstore.ErrRefused, logstore.ErrRefused, logstore.ErrRefused},
		{412, "PreconditionFailed", logstore.ErrExist, nil, nil, nil},
		{409, "ConditionalRequestConflict", logstore.ErrUnavailable, logstore.ErrUnavailable, logstore.ErrUnavailable, logstore.ErrUnavailable},
		{501, "NotImplemented", logstore.ErrRefused, logstore.ErrRefused, logstore.ErrRefused, logstore.ErrRefused},
		{507, "InsufficientStorage", logstore.ErrNoSpace, logstore.ErrNoSpace, logstore.ErrNoSpace, logstore.ErrNoSpace},
		{400, "RequestTimeout", nil, nil, nil, nil},
		{503, "SlowDown", nil, nil, nil, nil},
		{500, "InternalError", nil, nil, nil, nil},
		{429, "TooManyRequests", nil, nil, nil, nil},
		{499, "ClientClosedRequest", nil, nil, nil, nil},
	} {
		t.Run(fmt.Sprintf("%d %s", c.status, c.code), func(t *testing.T) {
			t.Parallel()
			srv := newStub(t, c.status, xmlError(c.code, "it said so"))
			s := open(t, "s3://bucket/t", options(srv.URL))
			check := func(what string, err, want error) {
				t.Helper()
				require.Error(t, err, what)
				require.ErrorContains(t, err, c.code, what)
				for _, class := range []error{
					logstore.ErrNotExist, logstore.ErrExist, logstore.ErrPermission, logstore.ErrNoSpace, logstore.ErrRefused, logstore.ErrUnavailable,
				} {
					require.Equal(t, class == want, errors.Is(err, class), "%s: %v: %v", what, err, class) //nolint:errorlint // identity is meant
				}
			}
			check("put", s.Put(t.Context(), "a", nil, logstore.IfAbsent), c.put)
			require.Len(t, srv.requests, 1)
			check("overwrite", s.Put(t.Context(), "a", nil, logstore.Overwrite), c.overwrite)
			require.Len(t, srv.requests, 2)
			_, err := s.Read(t.Context(), "a", 0)
			check("read", err, c.read)
			for _, err := range s.List(t.Context(), logstore.ListOptions{}) {
				check("list", err, c.listing)
			}
			if c.code == "PermanentRedirect" || c.code == "AuthorizationHeaderMalformed" {
				require.ErrorContains(t, err, "AWS_REGION")
			}
		})
	}
}

// TestErrorsKeepSecrets: canaries in everything that is secret, and servers that repeat it.
func TestErrorsKeepSecrets(t *testing.T) {
	t.Parallel()
	echo := newStub(t, 403, xmlError("SignatureDoesNotMatch",
		"https://u:pwcanary@host/?X-Amz-Signature=sigcanary&amp;X-Amz-Security-Token=tokencanary AWSAccessKeyId=AKIACANARY0123456789 Authorization: AWS4 secretcanary"))
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for _, endpoint := range []string{echo.URL, gone.URL, strings.Replace(gone.URL, "://", "://user:endpointcanary@", 1), "http://user:endpointcanary@%zz"} {
		s := open(t, "s3://bucket/t", options(endpoint))
		_, readErr := s.Read(t.Context(), "a", 0)
		w, err := s.Create(t.Context(), "b")
		if err == nil {
			err = w.Close()
		}
		for _, err := range []error{readErr, err, s.Put(t.Context(), "a", nil, logstore.IfAbsent)} {
			require.Error(t, err)
			for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err), fmt.Sprintf("%q", err)} {
				require.NotContains(t, strings.ToLower(text), "canary", endpoint)
			}
		}
	}
}

func TestEncryptionIsAskedForWithEveryObject(t *testing.T) {
	t.Parallel()
	srv := newStub(t, 200, "")
	o := options(srv.URL)
	o.Encryption, o.KMSKeyID = "aws:kms", "key-1"
	s := open(t, "s3://bucket/t", o)
	require.NoError(t, s.Put(t.Context(), "a", nil, logstore.IfAbsent))
	w, err := s.Create(t.Context(), "b")
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.Len(t, srv.requests, 2)
	for _, r := range srv.requests {
		require.Equal(t, "aws:kms", r.Header.Get("X-Amz-Server-Side-Encryption"))
		require.Equal(t, "key-1", r.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"))
		require.Equal(t, "*", r.Header.Get("If-None-Match"))
	}
}

func TestCancelledBeforeItStartsSendsNothing(t *testing.T) {
	t.Parallel()
	srv := newStub(t, 200, "")
	s := open(t, "s3://bucket/t", options(srv.URL))
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the caller's own reason"))
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
	require.Contains(t, string(out), "github.com/aws/aws-sdk-go-v2/service/s3\n")
	for _, dep := range strings.Fields(string(out)) {
		require.False(t, strings.HasPrefix(dep, "cloud.google.com/go/storage") ||
			strings.HasPrefix(dep, "github.com/apache/arrow-go"), dep)
	}
}
