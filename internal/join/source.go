package join

import (
	"context"
	"errors"
	"iter"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// Options say how much memory and which disk a [Source] or [Pairs] may use.
type Options struct {
	// MaxMemory is the bytes kept in memory: keys, rows, buffers. What is
	// returned to the caller does not count. 0 means 256 MiB.
	MaxMemory int64
	// Dir is where spill files go. "" means the system's directory for temporary
	// files. Nothing is created there before the first byte is spilled.
	Dir string
}

// A KeyColumn is one column of the key, of a primitive type common to both sides.
type KeyColumn struct {
	Type     schema.DataType
	NullSafe bool // null equals null, as with <=>
}

// A Source holds rows and finds them by key.
type Source struct{}

// A Batch is rows First … First+N-1 of a source.
type Batch struct {
	First int64
	Cols  []*vec.Vec
	N     int
}

// Matches are pairs of a probed row and the id of a source row with the same
// key. The zero value is ready; one Matches serves one goroutine at a time.
type Matches struct {
	Row    []int32
	Source []int64
}

// Reset forgets the pairs and keeps the memory.
func (m *Matches) Reset() { m.Row, m.Source = m.Row[:0], m.Source[:0] }

// A Duplicate is a key that more than one source row has.
type Duplicate struct {
	First int64 // the first row with the key
	Count int64 // how many there are
}

// An Order says how the value of a column makes a row later than another.
type Order struct {
	Column int  // index of a column of the source
	Desc   bool // the smaller value is the later one
}

// A KeyRange says which values a key column has in the rows that can match.
type KeyRange struct {
	Type     schema.DataType
	Min, Max schema.Value   // null values if there are none; NaN does not count
	NaN      bool           // some values are NaN
	Nulls    int64          // null values, whether they can match or not
	Distinct []schema.Value // all values other than null, ascending, NaN last; nil if there are too many
}

var errTODO = errors.New("join: not written yet")

// NewSource returns an empty source with the given columns and key columns. Key
// values are given apart from the columns, evaluated and cast already. Without
// key columns every row matches every probed row.
func NewSource(cols []schema.DataType, keys []KeyColumn, o *Options) (*Source, error) {
	return nil, errTODO
}

// Add appends n rows. The first row ever added has id 0, the next 1 and so on.
// Nothing of the vectors is kept.
func (s *Source) Add(ctx context.Context, cols, keys []*vec.Vec, n int) error { return errTODO }

// Build makes the source ready to be probed. Nothing can be added after it.
func (s *Source) Build(ctx context.Context) error { return errTODO }

// Rows returns the number of rows added.
func (s *Source) Rows() int64 { return 0 }

// Spilled returns the bytes written to spill files.
func (s *Source) Spilled() int64 { return 0 }

// Close removes the spill files. The source cannot be used after it.
func (s *Source) Close() error { return nil }

// Passes returns how often the target has to be probed, each time after
// [Source.StartPass]; at least 1.
func (s *Source) Passes() int { return 1 }

// StartPass loads the keys of pass i. With one pass it costs nothing.
func (s *Source) StartPass(ctx context.Context, i int) error { return errTODO }

// Probe appends to m the pairs of the n probed rows and the source rows of this
// pass with the same key, in the order of the probed rows; several source rows
// for one probed row come in the order of their ids. Safe for concurrent use
// with different m.
func (s *Source) Probe(keys []*vec.Vec, n int, m *Matches) error { return errTODO }

// Gather returns the rows with the given ids, in that order; ids may repeat and
// need not be sorted, but sorted ones are read faster from disk. Only the wanted
// columns are returned. Safe for concurrent use after [Source.Build].
func (s *Source) Gather(ctx context.Context, ids []int64, columns []int) ([]*vec.Vec, error) {
	return nil, errTODO
}

// Scan yields all rows in the order of their ids, in batches of at most batch
// rows (0 means 8192), with the wanted columns. It stops after an error.
func (s *Source) Scan(ctx context.Context, columns []int, batch int) iter.Seq2[Batch, error] {
	return func(yield func(Batch, error) bool) { yield(Batch{}, errTODO) }
}

// Duplicates counts the keys that more than one row has, and the rows that have
// them. The sample is those whose first rows come first, at most limit. Rows
// whose key matches nothing, for a null, do not count. It loads the keys of all
// passes, one after the other: no pass is started after it, unless there is
// only one.
func (s *Source) Duplicates(ctx context.Context, limit int) (keys, rows int64, sample []Duplicate, err error) {
	return 0, 0, nil, errTODO
}

// Latest returns the rows that are the latest of their key: the last ones when
// sorted by the columns of order, nulls first and NaN last. Among rows that are
// equal there the greatest by all columns is taken, so that which values survive
// does not depend on the order in which rows were added. Rows whose key matches
// nothing, for a null, all survive. It loads the keys of all passes, as
// [Source.Duplicates] does.
func (s *Source) Latest(ctx context.Context, order []Order) (*vec.Bitmap, error) {
	return nil, errTODO
}

// KeySummary returns what is known of each key column's values, to decide which
// files of the target can hold matches. Distinct values are returned when there
// are at most maxDistinct, and never more than 1024. Rows that match nothing, for
// a null in a column that is not null-safe, count only in Nulls.
func (s *Source) KeySummary(maxDistinct int) []KeyRange { return nil }
