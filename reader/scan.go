package reader

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/internal/pqread"
	"github.com/deltalog/deltalog/internal/stats"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/schema"
)

// Options say what a scan reads. Nil reads everything.
type Options struct {
	// Columns are the top-level columns wanted, in this order, found in any case.
	// Nil: all.
	Columns []string
	// Where selects rows.
	Where Predicate
	// Names are what Where may call the table: with "t", t.id is its column id.
	Names []string
	// RowIDs appends two columns, [RowIDColumn] and [RowCommitVersionColumn]: what
	// row tracking says of each row. See [Scan.ReadFile].
	RowIDs bool
	// Limit ends the scan after so many rows. 0: no limit.
	Limit int64

	// Settings.

	// BatchRows is the most rows of a batch. Default: 65,536.
	BatchRows int
	// Parallel is how many files are read at once, if MaxMemory has 32 MiB for
	// each. Default: GOMAXPROCS.
	Parallel int
	// MaxMemory bounds what is fetched and decoded ahead, in bytes, down to what
	// one page of each column and one row take. Default: 256 MiB.
	MaxMemory int64
	// PartitionZone is the zone of timestamps in partition values that name none.
	// Default: UTC.
	PartitionZone *time.Location
	// Now is the time of the operation, for current_date and current_timestamp in
	// Where. Default: the clock's.
	Now time.Time
	// Tails is shared by scans that look at the same files. Nil: nothing is kept.
	Tails *Tails

	Env *txlog.Env
}

func (o *Options) withDefaults() Options {
	var d Options
	if o != nil {
		d = *o
	}
	if d.BatchRows <= 0 {
		d.BatchRows = 1 << 16
	}
	if d.Parallel <= 0 {
		d.Parallel = runtime.GOMAXPROCS(0)
	}
	if d.MaxMemory <= 0 {
		d.MaxMemory = 256 << 20
	}
	// Less memory for each file would mean many small requests.
	d.Parallel = int(min(int64(d.Parallel), max(d.MaxMemory/(32<<20), 1)))
	d.Env = d.Env.WithDefaults()
	if d.Now.IsZero() {
		d.Now = d.Env.Now()
	}
	return d
}

// share is what one of the files that are read at once may take.
func (o *Options) share() int64 { return o.MaxMemory / int64(o.Parallel) }

// A Scan is a plan to read rows of one snapshot.
type Scan struct {
	snap *txlog.Snapshot
	opts Options
	out  *arrow.Schema

	cols    []column // wanted, then those that only the predicate reads
	wanted  int
	parts   []int          // of cols, the partition columns
	data    *schema.Struct // the others, with physical names
	ids     idColumns
	mapping pqread.Mapping
	where   *expr.Predicate // nil: all rows

	whereParts []int // of where's columns, the index into cols; partition columns only
	layout     *stats.Layout
	leafOf     []int // of where's columns, the leaf of layout; -1: none

	whereCols []int          // of cols, the data columns that where reads
	whereData *schema.Struct // those, with physical names

	metrics *counters
}

// A column is one that the scan reads.
type column struct {
	field    schema.Field
	physical string
	part     bool
	data     int // position in Scan.data, if not a partition column
}

// New plans a scan. It does no I/O. The error names a column that the table does
// not have, or what the predicate compares that cannot be compared.
func New(snap *txlog.Snapshot, o *Options) (*Scan, error) {
	s := &Scan{snap: snap, opts: o.withDefaults(), metrics: &counters{}}
	if err := s.plan(); err != nil {
		return nil, fmt.Errorf("reader: scan version %d of %s: %w", snap.Version(), snap.Store().URL(), err)
	}
	return s, nil
}

func (s *Scan) plan() error {
	table, err := s.snap.Schema()
	if err != nil {
		return err
	}
	if err := s.project(table); err != nil {
		return err
	}
	if !s.opts.Where.IsZero() {
		if err := s.filter(table); err != nil {
			return err
		}
	}
	s.planIDs(table)
	if s.opts.RowIDs {
		return s.ids.err
	}
	return nil
}

// project resolves the wanted columns.
func (s *Scan) project(table *schema.Struct) error {
	names := s.opts.Columns
	if names == nil {
		for i := range table.Fields {
			names = append(names, table.Fields[i].Name)
		}
	}
	s.data = &schema.Struct{}
	if s.snap.Properties().MappingMode() == schema.MappingID {
		s.mapping = pqread.ByID
	}
	out := &schema.Struct{}
	for _, n := range names {
		i := table.Find(n)
		if i < 0 {
			return fmt.Errorf("column %q is not in the table; it has %s", n, strings.Join(columnNames(table), ", "))
		}
		if s.reads(&table.Fields[i]) {
			return fmt.Errorf("column %q is wanted twice", n)
		}
		s.read(table, i)
		out.Fields = append(out.Fields, table.Fields[i])
	}
	s.wanted = len(s.cols)
	s.out = arrowvec.Schema(out)
	return nil
}

func columnNames(s *schema.Struct) []string {
	names := make([]string, len(s.Fields))
	for i := range s.Fields {
		names[i] = s.Fields[i].Name
	}
	return names
}

// read adds column i of the table to those that the scan reads.
func (s *Scan) read(table *schema.Struct, i int) {
	mode := s.snap.Properties().MappingMode()
	f := table.Fields[i]
	c := column{field: f, physical: f.PhysicalName(mode), data: -1}
	c.part = slices.Contains(s.snap.Metadata().PartitionColumns, f.Name)
	if c.part {
		s.parts = append(s.parts, len(s.cols))
	} else {
		c.data = len(s.data.Fields)
		one := schema.Physical(&schema.Struct{Fields: []schema.Field{f}}, mode)
		s.data.Fields = append(s.data.Fields, one.Fields[0])
	}
	s.cols = append(s.cols, c)
}

// reads reports whether the scan reads a column already.
func (s *Scan) reads(f *schema.Field) bool {
	return slices.ContainsFunc(s.cols, func(c column) bool { return c.field.Name == f.Name })
}

// filter binds the predicate, and finds out what statistics it needs.
func (s *Scan) filter(table *schema.Struct) error {
	// Names are resolved against the whole table, so that one that it has twice
	// (in other case) is an error, and one that it has not is named.
	now := &expr.Options{Now: s.opts.Now}
	whole, err := expr.BindIn(s.opts.Where.e, expr.OneScope(table, s.opts.Names...), now)
	if err != nil {
		return err
	}
	for _, c := range whole.Columns() {
		if i := c.Index[0]; !s.reads(&table.Fields[i]) {
			s.read(table, i)
		}
	}
	bound := &schema.Struct{}
	for i := range s.cols {
		bound.Fields = append(bound.Fields, s.cols[i].field)
	}
	if s.where, err = expr.BindIn(s.opts.Where.e, expr.OneScope(bound, s.opts.Names...), now); err != nil {
		return err
	}
	s.needs(stats.AllLeaves(bound, s.snap.Properties().MappingMode()))
	return nil
}

// needs notes, for each column of the predicate, where its values and its
// statistics come from. all are the leaves of the columns that are read.
func (s *Scan) needs(all []stats.Leaf) {
	mode := s.snap.Properties().MappingMode()
	s.whereData = &schema.Struct{}
	var leaves []stats.Leaf
	for _, c := range s.where.Columns() {
		col := &s.cols[c.Index[0]]
		if col.part {
			s.whereParts = append(s.whereParts, c.Index[0])
			s.leafOf = append(s.leafOf, -1)
			continue
		}
		s.whereParts = append(s.whereParts, -1)
		if !slices.Contains(s.whereCols, c.Index[0]) {
			s.whereCols = append(s.whereCols, c.Index[0])
			s.whereData.Fields = append(s.whereData.Fields, s.data.Fields[col.data])
		}
		leaf := stats.Leaf{Path: physicalPath(&col.field, c.Index[1:], mode), Type: c.Type}
		for _, l := range all {
			if slices.Equal(l.Path, leaf.Path) {
				leaf = l
			}
		}
		s.leafOf = append(s.leafOf, len(leaves))
		leaves = append(leaves, leaf)
	}
	s.layout = stats.NewLayout(leaves)
}

// physicalPath follows the positions down from f.
func physicalPath(f *schema.Field, down []int, mode schema.MappingMode) []string {
	path := []string{f.PhysicalName(mode)}
	for _, i := range down {
		f = &f.Type.(*schema.Struct).Fields[i]
		path = append(path, f.PhysicalName(mode))
	}
	return path
}

// Schema returns the schema of the batches.
func (s *Scan) Schema() *arrow.Schema {
	if s.opts.RowIDs {
		return s.ids.out
	}
	return s.out
}

// Metrics are counts of what the scan's runs did so far.
type Metrics struct {
	// PartitionsPruned is how often partition values ruled files out. Files of a
	// checkpoint are asked about once for as many as follow each other in one
	// partition, so this is not their number.
	PartitionsPruned int64
	FilesStats       int64 // passed over by statistics
	FilesScanned     int64
	RowGroups        int64 // of the files scanned
	RowGroupsRead    int64 // of those, the ones that statistics do not rule out
	Rows             int64 // delivered
	RowsRead         int64 // left by statistics and deletion vectors for the predicate to decide
	Bytes            int64 // fetched of data files and deletion vectors
	Requests         int64 // for data files and deletion vectors
}

type counters struct {
	partitions, filesStats, filesScanned, groups, groupsRead, rows, rowsRead, bytes, requests atomic.Int64

	tested, passed atomic.Int64 // see fileScan.sparse
}

// Metrics returns the counts so far, of all runs together.
func (s *Scan) Metrics() Metrics {
	c := s.metrics
	return Metrics{
		PartitionsPruned: c.partitions.Load(), FilesStats: c.filesStats.Load(), FilesScanned: c.filesScanned.Load(),
		RowGroups: c.groups.Load(), RowGroupsRead: c.groupsRead.Load(),
		Rows: c.rows.Load(), RowsRead: c.rowsRead.Load(), Bytes: c.bytes.Load(), Requests: c.requests.Load(),
	}
}
