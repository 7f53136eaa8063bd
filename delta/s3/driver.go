package s3

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"gocloud.dev/blob"

	"github.com/deltalog/deltalog/internal/blobstore"
)

const contentType = "application/octet-stream"

type driver struct {
	client    *s3.Client
	bucket    string
	opts      Options
	checksums aws.RequestChecksumCalculation
}

// once turns the SDK's retries off: a retry of a conditional request that was
// carried out gets a 412 for its own object.
func once(o *s3.Options) { o.Retryer = aws.NopRetryer{} }

func (d *driver) Put(ctx context.Context, key string, data []byte, ifAbsent bool) error {
	in := &s3.PutObjectInput{
		Bucket:      &d.bucket,
		Key:         &key,
		Body:        bytes.NewReader(data),
		ContentType: aws.String(contentType),
	}
	if ifAbsent {
		in.IfNoneMatch = aws.String("*")
	}
	if d.opts.Encryption != "" {
		in.ServerSideEncryption = types.ServerSideEncryption(d.opts.Encryption)
	}
	if d.opts.KMSKeyID != "" {
		in.SSEKMSKeyId = &d.opts.KMSKeyID
	}
	_, err := d.client.PutObject(ctx, in, once)
	return err
}

func (d *driver) Stat(ctx context.Context, key string) (blobstore.Attributes, error) {
	out, err := d.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &d.bucket, Key: &key})
	if err != nil {
		return blobstore.Attributes{}, err
	}
	a := blobstore.Attributes{Size: aws.ToInt64(out.ContentLength), Modified: aws.ToTime(out.LastModified)}
	for k, v := range out.Metadata { // some servers change the case
		if strings.EqualFold(k, blobstore.TokenKey) {
			a.Token = v
		}
	}
	return a, nil
}

func (d *driver) Delete(ctx context.Context, key string) error {
	_, err := d.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &d.bucket, Key: &key})
	return err
}

func (d *driver) BeforeRead(key, version string) func(func(any) bool) error {
	return func(as func(any) bool) error {
		var in *s3.GetObjectInput
		if !as(&in) {
			return errHook
		}
		in.Key = &key
		if version != "" {
			in.IfMatch = &version
		}
		return nil
	}
}

func (d *driver) Version(r *blob.Reader) (string, error) {
	var out s3.GetObjectOutput
	if !r.As(&out) {
		return "", errHook
	}
	return aws.ToString(out.ETag), nil
}

func (d *driver) BeforeList(prefix, after string) func(func(any) bool) error {
	return func(as func(any) bool) error {
		var in *s3.ListObjectsV2Input
		if !as(&in) {
			return errHook
		}
		if prefix != "" {
			in.Prefix = &prefix
		}
		if after != "" {
			in.StartAfter = &after
		}
		return nil
	}
}

// An answerError is a 200 that does not say what its request is answered with,
// which the SDK takes for an answer without fields: an upload that was published,
// a bucket without objects. It is worth another try.
type answerError string

func (e answerError) Error() string { return string(e) }

// RetryableError is read by the SDK's retryer.
func (e answerError) RetryableError() bool { return true }

const (
	errNoAnswer  answerError = "the answer to the completion of the upload names no object"
	errNoListing answerError = "the answer to the listing is none"
	errNoToken   answerError = "the listing goes on, and does not say where"
)

// checkPages refuses pages of listings after which objects would be missed.
func checkPages(stack *middleware.Stack) error {
	check := func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
		out, meta, err := next.HandleDeserialize(ctx, in)
		page, ok := out.Result.(*s3.ListObjectsV2Output)
		switch {
		case err != nil || !ok:
		case page.Name == nil && page.KeyCount == nil && page.IsTruncated == nil && page.Contents == nil:
			err = errNoListing
		case aws.ToBool(page.IsTruncated) && aws.ToString(page.NextContinuationToken) == "":
			err = errNoToken
		}
		return out, meta, err
	}
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("deltalogCheckPages", check), middleware.Before)
}

func (d *driver) Key(o *blob.ListObject) string {
	var obj types.Object
	if !o.As(&obj) {
		return o.Key
	}
	return aws.ToString(obj.Key)
}

var errHook = errors.New("s3blob does not offer the hook that this driver was written for")

// abortTimeout bounds the removal of the parts of an upload that was given up.
const abortTimeout = 30 * time.Second

func (d *driver) BeforeWrite(key string) (func(func(any) bool) error, func(int64) error) {
	up := &uploader{Client: d.client}
	before := func(as func(any) bool) error {
		var in *transfermanager.UploadObjectInput
		var tm *transfermanager.Client
		if !as(&in) || !as(&tm) {
			return errHook
		}
		in.Key = &key
		*tm = *transfermanager.New(up, func(o *transfermanager.Options) {
			o.RequestChecksumCalculation = d.checksums
			o.PartSizeBytes = int64(d.opts.PartSize)
			if o.PartSizeBytes == 0 {
				o.PartSizeBytes = 8 << 20
			}
			o.Concurrency = max(d.opts.Concurrency, 1)
			if d.opts.Concurrency == 0 {
				o.Concurrency = 2
			}
			// The manager reads as much as the threshold before it sends
			// anything: one part is enough to know.
			o.MultipartUploadThreshold = o.PartSizeBytes
			// It removes the parts of a cancelled upload only with a context
			// of its own.
			o.FailTimeout = abortTimeout
		})
		return nil
	}
	return before, func(int64) error { return up.err }
}

// An uploader is the client of one upload. It keeps a failed completion from the
// transfer manager, which would print it with the standard logger, lost races
// included.
type uploader struct {
	*s3.Client
	err error // written before the portable Close returns
}

func (u *uploader) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput, opts ...func(*s3.Options)) (*s3.CompleteMultipartUploadOutput, error) {
	out, err := u.Client.CompleteMultipartUpload(ctx, in, opts...)
	if err == nil && out.ETag == nil {
		err = errNoAnswer
	}
	if err == nil {
		return out, nil
	}
	u.err = err
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	// If the completion did take effect there is no upload to abort any more.
	_, _ = u.Client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
		Bucket: in.Bucket, Key: in.Key, UploadId: in.UploadId,
	})
	return &s3.CompleteMultipartUploadOutput{}, nil
}

func (d *driver) Reply(err error) blobstore.Reply {
	var r blobstore.Reply
	var resp *awshttp.ResponseError
	if errors.As(err, &resp) && resp.Response != nil && resp.Response.Response != nil {
		r.Status = resp.HTTPStatusCode()
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		r.Code, r.Message = api.ErrorCode(), api.ErrorMessage()
	}
	if r.Status == http.StatusOK {
		// A completion that fails after its headers: the code says what 200 does not.
		r.Status = http.StatusInternalServerError
	}
	r.Credentials = r.Status == 0 && isCredentials(err)
	return r
}

// isCredentials recognises the SDK's failure to find or fetch credentials, which
// has no type of its own.
func isCredentials(err error) bool {
	msg := err.Error()
	return strings.Contains(msg, "get identity:") || strings.Contains(msg, "get credentials:") ||
		strings.Contains(msg, "failed to refresh cached credentials")
}

func (d *driver) Close() error { return nil }
