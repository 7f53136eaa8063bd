// Package gcs opens tables on Google Cloud Storage.
//
// Importing it registers the scheme gs:
//
//	import _ "github.com/deltalog/deltalog/delta/gcs"
//
// Credentials are Google's application default credentials: the file named by
// GOOGLE_APPLICATION_CREDENTIALS, gcloud's, or the machine's service account. With
// STORAGE_EMULATOR_HOST set, an emulator is used without credentials.
//
// Commits rest on the precondition that an object has no generation, which also
// Delta's connector for Spark uses: writing beside Spark is safe.
package gcs

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"cloud.google.com/go/storage"
	"gocloud.dev/blob/gcsblob"
	"google.golang.org/api/option"
	htransport "google.golang.org/api/transport/http"

	"github.com/deltalog/deltalog/internal/blobstore"
	"github.com/deltalog/deltalog/txlog/logstore"
)

func init() {
	logstore.Register("gs", func(ctx context.Context, url string) (logstore.Store, error) { return Open(ctx, url, nil) })
}

// Options of [Open]. Zero values mean defaults.
type Options struct {
	// HTTPClient is used instead of one with the default credentials. It must
	// add the authorisation itself.
	HTTPClient *http.Client
	// Endpoint of the JSON API, such as http://127.0.0.1:9000/storage/v1/.
	// Default: Google's, or what STORAGE_EMULATOR_HOST says.
	Endpoint string
	// RequestTimeout bounds one request, and how long a body may stand still.
	// Larger bodies get a second more for each MiB. Default 30 s.
	RequestTimeout time.Duration
	// PartSize is the size of the chunks of data files, each of which holds one
	// in memory while it is uploaded; rounded up to 256 KiB. Default 8 MiB.
	PartSize int
}

// Open returns the store at gs://BUCKET/PATH. It sends no request to the bucket.
func Open(ctx context.Context, url string, o *Options) (logstore.Store, error) {
	if o == nil {
		o = &Options{}
	}
	bucket, prefix, err := blobstore.ParseURL(url, "gs")
	if err != nil {
		return nil, fmt.Errorf("gcs: open: %w", err)
	}
	client, err := newClient(ctx, o)
	if err != nil {
		return nil, err
	}
	b, err := gcsblob.OpenBucket(ctx, nil, bucket, &gcsblob.Options{Client: client})
	if err != nil {
		return nil, fmt.Errorf("gcs: open bucket %s: %w", bucket, err)
	}
	root, keys := blobstore.Root("gs", bucket, prefix)
	d := &driver{client: client, bucket: client.Bucket(bucket)}
	return blobstore.New(b, d, blobstore.Config{
		Name: "gcs", URL: root, Prefix: keys,
		RequestTimeout: o.RequestTimeout, PartSize: o.PartSize,
		PermissionHint: "check the credentials (GOOGLE_APPLICATION_CREDENTIALS or gcloud auth application-default login) and that they have roles/storage.objectUser on the bucket",
	}), nil
}

// newClient makes the client by hand and not through gcsblob's URL opener, which
// prints a warning on the standard output when there are no credentials.
func newClient(ctx context.Context, o *Options) (*storage.Client, error) {
	hc, err := httpClient(ctx, o)
	if err != nil {
		return nil, err
	}
	opts := []option.ClientOption{option.WithHTTPClient(hc), storage.WithJSONReads()}
	if o.Endpoint != "" {
		opts = append(opts, option.WithEndpoint(o.Endpoint))
	}
	client, err := storage.NewClient(ctx, opts...)
	if err != nil {
		return nil, fmt.Errorf("gcs: open: make a client: %s", blobstore.Redact(err.Error()))
	}
	return client, nil
}

func httpClient(ctx context.Context, o *Options) (*http.Client, error) {
	if o.HTTPClient != nil {
		c := *o.HTTPClient
		base := c.Transport
		if base == nil {
			base = http.DefaultTransport
		}
		c.Transport = blobstore.Transport{Base: verbatim{base}}
		return &c, nil
	}
	base := blobstore.Transport{Base: verbatim{transport(o.RequestTimeout)}}
	if os.Getenv("STORAGE_EMULATOR_HOST") != "" {
		return &http.Client{Transport: base}, nil
	}
	auth, err := htransport.NewTransport(ctx, base, option.WithScopes(storage.ScopeReadWrite))
	if err != nil {
		return nil, fmt.Errorf("gcs: open: no Google credentials: set GOOGLE_APPLICATION_CREDENTIALS to a key file or run gcloud auth application-default login: %w: %s",
			logstore.ErrPermission, blobstore.Redact(err.Error()))
	}
	return &http.Client{Transport: auth}, nil
}

// transport is the standard one, adapted to many parallel range reads and to
// servers that accept a request and then say nothing.
func transport(timeout time.Duration) *http.Transport {
	if timeout <= 0 {
		timeout = 30 * time.Second
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns = 256
	t.MaxIdleConnsPerHost = 64
	t.ResponseHeaderTimeout = timeout
	return t
}

// verbatim asks for the bytes of objects as they are. The transport would ask for
// gzip and unpack it, and sizes and ranges would mean other bytes; for listings
// it may.
type verbatim struct{ http.RoundTripper }

func (v verbatim) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Query().Get("alt") == "media" && req.Header.Get("Accept-Encoding") == "" {
		req = req.Clone(req.Context())
		req.Header.Set("Accept-Encoding", "identity")
	}
	return v.RoundTripper.RoundTrip(req)
}
