// Package dv reads and writes deletion vectors: which rows of a data file are
// deleted, as a 64-bit roaring bitmap of physical row positions.
//
// A [Descriptor] is what the log says about a deletion vector; [Descriptor.Key]
// and [Descriptor.Span] tell what to read, [Descriptor.Decode] and
// [Descriptor.Inline] turn bytes into a [Bitmap], having checked all that the
// descriptor and the file promise. A [File] collects bitmaps into one object.
//
// The package does no I/O. Nothing is allocated by a length that storage states
// unless that many bytes are there. Rules are cited from the Delta protocol
// specification, "Deletion Vectors" and "Deletion Vector Format".
package dv

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"strings"
)

// The storage types of a [Descriptor].
const (
	StorageUUID     = "u" // a file in the table, named by a UUID
	StorageAbsolute = "p" // a file named by an absolute URI
	StorageInline   = "i" // the bitmap itself
)

const fileVersion = 1

// A Descriptor is where a deletion vector is and what it holds, as in the log.
type Descriptor struct {
	StorageType    string
	PathOrInlineDV string
	Offset         int32 // of the size field in the file; 0 when absent
	SizeInBytes    int32 // of the bitmap with its magic number, without size field and checksum
	Cardinality    int64 // number of deleted rows
}

// Key returns the object that holds the deletion vector, relative to the table's
// root and not URL-encoded; "" for an inline one.
//
// An absolute URI is passed to resolve, which returns the key if the URI is
// inside the table and an error otherwise; a nil resolve refuses every URI.
func (d Descriptor) Key(resolve func(uri string) (string, error)) (string, error) {
	switch d.StorageType {
	case StorageInline:
		return "", nil
	case StorageUUID:
		return d.uuidKey()
	case StorageAbsolute:
		if resolve == nil {
			return "", fmt.Errorf("dv: deletion vector at %q is outside the table", d.PathOrInlineDV)
		}
		key, err := resolve(d.PathOrInlineDV)
		if err != nil {
			return "", fmt.Errorf("dv: deletion vector at %q: %w", d.PathOrInlineDV, err)
		}
		return key, nil
	}
	return "", fmt.Errorf("dv: storage type %q is unknown, want u, p or i", d.StorageType)
}

const uuidLen = 20 // characters of z85

func (d Descriptor) uuidKey() (string, error) {
	split := len(d.PathOrInlineDV) - uuidLen
	if split < 0 {
		return "", fmt.Errorf("dv: path %q is shorter than a UUID in base 85", d.PathOrInlineDV)
	}
	prefix := d.PathOrInlineDV[:split]
	if !validPrefix(prefix) {
		return "", fmt.Errorf("dv: path %q has a directory prefix that is not a plain name", d.PathOrInlineDV)
	}
	var id [16]byte
	if err := decodeZ85(id[:], d.PathOrInlineDV[split:]); err != nil {
		return "", fmt.Errorf("dv: path %q: %w", d.PathOrInlineDV, err)
	}
	name := fileName(id)
	if prefix != "" {
		name = prefix + "/" + name
	}
	return name, nil
}

// validPrefix reports whether a path's prefix names a directory right below the
// table's root and needs no encoding. Writers use random letters and digits.
func validPrefix(p string) bool {
	if strings.Trim(p, ".") == "" {
		return p == ""
	}
	for _, c := range []byte(p) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-_.=~", c) >= 0:
		default:
			return false
		}
	}
	return len(p) <= 255
}

func fileName(id [16]byte) string {
	h := hex.EncodeToString(id[:])
	return "deletion_vector_" + h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:] + ".bin"
}

// NewPath returns the PathOrInlineDV and the key, relative to the table's root,
// of a new file in the directory prefix ("" for the root itself). The id is a
// random UUID. Prefixes are letters and digits.
func NewPath(prefix string, id [16]byte) (pathOrInline, key string, err error) {
	d := Descriptor{StorageType: StorageUUID, PathOrInlineDV: prefix + encodeZ85(id[:])}
	key, err = d.Key(nil)
	return d.PathOrInlineDV, key, err
}

// Span returns the bytes [off, off+n) of the object that [Descriptor.Decode]
// needs, for a data file of numRecords rows. It refuses sizes that no bitmap of
// so many rows takes, so that n may be allocated.
func (d Descriptor) Span(numRecords int64) (off, n int64, err error) {
	if err := d.check(numRecords); err != nil {
		return 0, 0, err
	}
	if d.Offset <= 1 { // the first in its file: read the version as well
		return 0, 1 + 8 + int64(d.SizeInBytes), nil
	}
	return int64(d.Offset), 8 + int64(d.SizeInBytes), nil
}

// check compares what the descriptor states with the rows there are.
func (d Descriptor) check(numRecords int64) error {
	switch {
	case numRecords < 0:
		return fmt.Errorf("dv: data file of %d rows", numRecords)
	case d.Offset < 0:
		return fmt.Errorf("dv: offset %d is negative", d.Offset)
	case d.Cardinality < 0 || d.Cardinality > numRecords:
		return fmt.Errorf("dv: cardinality %d, but the data file has %d rows", d.Cardinality, numRecords)
	case d.SizeInBytes < 4:
		return fmt.Errorf("dv: size %d is too small for a bitmap", d.SizeInBytes)
	case int64(d.SizeInBytes) > maxSize(numRecords):
		return fmt.Errorf("dv: size %d is too large for a bitmap of %d rows", d.SizeInBytes, numRecords)
	}
	return nil
}

// maxSize bounds a serialised bitmap of rows below numRecords: per 65536 rows at
// worst 32768 runs of 4 bytes and 16 bytes of headers, per 2^32 rows a bucket
// header of at most 32 bytes.
func maxSize(numRecords int64) int64 {
	containers := numRecords>>16 + 1
	buckets := numRecords>>32 + 1
	if containers > math.MaxInt32 {
		return math.MaxInt32
	}
	return containers*(32768*4+16) + buckets*32 + 32
}

// Decode returns the bitmap in framed, the bytes that [Descriptor.Span] asked
// for, having checked version, size, checksum, structure and cardinality, and
// that all rows are below numRecords. It keeps no reference to framed.
func (d Descriptor) Decode(framed []byte, numRecords int64) (*Bitmap, error) {
	_, n, err := d.Span(numRecords)
	if err != nil {
		return nil, err
	}
	if int64(len(framed)) != n {
		return nil, fmt.Errorf("dv: read %d bytes of a deletion vector, want %d: the file is truncated", len(framed), n)
	}
	if d.Offset <= 1 {
		if framed[0] != fileVersion {
			return nil, fmt.Errorf("dv: file version %d, want %d", framed[0], fileVersion)
		}
		framed = framed[1:]
	}
	if size := int32(binary.BigEndian.Uint32(framed)); size != d.SizeInBytes {
		return nil, fmt.Errorf("dv: file says a size of %d, the log says %d", size, d.SizeInBytes)
	}
	data, sum := framed[4:len(framed)-4], binary.BigEndian.Uint32(framed[len(framed)-4:])
	if got := crc32.ChecksumIEEE(data); got != sum {
		return nil, fmt.Errorf("dv: checksum %08x, want %08x: the file is damaged", got, sum)
	}
	return d.decode(data, numRecords)
}

// Inline returns the bitmap of an inline descriptor, checked as by
// [Descriptor.Decode].
func (d Descriptor) Inline(numRecords int64) (*Bitmap, error) {
	if d.StorageType != StorageInline {
		return nil, fmt.Errorf("dv: storage type %q is not inline", d.StorageType)
	}
	if err := d.check(numRecords); err != nil {
		return nil, err
	}
	n := len(d.PathOrInlineDV) / 5 * 4
	if pad := n - int(d.SizeInBytes); pad < 0 || pad > 3 {
		return nil, fmt.Errorf("dv: inline deletion vector of %d characters for %d bytes", len(d.PathOrInlineDV), d.SizeInBytes)
	}
	data := make([]byte, n)
	if err := decodeZ85(data, d.PathOrInlineDV); err != nil {
		return nil, fmt.Errorf("dv: inline deletion vector: %w", err)
	}
	return d.decode(data[:d.SizeInBytes], numRecords)
}

func (d Descriptor) decode(data []byte, numRecords int64) (*Bitmap, error) {
	b, err := Parse(data)
	if err != nil {
		return nil, err
	}
	if c := b.Cardinality(); c != d.Cardinality {
		return nil, fmt.Errorf("dv: %d rows are deleted, the log says %d", c, d.Cardinality)
	}
	if last, ok := b.Max(); ok && last >= numRecords {
		return nil, fmt.Errorf("dv: row %d is deleted, but the data file has %d rows", last, numRecords)
	}
	return b, nil
}

// A File collects serialised bitmaps for one object. The zero File is empty.
type File struct {
	buf   []byte
	limit int // lowered by tests; 0 means what offsets can hold
}

// ErrFileFull says that a [File] cannot take another bitmap: offsets are 32 bits.
var ErrFileFull = errors.New("dv: a deletion vector file is limited to 2147483647 bytes; begin another")

// Add appends b and returns its descriptor, in which PathOrInlineDV is path.
// The only error is [ErrFileFull]; it leaves the file as it was.
func (f *File) Add(path string, b *Bitmap) (Descriptor, error) {
	if len(f.buf) == 0 {
		f.buf = append(f.buf, fileVersion)
	}
	offset := len(f.buf)
	buf := append(f.buf, 0, 0, 0, 0)
	buf = b.Append(buf)
	data := buf[offset+4:]
	if limit := cmp.Or(f.limit, math.MaxInt32); len(buf) > limit-4 {
		return Descriptor{}, ErrFileFull
	}
	binary.BigEndian.PutUint32(buf[offset:], uint32(len(data)))
	f.buf = binary.BigEndian.AppendUint32(buf, crc32.ChecksumIEEE(data))
	return Descriptor{
		StorageType:    StorageUUID,
		PathOrInlineDV: path,
		Offset:         int32(offset),
		SizeInBytes:    int32(len(data)),
		Cardinality:    b.Cardinality(),
	}, nil
}

// Bytes returns the object's content so far.
func (f *File) Bytes() []byte { return f.buf }

// NewInline returns an inline descriptor of b, for bitmaps of a few rows.
func NewInline(b *Bitmap) Descriptor {
	data := b.Append(nil)
	d := Descriptor{StorageType: StorageInline, SizeInBytes: int32(len(data)), Cardinality: b.Cardinality()}
	for len(data)%4 != 0 {
		data = append(data, 0)
	}
	d.PathOrInlineDV = encodeZ85(data)
	return d
}
