package sdk

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// A brokenStore is one with a mistake that real systems have made. The histories
// must find it.
type brokenStore struct {
	logstore.Store
	put   func(s logstore.Store, ctx context.Context, name string, data []byte, mode logstore.PutMode) error
	close func(error) error // nil: as it is
}

func (b *brokenStore) Put(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
	if b.put == nil {
		return b.Store.Put(ctx, name, data, mode)
	}
	return b.put(b.Store, ctx, name, data, mode)
}

func (b *brokenStore) Create(ctx context.Context, name string) (logstore.Writer, error) {
	w, err := b.Store.Create(ctx, name)
	if err != nil || b.close == nil {
		return w, err
	}
	return &brokenWriter{w, b.close}, nil
}

type brokenWriter struct {
	logstore.Writer
	close func(error) error
}

func (w *brokenWriter) Close() error { return w.close(w.Writer.Close()) }

// unclear says that an error leaves the outcome open.
func unclear(err error) bool { return err != nil && class(err) == nil }

var brokenStores = []struct {
	name  string
	store brokenStore
	kind  string // of the table: what brings it out, at a commit or a data file
	want  string // in a problem; "": the product copes with it
}{
	{"a lost answer is called a failure", brokenStore{
		put: func(s logstore.Store, ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
			err := s.Put(ctx, name, data, mode)
			if unclear(err) {
				return errors.Join(logstore.ErrRefused, err)
			}
			return err
		},
	}, "applied, answer lost", "committed against what was told"},
	{"not there now is called never there", brokenStore{
		put: func(s logstore.Store, ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
			err := s.Put(ctx, name, data, mode)
			if !unclear(err) {
				return err
			}
			if _, serr := s.Stat(ctx, name); errors.Is(serr, logstore.ErrNotExist) {
				return errors.Join(logstore.ErrRefused, err)
			}
			return err
		},
	}, "late after a drop", "committed against what was told"},
	{"412 is taken for one's own", brokenStore{
		put: func(s logstore.Store, ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
			if err := s.Put(ctx, name, data, mode); !errors.Is(err, logstore.ErrExist) {
				return err
			}
			return nil
		},
	}, "slow", "not committed as told"},
	{"the condition is forgotten", brokenStore{
		put: func(s logstore.Store, ctx context.Context, name string, data []byte, _ logstore.PutMode) error {
			return s.Put(ctx, name, data, logstore.Overwrite)
		},
	}, "slow", "without a condition"},
	{"an unclear end of an upload is called success", brokenStore{
		close: func(err error) error {
			if unclear(err) {
				return nil
			}
			return err
		},
	}, "400 RequestTimeout", "read version"},
	{"every unclear answer is asked again at once, for long", brokenStore{
		put: func(s logstore.Store, ctx context.Context, name string, data []byte, mode logstore.PutMode) (err error) {
			for range 300 {
				if err = s.Put(ctx, name, data, mode); err == nil {
					break
				}
			}
			return err
		},
	}, "applied, answer lost", "requests, at most"},
	{"the request is repeated below, once", brokenStore{
		put: func(s logstore.Store, ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
			err := s.Put(ctx, name, data, mode)
			if unclear(err) {
				err = s.Put(ctx, name, data, mode) // 412 for its own object
			}
			return err
		},
	}, "applied, answer lost", ""},
	{"409 is called exists", brokenStore{
		put: func(s logstore.Store, ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
			err := s.Put(ctx, name, data, mode)
			if errors.Is(err, logstore.ErrUnavailable) {
				return logstore.ErrExist
			}
			return err
		},
	}, "409 ConditionalRequestConflict", ""},
}

// TestHistoriesFindBrokenStores: each mistake turns the histories red, with a
// message that names it. Two of them must not: whoever commits reads the log
// before it believes a 412.
func TestHistoriesFindBrokenStores(t *testing.T) {
	t.Parallel()
	const most = 25
	for _, b := range brokenStores {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			var seen []string
			for seed := uint64(1); seed <= most; seed++ {
				h := playSeed(t, "s3", seed, func(h *history) {
					h.wrap = func(s logstore.Store) logstore.Store {
						broken := b.store
						broken.Store = s
						return &broken
					}
					for _, k := range table {
						if k.name != b.kind || !k.on(h.w.cloud, verbPut) {
							continue
						}
						if b.store.close != nil { // at each data file, until the client gives up
							k.only = func(r *request) bool { return r.verb == verbPut && strings.HasSuffix(r.key, ".parquet") }
							for range 6 {
								h.sched.armed = append(h.sched.armed, &armed{kind: k})
							}
							continue
						}
						k.verbs = []string{verbPut}
						for i := range 3 {
							h.sched.armed = append(h.sched.armed, &armed{kind: k, commit: true, after: i})
						}
					}
				})
				if b.want == "" {
					require.Empty(t, h.problems, "seed %d", seed)
					if seed == 4 {
						return
					}
				}
				for _, p := range h.problems {
					if strings.Contains(p, b.want) {
						t.Logf("seed %d: %.300s", seed, p)
						return
					}
				}
				seen = append(seen, h.problems...)
			}
			t.Fatalf("not found in %d histories; seen: %q", most, seen)
		})
	}
}
