package schema

import (
	"fmt"
	"strings"
)

// HiveNull is the directory name of a null partition value.
const HiveNull = "__HIVE_DEFAULT_PARTITION__"

const upperHex = "0123456789ABCDEF"

// hiveEscaped are the characters that Hive and Spark escape in a directory's
// name, apart from control characters. A space is not among them.
const hiveEscaped = "\"#%'*/:=?\\{[]^"

// EscapePath escapes a column name or a partition value for a directory's name,
// as Hive does: %XX for each byte that a path could mistake.
func EscapePath(s string) string {
	return percentEncode(s, func(c byte) bool {
		return c < 0x20 || c == 0x7f || strings.IndexByte(hiveEscaped, c) >= 0
	})
}

// UnescapePath undoes [EscapePath]. What is no escape is left as it is.
func UnescapePath(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if c, ok := percentByte(s, i); ok {
			out = append(out, c)
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	return string(out)
}

// PartitionDir returns the conventional directory of a partition, without a
// slash at the end: a=1/b=x%3Ay. values are by name, serialised; null, empty and
// absent values become [HiveNull]. Under column mapping names are physical.
//
// The result is a path on disk or in a store. [EncodePath] makes an add.path of
// it. Nothing may rely on it: a file's partition is what the log says.
func PartitionDir(names []string, values map[string]*string) string {
	var b strings.Builder
	for i, name := range names {
		if i > 0 {
			b.WriteByte('/')
		}
		b.WriteString(EscapePath(name))
		b.WriteByte('=')
		if v := values[name]; v == nil || *v == "" {
			b.WriteString(HiveNull)
		} else {
			b.WriteString(EscapePath(*v))
		}
	}
	return b.String()
}

// EncodePath returns the add.path of a file whose path below the table's root
// is name: percent-encoded, with a slash between directories.
//
// PROTOCOL.md, "Add File and Remove File".
func EncodePath(name string) string {
	first, rest := name, ""
	if i := strings.IndexByte(name, '/'); i >= 0 {
		first, rest = name[:i], name[i:]
	}
	// A colon in the first name would make it a scheme.
	return percentEncode(first, func(c byte) bool { return c == ':' || !uriPath[c] }) +
		percentEncode(rest, func(c byte) bool { return !uriPath[c] })
}

// DecodePath undoes the percent-encoding of an add.path, exactly once. A plus
// sign stays one.
func DecodePath(path string) (string, error) {
	if strings.IndexByte(path, '%') < 0 {
		return path, nil
	}
	out := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		if path[i] != '%' {
			out = append(out, path[i])
			continue
		}
		c, ok := percentByte(path, i)
		if !ok {
			return "", fmt.Errorf("schema: path %q: %%%.2s is no percent-encoded byte", path, path[i+1:])
		}
		out = append(out, c)
		i += 2
	}
	return string(out), nil
}

// uriPath are the characters that stand for themselves in the path of a URI.
var uriPath = func() (t [256]bool) {
	for c := range t {
		t[c] = '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' && c < 0x80 ||
			strings.IndexByte("-_.~!$&'()*+,;=:@/", byte(c)) >= 0
	}
	return t
}()

func percentEncode(s string, escape func(c byte) bool) string {
	n := 0
	for i := 0; i < len(s); i++ {
		if escape(s[i]) {
			n++
		}
	}
	if n == 0 {
		return s
	}
	out := make([]byte, 0, len(s)+2*n)
	for i := 0; i < len(s); i++ {
		if c := s[i]; escape(c) {
			out = append(out, '%', upperHex[c>>4], upperHex[c&15])
		} else {
			out = append(out, c)
		}
	}
	return string(out)
}

// percentByte reads %XX at s[i:].
func percentByte(s string, i int) (byte, bool) {
	if i+3 > len(s) || s[i] != '%' {
		return 0, false
	}
	hi, ok1 := hexDigit(s[i+1])
	lo, ok2 := hexDigit(s[i+2])
	return hi<<4 | lo, ok1 && ok2
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	default:
		return 0, false
	}
}
