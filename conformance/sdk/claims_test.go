package sdk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/effort"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// clouds are the servers that every test is run against.
func clouds() []cloud {
	return []cloud{s3Cloud{pages: 3}, gcsCloud{pages: 3}}
}

// eachCloud runs a test for each cloud in a bubble of its own.
func eachCloud(t *testing.T, f func(t *testing.T, w *world)) {
	for _, c := range clouds() {
		t.Run(c.name(), func(t *testing.T) {
			t.Parallel()
			inBubble(t, c, f)
		})
	}
}

func inBubble(t *testing.T, c cloud, f func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(c)
		defer w.close()
		f(t, w)
	})
}

// store opens a store that ends with the test.
func (w *world) store(t *testing.T, o clientOptions) logstore.Store {
	t.Helper()
	s, err := w.open(t.Context(), "p", o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// object returns the bytes under a name, nil if there are none.
func (w *world) object(name string) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	if o := w.bucket.objects["t/"+name]; o != nil {
		return o.data
	}
	return nil
}

// foreign puts an object as somebody else.
func (w *world) foreign(name string, data []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bucket.put("foreign", "t/"+name, data, nil, false)
}

// openUploads names the uploads that nobody ended and that nothing excuses.
func (w *world) openUploads() (ids []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, u := range w.bucket.uploads {
		// A resumable session of GCS holds no object and ends by itself in a week.
		if w.cloud.name() == "s3" && u.state == uploadOpen && u.excused == "" {
			ids = append(ids, id+" of "+u.key)
		}
	}
	return ids
}

var definite = []error{
	logstore.ErrNotExist, logstore.ErrExist, logstore.ErrPermission, logstore.ErrNoSpace,
	logstore.ErrRefused, logstore.ErrUnavailable,
}

// class is the definite error that err matches, nil if it claims nothing.
func class(err error) error {
	for _, d := range definite {
		if errors.Is(err, d) {
			return d
		}
	}
	return nil
}

// noSecrets fails if any form of an error shows a secret.
func noSecrets(t require.TestingT, err error) {
	for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err), fmt.Sprintf("%q", err)} {
		require.NotContains(t, strings.ToLower(text), secretCanary)
	}
}

const objectName = "part-1.parquet"

// largeSize is more than one part of S3 and several chunks of GCS.
func largeSize(c cloud) int {
	if c.name() == "gcs" {
		return 600 << 10
	}
	return 5<<20 + 1000
}

// A writing is a way to write an object once.
type writing struct {
	name  string
	verbs []string // of the requests that it makes
	size  func(cloud) int
	do    func(ctx context.Context, s logstore.Store, data []byte) error
}

func streamed(ctx context.Context, s logstore.Store, data []byte) error {
	w, err := s.Create(ctx, objectName)
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := w.Write(data); err != nil {
		if again := w.Close(); again == nil {
			return errors.New("Close published what Write had failed to write")
		}
		return err
	}
	return w.Close()
}

var writings = []writing{
	{"put", []string{verbPut}, func(cloud) int { return 900 }, func(ctx context.Context, s logstore.Store, data []byte) error {
		return s.Put(ctx, objectName, data, logstore.IfAbsent)
	}},
	{"create", []string{verbPut, verbStat}, func(cloud) int { return 900 }, streamed},
	{"create, large", append([]string{verbStat}, largeVerbs...), largeSize, streamed},
}

// TestClaims makes every request of every way to write fail in every way, once and
// always, with and without another object under the name, and compares what the
// caller is told with what the server has, now and after late requests.
func TestClaims(t *testing.T) {
	t.Parallel()
	full := effort.Full()
	for _, c := range clouds() {
		for _, wr := range writings {
			t.Run(c.name()+"/"+wr.name, func(t *testing.T) {
				t.Parallel()
				seed, runs, fired := uint64(1), 0, 0
				for _, k := range table {
					for _, verb := range wr.verbs {
						if !k.on(c, verb) || !has(c, verb) {
							continue
						}
						for _, how := range []string{"once", "always", "once, then a foreign object", "foreign object first"} {
							seed++
							// Large objects are dear: a quick run takes one in ten.
							if wr.name == "create, large" && !full && seed%10 != 0 {
								continue
							}
							runs++
							if claim(t, c, wr, k, verb, how, seed) {
								fired++
							}
						}
					}
				}
				t.Logf("%d runs, in %d of them the fault was met", runs, fired)
				require.Greater(t, fired, runs/3)
			})
		}
	}
}

// has says that a cloud has requests with the verb: S3 uploads in parts, GCS in
// chunks of a session.
func has(c cloud, verb string) bool {
	switch verb {
	case verbCreate, verbPart, verbComplete, verbAbort:
		return c.name() == "s3"
	case verbSession, verbChunk:
		return c.name() == "gcs"
	}
	return true
}

// claim plays one fault, and reports whether there was a request for it.
func claim(t *testing.T, c cloud, wr writing, k kind, verb, how string, seed uint64) (fired bool) {
	msg := fmt.Sprintf("%s: %s on %s (%s), seed %d", wr.name, k.name, verb, how, seed)
	data := bytes.Repeat([]byte("ours "), wr.size(c)/5)
	other := []byte("somebody else's")
	inBubble(t, c, func(t *testing.T, w *world) {
		rng := rand.New(rand.NewPCG(seed, 1))
		if how == "foreign object first" {
			w.foreign(objectName, other)
		}
		w.setScript(func(r *request) fault {
			w.mu.Lock()
			done := fired && how != "always"
			hit := !done && r.verb == verb && k.fits(c, r)
			fired = fired || hit
			w.mu.Unlock()
			if !hit {
				return fault{}
			}
			f := k.make(rng, r)
			if how == "once, then a foreign object" && r.publishes() && f.applied == never {
				f.run = func() { w.foreign(objectName, other) }
			}
			return f
		})
		s := w.store(t, clientOptions{seed: seed})
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute) // longer than anything may take
		defer cancel()
		err := wr.do(ctx, s, data)
		took := time.Since(began)
		w.setScript(nil)
		requests := len(w.events())
		judge(t, w, wr, err, data, msg)
		w.wait(5 * time.Minute) // what is slow has arrived
		judge(t, w, wr, err, data, msg+", and later")
		for w.releaseAll() > 0 {
			judge(t, w, wr, err, data, msg+", late requests have arrived")
		}
		require.Empty(t, w.openUploads(), msg)
		require.Less(t, requests, 90, msg)
		require.Less(t, took, 20*time.Minute, msg)
		if err != nil {
			noSecrets(t, err)
		}
		for _, ch := range w.bucket.record {
			require.False(t, ch.replaced && ch.process != "foreign", msg+": an object was overwritten")
		}
	})
	return fired
}

// judge compares a claim with what the server has.
func judge(t *testing.T, w *world, wr writing, err error, data []byte, msg string) {
	t.Helper()
	got := w.object(objectName)
	ours := got != nil && bytes.Equal(got, data)
	require.True(t, got == nil || ours || len(got) < 100, "%s: half an object was published: %d bytes", msg, len(got))
	msg = fmt.Sprintf("%s: %v", msg, err)
	switch cls := class(err); {
	case err == nil:
		require.True(t, ours, msg)
	case cls == logstore.ErrExist: //nolint:errorlint // identity is meant
		require.NotNil(t, got, msg)
		require.True(t, wr.name == "put" || !ours, msg)
	case cls != nil:
		require.False(t, ours, msg)
	}
}
