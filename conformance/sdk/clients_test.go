package sdk

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/deltalog/deltalog/delta/gcs"
	"github.com/deltalog/deltalog/delta/s3"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// secretCanary is in every secret that a client has; no error may show it.
const secretCanary = "canary"

// rootOf is the URL of the one table.
func rootOf(c cloud) string {
	if c.name() == "gcs" {
		return "gs://" + bucketName + "/t"
	}
	return "s3://" + bucketName + "/t"
}

// A clientOptions says how a client is made. The zero value is the vendor's own
// client with its defaults.
type clientOptions struct {
	timeout time.Duration
	seed    uint64 // of the AWS client's back-off
	own     bool   // an HTTP client of the caller's, without any time-out
}

// open makes a new client of a process and a store with it. The store's Close
// closes the connections too.
func (w *world) open(ctx context.Context, process string, o clientOptions) (logstore.Store, error) {
	transport := &http.Transport{DialContext: w.net.dialer(process), MaxIdleConnsPerHost: 64}
	var s logstore.Store
	var err error
	if w.cloud.name() == "gcs" {
		if !o.own { // what the driver sets for its own
			transport.ResponseHeaderTimeout = 30 * time.Second
			if o.timeout > 0 {
				transport.ResponseHeaderTimeout = o.timeout
			}
		}
		s, err = gcs.Open(ctx, rootOf(w.cloud), &gcs.Options{
			HTTPClient: &http.Client{Transport: bearer{transport, "Bearer ya29." + secretCanary + process}},
			Endpoint:   gcsHost + "/storage/v1/", RequestTimeout: o.timeout, PartSize: 256 << 10,
		})
	} else {
		var client s3HTTPClient = awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			t.DialContext = transport.DialContext
			transport = t
		})
		if o.own {
			client = &http.Client{Transport: transport}
		}
		s, err = s3.Open(ctx, rootOf(w.cloud), &s3.Options{
			RequestTimeout: o.timeout, PartSize: 5 << 20,
			Config: &aws.Config{
				Region: "eu-central-1", BaseEndpoint: aws.String("http://s3.test"), HTTPClient: client,
				Credentials: credentials.NewStaticCredentialsProvider("AKIACANARY0123456789", "secret"+secretCanary, "token"+secretCanary+process),
				Retryer: func() aws.Retryer {
					return retry.NewStandard(func(r *retry.StandardOptions) { r.Backoff = newBackoff(o.seed) })
				},
			},
		})
	}
	if err != nil {
		return nil, err
	}
	return &closing{s, transport}, nil
}

type s3HTTPClient interface {
	Do(*http.Request) (*http.Response, error)
}

// A closing store ends its idle connections, as the end of a process does.
type closing struct {
	logstore.Store
	transport *http.Transport
}

func (c *closing) Close() error {
	err := c.Store.Close()
	c.transport.CloseIdleConnections()
	return err
}

// bearer adds Google's authorisation.
type bearer struct {
	base  http.RoundTripper
	token string
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", b.token)
	return b.base.RoundTrip(r)
}

// A backoff is the AWS client's exponential back-off with its jitter seeded.
type backoff struct {
	mu  sync.Mutex
	rng *rand.Rand
}

func newBackoff(seed uint64) *backoff { return &backoff{rng: rand.New(rand.NewPCG(seed, 7))} }

// BackoffDelay implements the SDK's interface.
func (b *backoff) BackoffDelay(attempt int, _ error) (time.Duration, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ceiling := min(float64(int(1)<<min(attempt, 10)), 20)
	return time.Duration(b.rng.Float64() * ceiling * float64(time.Second)), nil
}
