package museum_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/ops"
	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/txlog/schema"
)

// The table of the museum: rows are "part|id|note", "-" is null.
var (
	columns = &schema.Struct{Fields: []schema.Field{
		{Name: "part", Type: schema.String, Nullable: true},
		{Name: "id", Type: schema.Long, Nullable: true},
		{Name: "note", Type: schema.String, Nullable: true},
	}}
	arrowColumns = arrow.NewSchema([]arrow.Field{
		{Name: "part", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "id", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "note", Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil)
)

// batch returns rows as a batch.
func batch(rows ...string) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrowColumns)
	for _, r := range rows {
		for i, v := range strings.SplitN(r, "|", 3) {
			if v == "-" {
				b.Field(i).AppendNull()
			} else if err := b.Field(i).AppendValueFromString(v); err != nil {
				panic(err)
			}
		}
	}
	return b.NewRecordBatch()
}

func rows(rows ...string) delta.Source { return delta.Records(batch(rows...)) }

// root is the URL of every table of a lab.
const root = "mem://bucket/table"

// A lab is a table in memory whose processes can be made to fail.
type lab struct {
	t  *testing.T
	st *memstore.Store
}

var (
	byPart  = []string{"part"}
	withCDF = map[string]string{"delta.enableChangeDataFeed": "true"}
	withDVs = map[string]string{"delta.enableDeletionVectors": "true"}
)

// newLab makes a table, version 0.
func newLab(t *testing.T, properties map[string]string, partitionBy ...string) *lab {
	t.Helper()
	l := &lab{t: t, st: memstore.New(&memstore.Options{URL: root})}
	_, err := delta.Create(t.Context(), root, columns, &delta.CreateOptions{
		Options: delta.Options{Store: l.st, Env: process("creator")}, PartitionBy: partitionBy, Properties: properties,
	})
	require.NoError(t, err)
	return l
}

var processes struct {
	sync.Mutex
	n int
}

// process is the Env of a new process: its clock moves only when it sleeps, and
// no other process has its ids.
func process(name string) *txlog.Env {
	processes.Lock()
	processes.n++
	name = fmt.Sprintf("%s-%d", name, processes.n)
	processes.Unlock()
	return ops.Env(name)
}

// open is a new process that opens the table.
func (l *lab) open() *delta.Table { return l.on(l.st) }

// on is open through a store of its own, such as one that fails.
func (l *lab) on(st logstore.Store) *delta.Table {
	l.t.Helper()
	tbl, err := delta.Open(context.Background(), root, &delta.Options{Store: st, Env: process("process"), CommitTimeout: 2 * time.Second})
	require.NoError(l.t, err)
	return tbl
}

// faulty is a new process whose calls fail as script says.
func (l *lab) faulty(script func(faultstore.Call) faultstore.Fault) (*delta.Table, *faultstore.Store) {
	l.t.Helper()
	quiet := true
	fs := faultstore.New(l.st, func(c faultstore.Call) faultstore.Fault {
		if quiet {
			return faultstore.Pass
		}
		return script(c)
	})
	tbl := l.on(fs)
	quiet = false
	return tbl, fs
}

// append adds rows by a process of its own.
func (l *lab) append(rs ...string) {
	l.t.Helper()
	_, err := l.open().Append(context.Background(), rows(rs...), nil)
	require.NoError(l.t, err)
}

// delete removes rows by a process of its own.
func (l *lab) delete(where string) {
	l.t.Helper()
	_, err := l.open().Delete(context.Background(), where, nil)
	require.NoError(l.t, err)
}

// commitName is the object of a version.
func commitName(v delta.Version) string { return fmt.Sprintf("_delta_log/%020d.json", v) }

// atCommit gives the nth Put of version v (0: each) a fault.
func atCommit(v delta.Version, nth int, f faultstore.Fault) func(faultstore.Call) faultstore.Fault {
	return faultstore.On(logstore.VerbPutIfAbsent, commitName(v), nth, f)
}

// thenRun runs f once, before the first call after one that first has changed.
func thenRun(first func(faultstore.Call) faultstore.Fault, f func()) func(faultstore.Call) faultstore.Fault {
	state := 0
	return func(c faultstore.Call) faultstore.Fault {
		if state == 1 {
			state = 2
			return faultstore.Fault{Run: f}
		}
		fault := first(c)
		if state == 0 && (fault.Err != nil || fault.Twice || fault.Run != nil) {
			state = 1
		}
		return fault
	}
}

// meanwhile runs f once, right before version v is put.
func meanwhile(v delta.Version, f func()) func(faultstore.Call) faultstore.Fault {
	return atCommit(v, 1, faultstore.Fault{Run: f})
}

// rows returns all rows of the newest version, sorted.
func (l *lab) rows() []string { l.t.Helper(); return l.rowsAt(delta.At{}) }

func (l *lab) rowsAt(at delta.At) []string {
	l.t.Helper()
	snap, err := l.open().Snapshot(context.Background(), at)
	require.NoError(l.t, err)
	scan, err := reader.New(snap, nil)
	require.NoError(l.t, err)
	out := []string{}
	for rec, err := range scan.Batches(context.Background()) {
		require.NoError(l.t, err)
		out = append(out, texts(rec)...)
	}
	slices.Sort(out)
	return out
}

func texts(rec arrow.RecordBatch) (out []string) {
	for i := range int(rec.NumRows()) {
		var f []string
		for c := range int(rec.NumCols()) {
			v := "-"
			if !rec.Column(c).IsNull(i) {
				v = rec.Column(c).ValueStr(i)
			}
			f = append(f, v)
		}
		out = append(out, strings.Join(f, "|"))
	}
	return out
}

// changes returns what the change feed says since version from: "type part|id|note".
func (l *lab) changes(from delta.Version) []string {
	l.t.Helper()
	c, err := l.open().Changes(context.Background(), delta.AtVersion(from), delta.At{}, &delta.ChangesOptions{
		Columns: []string{"_change_type", "part", "id", "note"}, Derived: true,
	})
	require.NoError(l.t, err)
	out := []string{}
	for rec, err := range c.Batches(context.Background()) {
		require.NoError(l.t, err)
		for _, r := range texts(rec) {
			r = r[:strings.LastIndexByte(r, '|')] // the time
			r = r[:strings.LastIndexByte(r, '|')] // the version
			out = append(out, strings.Replace(r, "|", " ", 1))
		}
	}
	slices.Sort(out)
	return out
}

// dataFiles returns the names of the objects outside the log.
func (l *lab) dataFiles() []string {
	return slices.DeleteFunc(l.st.Names(), func(n string) bool { return strings.HasPrefix(n, "_delta_log/") })
}

func (l *lab) snapshot() *txlog.Snapshot {
	l.t.Helper()
	s, err := txlog.Load(context.Background(), l.st, nil)
	require.NoError(l.t, err)
	return s
}

// commits returns the commits from version from on.
func (l *lab) commits(from delta.Version) (all []*txlog.Commit) {
	l.t.Helper()
	s := l.snapshot()
	for v := from; v <= s.Version(); v++ {
		c, err := s.CommitAt(context.Background(), v)
		require.NoError(l.t, err)
		all = append(all, c)
	}
	return all
}

// sound checks what must be true of every table at any time: the log has no gap
// and can be read from its beginning, each remove names a file that was live, no
// file is added twice while it is live, and every live file is there with its size.
func (l *lab) sound() {
	l.t.Helper()
	live := map[txlog.FileKey]*txlog.AddFile{}
	for v, c := range l.commits(0) {
		require.NoError(l.t, txlog.ValidateCommit(c))
		for _, a := range c.Actions {
			if r, ok := a.(*txlog.RemoveFile); ok {
				require.Contains(l.t, live, r.Key(), "version %d removes a file that is not live", v)
				delete(live, r.Key())
			}
		}
		for _, a := range c.Actions {
			if f, ok := a.(*txlog.AddFile); ok {
				require.NotContains(l.t, live, f.Key(), "version %d adds a file that is live", v)
				live[f.Key()] = f
			}
		}
	}
	seen := 0
	for f, err := range l.snapshot().Files(context.Background(), nil) {
		require.NoError(l.t, err)
		require.Contains(l.t, live, f.Key())
		seen++
		name, err := f.ObjectName(l.st.URL())
		require.NoError(l.t, err)
		o, err := l.st.Stat(context.Background(), name)
		require.NoError(l.t, err, "live file %s is gone", name)
		require.Equal(l.t, f.Size, o.Size)
	}
	require.Equal(l.t, len(live), seen)
}

// committed requires that a write says that it is version v.
func committed(t *testing.T, v delta.Version, res *delta.Result, err error) {
	t.Helper()
	require.NoError(t, err)
	require.Equal(t, delta.Committed, res.State)
	require.Equal(t, v, res.Version)
}

// applied requires that a write says that it was there already, as version v.
func applied(t *testing.T, v delta.Version, res *delta.Result, err error) {
	t.Helper()
	require.NoError(t, err)
	require.Equal(t, delta.AlreadyApplied, res.State)
	require.Equal(t, v, res.Version)
}
