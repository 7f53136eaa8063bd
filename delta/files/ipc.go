package files

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Limits of Arrow IPC: of a message's metadata, and of its body or of a buffer in
// it, whatever the file says of them.
const (
	maxArrowMeta = 64 << 20
	maxArrowBody = 1 << 30
)

// messages splits an IPC stream into messages. The decoder behind it makes room for
// as many fields as a message says it has; so that is checked here.
type messages struct {
	r    io.Reader
	body int64 // length of the last message's
}

// Retain and Release are for memory that is counted; this is not.
func (m *messages) Retain()  {}
func (m *messages) Release() {}

// Message returns the next message; io.EOF after the end marker.
//
// A stream may end without an end marker, says the format; but so does one that was
// cut off between two batches, and rows that are missing must not go unnoticed.
func (m *messages) Message() (*ipc.Message, error) {
	n, err := m.length()
	if err != nil {
		return nil, cutOff(err)
	}
	if n == 0 {
		return nil, m.end()
	}
	if n < 0 || n > maxArrowMeta {
		return nil, fmt.Errorf("a message of %d bytes", n)
	}
	meta, err := readN(m.r, n)
	if err != nil {
		return nil, cutOff(err)
	}
	_, size, err := checkMessage(meta)
	if err != nil {
		return nil, err
	}
	body, err := readN(m.r, size)
	if err != nil {
		return nil, cutOff(err)
	}
	m.body = size
	return ipc.NewMessage(memory.NewBufferBytes(meta), memory.NewBufferBytes(body)), nil
}

// length reads the length of a message's metadata, which formats since 0.15 put
// behind a continuation marker.
func (m *messages) length() (int64, error) {
	b, err := readN(m.r, 4)
	if err == nil && binary.LittleEndian.Uint32(b) == 0xffffffff {
		b, err = readN(m.r, 4)
	}
	if err != nil {
		return 0, err
	}
	return int64(int32(binary.LittleEndian.Uint32(b))), nil
}

func cutOff(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("the data ends before its end marker: it is cut off: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// end checks what is behind the end marker, and returns io.EOF if it is nothing. Of
// two streams in one file the second would be lost.
func (m *messages) end() error {
	switch n, err := io.ReadFull(m.r, make([]byte, 1)); {
	case n > 0:
		return errors.New("there are bytes after the end of the stream; give each stream a file of its own")
	case err != nil:
		return err
	}
	return io.EOF
}

// footer reads and checks the footer of a file, which says where its messages are.
// What is between them is nobody's: polars puts no stream there.
func footer(in io.ReaderAt, size int64) (*arrowFooter, error) {
	tail := make([]byte, 4+len(ipc.Magic))
	if size < int64(len(tail)+8) {
		return nil, cutOff(io.ErrUnexpectedEOF)
	}
	end := size - int64(len(tail))
	if _, err := in.ReadAt(tail, end); err != nil {
		return nil, cutOff(err)
	}
	n := int64(binary.LittleEndian.Uint32(tail))
	if !bytes.Equal(tail[4:], ipc.Magic) || n > min(end, maxArrowMeta) {
		return nil, fmt.Errorf("the footer is cut off or damaged: %w", io.ErrUnexpectedEOF)
	}
	b := make([]byte, n)
	if _, err := in.ReadAt(b, end-n); err != nil {
		return nil, cutOff(err)
	}
	return checkFooter(b)
}

// readN reads n bytes; io.EOF if there are none. It makes room for more than 16 MiB
// only as they come.
func readN(r io.Reader, n int64) ([]byte, error) {
	const step = 16 << 20
	b := make([]byte, min(n, step))
	done, err := io.ReadFull(r, b)
	for err == nil && int64(done) < n {
		b = slices.Grow(b, int(min(n-int64(done), int64(max(step, done)))))
		b = b[:min(int64(cap(b)), n)]
		var k int
		k, err = io.ReadFull(r, b[done:])
		done += k
	}
	if errors.Is(err, io.EOF) && n > 0 && done > 0 {
		err = io.ErrUnexpectedEOF
	}
	if n == 0 {
		err = nil
	}
	return b, err
}

// The kinds of messages that are looked into.
const (
	fbSchema          = 1
	fbDictionaryBatch = 2
	fbRecordBatch     = 3
)

// checkMessage checks the counts of a message's metadata against its bytes, and
// returns what it is and the length of its body.
func checkMessage(b []byte) (kind byte, body int64, err error) {
	defer recovered(&err)
	f := &flat{b: b, budget: len(b)}
	msg := f.root()
	kind = f.byte(msg, 1)
	if body = f.int64(msg, 3); body < 0 || body > maxArrowBody {
		return 0, 0, fmt.Errorf("a message body of %d bytes; write smaller batches", body)
	}
	f.vector(msg, 4, 4)
	head, ok := f.table(msg, 2)
	if !ok {
		return kind, body, errors.New("a message without a header")
	}
	switch kind {
	case fbSchema:
		f.fields(head, 1, maxDepth)
		f.vector(head, 2, 4)
	case fbDictionaryBatch:
		if data, ok := f.table(head, 1); ok {
			f.batch(data)
		}
	case fbRecordBatch:
		f.batch(head)
	}
	return kind, body, nil
}

// An arrowFooter says where the messages of a file are.
type arrowFooter struct{ dictionaries, batches []arrowBlock }

// An arrowBlock is a message: the length of its metadata, prefix included.
type arrowBlock struct{ offset, meta int64 }

// checkFooter checks the counts of a footer against its bytes.
func checkFooter(b []byte) (_ *arrowFooter, err error) {
	defer recovered(&err)
	f := &flat{b: b, budget: len(b)}
	root := f.root()
	s, ok := f.table(root, 1)
	if !ok {
		return nil, errors.New("a footer without a schema")
	}
	f.fields(s, 1, maxDepth)
	f.vector(s, 2, 4)
	f.vector(root, 4, 4)
	return &arrowFooter{f.blocks(root, 2), f.blocks(root, 3)}, nil
}

// blocks returns the blocks of field i.
func (f *flat) blocks(at, i int) []arrowBlock {
	n := f.vector(at, i, 24)
	start, _ := f.table(at, i)
	out := make([]arrowBlock, n)
	for k := range out {
		b := f.b[start+4+24*k:]
		out[k] = arrowBlock{int64(binary.LittleEndian.Uint64(b)), int64(int32(binary.LittleEndian.Uint32(b[8:])))}
	}
	return out
}

// check checks the message of a block, and returns the length of its body.
func (b arrowBlock) check(in io.ReaderAt, size int64) (body int64, err error) {
	defer recovered(&err)
	if b.offset < 0 || b.meta < 8 || b.meta > maxArrowMeta || b.offset > size-b.meta {
		return 0, fmt.Errorf("a message of %d bytes at %d in a file of %d", b.meta, b.offset, size)
	}
	meta := make([]byte, b.meta)
	if _, err := in.ReadAt(meta, b.offset); err != nil {
		return 0, cutOff(err)
	}
	prefix := 4
	if binary.LittleEndian.Uint32(meta) == 0xffffffff {
		prefix = 8
	}
	_, body, err = checkMessage(meta[prefix:])
	return body, err
}

// A flat is bytes in the FlatBuffers format, read with bounds: its methods panic
// where an offset leads outside.
type flat struct {
	b      []byte
	budget int // how many tables may still be visited: several may be at one place
}

func (f *flat) u32(at int) int {
	n := binary.LittleEndian.Uint32(f.b[at:])
	if n > math.MaxInt32 {
		panic("an offset or a count of more than 31 bits")
	}
	return int(n)
}

func (f *flat) root() int { return f.u32(0) }

// slot returns where field i of the table at is; 0 if it is not there.
func (f *flat) slot(at, i int) int {
	vtable := at - int(int32(binary.LittleEndian.Uint32(f.b[at:])))
	size := int(binary.LittleEndian.Uint16(f.b[vtable:]))
	if 4+2*i+2 > size {
		return 0
	}
	off := int(binary.LittleEndian.Uint16(f.b[vtable+4+2*i:]))
	if off == 0 {
		return 0
	}
	return at + off
}

func (f *flat) byte(at, i int) byte {
	if s := f.slot(at, i); s != 0 {
		return f.b[s]
	}
	return 0
}

func (f *flat) int64(at, i int) int64 {
	if s := f.slot(at, i); s != 0 {
		return int64(binary.LittleEndian.Uint64(f.b[s:]))
	}
	return 0
}

// table returns where the table that field i refers to is.
func (f *flat) table(at, i int) (int, bool) {
	if f.budget--; f.budget < 0 {
		panic("more tables than bytes")
	}
	if s := f.slot(at, i); s != 0 {
		return s + f.u32(s), true
	}
	return 0, false
}

// vector returns the length of the vector of field i, whose elements have a size.
func (f *flat) vector(at, i, size int) int {
	start, ok := f.table(at, i)
	if !ok {
		return 0
	}
	n := f.u32(start)
	if n > (len(f.b)-start-4)/size {
		panic(fmt.Sprintf("a list of %d in a message of %d bytes", n, len(f.b)))
	}
	return n
}

// fields checks the fields of a schema or of a field.
func (f *flat) fields(at, i, depth int) {
	if depth == 0 {
		panic(fmt.Sprintf("nested more than %d deep", maxDepth))
	}
	n := f.vector(at, i, 4)
	if n > maxColumns {
		panic(fmt.Sprintf("more than %d columns", maxColumns))
	}
	start, _ := f.table(at, i)
	for k := range n {
		if f.budget--; f.budget < 0 {
			panic("more fields than bytes")
		}
		ref := start + 4 + 4*k
		field := ref + f.u32(ref)
		const union = 14
		if t, ok := f.table(field, 3); ok && f.byte(field, 2) == union {
			f.vector(t, 1, 4)
		}
		f.vector(field, 6, 4)
		f.fields(field, 5, depth-1)
	}
}

// batch checks a record batch.
func (f *flat) batch(at int) {
	if n := f.int64(at, 0); n < 0 || n > maxArrowRows {
		panic(fmt.Sprintf("a batch of %d rows; write smaller ones", n))
	}
	nodes := f.vector(at, 1, 16)
	start, _ := f.table(at, 1)
	for k := range nodes {
		if n := binary.LittleEndian.Uint64(f.b[start+4+16*k:]); n > maxArrowRows {
			panic(fmt.Sprintf("a column of %d values; write smaller batches", n))
		}
	}
	f.vector(at, 2, 16)
	f.vector(at, 4, 8)
}

// maxArrowRows bounds the rows of a batch, and the values of a column in it: those
// of a column of nulls take no bytes.
const maxArrowRows = 1 << 28
