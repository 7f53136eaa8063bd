package sqlfn

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"sync/atomic"
	"unicode/utf8"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// Patterns are RE2's, which run in linear time. What Java's have beyond that
// (look-around, back-references, possessive quantifiers) is an error. $ is the
// end of the text only, not also before a last line break, and . is all but \n.

func regexFuncs() []def {
	return []def{
		{"regexp_like rlike regexp", withPatterns(schema.Boolean, 0, evalRegexpLike, wantString, wantString)},
		{"regexp_extract", withPatterns(schema.String, 1, evalRegexpExtract, wantString, wantString, wantInt)},
		{"regexp_replace", withPatterns(schema.String, 1, evalRegexpReplace, wantString, wantString, wantString, wantInt)},
	}
}

// patterns compiles patterns, and keeps the last one from batch to batch.
type patterns struct{ last atomic.Pointer[pattern] }

type pattern struct {
	text string
	re   *regexp.Regexp
	err  error
}

func (p *patterns) compile(text []byte) (*regexp.Regexp, error) {
	last := p.last.Load()
	if last == nil || last.text != string(text) {
		last = &pattern{text: string(text)}
		last.re, last.err = regexp.Compile(last.text)
		if last.err != nil {
			last.err = fmt.Errorf("pattern %q: %w", last.text, last.err)
		}
		p.last.Store(last)
	}
	return last.re, last.err
}

func withPatterns(result schema.DataType, absent int, eval func(c *call, p *patterns) (*vec.Vec, error), params ...want) resolver {
	return func(b *binding) (Signature, error) {
		to, err := b.cast(params, absent)
		if err != nil {
			return Signature{}, err
		}
		p := &patterns{}
		return strict(to, result, func(c *call) (*vec.Vec, error) { return eval(c, p) }), nil
	}
}

func evalRegexpLike(c *call, p *patterns) (*vec.Vec, error) {
	s, pattern := textOf(c.args[0]), textOf(c.args[1])
	var failure error
	v, err := eachBool(c, func(i int) bool {
		if failure != nil {
			return false
		}
		re, err := p.compile(pattern.at(i))
		if err != nil {
			failure = at(i, err)
			return false
		}
		return re.Match(s.at(i))
	})
	if failure != nil {
		return nil, failure
	}
	return v, err
}

// evalRegexpExtract gives "" where nothing matches, and where the group took no
// part in the match.
func evalRegexpExtract(c *call, p *patterns) (*vec.Vec, error) {
	s, pattern := textOf(c.args[0]), textOf(c.args[1])
	group := col[int32]{[]int32{1}, 0}
	if len(c.args) == 3 {
		group = colOf[int32](c.args[2])
	}
	return eachText(c, func(dst []byte, i int) ([]byte, error) {
		re, err := p.compile(pattern.at(i))
		if err != nil {
			return nil, err
		}
		m := re.FindSubmatchIndex(s.at(i))
		if m == nil {
			return dst, nil
		}
		g := int(group.at(i))
		if g < 0 || g > re.NumSubexp() {
			return nil, fmt.Errorf("group %d, want 0 to %d, the groups of pattern %q", g, re.NumSubexp(), re)
		}
		if m[2*g] < 0 {
			return dst, nil
		}
		return append(dst, s.at(i)[m[2*g]:m[2*g+1]]...), nil
	})
}

func evalRegexpReplace(c *call, p *patterns) (*vec.Vec, error) {
	s, pattern, with := textOf(c.args[0]), textOf(c.args[1]), textOf(c.args[2])
	pos := col[int32]{[]int32{1}, 0}
	if len(c.args) == 4 {
		pos = colOf[int32](c.args[3])
	}
	return eachText(c, func(dst []byte, i int) ([]byte, error) {
		s, n := s.at(i), int64(pos.at(i))
		if n < 1 {
			return nil, fmt.Errorf("position %d, want 1 or more", n)
		}
		re, err := p.compile(pattern.at(i))
		if err != nil {
			return nil, err
		}
		from := pointAt(s, n-1)
		dst = append(dst, s[:from]...)
		s = s[from:]
		if n > 1 && len(s) == 0 {
			return dst, nil
		}
		done := 0
		for _, m := range re.FindAllSubmatchIndex(s, -1) {
			dst = append(dst, s[done:m[0]]...)
			if dst, err = appendReplacement(dst, s, m, re, with.at(i)); err != nil {
				return nil, err
			}
			if err := room(dst, 0); err != nil {
				return nil, err
			}
			done = m[1]
		}
		return append(dst, s[done:]...), nil
	})
}

// appendReplacement writes Java's form of a replacement: $1 and ${name} are
// groups, and \ takes what follows as it is.
func appendReplacement(dst, s []byte, m []int, re *regexp.Regexp, with []byte) ([]byte, error) {
	group := func(g int) {
		if m[2*g] >= 0 {
			dst = append(dst, s[m[2*g]:m[2*g+1]]...)
		}
	}
	for i := 0; i < len(with); {
		switch with[i] {
		case '\\':
			if i+1 == len(with) {
				return nil, errors.New(`the replacement ends in \`)
			}
			_, n := utf8.DecodeRune(with[i+1:])
			dst = append(dst, with[i+1:i+1+n]...)
			i += 1 + n
		case '$':
			g, n, err := groupRef(with[i+1:], re)
			if err != nil {
				return nil, err
			}
			group(g)
			i += 1 + n
		default:
			dst = append(dst, with[i])
			i++
		}
	}
	return dst, nil
}

// groupRef reads what follows a $ and returns how many bytes that was. A number
// goes on as long as there is such a group.
func groupRef(s []byte, re *regexp.Regexp) (g, n int, err error) {
	if len(s) > 0 && s[0] == '{' {
		for n < len(s) && s[n] != '}' {
			n++
		}
		if n == len(s) {
			return 0, 0, errors.New("the replacement has a ${ without }")
		}
		if g = re.SubexpIndex(string(s[1:n])); g < 0 {
			return 0, 0, fmt.Errorf("the replacement names group %q, which pattern %q has not", s[1:n], re)
		}
		return g, n + 1, nil
	}
	if len(s) == 0 || s[0]-'0' > 9 {
		return 0, 0, errors.New(`the replacement has a $ without a group; write \$ for the character`)
	}
	g, n = int(s[0]-'0'), 1
	if g > re.NumSubexp() {
		return 0, 0, errors.New("the replacement names group " + strconv.Itoa(g) + ", and pattern " + strconv.Quote(re.String()) + " has " + strconv.Itoa(re.NumSubexp()))
	}
	for n < len(s) && s[n]-'0' <= 9 {
		next := g*10 + int(s[n]-'0')
		if next > re.NumSubexp() {
			break
		}
		g, n = next, n+1
	}
	return g, n, nil
}
