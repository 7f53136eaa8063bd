package txlog

import (
	"errors"
	"strconv"
	"strings"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// Paths in the log are URIs: relative ones are below the table's root, and both
// are percent-encoded, once. PROTOCOL.md, "Add File and Remove File".
//
// Two functions of this file are the only places where a path is decoded:
// CanonicalPath, for identity, and objectName, for storage.

// CanonicalPath returns the form of a path by which files are told apart: two
// paths that name one file give equal strings, however they are encoded. It is
// for comparison only, not a name in the store.
//
// Percent escapes are decoded; file:///a, file:/a and /a are equal, as are the
// schemes of S3. A path with a broken escape stands for itself.
func CanonicalPath(path string) string {
	if strings.IndexByte(path, '%') < 0 && path != "" && path[0] != '/' && strings.IndexByte(path, ':') < 0 {
		return path // nearly every path
	}
	scheme, rest := cutScheme(path)
	dec, err := decodePath(rest)
	if err != nil {
		dec = rest
	}
	switch scheme {
	case "":
		return dec
	case "file":
		return "/" + strings.TrimLeft(dec, "/")
	case "s3a", "s3n":
		scheme = "s3"
	}
	return scheme + ":" + dec
}

// cutScheme splits an absolute URI into its scheme, in lower case, and what
// follows the colon. A path of the file system that begins with a slash has the
// scheme "file". Relative paths have none: a colon in one of those does not make
// a scheme unless a slash follows it, because other writers leave colons alone.
func cutScheme(path string) (scheme, rest string) {
	if strings.HasPrefix(path, "/") {
		return "file", path
	}
	i := strings.Index(path, ":/")
	if i <= 0 {
		return "", path
	}
	for j := range i {
		c := path[j]
		letter := c|0x20-'a' <= 'z'-'a'
		if !letter && (j == 0 || c-'0' > 9 && c != '+' && c != '-' && c != '.') {
			return "", path
		}
	}
	return strings.ToLower(path[:i]), path[i+1:]
}

// decodePath decodes percent escapes, once.
func decodePath(p string) (string, error) {
	i := strings.IndexByte(p, '%')
	if i < 0 {
		return p, nil
	}
	b := append(make([]byte, 0, len(p)), p[:i]...)
	for ; i < len(p); i++ {
		if p[i] != '%' {
			b = append(b, p[i])
			continue
		}
		if i+2 >= len(p) {
			return "", errors.New("ends in the middle of a percent escape")
		}
		n, err := strconv.ParseUint(p[i+1:i+3], 16, 8)
		if err != nil || p[i+1] == '+' {
			return "", errors.New("has a percent sign that is not followed by two hexadecimal digits")
		}
		b = append(b, byte(n))
		i += 2
	}
	return string(b), nil
}

// ObjectName returns the name in the store of the file at path, a path of an
// add, remove, cdc or sidecar action, in the table whose store has the URL root.
//
// The name is always inside the table. A path that leads elsewhere gives a
// [*PathError], and so does one that is malformed, after the one decoding that
// the protocol asks for: with segments "." or "..", empty segments, zero bytes,
// backslashes that Windows would take for slashes.
func ObjectName(root, path string) (string, error) {
	scheme, rest := cutScheme(path)
	name, err := decodePath(rest)
	if err != nil {
		return "", &PathError{Path: path, Reason: err.Error()}
	}
	if scheme != "" {
		inside, ok := below(root, scheme, name)
		if !ok {
			return "", &PathError{Path: path, Outside: true, Reason: "is absolute and not below the table's root " + root +
				"; files outside the table (shallow clones) are not read"}
		}
		name = inside
	}
	if err := logstore.CheckName(name); err != nil {
		return "", &PathError{Path: path, Reason: "does not name a file inside the table: " + err.Error()}
	}
	return name, nil
}

// below returns what of the decoded absolute path name is left below root.
func below(root, scheme, name string) (string, bool) {
	rootScheme, rootRest := cutScheme(root)
	if normScheme(rootScheme) != normScheme(scheme) {
		return "", false
	}
	// Whether a root's URL is encoded depends on who wrote it down.
	decoded, err := decodePath(rootRest)
	if err != nil {
		decoded = rootRest
	}
	for _, r := range []string{rootRest, decoded} {
		if scheme == "file" {
			r, name = "/"+strings.TrimLeft(r, "/"), "/"+strings.TrimLeft(name, "/")
		}
		if inside, ok := strings.CutPrefix(name, strings.TrimRight(r, "/")+"/"); ok {
			return inside, true
		}
	}
	return "", false
}

func normScheme(s string) string {
	if s == "s3a" || s == "s3n" {
		return "s3"
	}
	return s
}

// ObjectName is [ObjectName] for f's path.
func (f *AddFile) ObjectName(root string) (string, error) { return ObjectName(root, f.Path) }

// ObjectName is [ObjectName] for f's path.
func (f *RemoveFile) ObjectName(root string) (string, error) { return ObjectName(root, f.Path) }

// Key returns what identifies the logical file.
func (f *AddFile) Key() FileKey {
	return FileKey{Path: CanonicalPath(f.Path), DVID: f.DeletionVector.ID()}
}

// Key returns what identifies the logical file that f takes out.
func (f *RemoveFile) Key() FileKey {
	return FileKey{Path: CanonicalPath(f.Path), DVID: f.DeletionVector.ID()}
}

// ID returns the deletion vector's unique id, empty for nil.
//
// PROTOCOL.md, "Deletion Vectors": storage type, path or inline data, and the
// offset if there is one.
func (d *DVDescriptor) ID() string {
	if d == nil {
		return ""
	}
	id := d.StorageType + d.PathOrInlineDV
	if d.Offset != nil {
		id += "@" + strconv.FormatInt(int64(*d.Offset), 10)
	}
	return id
}
