package sdk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// lastPiece matches the request that publishes a large object.
func lastPiece(r *request) bool {
	return r.verb == verbComplete || r.verb == verbChunk && !moreToCome(r)
}

func large(w *world) []byte { return bytes.Repeat([]byte("ours "), largeSize(w.cloud)/5) }

// TestA5_OwnPreconditionFailed: a request takes effect, its answer is lost, and the
// repetition below us meets our own object (trinodb/trino#27402, #27388, #27330).
func TestA5_OwnPreconditionFailed(t *testing.T) {
	t.Parallel()
	t.Run("commit", func(t *testing.T) {
		t.Parallel()
		eachCloud(t, func(t *testing.T, w *world) {
			commit := func(r *request) bool { return r.verb == verbPut && isCommit(r.key) && r.process == "writer" }
			for i, f := range []fault{
				duplicate(), dropAfter(), hangAfter(), statusAfter(500, "InternalError"), statusAfter(412, "PreconditionFailed"),
				slow(2 * time.Minute), lateDrop(), lateHang(),
			} {
				h := newTable(t, w, fmt.Sprintf("base-%d", i))
				before := h.newest(t)
				w.setScript(nth(1, f, commit))
				res, err := h.as(t, "writer").Append(t.Context(), rowsOf(row{ID: int64(i), Part: "a", Note: f.name}), nil)
				require.NoError(t, err, f.name)
				require.Equal(t, delta.Committed, res.State, f.name)
				require.Equal(t, before+1, res.Version, f.name)
				w.setScript(nil)
				w.releaseAll()
				require.Equal(t, before+1, h.newest(t), f.name+": committed twice")
				require.Len(t, h.rows(t, h.newest(t)), 1, f.name)
				w.clear()
			}
		})
	})
	t.Run("put", func(t *testing.T) {
		t.Parallel()
		eachCloud(t, func(t *testing.T, w *world) {
			s := w.store(t, clientOptions{})
			w.setScript(every(dropAfter(), verb(verbPut)))
			err := s.Put(t.Context(), objectName, []byte("ours"), logstore.IfAbsent)
			require.Error(t, err)
			require.NoError(t, class(err), "the client repeated the request: %v", err)
			require.Len(t, w.events(), 1, "a conditional Put is one request")
		})
	})
	t.Run("small object", func(t *testing.T) {
		t.Parallel()
		eachCloud(t, func(t *testing.T, w *world) {
			s := w.store(t, clientOptions{})
			for _, f := range []fault{dropAfter(), statusAfter(503, "SlowDown"), slow(time.Minute)} {
				w.reset()
				w.setScript(nth(1, f, verb(verbPut)))
				require.NoError(t, streamed(t.Context(), s, []byte("ours")), f.name)
				require.Equal(t, []byte("ours"), w.object(objectName))
				requireStatus(t, w, verbPut, http.StatusPreconditionFailed)
				w.clear()
			}
		})
	})
	t.Run("large object", func(t *testing.T) {
		t.Parallel()
		for _, c := range []cloud{s3Cloud{}, s3Cloud{repeats: true}, gcsCloud{}} {
			t.Run(fmt.Sprintf("%s %+v", c.name(), c), func(t *testing.T) {
				t.Parallel()
				inBubble(t, c, func(t *testing.T, w *world) {
					s := w.store(t, clientOptions{})
					w.setScript(nth(1, dropAfter(), lastPiece))
					require.NoError(t, streamed(t.Context(), s, large(w)))
					require.Equal(t, len(large(w)), len(w.object(objectName)))
					n := 0
					for _, e := range w.events() {
						if lastPiece(e.request) {
							n++
						}
					}
					require.Greater(t, n, 1, "the client does not repeat the request that publishes: the test tests nothing")
				})
			})
		}
	})
}

// TestCredentialsExpireOnTheWay: a refusal is definite only if nothing was sent
// before it that may have taken effect.
func TestCredentialsExpireOnTheWay(t *testing.T) {
	t.Parallel()
	eachCloud(t, func(t *testing.T, w *world) {
		s := w.store(t, clientOptions{})
		expired := statusBefore(403, "ExpiredToken")
		if w.cloud.name() == "gcs" {
			expired = statusBefore(401, "authError")
		}
		w.setScript(every(expired, func(*request) bool { return true }))
		for _, wr := range writings {
			err := wr.do(t.Context(), s, bytes.Repeat([]byte("ours "), wr.size(w.cloud)/5))
			require.ErrorIs(t, err, logstore.ErrPermission, wr.name)
			require.Contains(t, err.Error(), "credentials", wr.name)
			noSecrets(t, err)
		}
		for _, applied := range []fault{dropAfter(), dropBefore(), statusAfter(500, "InternalError")} {
			w.clear()
			sent := 0
			w.setScript(func(*request) fault {
				if sent++; sent == 1 {
					return applied
				}
				return expired // also for who would look
			})
			err := streamed(t.Context(), s, []byte("ours"))
			require.Error(t, err)
			require.NoError(t, class(err), "%s: the first request may have taken effect: %v", applied.name, err)
			noSecrets(t, err)
		}
	})
}

// TestRedirects: a bucket that is elsewhere is refused with words. A temporary
// redirect is followed by reads; the SDK does not follow it with a body, and
// nothing has landed.
func TestRedirects(t *testing.T) {
	t.Parallel()
	inBubble(t, s3Cloud{}, func(t *testing.T, w *world) {
		s := w.store(t, clientOptions{})
		w.setScript(every(redirect(301, ""), func(*request) bool { return true }))
		err := s.Put(t.Context(), objectName, []byte("ours"), logstore.IfAbsent)
		require.ErrorIs(t, err, logstore.ErrRefused)
		require.ErrorContains(t, err, "AWS_REGION")
		w.setScript(func(r *request) fault {
			if r.http.Host == "s3.test" {
				return redirect(307, "http://elsewhere.test"+r.http.URL.RequestURI())
			}
			return fault{}
		})
		err = s.Put(t.Context(), objectName, []byte("ours"), logstore.IfAbsent)
		require.ErrorIs(t, err, logstore.ErrRefused)
		require.Nil(t, w.object(objectName))
		w.foreign(objectName, []byte("other"))
		got, err := s.Read(t.Context(), objectName, 0)
		require.NoError(t, err)
		require.Equal(t, []byte("other"), got)

		n := 0
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w.setScript(func(r *request) fault {
			if n++; n > 1000 {
				cancel() // or the test would have no end either
			}
			return redirect(307, "http://elsewhere.test"+r.http.URL.RequestURI())
		})
		_, err = s.Stat(ctx, objectName)
		require.Error(t, err)
		require.NoError(t, class(err))
		require.Less(t, n, 100, "redirects in a circle are followed for ever")
	})
}

// requireStatus says that the server has answered a request so.
func requireStatus(t *testing.T, w *world, verb string, status int) {
	t.Helper()
	require.True(t, slices.ContainsFunc(w.events(), func(e event) bool { return e.verb == verb && e.status == status }),
		"no %s was answered with %d: the test tests nothing", verb, status)
}

// TestA8_MultipartCompletion: the condition of an upload in parts is that of its
// completion, and no success is reported over an object that is not ours
// (ClickHouse#113994, trino#27330).
func TestA8_MultipartCompletion(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		cloud   string
		faults  []fault
		foreign bool // another object comes in just before the first of the faults
	}{
		{"foreign object before the completion", "", []fault{{name: "foreign"}}, true},
		{"repeated after a foreign object", "", []fault{dropBefore()}, true},
		{"refused with 500, then a foreign object", "", []fault{statusBefore(500, "InternalError")}, true},
		{"409, then a foreign object", "s3", []fault{statusBefore(409, "ConditionalRequestConflict")}, true},
		{"200 with an error, then a foreign object", "s3", []fault{okWithError(never)}, true},
		{"half-open, then a foreign object", "", []fault{hangBefore()}, true},
		{"twice lost", "", []fault{dropBefore(), dropAfter()}, false},
		{"late, and repeated before it arrives", "", []fault{lateDrop()}, false},
		{"200 with an error, applied", "s3", []fault{okWithError(now)}, false},
		{"an answer without words", "s3", []fault{emptyBody(now)}, false},
		{"an answer without words, then a foreign object", "s3", []fault{emptyBody(never)}, true},
	}
	for _, cl := range clouds() {
		for _, c := range cases {
			if c.cloud != "" && c.cloud != cl.name() {
				continue
			}
			t.Run(cl.name()+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				inBubble(t, cl, func(t *testing.T, w *world) {
					faults := slices.Clone(c.faults)
					if c.foreign {
						faults[0].run = func() { w.foreign(objectName, []byte("somebody else's")) }
					}
					w.setScript(first(lastPiece, faults...))
					err := streamed(t.Context(), w.store(t, clientOptions{}), large(w))
					if c.foreign {
						require.ErrorIs(t, err, logstore.ErrExist)
						require.Equal(t, []byte("somebody else's"), w.object(objectName))
					} else {
						require.NoError(t, err)
					}
					w.releaseAll()
					if !c.foreign {
						require.Equal(t, len(large(w)), len(w.object(objectName)))
					}
					require.Empty(t, w.openUploads())
				})
			})
		}
	}
	t.Run("the abort fails", func(t *testing.T) {
		t.Parallel()
		inBubble(t, s3Cloud{}, func(t *testing.T, w *world) {
			w.setScript(func(r *request) fault {
				switch r.verb {
				case verbComplete:
					return fault{name: "foreign", run: func() { w.foreign(objectName, []byte("other")) }}
				case verbAbort:
					return statusBefore(500, "InternalError")
				}
				return fault{}
			})
			err := streamed(t.Context(), w.store(t, clientOptions{}), large(w))
			require.ErrorIs(t, err, logstore.ErrExist, "the failed abort does not hide what happened")
		})
	})
	t.Run("parts are lost", func(t *testing.T) {
		t.Parallel()
		eachCloud(t, func(t *testing.T, w *world) {
			piece := func(r *request) bool { return r.verb == verbPart || r.verb == verbChunk }
			w.setScript(first(piece, dropBefore(), dropAfter()))
			require.NoError(t, streamed(t.Context(), w.store(t, clientOptions{}), large(w)))
			require.True(t, bytes.Equal(large(w), w.object(objectName)))
		})
	})
}

// TestA12_ConflictIsNotExists: 409 says that nothing has landed and that the
// request may be sent again, not that somebody else was first
// (arrow-rs-object-store#852, opendal#6741).
func TestA12_ConflictIsNotExists(t *testing.T) {
	t.Parallel()
	inBubble(t, s3Cloud{}, func(t *testing.T, w *world) {
		conflict := statusBefore(409, "ConditionalRequestConflict")
		s := w.store(t, clientOptions{})
		w.setScript(every(conflict, verb(verbPut)))
		err := s.Put(t.Context(), objectName, []byte("ours"), logstore.IfAbsent)
		require.ErrorIs(t, err, logstore.ErrUnavailable)
		require.NotErrorIs(t, err, logstore.ErrExist)

		w.setScript(nil)
		h := newTable(t, w, "base")
		w.setScript(first(func(r *request) bool { return r.verb == verbPut && isCommit(r.key) && r.process == "writer" }, conflict, conflict, conflict))
		w.reset()
		res, err := h.as(t, "writer").Append(t.Context(), rowsOf(row{ID: 1, Part: "a"}), nil)
		require.NoError(t, err)
		require.Equal(t, delta.Version(1), res.Version)
		require.Equal(t, 1, res.Attempts, "the same version is tried again")
		require.False(t, res.Recovered)
		for _, e := range w.events() {
			require.False(t, e.verb == verbGet && isCommit(e.key) && strings.HasSuffix(e.key, "1.json"), "a 409 leaves nothing to be read back")
		}
		w.setScript(first(lastPiece, conflict, conflict))
		err = streamed(t.Context(), s, large(w))
		require.ErrorIs(t, err, logstore.ErrUnavailable)
		require.NotErrorIs(t, err, logstore.ErrExist)
		nothing(t, w)
	})
}

// TestH6_ClosingAfterAnErrorPublishesNothing: no way to end an upload that has
// failed leaves an object (delta#7174, #782, iceberg-go#962).
func TestH6_ClosingAfterAnErrorPublishesNothing(t *testing.T) {
	t.Parallel()
	t.Run("a part is refused", func(t *testing.T) {
		t.Parallel()
		eachCloud(t, func(t *testing.T, w *world) {
			w.setScript(every(statusBefore(403, "AccessDenied"), func(r *request) bool { return r.verb == verbPart || r.verb == verbChunk }))
			s := w.store(t, clientOptions{})
			u, err := s.Create(t.Context(), objectName)
			require.NoError(t, err)
			for range 9 { // some parts are held in memory
				if _, err = u.Write(large(w)); err != nil {
					break
				}
			}
			w.setScript(nil) // now everything would succeed
			require.Error(t, err)
			again := u.Close()
			require.ErrorIs(t, again, logstore.ErrPermission)
			require.ErrorIs(t, again, err)
			nothing(t, w)
		})
	})
	for name, end := range map[string]func(logstore.Writer, context.CancelFunc) error{
		"cancelled, then closed": func(u logstore.Writer, cancel context.CancelFunc) error { cancel(); return u.Close() },
		"aborted":                func(u logstore.Writer, _ context.CancelFunc) error { u.Abort(); return u.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachCloud(t, func(t *testing.T, w *world) {
				for _, size := range []int{0, 900, largeSize(w.cloud), 2*largeSize(w.cloud) + 17} {
					ctx, cancel := context.WithCancel(t.Context())
					u, err := w.store(t, clientOptions{}).Create(ctx, objectName)
					require.NoError(t, err)
					_, err = u.Write(make([]byte, size))
					require.NoError(t, err)
					require.Error(t, end(u, cancel))
					cancel()
					nothing(t, w)
				}
			})
		})
	}
	t.Run("the source of a write fails", func(t *testing.T) {
		t.Parallel()
		eachCloud(t, func(t *testing.T, w *world) {
			h := newTable(t, w, "base")
			_, err := h.as(t, "writer").Append(t.Context(), failingRows(errors.New("the source broke")), nil)
			require.ErrorContains(t, err, "the source broke")
			require.Equal(t, delta.Version(0), h.newest(t))
			w.wait(time.Minute)
			require.Empty(t, w.dataObjects())
			require.Empty(t, w.openUploads())
		})
	})
}

// nothing says that no object and no upload is left.
func nothing(t *testing.T, w *world) {
	t.Helper()
	w.wait(time.Minute)
	require.Nil(t, w.object(objectName))
	require.Empty(t, w.openUploads())
}

// TestCallersHTTPClient: the time-outs hold also with an HTTP client that has none.
func TestCallersHTTPClient(t *testing.T) {
	t.Parallel()
	for _, wr := range writings {
		t.Run(wr.name, func(t *testing.T) {
			t.Parallel()
			eachCloud(t, func(t *testing.T, w *world) {
				s := w.store(t, clientOptions{own: true, timeout: 10 * time.Second})
				data := bytes.Repeat([]byte("ours "), wr.size(w.cloud)/5)
				began := time.Now()
				w.setScript(nth(1, hangBefore(), (*request).writes))
				err := wr.do(t.Context(), s, data)
				if wr.name == "put" {
					require.Error(t, err)
					require.NoError(t, class(err))
				} else {
					require.NoError(t, err, "one request that hangs is repeated")
				}
				require.Less(t, time.Since(began), 30*time.Second)
				w.clear()

				began = time.Now()
				w.setScript(every(hangBefore(), (*request).writes))
				require.Error(t, wr.do(t.Context(), s, data))
				require.Less(t, time.Since(began), 4*time.Minute)
			})
		})
	}
}

// TestUploadsEndThoughTheServiceFailsForEver: Google's client would ask for a
// session until its context ends.
func TestUploadsEndThoughTheServiceFailsForEver(t *testing.T) {
	t.Parallel()
	eachCloud(t, func(t *testing.T, w *world) {
		began, n := time.Now(), 0
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w.setScript(func(r *request) fault {
			if n++; n > 100 {
				cancel() // or the test would have no end either
			}
			return busy(503, "SlowDown")
		})
		err := streamed(ctx, w.store(t, clientOptions{}), large(w))
		require.Error(t, err)
		require.NoError(t, ctx.Err(), "nothing ended it")
		require.NoError(t, class(err))
		require.Less(t, time.Since(began), 5*time.Minute)
		require.Less(t, len(w.events()), 40)
	})
}

// TestListings: no page that is broken is taken for the end of the bucket.
func TestListings(t *testing.T) {
	t.Parallel()
	names := func(ctx context.Context, s logstore.Store) (got []string, err error) {
		for o, err := range s.List(ctx, logstore.ListOptions{}) {
			if err != nil {
				return got, err
			}
			got = append(got, o.Name)
		}
		return got, nil
	}
	eachCloud(t, func(t *testing.T, w *world) {
		var want []string
		for i := range 8 { // pages have 3
			want = append(want, fmt.Sprintf("object %d", i))
			w.foreign(want[i], []byte("x"))
		}
		s := w.store(t, clientOptions{})
		for _, k := range table {
			if !k.on(w.cloud, verbList) {
				continue
			}
			for n := 1; n <= 3; n++ {
				seen := 0
				fire := func(every bool) func(*request) fault {
					return func(r *request) fault {
						if r.verb != verbList || !k.fits(w.cloud, r) {
							return fault{}
						}
						if seen++; seen == n || every && seen > n {
							return k.make(newRand(uint64(n)), r)
						}
						return fault{}
					}
				}
				for _, all := range []bool{false, true} {
					seen = 0
					w.setScript(fire(all))
					got, err := names(t.Context(), s)
					msg := fmt.Sprintf("%s on page %d, and after: %t", k.name, n, all)
					if err == nil {
						require.Equal(t, want, got, msg)
						continue
					}
					require.True(t, slices.Equal(want[:len(got)], got), "%s: %q", msg, got)
					require.NotErrorIs(t, err, logstore.ErrNotExist, msg)
					noSecrets(t, err)
				}
			}
		}
		w.setScript(nil)
		got, err := names(t.Context(), s)
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

// TestReads: a body that breaks is resumed or is an error, never short.
func TestReads(t *testing.T) {
	t.Parallel()
	eachCloud(t, func(t *testing.T, w *world) {
		data := bytes.Repeat([]byte("0123456789"), 1000)
		w.foreign(objectName, data)
		s := w.store(t, clientOptions{})
		for _, k := range table {
			if !k.on(w.cloud, verbGet) {
				continue
			}
			for n := range 8 { // that many in a row
				fs := make([]fault, n)
				for i := range fs {
					fs[i] = k.make(newRand(uint64(i)), &request{http: &http.Request{URL: mustURL("http://x.test/" + bucketName + "/t/" + objectName)}})
				}
				w.setScript(first(verb(verbGet), fs...))
				w.reset()
				got, err := s.Read(t.Context(), objectName, 0)
				require.Less(t, len(w.events()), 60)
				if err != nil {
					require.Positive(t, n, k.name)
					require.NotErrorIs(t, err, logstore.ErrNotExist, k.name)
					noSecrets(t, err)
					continue
				}
				require.True(t, bytes.Equal(data, got), "%s, %d times: %d bytes", k.name, n, len(got))
			}
		}
	})
}

// TestReplacedWhileRead: a resumed read does not mix two objects.
func TestReplacedWhileRead(t *testing.T) {
	t.Parallel()
	eachCloud(t, func(t *testing.T, w *world) {
		old, other := bytes.Repeat([]byte("a"), 10_000), bytes.Repeat([]byte("b"), 10_000)
		w.foreign(objectName, old)
		s := w.store(t, clientOptions{})
		w.setScript(func(r *request) fault {
			if r.http.Header.Get("Range") != "" || r.verb != verbGet || bytes.Equal(w.object(objectName), other) {
				return fault{}
			}
			return cut(4000)
		})
		r, err := s.ReadRange(t.Context(), objectName, 0, -1)
		require.NoError(t, err)
		defer r.Close()
		head := make([]byte, 2000)
		_, err = r.Read(head)
		require.NoError(t, err)
		w.foreign(objectName, other)
		var got bytes.Buffer
		_, err = got.ReadFrom(r)
		require.Error(t, err)
		require.NotContains(t, got.String(), "b")
	})
}
