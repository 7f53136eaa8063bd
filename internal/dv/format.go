package dv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"

	"github.com/RoaringBitmap/roaring/v2"
)

// PROTOCOL.md, "Deletion Vector Format": a magic number, then the 64-bit bitmap
// as 32-bit roaring bitmaps. All integers are little-endian.
const (
	magicPortable = 1681511377 // count int64, then (key int32, bitmap)…
	magicNative   = 1681511376 // count int32, then (length int32, bitmap)…, the key is the index
)

// Parse returns the bitmap in data, in the portable form or the older native
// one. It checks the structure down to each container, so that a bitmap that it
// returns cannot panic later, and keeps no reference to data.
func Parse(data []byte) (*Bitmap, error) {
	if len(data) < 4 {
		return nil, fmt.Errorf("dv: bitmap of %d bytes", len(data))
	}
	data = append([]byte(nil), data...) // the roaring bitmaps are views of it
	switch magic := binary.LittleEndian.Uint32(data); magic {
	case magicPortable:
		return parsePortable(data[4:])
	case magicNative:
		return parseNative(data[4:])
	default:
		return nil, fmt.Errorf("dv: magic number %d, want %d", magic, magicPortable)
	}
}

var errTruncated = errors.New("dv: bitmap is truncated")

func parsePortable(data []byte) (*Bitmap, error) {
	if len(data) < 8 {
		return nil, errTruncated
	}
	count := binary.LittleEndian.Uint64(data)
	data = data[8:]
	b := &Bitmap{}
	last := int64(-1)
	for i := uint64(0); i < count; i++ { // ends early with the data
		if len(data) < 4 {
			return nil, errTruncated
		}
		high := int32(binary.LittleEndian.Uint32(data))
		if int64(high) <= last {
			return nil, fmt.Errorf("dv: bucket %d after bucket %d", high, last)
		}
		last = int64(high)
		n, err := b.appendBucket(uint32(high), data[4:])
		if err != nil {
			return nil, err
		}
		data = data[4+n:]
	}
	if len(data) > 0 {
		return nil, fmt.Errorf("dv: %d bytes after the last bucket", len(data))
	}
	return b, nil
}

func parseNative(data []byte) (*Bitmap, error) {
	if len(data) < 4 {
		return nil, errTruncated
	}
	count := int32(binary.LittleEndian.Uint32(data))
	data = data[4:]
	if count < 0 {
		return nil, fmt.Errorf("dv: %d buckets", count)
	}
	b := &Bitmap{}
	for high := int32(0); high < count; high++ {
		if len(data) < 4 {
			return nil, errTruncated
		}
		size := int32(binary.LittleEndian.Uint32(data))
		data = data[4:]
		if size < 0 || int(size) > len(data) {
			return nil, errTruncated
		}
		n, err := b.appendBucket(uint32(high), data[:size])
		if err != nil {
			return nil, err
		}
		if n != int(size) {
			return nil, fmt.Errorf("dv: bucket %d of %d bytes is %d bytes long", high, size, n)
		}
		data = data[size:]
	}
	if len(data) > 0 {
		return nil, fmt.Errorf("dv: %d bytes after the last bucket", len(data))
	}
	return b, nil
}

// appendBucket adds the roaring bitmap at the start of data, unless it is empty,
// and returns its length.
func (b *Bitmap) appendBucket(high uint32, data []byte) (int, error) {
	n, err := checkRoaring(data)
	if err != nil {
		return 0, fmt.Errorf("dv: bucket %d: %w", high, err)
	}
	low := roaring.New()
	if _, err := low.FromUnsafeBytes(data[:n:n]); err != nil {
		return 0, fmt.Errorf("dv: bucket %d: %w", high, err)
	}
	if !low.IsEmpty() {
		b.buckets = append(b.buckets, bucket{high, low})
	}
	return n, nil
}

// The constants of the 32-bit roaring format.
const (
	cookieRuns   = 12347
	cookieNoRuns = 12346
	arrayMax     = 4096 // values of the largest array container
	bitmapBytes  = 8192 // of a bitmap container
	offsetsFrom  = 4    // containers from which a bitmap with runs has offsets
)

// checkRoaring checks a 32-bit roaring bitmap and returns its length. The
// library's reader trusts keys, order and counts, and its own check takes time
// quadratic in the number of runs.
func checkRoaring(data []byte) (int, error) {
	if len(data) < 8 {
		return 0, errTruncated
	}
	var count int
	var isRun []byte
	at := 4
	switch cookie := binary.LittleEndian.Uint32(data); {
	case cookie == cookieNoRuns:
		n := binary.LittleEndian.Uint32(data[4:])
		if n > 1<<16 {
			return 0, fmt.Errorf("%d containers", n)
		}
		count, at = int(n), 8
	case cookie&0xffff == cookieRuns:
		count = int(cookie>>16) + 1
		at += (count + 7) / 8
		if len(data) < at {
			return 0, errTruncated
		}
		isRun = data[4:at]
	default:
		return 0, fmt.Errorf("cookie %d is not a roaring bitmap's", cookie)
	}
	headers := at
	at += 4 * count
	if isRun == nil || count >= offsetsFrom {
		at += 4 * count // offsets: redundant, as containers follow each other
	}
	if len(data) < at {
		return 0, errTruncated
	}
	lastKey := -1
	for i := range count {
		key := int(binary.LittleEndian.Uint16(data[headers+4*i:]))
		if key <= lastKey {
			return 0, fmt.Errorf("container key %d after %d", key, lastKey)
		}
		lastKey = key
		card := int(binary.LittleEndian.Uint16(data[headers+4*i+2:])) + 1
		n, err := checkContainer(data[at:], card, isRun != nil && isRun[i>>3]&(1<<(i&7)) != 0)
		if err != nil {
			return 0, fmt.Errorf("container %d: %w", key, err)
		}
		at += n
	}
	return at, nil
}

// checkContainer checks one container of card values and returns its length.
func checkContainer(data []byte, card int, run bool) (int, error) {
	switch {
	case run:
		return checkRuns(data, card)
	case card > arrayMax:
		if len(data) < bitmapBytes {
			return 0, errTruncated
		}
		n := 0
		for i := 0; i < bitmapBytes; i += 8 {
			n += bits.OnesCount64(binary.LittleEndian.Uint64(data[i:]))
		}
		if n != card {
			return 0, fmt.Errorf("%d values, header says %d", n, card)
		}
		return bitmapBytes, nil
	}
	if len(data) < 2*card {
		return 0, errTruncated
	}
	last := -1
	for i := range card {
		v := int(binary.LittleEndian.Uint16(data[2*i:]))
		if v <= last {
			return 0, fmt.Errorf("value %d after %d", v, last)
		}
		last = v
	}
	return 2 * card, nil
}

func checkRuns(data []byte, card int) (int, error) {
	if len(data) < 2 {
		return 0, errTruncated
	}
	runs := int(binary.LittleEndian.Uint16(data))
	if len(data) < 2+4*runs {
		return 0, errTruncated
	}
	last, n := -1, 0
	for i := range runs {
		start := int(binary.LittleEndian.Uint16(data[2+4*i:]))
		end := start + int(binary.LittleEndian.Uint16(data[4+4*i:]))
		if start <= last || end > math.MaxUint16 {
			return 0, fmt.Errorf("run %d–%d after %d", start, end, last)
		}
		n += end - start + 1
		last = end
	}
	if n != card {
		return 0, fmt.Errorf("%d values, header says %d", n, card)
	}
	return 2 + 4*runs, nil
}

// Append appends b in the portable form, compressed, to dst. The same set always
// gives the same bytes.
func (b *Bitmap) Append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, magicPortable)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(b.buckets)))
	for _, p := range b.buckets {
		dst = binary.LittleEndian.AppendUint32(dst, p.high)
		low := p.low.Clone() // RunOptimize changes it
		low.RunOptimize()
		raw, err := low.ToBytes()
		if err != nil {
			panic(err) // not reached: it writes to memory
		}
		dst = append(dst, raw...)
	}
	return dst
}
