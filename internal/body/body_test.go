package body_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/body"
)

func TestReadFull(t *testing.T) {
	reset := errors.New("connection reset")
	for name, c := range map[string]struct {
		r    io.Reader
		n    int
		want error
	}{
		"all":                {strings.NewReader("abcd"), 4, nil},
		"more":               {strings.NewReader("abcdef"), 4, nil},
		"byte by byte":       {iotest.OneByteReader(strings.NewReader("abcd")), 4, nil},
		"end with data":      {iotest.DataErrReader(strings.NewReader("abcd")), 4, nil},
		"short":              {strings.NewReader("ab"), 2, body.ErrShort},
		"short, with data":   {iotest.DataErrReader(strings.NewReader("ab")), 2, body.ErrShort},
		"empty":              {strings.NewReader(""), 0, body.ErrShort},
		"broken":             {io.MultiReader(strings.NewReader("ab"), iotest.ErrReader(reset)), 2, reset},
		"broken length":      {io.MultiReader(strings.NewReader("ab"), iotest.ErrReader(io.ErrUnexpectedEOF)), 2, io.ErrUnexpectedEOF},
		"broken, wrapped":    {io.MultiReader(strings.NewReader("ab"), iotest.ErrReader(fmt.Errorf("tls: %w", io.EOF))), 2, io.EOF},
		"broken when enough": {io.MultiReader(strings.NewReader("abcd"), iotest.ErrReader(reset)), 4, nil},
	} {
		t.Run(name, func(t *testing.T) {
			n, err := body.ReadFull(c.r, make([]byte, 4))
			require.Equal(t, c.n, n)
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, c.want)
			require.Equal(t, c.want == body.ErrShort, errors.Is(err, body.ErrShort)) //nolint:errorlint // identity is meant
		})
	}
}
