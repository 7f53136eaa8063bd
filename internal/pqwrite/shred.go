package pqwrite

import (
	"math/bits"
	"slices"

	"github.com/deltalog/deltalog/internal/vec"
)

// A run is the positions [from, from+n) of a Vec's window.
type run struct{ from, n int }

// appendRun adds positions to runs, joining them to the last run where they follow it.
func appendRun(runs []run, from, n int) []run {
	if k := len(runs) - 1; k >= 0 && runs[k].from+runs[k].n == from {
		runs[k].n += n
		return runs
	}
	return append(runs, run{from, n})
}

// appendValid adds those of the positions r at which v is not null.
func appendValid(runs []run, v *vec.Vec, r run) []run {
	for i := 0; i < r.n; {
		base := r.from + i
		w := v.ValidWord(base)
		n := min(64, r.n-i)
		if n < 64 {
			w &= 1<<n - 1
		}
		for w != 0 {
			zeros := bits.TrailingZeros64(w)
			w >>= zeros
			ones := bits.TrailingZeros64(^w)
			runs = appendRun(runs, base+zeros, ones)
			w >>= ones // ones is 64 only if w was all ones: then w is 0
			base += zeros + ones
		}
		i += n
	}
	return runs
}

// A shredder walks a column from its top-level field down to its leaf and finds,
// level by level, each entry's repetition and definition level and which
// positions of the leaf hold values (Parquet, "Nested Encoding").
//
// An entry is alive while nothing above it is null or an empty list. Alive
// entries have, in order, the positions in runs. As long as every entry is alive
// the levels are not written down: full is true.
type shredder struct {
	entries  int
	alive    int
	full     bool
	repeated bool // rep holds levels
	runs     []run
	rep, def []byte

	spareRuns        []run
	spareRep, spareD []byte
}

// walk follows steps over n rows of cols from row from on, and returns the Vec of
// the last step's node with the walk's result in s: nulls of that node itself
// are taken out of runs too unless they are not allowed (the node is required).
// Definition levels are kept for columns of more than one level only.
func (s *shredder) walk(steps []step, cols []*vec.Vec, from, n int) *vec.Vec {
	s.entries, s.alive, s.full, s.repeated = n, n, true, false
	s.runs = s.runs[:0]
	if n > 0 {
		s.runs = append(s.runs, run{from, n})
	}
	levels := len(steps) > 1
	v := cols[steps[0].index]
	for k, st := range steps {
		if st.node.optional {
			s.nulls(v, byte(st.node.def-1), levels)
		}
		if k == len(steps)-1 || v.Kind == vec.Null {
			return v
		}
		switch next := v.Children[steps[k+1].index]; st.node.kind {
		case vec.Struct:
			for i := range s.runs {
				s.runs[i].from += v.Off
			}
			v = next
		default:
			s.expand(v, byte(st.node.def), byte(st.node.rep+1))
			v = next
		}
	}
	return v
}

// nulls raises the definition level of alive entries from d to d+1 where v is
// not null, and takes the others out of runs.
func (s *shredder) nulls(v *vec.Vec, d byte, levels bool) {
	if v.Kind == vec.Null {
		s.materialise(d)
		s.alive, s.runs = 0, s.runs[:0]
		return
	}
	s.spareRuns = s.spareRuns[:0]
	alive := s.alive
	if v.Valid != nil {
		for _, r := range s.runs {
			s.spareRuns = appendValid(s.spareRuns, v, r)
		}
		alive = 0
		for _, r := range s.spareRuns {
			alive += r.n
		}
	}
	switch {
	case alive == s.alive && s.full:
		return // the level is implied
	case alive == s.alive:
		for i, x := range s.def {
			if x == d {
				s.def[i] = d + 1
			}
		}
		return
	case !levels: // a flat column: its bitmap is its levels
		s.full = false
	default:
		s.materialise(d)
		s.raise(v, d)
	}
	s.alive = alive
	s.runs, s.spareRuns = s.spareRuns, s.runs
}

// materialise writes the definition level d of all entries down.
func (s *shredder) materialise(d byte) {
	if !s.full {
		return
	}
	s.full = false
	s.def = slices.Grow(s.def[:0], s.entries)[:s.entries]
	for i := range s.def {
		s.def[i] = d
	}
}

// raise adds v's validity to the levels of the alive entries, which are at d.
func (s *shredder) raise(v *vec.Vec, d byte) {
	e := 0
	for _, r := range s.runs {
		var w uint64
		for i := range r.n {
			if i&63 == 0 {
				w = v.ValidWord(r.from + i)
			}
			for s.def[e] != d {
				e++
			}
			s.def[e] += byte(w & 1)
			w >>= 1
			e++
		}
	}
}

// expand replaces each alive entry by one for each element of v's list there, or
// by one entry without a value where the list is empty. Elements are at
// definition level d+1; all of a list but the first are at repetition level r.
func (s *shredder) expand(v *vec.Vec, d, r byte) {
	offsets := v.Offsets[min(v.Off, len(v.Offsets)):]
	total := s.entries
	for _, p := range s.runs {
		total += int(offsets[p.from+p.n] - offsets[p.from])
	}
	rep := slices.Grow(s.spareRep[:0], total)
	def := slices.Grow(s.spareD[:0], total)
	runs := s.spareRuns[:0]

	alive, next, left := 0, 0, run{}
	for e := range s.entries {
		var first byte
		if s.repeated {
			first = s.rep[e]
		}
		if !s.full && s.def[e] != d {
			rep, def = append(rep, first), append(def, s.def[e])
			continue
		}
		if left.n == 0 {
			left = s.runs[next]
			next++
		}
		a, b := int(offsets[left.from]), int(offsets[left.from+1])
		left.from, left.n = left.from+1, left.n-1
		rep = append(rep, first)
		if a == b {
			def = append(def, d)
			continue
		}
		def = append(def, d+1)
		for range b - a - 1 {
			rep, def = append(rep, r), append(def, d+1)
		}
		alive += b - a
		runs = appendRun(runs, a, b-a)
	}
	s.full = alive == len(def)
	s.entries, s.alive, s.repeated = len(def), alive, true
	s.rep, s.spareRep = rep, s.rep
	s.def, s.spareD = def, s.def
	s.runs, s.spareRuns = runs, s.runs
}
