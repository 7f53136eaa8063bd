package logstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// An OpenFunc opens the store whose root is a URL of the scheme that it was
// registered for. It does no I/O that can be left to the first use.
type OpenFunc func(ctx context.Context, url string) (Store, error)

// FileScheme is the scheme that [Open] assumes for a plain path.
const FileScheme = "file"

// knownDrivers tells people whose program lacks a driver where it is.
var knownDrivers = map[string]string{
	"file": "github.com/deltalog/deltalog/delta",
	"s3":   "github.com/deltalog/deltalog/delta/s3",
	"s3a":  "github.com/deltalog/deltalog/delta/s3",
	"gs":   "github.com/deltalog/deltalog/delta/gcs",
}

var drivers struct {
	sync.RWMutex
	open map[string]OpenFunc
}

// Register makes open the driver for URLs of a scheme. Drivers call it from
// init, so that a program links only the clouds that it imports. It panics if
// the scheme is taken: two drivers for one scheme are a mistake in the program.
func Register(scheme string, open OpenFunc) {
	drivers.Lock()
	defer drivers.Unlock()
	if scheme == "" || strings.ToLower(scheme) != scheme || open == nil {
		panic(fmt.Sprintf("logstore: register driver for scheme %q: need a lower-case scheme and a function", scheme))
	}
	if drivers.open[scheme] != nil {
		panic(fmt.Sprintf("logstore: a driver for %s:// is registered already", scheme))
	}
	if drivers.open == nil {
		drivers.open = make(map[string]OpenFunc)
	}
	drivers.open[scheme] = open
}

// Schemes returns the registered schemes in order.
func Schemes() []string {
	drivers.RLock()
	defer drivers.RUnlock()
	schemes := make([]string, 0, len(drivers.open))
	for s := range drivers.open {
		schemes = append(schemes, s)
	}
	slices.Sort(schemes)
	return schemes
}

// Open opens the store at a URL with the driver registered for its scheme.
// Without "://" the URL is a path of the local file system. Errors never repeat
// the URL beyond its scheme, because it is not known yet to be free of secrets.
func Open(ctx context.Context, url string) (Store, error) {
	if url == "" {
		return nil, errors.New("logstore: open: the URL of the table is empty")
	}
	scheme := Scheme(url)
	drivers.RLock()
	open := drivers.open[scheme]
	drivers.RUnlock()
	if open != nil {
		return open(ctx, url)
	}
	if pkg := knownDrivers[scheme]; pkg != "" {
		return nil, fmt.Errorf("logstore: open: this program has no driver for %s:// URLs; import _ %q", scheme, pkg)
	}
	return nil, fmt.Errorf("logstore: open: no driver for %s:// URLs; this program knows %s",
		scheme, strings.Join(Schemes(), ", "))
}

// Scheme returns the lower-case scheme of a URL, [FileScheme] for a plain path.
func Scheme(url string) string {
	scheme, _, ok := strings.Cut(url, "://")
	if !ok || !isScheme(scheme) {
		return FileScheme
	}
	return strings.ToLower(scheme)
}

// isScheme follows RFC 3986, section 3.1.
func isScheme(s string) bool {
	for i, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		case i > 0 && ('0' <= c && c <= '9' || c == '+' || c == '-' || c == '.'):
		default:
			return false
		}
	}
	return s != ""
}
