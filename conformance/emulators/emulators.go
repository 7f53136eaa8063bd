// Package emulators runs servers of S3 and GCS on loopback and opens stores on
// them through the real SDKs, directly or through a fault proxy.
//
// It is a module of its own, so that the servers' dependencies stay out of the
// module graph of those who embed deltalog.
package emulators

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/fsouza/fake-gcs-server/fakestorage"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/faultproxy"
	"github.com/deltalog/deltalog/delta/gcs"
	"github.com/deltalog/deltalog/delta/s3"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// Bucket is the bucket that every server has.
const Bucket = "tables"

const (
	accessKey = "test"
	secretKey = "testtest"
)

// A Server is a running object store.
type Server struct {
	Name string // of the software
	Kind string // "s3" or "gs"
	URL  string // http://127.0.0.1:port

	roots atomic.Int64
}

// Root returns a URL below which nothing has been written yet.
func (s *Server) Root() string {
	return fmt.Sprintf("%s://%s/root-%d", s.Kind, Bucket, s.roots.Add(1))
}

// Env is what a program of its own needs to reach the server, deltactl for example.
func (s *Server) Env() []string {
	if s.Kind == "gs" {
		return []string{"STORAGE_EMULATOR_HOST=" + strings.TrimPrefix(s.URL, "http://")}
	}
	return []string{
		"AWS_ENDPOINT_URL_S3=" + s.URL, "AWS_ACCESS_KEY_ID=" + accessKey, "AWS_SECRET_ACCESS_KEY=" + secretKey,
		"AWS_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true",
	}
}

// Open opens the store at url through the SDK. A timeout of 0 means the default.
func (s *Server) Open(ctx context.Context, url string, timeout time.Duration) (logstore.Store, error) {
	if s.Kind == "gs" {
		// As the driver's own client, but without credentials. A hanging upload ends
		// by this time-out only: the client's own retries last half a minute each.
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = 64
		transport.ResponseHeaderTimeout = cmp.Or(timeout, 30*time.Second)
		return gcs.Open(ctx, url, &gcs.Options{
			HTTPClient: &http.Client{Transport: transport},
			Endpoint:   s.URL + "/storage/v1/", RequestTimeout: timeout,
		})
	}
	conf := s.config()
	return s3.Open(ctx, url, &s3.Options{Config: &conf, RequestTimeout: timeout})
}

func (s *Server) config() aws.Config {
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(s.URL),
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
		// As often as the SDK does, without waiting for seconds in between.
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 20 * time.Millisecond })
		},
	}
}

// WithFaults puts a fault proxy in front of a server. The server that it returns
// is the same store seen through the proxy; both end with the test.
func WithFaults(t testing.TB, s *Server, script faultproxy.Script) (*Server, *faultproxy.Proxy) {
	t.Helper()
	p, err := faultproxy.New(s.URL, script)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	f := &Server{Name: s.Name + " behind faults", Kind: s.Kind, URL: p.URL}
	f.roots.Store(s.roots.Add(1) << 20) // roots that the server itself does not give out
	return f, p
}

// GoFakeS3 runs gofakes3 in this process. It honours If-None-Match on PutObject
// only: never use it to judge a conditional multipart upload.
func GoFakeS3(t testing.TB) *Server { return GoFakeS3With(t, nil) }

// GoFakeS3With puts a handler around gofakes3, to make it worse.
func GoFakeS3With(t testing.TB, wrap func(http.Handler) http.Handler) *Server {
	t.Helper()
	backend := s3mem.New()
	require.NoError(t, backend.CreateBucket(Bucket))
	h := gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog()), gofakes3.WithoutVersioning()).Server()
	if wrap != nil {
		h = wrap(h)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return &Server{Name: "gofakes3", Kind: "s3", URL: srv.URL}
}

// FakeGCS runs fake-gcs-server in this process.
func FakeGCS(t testing.TB) *Server {
	t.Helper()
	web := httptest.NewUnstartedServer(nil) // has its address, which the server must know
	url := "http://" + web.Listener.Addr().String()
	srv, err := fakestorage.NewServerWithOptions(fakestorage.Options{
		NoListener: true, ExternalURL: url, PublicHost: web.Listener.Addr().String(), Writer: io.Discard,
	})
	require.NoError(t, err)
	web.Config.Handler = srv.HTTPHandler()
	web.Start()
	t.Cleanup(web.Close)
	srv.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: Bucket})
	return &Server{Name: "fake-gcs-server", Kind: "gs", URL: url}
}

// VersityGW runs versitygw as a process of its own on a fresh directory. setup.sh
// installs it.
func VersityGW(t testing.TB) *Server {
	t.Helper()
	bin, err := versitygwPath()
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, Bucket), 0o750))
	// The port is free when we look; somebody may take it before versitygw does.
	for range 10 {
		s, said := startVersityGW(t, bin, dir)
		if s != nil {
			return s
		}
		require.Contains(t, said, "address already in use", "versitygw ended at once")
	}
	require.Fail(t, "versitygw found every one of ten free ports taken")
	return nil
}

// startVersityGW returns no server but what the process said if it ends before it
// answers.
func startVersityGW(t testing.TB, bin, dir string) (s *Server, said string) {
	t.Helper()
	s = &Server{Name: "versitygw", Kind: "s3", URL: fmt.Sprintf("http://127.0.0.1:%d", freePort(t))}
	cmd := exec.Command(bin, "--port", strings.TrimPrefix(s.URL, "http://"),
		"--access", accessKey, "--secret", secretKey, "--quiet", "posix", dir)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=2")
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var b strings.Builder
	ended := make(chan struct{})
	go func() { // ends with the process, which Cleanup ends
		defer close(ended)
		for lines := bufio.NewScanner(stderr); lines.Scan() && b.Len() < 1<<16; {
			b.WriteString(lines.Text() + "\n")
		}
		_, _ = io.Copy(io.Discard, stderr)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("versitygw said:\n%s", b.String())
		}
	})
	if !s.await(t, ended) {
		return nil, b.String()
	}
	return s, ""
}

// versitygwPath is the program that setup.sh installed, or VERSITYGW.
func versitygwPath() (string, error) {
	if p := os.Getenv("VERSITYGW"); p != "" {
		return p, nil
	}
	root, err := exec.Command("git", "rev-parse", "--show-toplevel").Output()
	if err == nil {
		p := filepath.Join(strings.TrimSpace(string(root)), ".cache", "bin", "versitygw")
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
	}
	return "", fmt.Errorf("versitygw is not installed: run conformance/emulators/setup.sh, or set VERSITYGW to the program")
}

// await waits until the server answers, by its own client. It returns false if the
// process has ended.
func (s *Server) await(t testing.TB, ended <-chan struct{}) bool {
	t.Helper()
	client := awss3.NewFromConfig(s.config(), func(o *awss3.Options) { o.UsePathStyle = true })
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := client.HeadBucket(ctx, &awss3.HeadBucketInput{Bucket: aws.String(Bucket)}, func(o *awss3.Options) { o.Retryer = aws.NopRetryer{} })
		if err == nil {
			return true
		}
		select {
		case <-ended:
			return false
		case <-ctx.Done():
			require.NoError(t, err, "versitygw does not answer")
		case <-tick.C:
		}
	}
}

// given are the ports that freePort has given out.
var given sync.Map

// freePort returns a port that is free now, and to nobody twice.
func freePort(t testing.TB) int {
	t.Helper()
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		port := l.Addr().(*net.TCPAddr).Port
		require.NoError(t, l.Close())
		if _, again := given.LoadOrStore(port, true); !again {
			return port
		}
	}
}
