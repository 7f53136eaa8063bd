package expr

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/deltalog/deltalog/txlog/schema"
)

// A matcher says whether a text matches a pattern.
type matcher func(s []byte) bool

// A patternColumn is text LIKE pattern where the pattern, or how it is matched,
// is not that of a [likeColumn].
type patternColumn struct {
	i, j    int // the text and the pattern
	compile func(pattern string) (matcher, error)
	src     Expr
}

// Limits on patterns that are compiled.
const (
	maxRegex    = 1 << 15 // bytes
	maxPatterns = 256     // kept compiled within a batch
)

func (c patternColumn) fallible() bool { return true }

func (c patternColumn) prune([]known) outcomes { return mayTrue | mayFalse | mayNull }

func (c patternColumn) eval(in *inputs) (truth, error) {
	x, y := in.column(c.i), in.column(c.j)
	w := in.words()
	known := map[string]matcher{}
	for i := range in.n {
		if x.v.IsNull(i) || y.v.IsNull(i) {
			continue
		}
		m, ok := known[string(y.v.At(i))]
		if !ok {
			var err error
			if m, err = c.compile(string(y.v.At(i))); err != nil {
				return truth{}, &EvalError{int64(i), show(c.src), err}
			}
			if len(known) == maxPatterns {
				clear(known)
			}
			known[string(y.v.At(i))] = m
		}
		w[i>>6] |= bit(m(x.v.At(i))) << (i & 63)
	}
	return finish(in, w, normalOp{}, x.valid, y.valid), nil
}

// A matchCond is text LIKE literal with a matcher of its own.
type matchCond struct {
	x node
	m matcher
}

func (c *matchCond) fallible() bool         { return c.x.fallible() }
func (c *matchCond) prune([]known) outcomes { return mayTrue | mayFalse | mayNull }

func (c *matchCond) eval(in *inputs) (truth, error) {
	v, err := c.x.eval(in)
	if err != nil {
		return truth{}, err
	}
	w := in.words()
	each(w, in.n, func(i int) bool { return !v.IsNull(i) && c.m(v.At(i)) })
	return finish(in, w, normalOp{}, narrow(nil, v), nil), nil
}

func (b *binder) like(e *like, depth int) (cond, error) {
	compile := likeMatcher(e)
	if e.by == nil && !e.fold {
		pattern, err := compileLike(e.pattern, e.escape)
		if err != nil {
			return nil, errorAt(e, "%s: %v", show(e), err)
		}
		x, err := b.text(e, e.x, "LIKE", depth)
		if err != nil {
			return nil, err
		}
		if c, is := x.(constNode); is {
			if c.v.IsNull(0) {
				return isUnknown, nil
			}
			return constant(pattern.match(c.v.At(0))), nil
		}
		return b.withSlot(operand{e.x, x}, -1, func(i int) (cond, error) { return likeColumn{i, pattern}, nil })
	}
	by := e.by
	if by == nil {
		by = Literal(schema.StringValue(e.pattern))
	}
	return b.pattern(e, e.x, by, "LIKE", compile, depth)
}

func (b *binder) regex(e *regex, depth int) (cond, error) {
	return b.pattern(e, e.x, e.pattern, "RLIKE", compileRegex, depth)
}

// text binds an operand that must be a string.
func (b *binder) text(e, x Expr, form string, depth int) (node, error) {
	n, err := b.value(x, depth)
	if err != nil {
		return nil, err
	}
	switch k := n.typ().Kind(); {
	case k == schema.KindString:
		return n, nil
	case k == schema.KindVoid && !isInterval(n.typ()):
		return b.castNode(e, n, schema.String)
	}
	return nil, errorAt(e, "%s wants a string, and %s is of type %s", form, show(x), typeText(n.typ()))
}

// pattern binds text LIKE pattern for any pattern.
func (b *binder) pattern(e, text, pattern Expr, form string, compile func(string) (matcher, error), depth int) (cond, error) {
	x, err := b.text(e, text, form, depth)
	if err != nil {
		return nil, err
	}
	p, err := b.text(e, pattern, form, depth)
	if err != nil {
		return nil, err
	}
	if c, is := p.(constNode); is {
		if c.v.IsNull(0) {
			return isUnknown, nil
		}
		m, err := compile(string(c.v.At(0)))
		if err != nil {
			return nil, errorAt(pattern, "%s: %v", show(e), err)
		}
		return foldMatch(&matchCond{x, m}), nil
	}
	return b.withSlot(operand{text, x}, -1, func(i int) (cond, error) {
		return b.withSlot(operand{pattern, p}, i, func(j int) (cond, error) {
			return patternColumn{i, j, compile, e}, nil
		})
	})
}

func foldMatch(c *matchCond) cond {
	one, is := c.x.(constNode)
	switch {
	case !is:
		return c
	case one.v.IsNull(0):
		return isUnknown
	}
	return constant(c.m(one.v.At(0)))
}

// likeMatcher returns how the patterns of a LIKE are compiled. ILIKE compares in
// lower case.
func likeMatcher(e *like) func(string) (matcher, error) {
	return func(pattern string) (matcher, error) {
		if e.fold {
			pattern = strings.ToLower(pattern)
		}
		p, err := compileLike(pattern, e.escape)
		if err != nil {
			return nil, err
		}
		if !e.fold {
			return p.match, nil
		}
		return func(s []byte) bool { return p.match([]byte(strings.ToLower(string(s)))) }, nil
	}
}

// compileRegex compiles a pattern that may match anywhere in a text.
func compileRegex(pattern string) (matcher, error) {
	if len(pattern) > maxRegex {
		return nil, errors.New("the regular expression is longer than 32 KiB")
	}
	r, err := regexp.Compile(pattern)
	if err != nil {
		reason := err.Error()
		if bad := (*syntax.Error)(nil); errors.As(err, &bad) {
			reason = bad.Code.String()
		}
		return nil, errors.New("not a regular expression (RE2): " + clip(reason))
	}
	return r.Match, nil
}
