package join

import (
	"context"
	"errors"
	"fmt"
	"math"

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
type Source struct {
	budget  budget
	disk    disk
	like    []*vec.Vec // empty columns
	coder   *keyCoder
	rows    *rowStore
	log     *keyLog
	summary []*keySummary
	n       int64
	batch   keyBatch // of Add

	state  state
	passes []pass
	pass   int // whose table is loaded; -1: none
	table  *table
}

// maxRows is how many rows a source has at most: ids have 32 bits, and an int
// holds them.
const maxRows = min(math.MaxUint32, math.MaxInt)

// A state says what a source can do. A failed one can only be closed.
type state uint8

const (
	adding state = iota
	built
	failed
	closed
)

var (
	errBuilt    = errors.New("join: the source is built already")
	errNotBuilt = errors.New("join: the source is not built")
	errFailed   = errors.New("join: the source failed before")
	errClosed   = errors.New("join: the source is closed")
)

// want returns an error unless the source is in the given state.
func (s *Source) want(w state) error {
	switch {
	case s.state == w:
		return nil
	case s.state == failed:
		return errFailed
	case s.state == closed:
		return errClosed
	case s.state == adding:
		return errNotBuilt
	}
	return errBuilt
}

// NewSource returns an empty source with the given columns and key columns. Key
// values are given apart from the columns, evaluated and cast already. Without
// key columns every row matches every probed row.
func NewSource(cols []schema.DataType, keys []KeyColumn, o *Options) (*Source, error) {
	coder, err := newKeyCoder(keys)
	if err != nil {
		return nil, err
	}
	s := &Source{budget: newBudget(o), disk: newDisk(o), coder: coder, pass: -1}
	for _, t := range cols {
		s.like = append(s.like, emptyOf(t))
	}
	s.rows = newRowStore(&s.budget, &s.disk, s.like)
	s.log = newKeyLog(&s.budget, coder)
	for _, k := range keys {
		s.summary = append(s.summary, newKeySummary(k.Type))
	}
	return s, nil
}

// Add appends n rows. The first row ever added has id 0, the next 1 and so on.
// Nothing of the vectors is kept. After an error the source can only be closed.
func (s *Source) Add(ctx context.Context, cols, keys []*vec.Vec, n int) error {
	if err := s.want(adding); err != nil {
		return err
	}
	err := s.add(ctx, cols, keys, n)
	if err != nil {
		s.state = failed
	}
	return err
}

func (s *Source) add(ctx context.Context, cols, keys []*vec.Vec, n int) error {
	if s.n+int64(n) > maxRows {
		return fmt.Errorf("join: a source of more than %d rows", int64(maxRows))
	}
	cols, err := conformAll(cols, s.like, n, "source")
	if err != nil {
		return err
	}
	if keys, err = conformAll(keys, s.coder.like, n, "key"); err != nil {
		return err
	}
	if err := s.addKeys(ctx, keys, n); err != nil {
		return err
	}
	if err := s.rows.add(ctx, cols, n); err != nil {
		return err
	}
	s.n += int64(n)
	return nil
}

func (s *Source) addKeys(ctx context.Context, keys []*vec.Vec, n int) error {
	b := &s.batch
	for from := 0; from < n; from += b.n {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.coder.encode(keys, from, n, b)
		for k, sum := range s.summary {
			sum.add(keys[k].Slice(from, from+b.n), b)
		}
		if err := s.makeRoom(ctx, s.log.size(b)); err != nil {
			return err
		}
		if err := s.log.add(b, s.n+int64(from)); err != nil {
			return err
		}
	}
	return nil
}

// makeRoom frees memory for keys: rows go to disk first, then the keys.
func (s *Source) makeRoom(ctx context.Context, need int64) error {
	if s.log.parts == nil {
		need += partsMemory(&s.budget)
	}
	if err := s.rows.makeRoom(ctx, need); err != nil {
		return err
	}
	if s.budget.free() >= need && !s.log.full() {
		return nil
	}
	return s.log.spill(ctx, &s.disk)
}

// Build makes the source ready to be probed. Nothing can be added after it. A
// [*BudgetError] says that not even a part of the keys fits in memory.
func (s *Source) Build(ctx context.Context) error {
	if err := s.want(adding); err != nil {
		return err
	}
	s.batch = keyBatch{}
	err := s.build(ctx)
	if err == nil {
		err = s.rows.finish(ctx)
	}
	if err != nil {
		s.state = failed
		return err
	}
	s.state = built
	return nil
}

// Rows returns the number of rows added.
func (s *Source) Rows() int64 { return s.n }

// Spilled returns the bytes written to spill files.
func (s *Source) Spilled() int64 { return s.disk.written }

// Close removes the spill files. The source cannot be used after it. Closing
// again does nothing.
func (s *Source) Close() error {
	if s.state == closed {
		return nil
	}
	s.state = closed
	s.table.drop()
	s.table = nil
	return errors.Join(s.rows.close(), s.log.close())
}

// Passes returns how often the target has to be probed, each time after
// [Source.StartPass]; at least 1.
func (s *Source) Passes() int { return max(1, len(s.passes)) }

// StartPass loads the keys of pass i. With one pass it costs nothing.
func (s *Source) StartPass(ctx context.Context, i int) error {
	if err := s.want(built); err != nil {
		return err
	}
	if i < 0 || i >= len(s.passes) {
		return fmt.Errorf("join: pass %d of %d", i, len(s.passes))
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.pass == i {
		return nil
	}
	return s.load(ctx, i)
}

// check returns an error unless rows can be read and the columns are there.
func (s *Source) check(columns []int) error {
	for _, c := range columns {
		if c < 0 || c >= len(s.like) {
			return fmt.Errorf("join: column %d of a source of %d columns", c, len(s.like))
		}
	}
	return s.want(built)
}
