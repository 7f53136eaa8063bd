package pqwrite

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/compress/gzip"
	"github.com/parquet-go/parquet-go/compress/lz4"
	"github.com/parquet-go/parquet-go/format"
)

// A codec compresses pages. encode may return dst, grown; raw frames src without
// trying to compress it, and is nil if trying is cheap.
type codec struct {
	id     format.CompressionCodec
	encode func(dst, src []byte) ([]byte, error)
	raw    func(dst, src []byte) []byte
}

func codecFor(name string) (codec, error) {
	switch strings.ToLower(name) {
	case "", "snappy":
		// Not klauspost's snappy.Encode: that one is s2.EncodeSnappyBetter, many
		// times slower for a few percent.
		return codec{id: format.Snappy, encode: func(dst, src []byte) ([]byte, error) {
			return s2.EncodeSnappy(dst[:cap(dst)], src), nil
		}}, nil
	case "zstd":
		return codec{id: format.Zstd, encode: encodeZstd, raw: rawZstd}, nil
	case "gzip":
		c := &gzip.Codec{Level: gzip.DefaultCompression}
		return codec{id: format.Gzip, encode: c.Encode}, nil
	case "lz4_raw", "lz4":
		c := &lz4.Codec{Level: lz4.Fastest}
		return codec{id: format.Lz4Raw, encode: c.Encode}, nil
	case "uncompressed", "none":
		return codec{id: format.Uncompressed}, nil
	}
	return codec{}, fmt.Errorf("pqwrite: codec %q is not known; use snappy, zstd, gzip, lz4_raw or uncompressed", name)
}

// zstdEncoder is shared: EncodeAll may be called by many goroutines. Level 1 with
// entropy coding of all literals is both smaller and faster than without on the
// bodies of DELTA_LENGTH_BYTE_ARRAY pages.
var zstdEncoder = sync.OnceValues(func() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithAllLitEntropyCompression(true),
		zstd.WithEncoderCRC(false), // pages have their own
		zstd.WithZeroFrames(true),
		zstd.WithWindowSize(1<<20),
	)
})

func encodeZstd(dst, src []byte) ([]byte, error) {
	e, err := zstdEncoder()
	if err != nil {
		return nil, err
	}
	return e.EncodeAll(src, dst[:0]), nil
}

// rawZstd frames src in raw blocks (RFC 8878, 3.1.1.2.2). The codec is a property
// of the whole column chunk, so a page that will not compress needs a frame too.
func rawZstd(dst, src []byte) []byte {
	const maxBlock = 128 << 10
	dst = binary.LittleEndian.AppendUint32(dst[:0], 0xFD2FB528)
	dst = append(dst, 2<<6|1<<5) // content size in 4 bytes, single segment
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(src)))
	for {
		n := min(len(src), maxBlock)
		h := uint32(n) << 3
		if n == len(src) {
			h |= 1 // the last
		}
		dst = append(dst, byte(h), byte(h>>8), byte(h>>16))
		dst = append(dst, src[:n]...)
		if src = src[n:]; len(src) == 0 {
			return dst
		}
	}
}

// probeSize is how much of a page tells whether it is worth compressing.
const probeSize = 8 << 10

// compress appends nothing: it returns src compressed, in dst's memory if it
// fits. packed says that src is bits without a structure that a compressor could
// find; then part of it is tried first.
func (c *codec) compress(dst, src []byte, packed bool) ([]byte, error) {
	if c.encode == nil {
		return src, nil
	}
	if packed && c.raw != nil && len(src) > 2*probeSize {
		from := (len(src) - probeSize) / 2
		out, err := c.encode(dst, src[from:from+probeSize])
		if err != nil {
			return nil, err
		}
		if len(out) > probeSize*97/100 {
			return c.raw(out, src), nil
		}
		dst = out
	}
	return c.encode(dst, src)
}
