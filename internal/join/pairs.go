package join

import "iter"

// Pairs collects, for each file of the target, which of its rows matched which
// source rows. It is safe for concurrent use.
type Pairs struct{}

// NewPairs returns an empty collection.
func NewPairs(o *Options) *Pairs { return &Pairs{} }

// Add appends pairs of a row position in the file and a source id. Files are
// numbered by the caller, from 0 on; they can come in any order, several times.
func (p *Pairs) Add(file int, rows, src []int64) error { return errTODO }

// File returns the file's pairs, sorted by row and then by source id. A row with
// more than one source row has several entries, side by side.
func (p *Pairs) File(file int) (rows, src []int64, err error) { return nil, nil, errTODO }

// Files yields the files that have pairs, ascending.
func (p *Pairs) Files() iter.Seq[int] { return func(func(int) bool) {} }

// Count returns how many pairs the file has.
func (p *Pairs) Count(file int) int64 { return 0 }

// Matched reports whether the source row with this id is in any pair.
func (p *Pairs) Matched(id int64) bool { return false }

// Spilled returns the bytes written to spill files.
func (p *Pairs) Spilled() int64 { return 0 }

// Close removes the spill files. The pairs cannot be used after it.
func (p *Pairs) Close() error { return nil }
