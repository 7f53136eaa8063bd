// Package body reads what a store sends.
package body

import (
	"errors"
	"io"
)

// ErrShort: the object has fewer bytes than were asked for. A connection that
// breaks is something else, also where its error is io.ErrUnexpectedEOF: the bytes
// may be there.
var ErrShort = errors.New("the object ends early")

// ReadFull fills buf. It returns how many bytes it read, with ErrShort if r came to
// a proper end before, and else r's own error.
func ReadFull(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) {
		m, err := r.Read(buf[n:])
		n += m
		if n == len(buf) {
			return n, nil
		}
		if err == io.EOF { //nolint:errorlint // wrapped, it is what a connection broke with
			return n, ErrShort
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
