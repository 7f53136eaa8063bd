package delta_test

import (
	"context"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// What others commit while a source is read for long is planned on at once.
func TestSourceThatTakesLong(t *testing.T) {
	st := memstore.New(nil)
	changeBase(t, st, "mem://", sweptCow)
	env := virtual("op")
	tbl := must(delta.Open(t.Context(), "mem://", &delta.Options{Store: st, Env: env}))
	src := stocks(t, []stock{stockOf(1, "a", 70, "new")})
	slow := delta.Batches(src.Schema(), func(yield func(arrow.RecordBatch, error) bool) {
		require.NoError(t, env.Sleep(t.Context(), time.Hour))
		_, err := must(delta.Open(t.Context(), "mem://", &delta.Options{Store: st, Env: virtual("between")})).Delete(t.Context(), "id = 7", nil)
		require.NoError(t, err)
		src.Batches(t.Context())(yield)
	})
	res, err := tbl.Merge(slow).OnColumns("id").Upsert().Run(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, int64(1), res.Rows.Plans)
	require.Len(t, rowsIn(t, st), 14)
}

// A busyStore counts of how many data files ranges are being read at once.
type busyStore struct {
	logstore.Store
	mu   sync.Mutex
	now  map[string]int
	most int
}

func (s *busyStore) ReadRange(ctx context.Context, name string, off, n int64) (io.ReadCloser, error) {
	s.mu.Lock()
	s.now[name]++
	s.most = max(s.most, len(s.now))
	s.mu.Unlock()
	<-time.After(5 * time.Millisecond) // of the bubble: until all that can be read at once is
	s.mu.Lock()
	if s.now[name]--; s.now[name] == 0 {
		delete(s.now, name)
	}
	s.mu.Unlock()
	return s.Store.ReadRange(ctx, name, off, n)
}

// Small files are looked at many at once, and large ones as there is memory for.
func TestFilesAtOnce(t *testing.T) {
	synctest.Test(t, filesAtOnce)
}

func filesAtOnce(t *testing.T) {
	for note, most := range map[int]int{1: 16, 100_000: 2} {
		st := &busyStore{Store: memstore.New(nil), now: map[string]int{}}
		var many []stock
		r := rand.New(rand.NewPCG(1, 1))
		for i := range int64(64) {
			b := make([]byte, note)
			for k := range b {
				b[k] = 'a' + byte(r.IntN(26))
			}
			many = append(many, stockOf(i, "a", 1, string(b)))
		}
		newStocks(t, st, tableKind{}, many, 16)
		tbl := must(delta.Open(t.Context(), "mem://", &delta.Options{Store: st}))
		o := &delta.ChangeOptions{}
		o.MaxMemory, o.Parallel = 24<<20, 16
		res, err := tbl.Merge(stocks(t, many)).On("t.id = s.id").WhenMatched().Update(delta.Set{"qty": "s.qty"}).Run(t.Context(), o)
		require.NoError(t, err)
		require.Equal(t, int64(64), res.Rows.Unchanged)
		require.LessOrEqual(t, st.most, most)
		if note == 1 {
			require.Greater(t, st.most, 4)
		}
	}
}

// The footer of a file is read once by an operation, however often it looks at the
// file: for bloom filters, for keys, for the rows.
func TestFootersAreReadOnce(t *testing.T) {
	st := memstore.New(nil)
	changeBase(t, st, "mem://", sweptCow)
	fs := faultstore.New(st, nil)
	tbl, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: fs, Env: virtual("footers")})
	require.NoError(t, err)
	res, err := tbl.Merge(stocks(t, changeSourceRows())).OnColumns("id").Upsert().Run(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, int64(2), res.Rows.FilesScanned)
	reads := map[string]int{}
	for _, c := range fs.Trace() {
		if c.Verb == logstore.VerbReadRange && strings.HasPrefix(c.Name, "part-") {
			reads[c.Name]++
		}
	}
	require.Len(t, reads, 2)
	for name, n := range reads {
		require.Equal(t, 1, n, "%s is smaller than what is read of a file's end at first", name)
	}
}
