// Package blobstore is the driver for object stores: a [logstore.Store] over a
// gocloud.dev/blob bucket. What differs between clouds is behind [Driver], which
// delta/s3 and delta/gcs implement; this package links no cloud SDK.
//
// Reads, listings and streams go through the portable bucket. What the portable
// interface cannot say goes through the driver to the SDK: the conditional Put in
// exactly one request, Delete without a look-up, names exactly as they are, the
// version that a resumed read is pinned to, and what an error means. No decision
// rests on gcerrors codes (a refused permission is NotFound on GCS, a conflict is
// Unknown on S3).
package blobstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"gocloud.dev/blob"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// A Driver is what one cloud adds to the portable bucket. Keys are whole object
// keys. Its errors may be anything that its Reply understands.
type Driver interface {
	// Put writes an object in exactly one request, which carries the condition
	// that the object is absent if ifAbsent. It never retries.
	Put(ctx context.Context, key string, data []byte, ifAbsent bool) error
	// Stat returns an object's attributes in one request.
	Stat(ctx context.Context, key string) (Attributes, error)
	// Delete removes an object in one request. The error for an absent object
	// may be nil or one whose Reply is a 404.
	Delete(ctx context.Context, key string) error

	// BeforeRead makes a portable read ask for exactly this key, and for the
	// given version unless that is empty.
	BeforeRead(key, version string) func(as func(any) bool) error
	// Version names the version of the object that r reads, "" if unknown. It
	// refuses an object whose bytes arrive other than they are stored, so that
	// its size and ranges of it mean nothing.
	Version(r *blob.Reader) (string, error)
	// BeforeList makes a portable listing ask for exactly this prefix and start
	// after a key, or at it where the service cannot do otherwise.
	BeforeList(prefix, after string) func(as func(any) bool) error
	// Key is the listed object's key as it is in the bucket.
	Key(o *blob.ListObject) string
	// BeforeWrite makes a portable write go to exactly this key. The function
	// published is called after the portable Close with the number of bytes
	// written; it tells of a failure to publish that was kept from that Close,
	// and of another size if the service has said one.
	BeforeWrite(key string) (before func(as func(any) bool) error, published func(size int64) error)

	// Reply is what the service, or what is between it and us, said in err.
	Reply(err error) Reply
	// Close releases connections.
	Close() error
}

// Attributes are what Stat tells.
type Attributes struct {
	Size     int64
	Modified time.Time
	Token    string // the token of the Create that made the object, if any
}

// A Reply is the meaning of an SDK's error.
type Reply struct {
	Status  int    // HTTP status, 0 without a response
	Code    string // the service's own code or reason, "" if there is none
	Message string
	// Credentials: there are none, or they could not be fetched.
	Credentials bool
}

// Config is what a driver package fixes when it opens a store. Zero values mean defaults.
type Config struct {
	Name   string // prefix of error messages: "s3", "gcs"
	URL    string // canonical URL of the root
	Prefix string // of all keys: "" or ends in a slash

	// RequestTimeout bounds one request without body, and how long a body may
	// stand still. Larger bodies get time in proportion. Default 30 s.
	RequestTimeout time.Duration
	PartSize       int // of streamed uploads, in bytes. Default 8 MiB.
	Concurrency    int // parts uploaded at once. Default 2.
	// PermissionHint ends the message of a refused permission.
	PermissionHint string
	// Unproven says that the server is not the cloud's own, and may not honour
	// conditional writes; see NeedsProbe.
	Unproven bool
	// NewToken returns a fresh unique text. Default: crypto/rand.
	NewToken func() string
}

// TokenKey is the metadata key under which Create leaves its token.
const TokenKey = "deltalog-write"

const (
	defaultTimeout     = 30 * time.Second
	defaultPartSize    = 8 << 20
	defaultConcurrency = 2
	// retried is how much longer an operation may last than one request where
	// the SDK repeats requests by itself.
	retried = 4
	// slowest is the bandwidth, in bytes a second, that time-outs allow for.
	slowest = 1 << 20
)

// Store is a [logstore.Store] on a bucket.
type Store struct {
	bucket *blob.Bucket
	driver Driver
	conf   Config
}

var _ logstore.Store = (*Store)(nil)

// New returns a store on a bucket. It owns both from now on.
func New(bucket *blob.Bucket, driver Driver, conf Config) *Store {
	if conf.RequestTimeout <= 0 {
		conf.RequestTimeout = defaultTimeout
	}
	if conf.PartSize <= 0 {
		conf.PartSize = defaultPartSize
	}
	if conf.Concurrency <= 0 {
		conf.Concurrency = defaultConcurrency
	}
	if conf.NewToken == nil {
		//repolint:allow random: only a default; Config.NewToken is the seam
		conf.NewToken = rand.Text
	}
	return &Store{bucket: bucket, driver: driver, conf: conf}
}

// URL returns the root's URL.
func (s *Store) URL() string { return s.conf.URL }

// NeedsProbe reports whether [logstore.Probe] must pass before the first write:
// the server is one that only speaks the cloud's protocol.
func (s *Store) NeedsProbe() bool { return s.conf.Unproven }

// Close closes the bucket and the driver.
func (s *Store) Close() error {
	return errors.Join(s.bucket.Close(), s.driver.Close())
}

// key returns the object key of a name.
func (s *Store) key(name string) (string, error) {
	if err := logstore.CheckName(name); err != nil {
		return "", err
	}
	key := s.conf.Prefix + name
	switch {
	case len(key) > logstore.MaxNameBytes:
		return "", fmt.Errorf("%s: the key of %q below %s has %d bytes, more than %d: %w",
			s.conf.Name, name, s.conf.URL, len(key), logstore.MaxNameBytes, logstore.ErrBadName)
	case !utf8.ValidString(key):
		return "", fmt.Errorf("%s: name %q is not UTF-8, which object stores require: %w", s.conf.Name, name, logstore.ErrBadName)
	}
	return key, nil
}

// timeout bounds an operation that carries n bytes.
func (s *Store) timeout(n int64) time.Duration {
	return s.conf.RequestTimeout + time.Duration(n/slowest)*time.Second
}

// Put makes one attempt, of one request.
func (s *Store) Put(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
	key, err := s.key(name)
	if err != nil {
		return err
	}
	op := operation{verb: "put", name: name, conditional: mode == logstore.IfAbsent, writes: true}
	ctx, cancel := s.begin(ctx, &op, s.timeout(int64(len(data))))
	defer cancel()
	return s.fail(ctx, &op, s.driver.Put(ctx, key, data, mode == logstore.IfAbsent))
}

// Stat costs one request.
func (s *Store) Stat(ctx context.Context, name string) (logstore.Object, error) {
	a, err := s.attributes(ctx, name)
	if err != nil {
		return logstore.Object{}, err
	}
	return logstore.Object{Name: name, Size: a.Size, Modified: a.Modified}, nil
}

func (s *Store) attributes(ctx context.Context, name string) (Attributes, error) {
	key, err := s.key(name)
	if err != nil {
		return Attributes{}, err
	}
	op := operation{verb: "stat", name: name}
	ctx, cancel := s.begin(ctx, &op, retried*s.timeout(0))
	defer cancel()
	a, err := s.driver.Stat(ctx, key)
	return a, s.fail(ctx, &op, err)
}

// Delete costs one request.
func (s *Store) Delete(ctx context.Context, name string) error {
	key, err := s.key(name)
	if err != nil {
		return err
	}
	op := operation{verb: "delete", name: name, writes: true}
	ctx, cancel := s.begin(ctx, &op, retried*s.timeout(0))
	defer cancel()
	err = s.fail(ctx, &op, s.driver.Delete(ctx, key))
	if errors.Is(err, logstore.ErrNotExist) {
		return nil
	}
	return err
}

// Read costs one request, more if the body breaks.
func (s *Store) Read(ctx context.Context, name string, limit int64) ([]byte, error) {
	if limit <= 0 {
		limit = logstore.DefaultReadLimit
	}
	r, err := s.open(ctx, name, 0, -1)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	size := r.left()
	if size > limit {
		return nil, fmt.Errorf("%s: read %s: it has %d bytes, the limit is %d: %w",
			s.conf.Name, s.show(name), size, limit, logstore.ErrTooLarge)
	}
	// The size is the server's word. It is trusted for as much as a commit may
	// need; beyond that, memory is asked for as bytes arrive.
	const trusted = 16 << 20
	data := make([]byte, 0, min(size, trusted)+1)
	for {
		n, err := r.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if err == io.EOF {
			return data, nil
		}
		if err != nil {
			return nil, err
		}
		if len(data) == cap(data) {
			grown := make([]byte, len(data), min(int64(cap(data))*2, size+1))
			copy(grown, data)
			data = grown
		}
	}
}

// ReadRange costs one request, more if the body breaks.
func (s *Store) ReadRange(ctx context.Context, name string, off, n int64) (io.ReadCloser, error) {
	if off < 0 {
		return nil, fmt.Errorf("%s: read %s: offset %d is negative", s.conf.Name, s.show(name), off)
	}
	return s.open(ctx, name, off, n)
}

func (s *Store) show(name string) string { return s.conf.URL + "/" + name }
