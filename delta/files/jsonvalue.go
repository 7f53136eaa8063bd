package files

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/deltalog/deltalog/txlog/schema"
)

// appendJSON appends the decoder's next value. After an error the column is of no
// use any more.
func (c *column) appendJSON(d *jsontext.Decoder) error {
	form := d.PeekKind()
	if form == 'n' {
		if _, err := d.ReadToken(); err != nil {
			return err
		}
		c.appendNull()
		return nil
	}
	switch c.kind {
	case schema.KindStruct:
		return c.appendObject(d)
	case schema.KindArray:
		return c.appendArray(d)
	case schema.KindMap:
		return c.appendMap(d)
	}
	v, err := d.ReadValue()
	if err != nil {
		return err
	}
	switch {
	case form == '{' || form == '[':
		return c.unlike(form)
	case c.kind == schema.KindBoolean:
		if form != 't' && form != 'f' {
			return c.notA([]byte(v), "want true or false")
		}
		c.appendBool(form == 't')
		return nil
	case form == '"':
		text, err := c.unquote(v)
		if err != nil {
			return err
		}
		return c.appendText(text)
	case form != '0':
		return c.unlike(form)
	case c.kind >= schema.KindByte && c.kind <= schema.KindDecimal:
		return c.appendText(v)
	}
	return c.because(fmt.Errorf("%s is a number, where %s needs text in quotes", clip(string(v)), c.typ))
}

var forms = map[jsontext.Kind]string{'{': "an object", '[': "an array", 't': "a boolean", 'f': "a boolean", '0': "a number", '"': "a string"}

func (c *column) unlike(form jsontext.Kind) error {
	return c.because(fmt.Errorf("the value is %s, the type %s", forms[form], c.typ))
}

// unquote returns the text of a JSON string.
func (c *column) unquote(v []byte) ([]byte, error) {
	if bytes.IndexByte(v, '\\') < 0 {
		return v[1 : len(v)-1], nil
	}
	var err error
	c.scratch, err = jsontext.AppendUnquote(c.scratch[:0], v)
	return c.scratch, err
}

// open reads the token that begins an object or array.
func (c *column) open(d *jsontext.Decoder, want jsontext.Kind) error {
	form := d.PeekKind()
	_, err := d.ReadToken()
	if err == nil && form != want {
		return c.unlike(form)
	}
	return err
}

func (c *column) appendObject(d *jsontext.Decoder) error {
	if err := c.open(d, '{'); err != nil {
		return err
	}
	next := 0 // keys mostly come in one order
	for d.PeekKind() == '"' {
		raw, err := d.ReadValue()
		if err != nil {
			return err
		}
		key, err := c.unquote(raw)
		if err != nil {
			return err
		}
		var k *column
		if next < len(c.kids) && c.kids[next].name == view(key) {
			k = c.kids[next]
			next++
		} else if k = c.find(key); k != nil {
			next = c.fields[k.name] + 1
		}
		switch {
		case k == nil:
			return &columnError{clip(string(key)), fmt.Errorf("the key is first seen here, after the %d rows that the columns were told from; make it a column of the table", sampleRows)}
		case k.n > c.n:
			return &columnError{k.name, errors.New("there are two keys that differ in case only")}
		}
		if err := k.appendJSON(d); err != nil {
			return inside(k.name, err)
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for _, k := range c.kids {
		if k.n == c.n {
			k.appendNull()
		}
	}
	c.appended()
	return nil
}

// inside names the column of an error, unless the JSON itself is wrong.
func inside(name string, err error) error {
	var s *jsontext.SyntacticError
	if errors.As(err, &s) {
		return err
	}
	return within(name, err)
}

func (c *column) appendArray(d *jsontext.Decoder) error {
	if err := c.open(d, '['); err != nil {
		return err
	}
	for k := d.PeekKind(); k != ']' && k != 0; k = d.PeekKind() {
		if err := c.kids[0].appendJSON(d); err != nil {
			return inside("element", err)
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	c.offsets = append(c.offsets, int32(c.kids[0].n))
	c.appended()
	return nil
}

func (c *column) appendMap(d *jsontext.Decoder) error {
	if err := c.open(d, '{'); err != nil {
		return err
	}
	for d.PeekKind() == '"' {
		raw, err := d.ReadValue()
		if err != nil {
			return err
		}
		key, err := c.unquote(raw)
		if err == nil {
			err = c.kids[0].appendText(key)
		}
		if err != nil {
			return inside("key", err)
		}
		if err := c.kids[1].appendJSON(d); err != nil {
			return inside("value", err)
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	c.offsets = append(c.offsets, int32(c.kids[0].n))
	c.appended()
	return nil
}

// object narrows the guesses of an object's keys.
func (g *guess) object(d *jsontext.Decoder, depth int) error {
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() == '"' {
		t, err := d.ReadToken()
		if err != nil {
			return err
		}
		name := t.String()
		f, err := g.field(name)
		if err == nil {
			f.named = true
			err = f.json(d, depth-1)
		}
		if err != nil {
			return inside(clip(name), err)
		}
	}
	_, err := d.ReadToken()
	return err
}

// json narrows the guess by the decoder's next value.
func (g *guess) json(d *jsontext.Decoder, depth int) error {
	form := d.PeekKind()
	_, isMap := g.declared.(*schema.Map)
	switch {
	case depth == 0:
		return fmt.Errorf("values are nested more than %d deep", maxDepth)
	case form == 'n',
		g.declared != nil && (form != '{' || len(g.fields) == 0 || isMap) && (form != '[' || g.elem == nil):
		return d.SkipValue() // read when the type is settled
	case form == '{':
		if err := g.see(form); err != nil {
			return err
		}
		return g.object(d, depth)
	case form == '[':
		if err := g.see(form); err != nil {
			return err
		}
		return g.array(d, depth)
	}
	v, err := d.ReadValue()
	if err != nil {
		return err
	}
	return g.scalarJSON(form, v)
}

// see narrows by what kind of JSON a value is.
func (g *guess) see(form jsontext.Kind) error {
	if form == 't' {
		form = 'f'
	}
	if g.form != 0 && g.form != byte(form) {
		return fmt.Errorf("the value is %s, and was %s in a line before", forms[form], forms[jsontext.Kind(g.form)])
	}
	g.form, g.seen = byte(form), true
	return nil
}

func (g *guess) scalarJSON(form jsontext.Kind, v []byte) error {
	if g.form != '"' && slices.Contains(noNumbers, string(v)) {
		// The only numbers that JSON has no form for, as they are written: a double
		// among numbers, texts among texts.
		g.noNumber = true
		return nil
	}
	if err := g.see(form); err != nil {
		return err
	}
	switch form {
	case '0':
		g.notBool, g.notDate, g.notTime = true, true, true
		g.numeral(string(v))
	case '"':
		text, err := jsontext.AppendUnquote(nil, v)
		if err != nil {
			return err
		}
		g.notBool, g.notLong, g.notDouble = true, true, true
		g.time(string(text))
	default:
		g.notLong, g.notDouble, g.notDate, g.notTime = true, true, true, true
	}
	return nil
}

var noNumbers = []string{`"NaN"`, `"Infinity"`, `"-Infinity"`}

func (g *guess) array(d *jsontext.Decoder, depth int) error {
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	if g.elem == nil {
		g.elem = &guess{name: "element"}
	}
	for k := d.PeekKind(); k != ']' && k != 0; k = d.PeekKind() {
		if err := g.elem.json(d, depth-1); err != nil {
			return inside("element", err)
		}
	}
	_, err := d.ReadToken()
	return err
}
