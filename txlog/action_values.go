package txlog

import (
	"bytes"
	"errors"
	"fmt"
)

// path reads a path, which is never empty.
func (d *decoder) path() string {
	p := d.text()
	if p == "" && d.err == nil {
		d.fail(errors.New("the path is empty"))
	}
	return p
}

// natural reads an integer that must not be negative.
func (s *scanner) natural() int64 {
	n := s.integer()
	if n < 0 {
		s.fail(fmt.Errorf("%d is negative", n))
		return 0
	}
	return n
}

func (s *scanner) integerPtr() *int64 {
	n := s.integer()
	return &n
}

// textList reads an array of strings; it is never nil.
func (s *scanner) textList() []string {
	l := []string{}
	s.open('[')
	for s.more(']') {
		l = append(l, s.text())
	}
	return l
}

// texts reads an object of strings. Nulls count as absent. It is never nil.
func (s *scanner) texts() map[string]string {
	m := map[string]string{}
	s.open('{')
	for s.more('}') {
		k := s.field()
		if s.null() {
			continue
		}
		if _, dup := m[k]; dup {
			s.fail(errTwice)
		}
		m[k] = s.text()
	}
	return m
}

// sharedTexts is texts for maps that repeat from line to line.
func (d *decoder) sharedTexts() map[string]string {
	start, key := d.i, d.key
	raw := d.raw()
	if d.err != nil {
		return nil
	}
	if m, ok := d.tags.m[string(raw)]; ok {
		return m
	}
	text := string(raw) // before unescaping changes it
	d.i, d.key = start, key
	m := d.texts()
	if d.err == nil {
		d.tags.put(text, m)
	}
	return m
}

// noValues is the partition values of every file of an unpartitioned table.
var noValues = map[string]*string{}

// partitionValues reads an object of strings and nulls. It is never nil.
func (d *decoder) partitionValues() map[string]*string {
	d.peek()
	if bytes.HasPrefix(d.b[d.i:], []byte("{}")) {
		d.i += 2
		return noValues
	}
	start, key := d.i, d.key
	raw := d.raw()
	if d.err != nil {
		return nil
	}
	if m, ok := d.values.m[string(raw)]; ok {
		return m
	}
	text := string(raw) // before unescaping changes it
	d.i, d.key = start, key
	m := map[string]*string{}
	d.open('{')
	for d.more('}') {
		k := d.field()
		if _, dup := m[k]; dup {
			d.fail(errTwice)
		}
		if d.null() {
			m[k] = nil
			continue
		}
		v := d.text()
		m[k] = &v
	}
	if d.err == nil {
		d.values.put(text, m)
	}
	return m
}
