package files

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/stretchr/testify/require"
)

func TestArrowFooterCountsTheBatches(t *testing.T) {
	t.Parallel()
	rec := batchOf(t, nil, `{"id":1}`)
	var two bytes.Buffer
	w, err := ipc.NewFileWriter(&two, ipc.WithSchema(rec.Schema()))
	require.NoError(t, err)
	require.NoError(t, errors.Join(w.Write(rec), w.Write(rec), w.Close()))
	end := []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}
	footer := two.Bytes()[bytes.LastIndex(two.Bytes(), end)+len(end):]
	file := func(stream []byte) []byte {
		return bytes.Join([][]byte{ipc.Magic, {0, 0}, stream, footer}, nil)
	}
	require.Len(t, read(t, nil, write(t, "x", file(encode(t, Arrow, nil, rec, rec)))).rows, 2)
	for _, stream := range [][]byte{encode(t, Arrow, nil, rec), encode(t, Arrow, nil, rec, rec, rec)} {
		requireInput(t, read(t, nil, write(t, "x", file(stream))).err, 0, "", "the footer tells of 2 batches")
	}
}

func TestFlatCountsAreBounded(t *testing.T) {
	t.Parallel()
	// A table at 12 with a vtable at 4, whose only field is a vector at 20.
	message := func(n uint32) []byte {
		b := []byte{12, 0, 0, 0, 6, 0, 8, 0, 4, 0, 0, 0, 8, 0, 0, 0, 4, 0, 0, 0}
		return append(binary.LittleEndian.AppendUint32(b, n), make([]byte, 48)...)
	}
	vector := func(b []byte, i, size int) (n int, err error) {
		defer recovered(&err)
		f := &flat{b: b, budget: len(b)}
		return f.vector(f.root(), i, size), nil
	}
	for _, c := range []struct {
		n    uint32
		size int
		ok   bool
	}{{0, 24, true}, {2, 24, true}, {3, 24, false}, {48, 1, true}, {49, 1, false}, {12, 4, true}, {13, 4, false}, {0xffffffff, 4, false}} {
		n, err := vector(message(c.n), 0, c.size)
		require.Equal(t, c.ok, err == nil, "%d of %d: %v", c.n, c.size, err)
		if c.ok {
			require.Equal(t, int(c.n), n)
		}
	}
	n, err := vector(message(9), 1, 4) // a field that is not there
	require.NoError(t, err)
	require.Zero(t, n)
	for cut := range 24 {
		_, err := vector(message(0)[:cut], 0, 4)
		require.ErrorContains(t, err, "not valid Arrow IPC")
	}
}

func TestReadN(t *testing.T) {
	t.Parallel()
	big := bytes.Repeat([]byte("0123456789"), 4<<20)
	b, err := readN(iotest.HalfReader(bytes.NewReader(big)), int64(len(big)))
	require.NoError(t, err)
	require.True(t, bytes.Equal(big, b))
	_, err = readN(bytes.NewReader(big), int64(len(big))+1)
	require.Equal(t, io.ErrUnexpectedEOF, err)
	_, err = readN(bytes.NewReader(nil), 1)
	require.Equal(t, io.EOF, err)
	b, err = readN(bytes.NewReader(nil), 0)
	require.NoError(t, err)
	require.Empty(t, b)
	// A length that is only claimed takes little.
	b, err = readN(bytes.NewReader(make([]byte, 100)), maxArrowBody)
	require.Equal(t, io.ErrUnexpectedEOF, err)
	require.LessOrEqual(t, cap(b), 32<<20)
}
