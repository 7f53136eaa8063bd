package files

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"testing"
	"testing/iotest"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/stretchr/testify/require"
)

func TestArrowFooterIsChecked(t *testing.T) {
	t.Parallel()
	rec := batchOf(t, nil, `{"id":1,"s":"x"}`)
	var buf bytes.Buffer
	w, err := ipc.NewFileWriter(&buf, ipc.WithSchema(rec.Schema()))
	require.NoError(t, err)
	require.NoError(t, errors.Join(w.Write(rec), w.Write(rec), w.Close()))
	b := buf.Bytes()
	foot, err := footer(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	require.Len(t, foot.batches, 2)
	for _, block := range foot.batches {
		_, err := block.check(bytes.NewReader(b), int64(len(b)))
		require.NoError(t, err)
	}
	for _, bad := range []arrowBlock{{-8, 64}, {8, 0}, {8, -8}, {8, int64(len(b))}, {1 << 40, 64}, {8, 1 << 40}, {int64(len(b)) - 64, 64}} {
		_, err := bad.check(bytes.NewReader(b), int64(len(b)))
		require.Error(t, err, "%v", bad)
	}
	requireInput(t, read(t, nil, write(t, "x", append(bytes.Clone(b[:len(b)-10]), "xxxxARROW1"...))).err, 0, "", "the footer is cut off or damaged")
	// What is between the messages does not matter.
	c := bytes.Clone(b)
	copy(c[8:foot.batches[0].offset], bytes.Repeat([]byte{0xaa}, int(foot.batches[0].offset)))
	require.Len(t, read(t, nil, write(t, "x", c)).rows, 2)
	// Each word of the footer made a number that is too large.
	path := write(t, "x.arrow", nil)
	n := int(binary.LittleEndian.Uint32(b[len(b)-10:]))
	for at := len(b) - 10 - n; at+4 <= len(b)-6; at += 4 {
		for _, v := range []uint32{0x7fffffff, 0xfffffffe, 0x01000000} {
			c := bytes.Clone(b)
			binary.LittleEndian.PutUint32(c[at:], v)
			require.NoError(t, os.WriteFile(path, c, 0o600))
			src, err := Open(context.Background(), []string{path}, nil)
			if err == nil {
				for _, err = range src.Batches(context.Background()) {
				}
			}
			if err != nil {
				require.ErrorAs(t, err, new(*InputError), "%d at %d", v, at)
			}
		}
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
