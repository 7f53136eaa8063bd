package files

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// A csvField is a field of the record that was scanned last.
type csvField struct {
	text    []byte
	quoted  bool
	doubled bool // quotes in it are still doubled
}

// A csvScanner splits CSV into records: RFC 4180, with LF or CRLF at the end of
// lines, and line breaks and doubled quotes in quotes. It gives fields as parts of
// its buffer, valid until the next call of scan.
type csvScanner struct {
	r       io.Reader
	comma   byte
	special [256]bool // bytes that end a run of plain ones
	max     int       // bytes of a record

	buf      []byte
	pos, end int // what is not yet scanned
	eof      bool

	fields  []csvField
	line    int64 // of the record's first line, from 1
	lines   int64 // that the record has
	columns int   // 1: a blank line is a record, of one empty field
}

// A csvError is about the line where a record went wrong.
type csvError struct {
	line int64
	err  error
}

func (e *csvError) Error() string { return e.err.Error() }
func (e *csvError) Unwrap() error { return e.err }

func newCSVScanner(r io.Reader, comma byte) *csvScanner {
	s := &csvScanner{r: r, comma: comma, max: maxRow, buf: make([]byte, 256<<10), line: 1}
	s.special[comma], s.special['\n'], s.special['"'] = true, true, true
	return s
}

// scan reads a record; io.EOF if there is none.
func (s *csvScanner) scan() error {
	for {
		s.line += s.lines
		s.lines = 0
		n, err := s.record(s.buf[s.pos:s.end])
		switch {
		case err != nil:
			return &csvError{s.line + s.lines, err}
		case n < 0:
			s.lines = 0
			if err := s.fill(); err != nil {
				return err
			}
			continue
		case n == 0:
			return io.EOF
		}
		s.pos += n
		if s.lines++; s.blank() {
			continue
		}
		// Not before the record is whole: until then its bytes may be read again.
		for i := range s.fields {
			if f := &s.fields[i]; f.doubled {
				f.text = single(f.text)
			}
		}
		return nil
	}
}

// single makes doubled quotes single, in place.
func single(b []byte) []byte {
	out := b[:0]
	for {
		i := bytes.IndexByte(b, '"')
		if i < 0 {
			return append(out, b...)
		}
		out = append(out, b[:i+1]...)
		b = b[i+2:]
	}
}

// blank reports whether the record is a line without anything on it, to be passed
// over.
func (s *csvScanner) blank() bool {
	return s.columns != 1 && len(s.fields) == 1 && len(s.fields[0].text) == 0 && !s.fields[0].quoted
}

// fill reads more, behind what is not scanned.
func (s *csvScanner) fill() error {
	switch {
	case s.pos > 0:
		copy(s.buf, s.buf[s.pos:s.end])
		s.end -= s.pos
		s.pos = 0
	case s.end == len(s.buf):
		if s.end >= s.max {
			return &csvError{s.line, fmt.Errorf("the record that begins here is longer than %d bytes; is a quote not closed?", s.max)}
		}
		s.buf = append(s.buf, make([]byte, len(s.buf))...)
	}
	for idle := 0; s.end < len(s.buf); {
		n, err := s.r.Read(s.buf[s.end:])
		s.end += n
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			s.eof = true
			return nil
		}
		if err != nil {
			return err
		}
		if idle++; n > 0 {
			idle = 0
		} else if idle == 100 {
			return io.ErrNoProgress
		}
	}
	return nil
}

var (
	errBareQuote = errors.New(`a quote (") in a field that does not begin with one; put the field in quotes and double those in it`)
	errAfter     = errors.New(`text after the quote (") that closes a field; quotes in a field are doubled`)
	errOpen      = errors.New(`a quote (") is not closed at the end of the file`)
)

// record splits the record that b begins with, and returns its length with the
// line's end; -1 if b ends before it does, 0 if there is none. It counts the lines
// that the record has beside its last.
func (s *csvScanner) record(b []byte) (int, error) {
	s.fields = s.fields[:0]
	if len(b) == 0 && s.eof {
		return 0, nil
	}
	for i := 0; ; {
		if i < len(b) && b[i] == '"' {
			n, doubled, err := s.quoted(b[i:])
			if n <= 0 || err != nil {
				return n, err
			}
			text := b[i+1 : i+n-1]
			i += n
			if i < len(b) && b[i] == '\r' && (i+1 < len(b) && b[i+1] == '\n' || i+1 == len(b) && s.eof) {
				i++
			}
			if i >= len(b) && !s.eof || i+1 == len(b) && b[i] == '\r' && !s.eof {
				return -1, nil
			}
			if i < len(b) && b[i] != s.comma && b[i] != '\n' {
				return 0, errAfter
			}
			s.fields = append(s.fields, csvField{text, true, doubled})
		} else {
			at := i
			for i < len(b) && !s.special[b[i]] {
				i++
			}
			if i < len(b) && b[i] == '"' {
				return 0, errBareQuote
			}
			if i == len(b) && !s.eof {
				return -1, nil
			}
			text := b[at:i]
			if (i == len(b) || b[i] == '\n') && len(text) > 0 && text[len(text)-1] == '\r' {
				text = text[:len(text)-1]
			}
			s.fields = append(s.fields, csvField{text: text})
		}
		if i == len(b) {
			return i, nil
		}
		if i++; b[i-1] == '\n' {
			return i, nil
		}
	}
}

// quoted returns the length of the field in quotes that b begins with, quotes
// included, and whether there are doubled quotes in it; -1 if b ends before it.
func (s *csvScanner) quoted(b []byte) (n int, doubled bool, err error) {
	for i := 1; ; {
		k := bytes.IndexByte(b[i:], '"')
		if k < 0 || i+k+1 == len(b) && !s.eof {
			if k < 0 && s.eof {
				return 0, false, errOpen
			}
			return -1, false, nil
		}
		i += k + 1
		if i < len(b) && b[i] == '"' {
			doubled = true
			i++
			continue
		}
		s.lines += int64(bytes.Count(b[:i], []byte{'\n'}))
		return i, doubled, nil
	}
}
