package stats

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Loosen returns the statistics of a file that gets a deletion vector: the same
// text, in which tightBounds is false. Its bounds still enclose the rows that are
// left. Null counts stay as they are: without tight bounds only 0 and the number
// of rows mean something, and of fewer rows both stay true (PROTOCOL.md, "Per-file
// Statistics"). All else, known here or not, is kept to the byte.
//
// A file with a deletion vector must say how many rows it has, those that are
// deleted included: rows. It is added where it is missing, and the error says that
// the text has another number, or is not a JSON object.
func Loosen(text string, rows int64) (string, error) {
	if text == "" {
		return WithCount(rows), nil
	}
	if !json.Valid([]byte(text)) {
		return "", errors.New("stats: not valid JSON")
	}
	p := parser{s: text, layout: NewLayout(nil), file: &File{}}
	var out []byte
	done := 0 // bytes of text that are in out or dropped
	counted, loose := false, false
	members, end := 0, 0
	for first := true; ; first = false {
		key, more, ok := p.key(first)
		if !ok {
			return "", errors.New("stats: not a JSON object")
		}
		if !more {
			end = p.i - 1
			break
		}
		members++
		p.space()
		start := p.i
		switch key {
		case "numRecords":
			if n, _ := p.count(); n != rows {
				return "", fmt.Errorf("stats: numRecords is %s, and the file has %d rows", text[start:p.i], rows)
			}
			counted = true
			continue
		case "tightBounds":
			loose = true
		}
		if !p.skip(1) {
			return "", fmt.Errorf("stats: nested more than %d deep", maxDepth)
		}
		if key == "tightBounds" {
			out = append(append(out, text[done:start]...), "false"...)
			done = p.i
		}
	}
	out = append(out, text[done:end]...)
	if !counted {
		out = member(out, &members, `"numRecords":`+strconv.FormatInt(rows, 10))
	}
	if !loose {
		out = member(out, &members, `"tightBounds":false`)
	}
	return string(append(out, text[end:]...)), nil
}

// member appends one more to the given number of an object's members.
func member(dst []byte, members *int, text string) []byte {
	if *members > 0 {
		dst = append(dst, ',')
	}
	*members++
	return append(dst, text...)
}

// WithCount returns the statistics of a file with a deletion vector of which only
// the number of rows is known, those that are deleted included. delta-rs cannot
// read statistics that lack one of the three objects.
func WithCount(rows int64) string {
	return `{"numRecords":` + strconv.FormatInt(rows, 10) + `,"minValues":{},"maxValues":{},"nullCount":{},"tightBounds":false}`
}
