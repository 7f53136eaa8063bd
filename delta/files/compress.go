package files

import (
	"bufio"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow bounds what a zstd stream may make us hold.
const maxWindow = 128 << 20

// open returns the file's content, decompressed.
func (f *file) open() (io.ReadCloser, error) {
	if f.stream != nil {
		return io.NopCloser(f.stream), nil
	}
	o, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	r, err := decompress(o)
	if err != nil {
		_ = o.Close()
		return nil, err
	}
	return &opened{r, o}, nil
}

type opened struct {
	io.Reader
	f *os.File
}

func (o *opened) Close() error { return o.f.Close() }

// decompress tells gzip and zstd by their first bytes.
func decompress(r io.Reader) (*bufio.Reader, error) {
	b := bufio.NewReaderSize(r, 1<<20)
	head, _ := b.Peek(4)
	switch {
	case len(head) >= 2 && head[0] == 0x1f && head[1] == 0x8b:
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, err
		}
		return bufio.NewReaderSize(z, 1<<20), nil
	case len(head) >= 4 && head[0] == 0x28 && head[1] == 0xb5 && head[2] == 0x2f && head[3] == 0xfd:
		z, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return bufio.NewReaderSize(z.IOReadCloser(), 1<<20), nil
	}
	return b, nil
}
