package txlog

import (
	"crypto/md5" //nolint:gosec // the protocol's choice; no secret depends on it
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// hintChecksum returns the MD5, in hexadecimal, of the canonical form of a JSON
// object, without its top-level field "checksum".
//
// PROTOCOL.md, "JSON checksum": the object is flattened to path=value pairs,
// sorted by the paths' bytes and joined with commas. A path's segments are
// joined with +; keys and strings are percent-encoded and in quotes, positions
// in arrays, numbers, booleans and nulls stand as they are.
func hintChecksum(data []byte) (string, error) {
	f := flattener{s: scanner{b: slices.Clone(data)}}
	f.value(nil, 0)
	f.s.end()
	if f.s.err != nil {
		return "", f.s.err
	}
	slices.SortFunc(f.pairs, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	var b strings.Builder
	for i, p := range f.pairs {
		if i > 0 {
			if p[0] == f.pairs[i-1][0] {
				return "", fmt.Errorf("the key %s appears twice in one object", p[0])
			}
			b.WriteByte(',')
		}
		b.WriteString(p[0])
		b.WriteByte('=')
		b.WriteString(p[1])
	}
	sum := md5.Sum([]byte(b.String())) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:]), nil
}

type flattener struct {
	s     scanner
	pairs [][2]string // path, value
	size  int
}

// maxFlat bounds what a deep hint may blow up to.
const maxFlat = 256 << 20

func (f *flattener) value(path []byte, depth int) {
	if depth > maxDepth {
		f.s.fail(fmt.Errorf("values are nested more than %d deep", maxDepth))
		return
	}
	switch f.s.peek() {
	case '{':
		f.s.open('{')
		for f.s.more('}') {
			k := f.s.field()
			if depth == 0 && k == "checksum" {
				f.s.skip(0)
				continue
			}
			f.value(appendQuotedURI(appendSep(path), k), depth+1)
		}
	case '[':
		f.s.open('[')
		for i := 0; f.s.more(']'); i++ {
			f.value(strconv.AppendInt(appendSep(path), int64(i), 10), depth+1)
		}
	case '"':
		f.pair(path, string(appendQuotedURI(nil, f.s.text())))
	default:
		f.pair(path, string(f.s.raw()))
	}
}

func (f *flattener) pair(path []byte, v string) {
	if f.size += len(path) + len(v); f.size > maxFlat {
		f.s.fail(errors.New("its canonical form is too large"))
		return
	}
	f.pairs = append(f.pairs, [2]string{string(path), v})
}

// appendSep returns a copy of path that ends in a separator, but for the root.
func appendSep(path []byte) []byte {
	if len(path) == 0 {
		return nil
	}
	return append(slices.Clip(path), '+')
}

// appendQuotedURI appends s in quotes, percent-encoded but for RFC 3986's
// unreserved characters.
func appendQuotedURI(dst []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c-'0' <= 9 || c|0x20-'a' <= 'z'-'a' || c == '-' || c == '.' || c == '_' || c == '~':
			dst = append(dst, c)
		default:
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	return append(dst, '"')
}
