package expr

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// An Error says what is wrong with a condition and where.
type Error struct {
	Msg  string
	Text string // the condition; empty if it was not parsed from text
	Pos  int    // byte position in Text; -1 if not known
}

// Error returns the message and, if the text is known, the line in question
// with a caret below the position.
func (e *Error) Error() string {
	if e.Text == "" || e.Pos < 0 || e.Pos > len(e.Text) {
		return "expr: " + e.Msg
	}
	line, caret, column := e.window()
	return fmt.Sprintf("expr: %s (at character %d)\n  %s\n  %s^", e.Msg, column, line, strings.Repeat(" ", caret))
}

// window returns the part of the text's line around the position that fits a
// terminal, the caret's place in it and the position counted in characters.
func (e *Error) window() (line string, caret, column int) {
	const before, after = 50, 25 // characters shown on either side
	head, tail := e.Text[:e.Pos], e.Text[e.Pos:]
	column = utf8.RuneCountInString(head) + 1
	head = head[strings.LastIndexByte(head, '\n')+1:]
	tail, _, _ = strings.Cut(tail, "\n")
	h, t := []rune(clean(head)), []rune(clean(tail))
	if len(h) > before {
		h = append([]rune("…"), h[len(h)-before:]...)
	}
	if len(t) > after {
		t = append(t[:after:after], '…')
	}
	return string(h) + string(t), len(h), column
}

// clean makes every character one column wide.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

func errorAt(e Expr, format string, args ...any) error {
	return &Error{Msg: fmt.Sprintf(format, args...), Pos: e.Pos()}
}
