package txlog

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

const (
	lineProtocol = `{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}`
	lineMetadata = `{"metaData":{"id":"m","format":{"provider":"parquet","options":{}},"schemaString":"{\"type\":\"struct\",\"fields\":[{\"name\":\"p\",\"type\":\"string\",\"nullable\":true,\"metadata\":{}},{\"name\":\"v\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}}]}","partitionColumns":["p"],"configuration":{},"createdTime":1}}`
)

// lineAdd is an add of a file of partition p.
func lineAdd(path, p string) string {
	return fmt.Sprintf(`{"add":{"path":%q,"partitionValues":{"p":%q},"size":10,"modificationTime":1,"dataChange":true,"stats":"{\"numRecords\":1}"}}`, path, p)
}

func lineRemove(path string) string {
	return fmt.Sprintf(`{"remove":{"path":%q,"deletionTimestamp":1,"dataChange":true}}`, path)
}

func lineTxn(app string, v int64) string {
	return fmt.Sprintf(`{"txn":{"appId":%q,"version":%d,"lastUpdated":1}}`, app, v)
}

// A fakeLog is a log in memory that a test writes by hand.
type fakeLog struct {
	*memstore.Store
	t *testing.T
}

func newFakeLog(t *testing.T) *fakeLog {
	t.Helper()
	return &fakeLog{memstore.New(&memstore.Options{URL: "mem://bucket/table"}), t}
}

func (l *fakeLog) put(name, data string) {
	l.t.Helper()
	require.NoError(l.t, l.Put(l.t.Context(), name, []byte(data), logstore.Overwrite))
}

func (l *fakeLog) remove(name string) {
	l.t.Helper()
	require.NoError(l.t, l.Delete(l.t.Context(), name))
}

func (l *fakeLog) commit(v Version, lines ...string) {
	l.t.Helper()
	l.put(commitPath(v), strings.Join(lines, "\n")+"\n")
}

// table writes versions 0 … last: version v adds the file fv to partition v%3.
func (l *fakeLog) table(last Version) *fakeLog {
	l.t.Helper()
	l.commit(0, lineProtocol, lineMetadata, lineAdd("f0", "0"))
	for v := Version(1); v <= last; v++ {
		l.commit(v, lineAdd(fmt.Sprintf("f%d", v), fmt.Sprint(v%3)))
	}
	return l
}

func (l *fakeLog) load(o *LoadOptions) *Snapshot {
	l.t.Helper()
	s, err := Load(l.t.Context(), l.Store, o)
	require.NoError(l.t, err)
	return s
}

// paths returns the paths of the live files, sorted.
func paths(t *testing.T, s *Snapshot, o *FilesOptions) []string {
	t.Helper()
	out := []string{}
	for f, err := range s.Files(t.Context(), o) {
		require.NoError(t, err)
		out = append(out, f.Path)
	}
	return sortedStrings(out)
}

func sortedStrings(s []string) []string {
	m := map[string]struct{}{}
	for _, x := range s {
		m[x] = struct{}{}
	}
	if len(m) != len(s) {
		return append([]string{"DUPLICATES"}, s...)
	}
	return append([]string{}, sortedKeys(m)...)
}

func names(prefix string, first, last int) []string {
	out := []string{}
	for i := first; i <= last; i++ {
		out = append(out, fmt.Sprint(prefix, i))
	}
	return sortedStrings(out)
}

// warnings collects what is logged.
type warnings struct {
	mu    sync.Mutex
	lines []string
}

func (w *warnings) logger() *slog.Logger { return slog.New(w) }

func (w *warnings) Enabled(context.Context, slog.Level) bool { return true }
func (w *warnings) WithAttrs([]slog.Attr) slog.Handler       { return w }
func (w *warnings) WithGroup(string) slog.Handler            { return w }
func (w *warnings) Handle(_ context.Context, r slog.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	line := r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		return true
	})
	w.lines = append(w.lines, line)
	return nil
}

func (w *warnings) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.lines, "\n")
}

func at(ms int64) *time.Time { return ptr(time.UnixMilli(ms)) }
