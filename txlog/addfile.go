package txlog

import (
	"errors"
	"fmt"
)

// NumRecords returns the number of rows in the file, deleted ones included, by
// its statistics. It is an error if they do not say.
func (f *AddFile) NumRecords() (int64, error) {
	if f.Stats == "" {
		return 0, fmt.Errorf("txlog: file %s has no statistics", f.Path)
	}
	s := scanner{b: []byte(f.Stats)}
	n, found := int64(-1), false
	s.open('{')
	for s.more('}') {
		if k := s.field(); k != "numRecords" {
			s.skip(0)
			continue
		}
		if found {
			s.fail(errTwice)
		}
		n, found = s.natural(), true
	}
	s.end()
	if s.err == nil && !found {
		s.fail(errors.New("numRecords is missing"))
	}
	if s.err != nil {
		return 0, fmt.Errorf("txlog: statistics of file %s: %w", f.Path, s.err)
	}
	return n, nil
}

// WithDV returns the action that puts f back into the table with another deletion
// vector, which must hold all rows of the one before, and with statistics that are
// loose (see internal/stats). Row ids, partition values and tags are f's. The same
// commit must remove f.
func (f *AddFile) WithDV(d *DVDescriptor, stats string) *AddFile {
	g := *f
	g.DeletionVector, g.Stats, g.DataChange = d, stats, true
	return &g
}
