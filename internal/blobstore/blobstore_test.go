package blobstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// A fake is the driver of an in-memory bucket whose behaviour a test changes.
type fake struct {
	bucket *blob.Bucket
	err    error             // of Put, Stat and Delete
	keys   map[string]string // what Key says, by the portable key
}

func (f *fake) Put(ctx context.Context, key string, data []byte, ifAbsent bool) error {
	if f.err != nil {
		return f.err
	}
	return f.bucket.WriteAll(ctx, key, data, &blob.WriterOptions{IfNotExist: ifAbsent})
}

func (f *fake) Stat(ctx context.Context, key string) (Attributes, error) {
	if f.err != nil {
		return Attributes{}, f.err
	}
	a, err := f.bucket.Attributes(ctx, key)
	if err != nil {
		return Attributes{}, statusError{404}
	}
	return Attributes{Size: a.Size, Modified: a.ModTime, Token: a.Metadata[TokenKey]}, nil
}

func (f *fake) Delete(context.Context, string) error                 { return f.err }
func (f *fake) BeforeRead(string, string) func(func(any) bool) error { return nil }
func (f *fake) Version(*blob.Reader) (string, error)                 { return "", nil }
func (f *fake) BeforeList(string, string) func(func(any) bool) error { return nil }

func (f *fake) Key(o *blob.ListObject) string {
	if k, ok := f.keys[o.Key]; ok {
		return k
	}
	return o.Key
}

func (f *fake) BeforeWrite(string) (func(func(any) bool) error, func(int64) error) {
	return nil, func(int64) error { return nil }
}

func (f *fake) Reply(err error) Reply {
	var s statusError
	errors.As(err, &s)
	return Reply{Status: s.status}
}

func (f *fake) Close() error { return nil }

type statusError struct{ status int }

func (e statusError) Error() string { return fmt.Sprint("status ", e.status) }

func newFake(t *testing.T) (*Store, *fake) {
	bucket := memblob.OpenBucket(nil)
	f := &fake{bucket: bucket}
	s := New(bucket, f, Config{Name: "fake", URL: "fake://b/t", Prefix: "t/", RequestTimeout: 5 * time.Second})
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, f
}

func names(t *testing.T, s *Store, o logstore.ListOptions) (names []string, err error) {
	t.Helper()
	for obj, err := range s.List(t.Context(), o) {
		if err != nil {
			return names, err
		}
		names = append(names, obj.Name)
	}
	return names, nil
}

func TestListUsesKeysAsTheyAre(t *testing.T) {
	t.Parallel()
	s, f := newFake(t)
	for _, n := range []string{"a", "b", "c"} {
		require.NoError(t, s.Put(t.Context(), n, nil, logstore.IfAbsent))
	}
	// The portable layer spelt a key another way and ordered by that.
	f.keys = map[string]string{"t/a": "t/z__0x2f__"}
	got, err := names(t, s, logstore.ListOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{"b", "c", "z__0x2f__"}, got)
}

func TestListRefusesDisorder(t *testing.T) {
	t.Parallel()
	s, f := newFake(t)
	for _, n := range []string{"a", "b", "c"} {
		require.NoError(t, s.Put(t.Context(), n, nil, logstore.IfAbsent))
	}
	f.keys = map[string]string{"t/b": "t/a"}
	_, err := names(t, s, logstore.ListOptions{})
	require.ErrorContains(t, err, "in the order of bytes")
	f.keys = map[string]string{"t/b": "elsewhere/b"}
	_, err = names(t, s, logstore.ListOptions{})
	require.ErrorContains(t, err, "outside the listed prefix")

	l := lister{store: s}
	require.NoError(t, l.ordered([]logstore.Object{{Name: "a"}, {Name: "b"}}))
	require.NoError(t, l.ordered([]logstore.Object{{Name: "c"}}))
	require.ErrorContains(t, l.ordered([]logstore.Object{{Name: "bb"}}), "after", "across pages")
}

func TestListLeavesOutDirectoryMarkers(t *testing.T) {
	t.Parallel()
	s, f := newFake(t)
	for _, key := range []string{"t/", "t/_delta_log/", "t/_delta_log/0.json", "t/x//y", "other/z"} {
		require.NoError(t, f.bucket.WriteAll(t.Context(), key, nil, nil))
	}
	got, err := names(t, s, logstore.ListOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{"_delta_log/0.json"}, got)
}

func TestKeysHaveALimit(t *testing.T) {
	t.Parallel()
	s, _ := newFake(t)
	long := strings.Repeat("x", logstore.MaxNameBytes-1) // fits as a name, not below t/
	require.ErrorIs(t, s.Put(t.Context(), long, nil, logstore.IfAbsent), logstore.ErrBadName)
	require.ErrorIs(t, s.Put(t.Context(), "a\xff", nil, logstore.IfAbsent), logstore.ErrBadName)
	_, err := s.Read(t.Context(), "../escape", 0)
	require.ErrorIs(t, err, logstore.ErrBadName)
}

// TestUnclearAttemptsWeakenClaims: one answer is a fact about one request only.
func TestUnclearAttemptsWeakenClaims(t *testing.T) {
	t.Parallel()
	s, _ := newFake(t)
	ctx := t.Context()
	dial := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	read := &net.OpError{Op: "read", Err: errors.New("connection reset")}
	over, cancel := context.WithCancel(ctx)
	cancel()
	for _, c := range []struct {
		what          string
		ctx           context.Context
		sent, unclear int32
		reply         Reply
		err           error
		write, read   error
	}{
		{"refused", ctx, 1, 0, Reply{Status: 403}, nil, logstore.ErrPermission, logstore.ErrPermission},
		{"refused after a lost answer", ctx, 2, 1, Reply{Status: 403}, nil, nil, logstore.ErrPermission},
		{"exists", ctx, 1, 0, Reply{Status: 412}, nil, logstore.ErrExist, nil},
		{"exists after a lost answer", ctx, 2, 1, Reply{Status: 412}, nil, nil, nil},
		{"no connection", ctx, 0, 0, Reply{}, dial, logstore.ErrUnavailable, logstore.ErrUnavailable},
		{"no connection for the repetition", ctx, 1, 1, Reply{}, dial, nil, nil},
		{"no connection, caller gone", over, 0, 0, Reply{}, dial, nil, nil},
		{"connection lost", ctx, 1, 1, Reply{}, read, nil, nil},
		{"no credentials", ctx, 0, 0, Reply{Credentials: true}, nil, logstore.ErrPermission, logstore.ErrPermission},
		{"credentials gone half-way", ctx, 1, 1, Reply{Credentials: true}, nil, nil, nil},
	} {
		for _, writes := range []bool{true, false} {
			op := &operation{verb: "x", writes: writes, conditional: writes}
			op.flight.sent.Store(c.sent)
			op.flight.unclear.Store(c.unclear)
			err := c.err
			if err == nil {
				err = errors.New("it failed")
			}
			want := c.read
			if writes {
				want = c.write
			}
			require.Equal(t, want, s.class(c.ctx, op, c.reply, err), "%s, writes %t", c.what, writes)
		}
	}
	for _, status := range []int{0, 100, 200, 302, 402, 406, 408, 418, 425, 429, 499, 500, 502, 503, 504, 520} {
		require.NoError(t, replyClass(&operation{conditional: true, writes: true}, Reply{Status: status}), "%d decides nothing", status)
	}
}

func TestObserveCounts(t *testing.T) {
	t.Parallel()
	var op operation
	req, err := http.NewRequestWithContext(new(Store).track(t.Context(), &op), http.MethodPut, "http://127.0.0.1:1/", http.NoBody)
	require.NoError(t, err)
	_, err = Observe(req, http.DefaultTransport.RoundTrip)
	require.Error(t, err)
	require.Zero(t, op.flight.sent.Load(), "a refused connection sends nothing")
	require.Zero(t, op.flight.unclear.Load())
	op.flight.sent.Store(3)
	op.flight.limit.Store(3)
	_, err = Observe(req, func(*http.Request) (*http.Response, error) { panic("must not be sent") })
	require.ErrorIs(t, err, errTooMany)
}

func TestCreatePublishesOnlyAtClose(t *testing.T) {
	t.Parallel()
	s, f := newFake(t)
	ctx := t.Context()
	w, err := s.Create(ctx, "data/x")
	require.NoError(t, err)
	_, err = io.WriteString(w, "half")
	require.NoError(t, err)
	ok, err := f.bucket.Exists(ctx, "t/data/x")
	require.NoError(t, err)
	require.False(t, ok)
	require.NoError(t, w.Close())
	require.Error(t, w.Close(), "twice")
	w.Abort() // after Close it does nothing
	_, err = w.Write(nil)
	require.Error(t, err)
	got, err := s.Read(ctx, "data/x", 0)
	require.NoError(t, err)
	require.Equal(t, "half", string(got))
	a, err := s.attributes(ctx, "data/x")
	require.NoError(t, err)
	require.NotEmpty(t, a.Token)
}

// A conditional Put of a name that is taken changes nothing.
func TestPutsCarryTheCondition(t *testing.T) {
	t.Parallel()
	s, _ := newFake(t)
	ctx := t.Context()
	require.NoError(t, s.Put(ctx, "v", []byte("first"), logstore.IfAbsent))
	require.Error(t, s.Put(ctx, "v", []byte("second"), logstore.IfAbsent))
	got, err := s.Read(ctx, "v", 0)
	require.NoError(t, err)
	require.Equal(t, "first", string(got))
	require.NoError(t, s.Put(ctx, "v", []byte("third"), logstore.Overwrite))
	got, err = s.Read(ctx, "v", 0)
	require.NoError(t, err)
	require.Equal(t, "third", string(got))
}

func TestReadAsksForMemoryAsBytesArrive(t *testing.T) {
	t.Parallel()
	s, f := newFake(t)
	data := []byte(strings.Repeat("0123456789abcdef", 40<<20/16))
	require.NoError(t, f.bucket.WriteAll(t.Context(), "t/big", data, nil))
	got, err := s.Read(t.Context(), "big", 0)
	require.NoError(t, err)
	require.Equal(t, len(data), len(got))
	require.LessOrEqual(t, cap(got), len(data)+1)
	_, err = s.Read(t.Context(), "big", int64(len(data))-1)
	require.ErrorIs(t, err, logstore.ErrTooLarge)
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"https://user:canary@host/x", "https://canary@host/x", "GET /?X-Amz-Signature=canary&x=1", "x-goog-signature=canary",
		`{"access_token":"canary"}`, `"refresh_token": "canary"`, "Authorization: Bearer canary", "authorization: AWS4-HMAC canary canary",
		"token bearer canary", "sig=canary", "AKIACANARYCANARY0000 is unknown", "ya29.canary", "X-Amz-Security-Token=canary",
		"assertion=canary&grant_type=x", "client_secret=canary",
	} {
		got := Redact(s)
		require.NotContains(t, strings.ToLower(got), "canary", s)
		require.Contains(t, got, "***")
	}
	const plain = "s3: put s3://bucket/t/_delta_log/0.json: 503 SlowDown: Please reduce your request rate"
	require.Equal(t, plain, Redact(plain))
}

func FuzzParseURL(f *testing.F) {
	for _, s := range []string{"s3://bucket/a/b", "s3://u:p@bucket/x", "s3://bucket?x=y", "s3a://b.c/%2e%2e/", "s3://bucket/../x", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, url string) {
		bucket, prefix, err := ParseURL(url, "s3", "s3a")
		if err != nil {
			return
		}
		require.NotContains(t, bucket, "/")
		require.NotContains(t, bucket, "@")
		if prefix != "" {
			require.NoError(t, logstore.CheckName(prefix))
		}
		root, _ := Root("s3", bucket, prefix)
		again, same, err := ParseURL(root, "s3")
		require.NoError(t, err)
		require.Equal(t, bucket, again)
		require.Equal(t, prefix, same)
	})
}
