// Package s3 opens tables on Amazon S3 and stores that speak its protocol.
//
// Importing it registers the schemes s3 and s3a, which mean the same:
//
//	import _ "github.com/deltalog/deltalog/delta/s3"
//
// Credentials, region and endpoint come from the AWS SDK's own chain: variables
// (AWS_ACCESS_KEY_ID, AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL,
// AWS_ENDPOINT_URL_S3, ...), the shared configuration files, web identity,
// container and instance roles. Never from a URL.
//
// Commits rest on If-None-Match. A store that ignores it must not be written to;
// logstore.Probe finds out.
package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/logging"
	"gocloud.dev/blob/s3blob"

	"github.com/deltalog/deltalog/internal/blobstore"
	"github.com/deltalog/deltalog/txlog/logstore"
)

func init() {
	open := func(ctx context.Context, url string) (logstore.Store, error) { return Open(ctx, url, nil) }
	logstore.Register("s3", open)
	logstore.Register("s3a", open)
}

// Options of [Open]. Zero values mean defaults.
type Options struct {
	// Config replaces the SDK's default chain. Its retryer is used for
	// everything but commits, which are one request whatever it says.
	Config *aws.Config
	// RequestTimeout bounds one request, and how long a body may stand still.
	// Larger bodies get a second more for each MiB. Default 30 s.
	RequestTimeout time.Duration
	// PartSize is the size of the parts of data files, at least 5 MiB; a file
	// may have 10,000. Default 8 MiB.
	PartSize int
	// Concurrency is how many parts of one file are uploaded at once. A file in
	// upload holds at most Concurrency + 2 parts in memory. Default 2.
	Concurrency int
	// Encryption is "AES256", "aws:kms" or "aws:kms:dsse", asked for with every
	// object written, for buckets whose policy wants it in the request. Default:
	// what the bucket does by itself.
	Encryption string
	KMSKeyID   string // with Encryption "aws:kms" or "aws:kms:dsse"
}

const minPartSize = 5 << 20

// Open returns the store at s3://BUCKET/PATH. It sends no request.
//
// A custom endpoint is addressed path-style.
func Open(ctx context.Context, url string, o *Options) (logstore.Store, error) {
	if o == nil {
		o = &Options{}
	}
	bucket, prefix, err := blobstore.ParseURL(url, "s3", "s3a")
	if err != nil {
		return nil, fmt.Errorf("s3: open: %w", err)
	}
	if strings.HasSuffix(bucket, "--x-s3") {
		return nil, fmt.Errorf("s3: open: %s is a directory bucket (S3 Express), whose listings have no order: the log cannot be kept in one", bucket)
	}
	if o.PartSize != 0 && o.PartSize < minPartSize {
		return nil, fmt.Errorf("s3: open: PartSize is %d, the least is %d (5 MiB)", o.PartSize, minPartSize)
	}
	client, err := newClient(ctx, o)
	if err != nil {
		return nil, err
	}
	sums := client.Options().RequestChecksumCalculation
	b, err := s3blob.OpenBucket(ctx, client, bucket, &s3blob.Options{
		EncryptionType:             types.ServerSideEncryption(o.Encryption),
		KMSEncryptionID:            o.KMSKeyID,
		RequestChecksumCalculation: sums,
	})
	if err != nil {
		return nil, fmt.Errorf("s3: open bucket %s: %w", bucket, err)
	}
	root, keys := blobstore.Root("s3", bucket, prefix)
	d := &driver{client: client, bucket: bucket, opts: *o, checksums: sums}
	return blobstore.New(b, d, blobstore.Config{
		Name: "s3", URL: root, Prefix: keys,
		RequestTimeout: o.RequestTimeout, PartSize: o.PartSize, Concurrency: o.Concurrency,
		Unproven:       client.Options().BaseEndpoint != nil,
		PermissionHint: "check the credentials (AWS_PROFILE, AWS_ACCESS_KEY_ID, role) and that they allow s3:ListBucket, s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload here",
	}), nil
}

func newClient(ctx context.Context, o *Options) (*s3.Client, error) {
	var conf aws.Config
	if o.Config != nil {
		conf = o.Config.Copy()
	} else {
		var err error
		if conf, err = config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{})); err != nil {
			return nil, fmt.Errorf("s3: open: load the AWS configuration: %s", blobstore.Redact(err.Error()))
		}
	}
	client := s3.NewFromConfig(conf, func(so *s3.Options) {
		if so.BaseEndpoint != nil {
			so.UsePathStyle = true
			if so.Region == "" {
				so.Region = "us-east-1" // other stores sign with it and mean nothing by it
			}
		}
		so.DisableLogOutputChecksumValidationSkipped = true
		so.HTTPClient = observed{tune(so.HTTPClient, o.RequestTimeout)}
		so.APIOptions = append(so.APIOptions, checkPages)
	})
	if client.Options().Region == "" {
		return nil, errors.New("s3: open: no region: set AWS_REGION to the bucket's, or region in the AWS configuration file")
	}
	return client, nil
}

// tune adapts the SDK's own HTTP client to many parallel range reads and to
// servers that accept a request and then say nothing. A client that the caller
// made is left as it is.
func tune(c s3.HTTPClient, timeout time.Duration) s3.HTTPClient {
	b, ok := c.(*awshttp.BuildableClient)
	if !ok {
		return c
	}
	if timeout <= 0 {
		timeout = 30 * time.Second
	}
	return b.WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost = 64
		t.ResponseHeaderTimeout = timeout
	})
}

// observed counts what is sent.
type observed struct{ s3.HTTPClient }

func (c observed) Do(req *http.Request) (*http.Response, error) {
	return blobstore.Observe(req, c.HTTPClient.Do)
}
