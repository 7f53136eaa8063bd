package vec

import "bytes"

// Equal reports whether a and b hold the same values: same layout, same length,
// nulls at the same places, and the same bytes where not null (so NaNs are equal
// when their bits are, and 0 is not −0). What lies under a null does not count,
// nor do offsets, padding or a validity bitmap without nulls.
func Equal(a, b *Vec) bool {
	if a.Kind != b.Kind || a.Len != b.Len || len(a.Children) != len(b.Children) {
		return false
	}
	for i := 0; i < a.Len; i += 64 {
		if a.ValidWord(i) != b.ValidWord(i) {
			return false
		}
	}
	w := a.Kind.Width()
	for i := range a.Len {
		if a.IsNull(i) {
			continue
		}
		same := true
		switch a.Kind {
		case Bool:
			same = a.Bool(i) == b.Bool(i)
		case Bytes:
			same = bytes.Equal(a.At(i), b.At(i))
		case Struct:
			same = equalChildren(a, b, a.Off+i, 1, b.Off+i, 1)
		case List, Map:
			af, at := a.Slice(i, i+1).span()
			bf, bt := b.Slice(i, i+1).span()
			same = equalChildren(a, b, af, at-af, bf, bt-bf)
		default:
			same = bytes.Equal(a.Data[(a.Off+i)*w:(a.Off+i+1)*w], b.Data[(b.Off+i)*w:(b.Off+i+1)*w])
		}
		if !same {
			return false
		}
	}
	return true
}

func equalChildren(a, b *Vec, af, an, bf, bn int) bool {
	for c := range a.Children {
		if !Equal(a.Children[c].Slice(af, af+an), b.Children[c].Slice(bf, bf+bn)) {
			return false
		}
	}
	return true
}
