package pqread

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

// decompress decodes src into dst, whose length is the size the page header
// states. A block that decodes to another size is an error, and no more than
// len(dst) bytes are ever written.
func decompress(codec format.CompressionCodec, dst, src []byte) error {
	if len(dst) == 0 {
		return nil // writers differ in how they compress nothing
	}
	n, err := 0, error(nil)
	switch codec {
	case format.Snappy:
		n, err = decodeSnappy(dst, src)
	case format.Zstd:
		n, err = decodeZstd(dst, src)
	case format.Gzip:
		n, err = decodeStream(dst, src, func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) })
	case format.Brotli:
		n, err = decodeStream(dst, src, func(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil })
	case format.Lz4Raw:
		n, err = lz4.UncompressBlock(src, dst)
	case format.Lz4:
		n, err = decodeLZ4(dst, src)
	default:
		return &unsupportedError{fmt.Sprintf("a page is compressed by codec %v (%d)", codec, int32(codec))}
	}
	if err != nil {
		return corruptf("decompressing %v: %w", codec, err)
	}
	if n != len(dst) {
		return corruptf("decompressing %v: %d bytes where the page header states %d", codec, n, len(dst))
	}
	return nil
}

func decodeSnappy(dst, src []byte) (int, error) {
	n, err := s2.DecodedLen(src)
	if err != nil || n > len(dst) {
		return n, err
	}
	out, err := s2.Decode(dst, src)
	return len(out), err
}

// zstdDecoders are kept because one costs more to make than a page to decode.
var zstdDecoders = sync.Pool{New: func() any {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true), zstd.IgnoreChecksum(false))
	if err != nil {
		return err
	}
	return d
}}

func decodeZstd(dst, src []byte) (int, error) {
	v := zstdDecoders.Get()
	d, ok := v.(*zstd.Decoder)
	if !ok {
		return 0, v.(error)
	}
	defer zstdDecoders.Put(d)
	out, err := d.DecodeAll(src, dst[:0:len(dst)])
	return len(out), err
}

func decodeStream(dst, src []byte, open func(io.Reader) (io.Reader, error)) (int, error) {
	r, err := open(bytes.NewReader(src))
	if err != nil {
		return 0, err
	}
	n, err := io.ReadFull(r, dst)
	if err == io.ErrUnexpectedEOF {
		return n, nil
	}
	if err != nil {
		return n, err
	}
	var one [1]byte
	if m, err := r.Read(one[:]); m > 0 {
		return n + m, nil
	} else if err != nil && err != io.EOF {
		return n, err
	}
	return n, nil
}

// decodeLZ4 decodes the deprecated LZ4 codec, which means Hadoop's framing to
// some writers (a sequence of sizes and blocks) and a bare block to others.
func decodeLZ4(dst, src []byte) (int, error) {
	if n, ok := decodeHadoopLZ4(dst, src); ok {
		return n, nil
	}
	return lz4.UncompressBlock(src, dst)
}

func decodeHadoopLZ4(dst, src []byte) (n int, ok bool) {
	for len(src) > 0 {
		if len(src) < 8 {
			return 0, false
		}
		plain, packed := binary.BigEndian.Uint32(src), binary.BigEndian.Uint32(src[4:])
		src = src[8:]
		if uint64(packed) > uint64(len(src)) || uint64(plain) > uint64(len(dst)-n) {
			return 0, false
		}
		m, err := lz4.UncompressBlock(src[:packed], dst[n:n+int(plain)])
		if err != nil || m != int(plain) {
			return 0, false
		}
		n += m
		src = src[packed:]
	}
	return n, true
}
