package pqread

import "math/bits"

// levels are a leaf's entries in one batch. They are scratch memory: what is
// kept of them is in columns and groups.
type levels struct {
	def, rep []uint8
	memory   *budget
}

func (l *levels) append(def, rep []uint8) error {
	if len(l.def)+len(def) > cap(l.def) {
		if err := l.memory.take(2 * (int64(len(l.def)) + int64(len(def)))); err != nil {
			return err
		}
	}
	l.def = append(l.def, def...)
	l.rep = append(l.rep, rep...)
	return nil
}

// levelWidth is the bit width of levels from 0 to maxLevel.
func levelWidth(maxLevel uint8) uint { return uint(bits.Len8(maxLevel)) }

// extend returns s with n more elements, which may hold anything.
func extend[T any](s []T, n int) []T {
	if len(s)+n <= cap(s) {
		return s[:len(s)+n]
	}
	grown := make([]T, len(s)+n, max(len(s)+n, 2*cap(s)))
	copy(grown, s)
	return grown
}

// countLevels returns how many levels equal maxLevel and whether one exceeds it.
func countLevels(lv []uint8, maxLevel uint8) (equal int, over bool) {
	largest := uint8(0)
	for _, v := range lv {
		if v == maxLevel {
			equal++
		}
		largest = max(largest, v)
	}
	return equal, largest > maxLevel
}

// countSlots returns how many levels reach slotDef and how many maxDef.
func countSlots(def []uint8, slotDef, maxDef uint8) (slots, dense int) {
	for _, v := range def {
		if v >= slotDef {
			slots++
		}
		if v == maxDef {
			dense++
		}
	}
	return slots, dense
}

// markLevels sets the bits of dst from off on where the level equals maxLevel,
// and clears the others.
func markLevels(dst []byte, off int, lv []uint8, maxLevel uint8) {
	i := 0
	for ; i < len(lv) && (off+i)&7 != 0; i++ {
		setBits(dst, off+i, 1, lv[i] == maxLevel)
	}
	d := dst[(off+i)>>3:]
	for ; i+8 <= len(lv); i += 8 {
		w := byte(0)
		for k, v := range lv[i : i+8 : i+8] {
			b := byte(0)
			if v == maxLevel {
				b = 1
			}
			w |= b << k
		}
		d[0] = w
		d = d[1:]
	}
	for ; i < len(lv); i++ {
		setBits(dst, off+i, 1, lv[i] == maxLevel)
	}
}
