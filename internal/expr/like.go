package expr

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"
)

// A likeShape says how a pattern is matched.
type likeShape uint8

const (
	likeExact  likeShape = iota // text
	likePrefix                  // text%
	likeSuffix                  // %text
	likeInfix                   // %text%
	likeOther                   // anything else: steps
)

// A likePattern is a compiled LIKE pattern.
type likePattern struct {
	shape likeShape
	text  []byte // of all shapes but likeOther: the literal part; of likeOther: the literal part at the start
	steps []likeStep
}

// A likeStep is one element of a pattern: % (any), _ (one) or literal bytes.
type likeStep struct {
	any, one bool
	text     []byte
}

// compileLike reads a pattern. The escape character stands before %, _ or
// itself, as in Spark.
func compileLike(pattern string, escape rune) (*likePattern, error) {
	var steps []likeStep
	literal := func(r rune) {
		if n := len(steps); n == 0 || steps[n-1].any || steps[n-1].one {
			steps = append(steps, likeStep{})
		}
		last := &steps[len(steps)-1]
		last.text = utf8.AppendRune(last.text, r)
	}
	for rest := pattern; rest != ""; {
		r, n := utf8.DecodeRuneInString(rest)
		rest = rest[n:]
		switch {
		case r == escape:
			next, n := utf8.DecodeRuneInString(rest)
			if n == 0 || next != '%' && next != '_' && next != escape {
				return nil, errors.New("the escape character of a LIKE pattern must be followed by %, _ or itself")
			}
			rest = rest[n:]
			literal(next)
		case r == '%':
			if n := len(steps); n == 0 || !steps[n-1].any {
				steps = append(steps, likeStep{any: true})
			}
		case r == '_':
			steps = append(steps, likeStep{one: true})
		default:
			literal(r)
		}
	}
	return newLikePattern(steps), nil
}

func newLikePattern(steps []likeStep) *likePattern {
	isText := func(i int) bool { return steps[i].text != nil }
	switch n := len(steps); {
	case n == 0:
		return &likePattern{shape: likeExact}
	case n == 1 && isText(0):
		return &likePattern{shape: likeExact, text: steps[0].text}
	case n == 1 && steps[0].any:
		return &likePattern{shape: likePrefix}
	case n == 2 && isText(0) && steps[1].any:
		return &likePattern{shape: likePrefix, text: steps[0].text}
	case n == 2 && steps[0].any && isText(1):
		return &likePattern{shape: likeSuffix, text: steps[1].text}
	case n == 3 && steps[0].any && isText(1) && steps[2].any:
		return &likePattern{shape: likeInfix, text: steps[1].text}
	}
	return &likePattern{shape: likeOther, text: steps[0].text, steps: steps}
}

// match reports whether s matches. Where there is more than one %, only the last
// one reached is ever moved, so that the time is at most len(s) × len(pattern).
func (p *likePattern) match(s []byte) bool {
	switch p.shape {
	case likeExact:
		return bytes.Equal(s, p.text)
	case likePrefix:
		return bytes.HasPrefix(s, p.text)
	case likeSuffix:
		return bytes.HasSuffix(s, p.text)
	case likeInfix:
		return bytes.Contains(s, p.text)
	}
	at, step := 0, 0            // the next of s and of the steps
	retryAt, retryStep := 0, -1 // where to go on when a step fails: after the last %
	for at < len(s) || step < len(p.steps) {
		if step < len(p.steps) {
			n, ok := p.steps[step].match(s[at:])
			if p.steps[step].any {
				retryAt, retryStep = at, step+1
			}
			if ok {
				at, step = at+n, step+1
				continue
			}
		}
		if retryStep < 0 || retryAt >= len(s) {
			return false
		}
		_, n := utf8.DecodeRune(s[retryAt:])
		retryAt += n
		at, step = retryAt, retryStep
	}
	return true
}

// match returns how much of the start of s the step takes; % takes nothing yet.
func (st likeStep) match(s []byte) (n int, ok bool) {
	switch {
	case st.any:
		return 0, true
	case st.one:
		_, n := utf8.DecodeRune(s)
		return n, n > 0
	}
	return len(st.text), bytes.HasPrefix(s, st.text)
}

// escapeLike returns the pattern that matches s and nothing else.
func escapeLike(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}
