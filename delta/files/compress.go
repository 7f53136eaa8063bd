package files

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow bounds what a zstd stream may make us hold.
const maxWindow = 128 << 20

// errSpool is in errors of the temporary directory, which say nothing of the input.
var errSpool = errors.New("files: spool")

// An opened file gives its content, decompressed.
type opened struct {
	*bufio.Reader
	close []func() error
}

// Close ends the reading.
func (o *opened) Close() error {
	var errs []error
	for _, c := range o.close {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// open opens the file's content. A stream can be opened twice: for its first rows,
// and for all of them.
func (f *file) open() (*opened, error) {
	if f.stream != nil {
		return f.stream.open()
	}
	in, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	o, err := decompress(in)
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	o.close = append(o.close, in.Close)
	return o, nil
}

// decompress tells gzip and zstd by their first bytes.
func decompress(r io.Reader) (*opened, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	head, err := b.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, fmt.Errorf("the gzip data is cut off or damaged: %w", err)
		}
		return &opened{bufio.NewReaderSize(damaged{z, "gzip"}, 64<<10), []func() error{func() error { _ = z.Close(); return nil }}}, nil
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return &opened{bufio.NewReaderSize(damaged{z, "zstd"}, 64<<10), []func() error{func() error { z.Close(); return nil }}}, nil
	}
	return &opened{Reader: b}, nil
}

// damaged explains errors of compressed data.
type damaged struct {
	r    io.Reader
	what string
}

func (d damaged) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("the %s data is cut off or damaged: %w", d.what, err)
	}
	return n, err
}

// A stream is text that can be read once. What is read of it for the first rows is
// kept for the reading of all.
type stream struct {
	r     *opened
	kept  bytes.Buffer
	opens int
}

var errOnce = errors.New("a stream can be read once only; save it to a file to read it again")

func (s *stream) open() (*opened, error) {
	switch s.opens++; s.opens {
	case 1:
		return &opened{Reader: bufio.NewReader(io.TeeReader(s.r, &s.kept))}, nil
	case 2:
		return &opened{Reader: bufio.NewReader(io.MultiReader(&s.kept, s.r))}, nil
	}
	return nil, errOnce
}

// openStream settles the format of a stream, and spools what must be sought in.
func (f *file) openStream(in io.Reader) error {
	r, err := decompress(in)
	if err != nil {
		return err
	}
	f.s.close = append(f.s.close, r)
	if f.format == "" {
		head, err := r.Peek(headBytes)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		f.format = sniff(head)
	}
	f.path = ""
	if f.format == Parquet || f.format == Arrow {
		f.path, err = f.s.spool(r)
		return err
	}
	f.stream = &stream{r: r}
	return nil
}

// spool copies r to a temporary file, which Close removes.
func (s *Source) spool(r io.Reader) (path string, err error) {
	t, err := os.CreateTemp("", "deltalog-input-*")
	if err != nil {
		return "", fmt.Errorf("%w: %w", errSpool, err)
	}
	s.temps = append(s.temps, t.Name())
	defer func() {
		if cerr := t.Close(); cerr != nil && err == nil {
			err = fmt.Errorf("%w: %w", errSpool, cerr)
		}
	}()
	_, err = io.Copy(spooled{t}, r)
	return t.Name(), err
}

// spooled tells errors of the temporary file from those of the input.
type spooled struct{ f *os.File }

func (s spooled) Write(p []byte) (int, error) {
	n, err := s.f.Write(p)
	if err != nil {
		err = fmt.Errorf("%w: %w", errSpool, err)
	}
	return n, err
}

// plain returns the path of the file's content, not compressed.
func (f *file) plain() (string, error) {
	in, err := os.Open(f.path)
	if err != nil {
		return "", err
	}
	defer in.Close()
	head := make([]byte, 6)
	if n, _ := io.ReadFull(in, head); sniff(head[:n]) == Arrow {
		return f.path, nil
	}
	o, err := f.open()
	if err != nil {
		return "", err
	}
	defer o.Close()
	f.path, err = f.s.spool(o)
	return f.path, err
}
