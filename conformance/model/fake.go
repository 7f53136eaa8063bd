package model

import "sync"

// A Fake is a table and its history, in memory. It is safe for concurrent use:
// commits come one after the other.
type Fake struct {
	mu       sync.Mutex
	versions []*Table // by version
	ops      []Op     // that made them
}

// Commit applies an operation of an attempt that begins now.
func (f *Fake) Commit(op Op) (Effect, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.commit(op, f.last().Version)
}

// CommitSince applies an operation of an attempt that looked its key up when the
// table had version saw.
func (f *Fake) CommitSince(op Op, saw int64) (Effect, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.commit(op, saw)
}

func (f *Fake) commit(op Op, saw int64) (Effect, error) {
	after, e, err := f.last().ApplySince(op, saw)
	if e.Outcome == Applied {
		f.versions, f.ops = append(f.versions, after), append(f.ops, op)
	}
	return e, err
}

func (f *Fake) last() *Table {
	if len(f.versions) == 0 {
		return Absent()
	}
	return f.versions[len(f.versions)-1]
}

// Latest returns the table as it is now.
func (f *Fake) Latest() *Table {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last()
}

// At returns the table at a version; nil if there is no such version.
func (f *Fake) At(version int64) *Table {
	f.mu.Lock()
	defer f.mu.Unlock()
	if version < 0 || version >= int64(len(f.versions)) {
		return nil
	}
	return f.versions[version]
}

// Op returns the operation that made a version.
func (f *Fake) Op(version int64) Op {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ops[version]
}
