package gcs

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/storage"
	"gocloud.dev/blob"
	"golang.org/x/oauth2"
	"google.golang.org/api/googleapi"

	"github.com/deltalog/deltalog/internal/blobstore"
)

const contentType = "application/octet-stream"

type driver struct {
	client *storage.Client
	bucket *storage.BucketHandle
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Put switches the client's retries off, which it has on for conditional writes:
// a retry of a request that was carried out gets a 412 for its own object.
func (d *driver) Put(ctx context.Context, key string, data []byte, ifAbsent bool) error {
	obj := d.bucket.Object(key).Retryer(storage.WithPolicy(storage.RetryNever))
	if ifAbsent {
		obj = obj.If(storage.Conditions{DoesNotExist: true})
	}
	// Cancelled before Close after a failed Write, or Close would publish.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := obj.NewWriter(ctx)
	w.ContentType = contentType
	w.ChunkSize = 0 // one request, nothing buffered
	w.CRC32C, w.SendCRC32C = crc32.Checksum(data, castagnoli), true
	if _, err := w.Write(data); err != nil {
		cancel()
		_ = w.Close()
		return err
	}
	return w.Close()
}

func (d *driver) Stat(ctx context.Context, key string) (blobstore.Attributes, error) {
	a, err := d.bucket.Object(key).Attrs(ctx)
	if err != nil {
		return blobstore.Attributes{}, err
	}
	return blobstore.Attributes{Size: a.Size, Modified: a.Updated, Token: a.Metadata[blobstore.TokenKey]}, nil
}

// Delete is repeated by the client only with RetryAlways: it is idempotent here,
// where no name is used twice for different contents that matter.
func (d *driver) Delete(ctx context.Context, key string) error {
	return d.bucket.Object(key).Retryer(storage.WithPolicy(storage.RetryAlways)).Delete(ctx)
}

func (d *driver) BeforeRead(key, version string) func(func(any) bool) error {
	return func(as func(any) bool) error {
		var handle **storage.ObjectHandle
		if !as(&handle) {
			return errHook
		}
		obj := d.bucket.Object(key).Retryer(storage.WithErrorFunc(retryOpen))
		if gen, err := strconv.ParseInt(version, 10, 64); err == nil {
			obj = obj.Generation(gen)
		}
		*handle = obj
		return nil
	}
}

// retryOpen leaves broken bodies to the caller, which resumes them a bounded
// number of times: the client would for ever. Only errors from before the body
// come in one of these types.
func retryOpen(err error) bool {
	var status *googleapi.Error
	var transport *url.Error
	return (errors.As(err, &status) || errors.As(err, &transport)) && storage.ShouldRetry(err)
}

// Version refuses objects stored with Content-Encoding gzip, which the service
// unpacks on the way: the size is that of the packed bytes.
func (d *driver) Version(r *blob.Reader) (string, error) {
	var raw *storage.Reader
	if !r.As(&raw) {
		return "", errHook
	}
	if raw.Attrs.Decompressed || raw.Attrs.ContentEncoding == "gzip" {
		return "", errors.New("the object is stored with Content-Encoding: gzip, so that ranges of it cannot be read; store it again without")
	}
	if raw.Attrs.Generation == 0 {
		return "", nil
	}
	return strconv.FormatInt(raw.Attrs.Generation, 10), nil
}

func (d *driver) BeforeList(prefix, after string) func(func(any) bool) error {
	return func(as func(any) bool) error {
		var q *storage.Query
		if !as(&q) {
			return errHook
		}
		q.Prefix = prefix
		q.StartOffset = after // inclusive
		return q.SetAttrSelection([]string{"Name", "Size", "Updated"})
	}
}

func (d *driver) Key(o *blob.ListObject) string {
	var a storage.ObjectAttrs
	if !o.As(&a) {
		return o.Key
	}
	return a.Name
}

func (d *driver) BeforeWrite(key string) (func(func(any) bool) error, func(int64) error) {
	var w *storage.Writer
	before := func(as func(any) bool) error {
		var handle **storage.ObjectHandle
		if !as(&handle) {
			return errHook
		}
		// With the condition a repeated request cannot do harm, so that data
		// files are as robust against 429 and 503 as commits.
		*handle = d.bucket.Object(key).If(storage.Conditions{DoesNotExist: true})
		if !as(&w) {
			return errHook
		}
		return nil
	}
	published := func(size int64) error {
		if a := w.Attrs(); a != nil && a.Size != size {
			return fmt.Errorf("the service says that the object has %d bytes, and %d were sent", a.Size, size)
		}
		return nil
	}
	return before, published
}

var errHook = errors.New("gcsblob does not offer the hook that this driver was written for")

func (d *driver) Reply(err error) blobstore.Reply {
	var r blobstore.Reply
	var api *googleapi.Error
	if errors.As(err, &api) {
		r.Status, r.Message = api.Code, api.Message
		if len(api.Errors) > 0 {
			r.Code = api.Errors[0].Reason
		}
		if r.Message == "" {
			r.Message = firstLine(api.Body)
		}
		return r
	}
	switch {
	case errors.Is(err, storage.ErrObjectNotExist):
		return blobstore.Reply{Status: http.StatusNotFound}
	case errors.Is(err, storage.ErrBucketNotExist):
		return blobstore.Reply{Status: http.StatusNotFound, Message: "the bucket does not exist"}
	}
	var token *auth.Error
	var retrieve *oauth2.RetrieveError
	r.Credentials = errors.As(err, &token) || errors.As(err, &retrieve)
	return r
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s[:min(len(s), 200)]
}

func (d *driver) Close() error { return d.client.Close() }
