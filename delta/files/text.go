package files

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/deltalog/deltalog/txlog/schema"
)

// appendText appends a value of a type that is not nested, read from its text.
func (c *column) appendText(b []byte) error {
	switch c.kind {
	case schema.KindString:
		if !utf8.Valid(b) {
			return fmt.Errorf("%s is not UTF-8; convert the file, with iconv for example", quote(b))
		}
		c.appendBytes(b)
		return nil
	case schema.KindByte, schema.KindShort, schema.KindInteger, schema.KindLong:
		v, err := c.parseInt(b)
		if err == nil {
			c.appendInt(v)
		}
		return err
	case schema.KindFloat, schema.KindDouble:
		v, err := c.parseFloat(b)
		if err == nil {
			c.appendFloat(v)
		}
		return err
	case schema.KindDate:
		v, ok := schema.ParseDate(view(b))
		if !ok {
			return c.notA(b, "want yyyy-MM-dd")
		}
		c.appendInt(int64(v))
		return nil
	case schema.KindTimestamp, schema.KindTimestampNTZ:
		v, err := c.parseTime(b)
		if err == nil {
			c.appendInt(v)
		}
		return err
	}
	return c.appendRare(b)
}

func (c *column) appendRare(b []byte) error {
	switch c.kind {
	case schema.KindBoolean:
		v, ok := parseBool(view(b))
		if !ok {
			return c.notA(b, "want true or false")
		}
		c.appendBool(v)
		return nil
	case schema.KindDecimal:
		d, ok := c.typ.(schema.Decimal).Parse(view(b))
		if !ok {
			return c.notA(b, "or has more digits")
		}
		c.appendDecimal(d)
		return nil
	case schema.KindBinary:
		out, err := base64.StdEncoding.AppendDecode(c.scratch[:0], b)
		c.scratch = out
		if err != nil {
			return c.notA(b, "want base64")
		}
		c.appendBytes(out)
		return nil
	}
	return c.notA(b, "only null is")
}

// view is b as a string, for functions that do not keep it.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// integerBits is the width of an integer kind.
func integerBits(k schema.Kind) int {
	switch k {
	case schema.KindByte:
		return 8
	case schema.KindShort:
		return 16
	case schema.KindInteger:
		return 32
	}
	return 64
}

// appendDigits appends an integer of up to nine digits, and nothing else: the fast
// path of parseInt and appendInt.
func (c *column) appendDigits(b []byte) bool {
	digits := b
	if len(b) > 1 && b[0] == '-' {
		digits = b[1:]
	}
	if len(digits) > 9 {
		return false
	}
	v := int64(0)
	for _, d := range digits {
		if d -= '0'; d > 9 {
			return false
		}
		v = v*10 + int64(d)
	}
	if len(digits) < len(b) {
		v = -v
	}
	if c.kind == schema.KindLong {
		c.data = binary.LittleEndian.AppendUint64(c.data, uint64(v))
	} else {
		c.data = binary.LittleEndian.AppendUint32(c.data, uint32(v))
	}
	c.appended()
	return true
}

func (c *column) parseInt(b []byte) (int64, error) {
	bits := integerBits(c.kind)
	digits := b
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		digits = b[1:]
	}
	if len(digits) == 0 || len(digits) > 18 {
		return c.parseLongInt(b, bits)
	}
	v := int64(0)
	for _, d := range digits {
		if d -= '0'; d > 9 {
			return c.parseLongInt(b, bits)
		}
		v = v*10 + int64(d)
	}
	if b[0] == '-' {
		v = -v
	}
	if s := 64 - bits; v<<s>>s != v {
		return 0, c.outOfRange(b)
	}
	return v, nil
}

// parseLongInt reads what is not a few digits, 1.0 and 1e3 among it: numbers that
// are whole, whatever their form.
func (c *column) parseLongInt(b []byte, bits int) (int64, error) {
	d, scale, ok := schema.ParseDecimal(view(b))
	if !ok {
		if len(b) > 18 && len(strings.Trim(view(b), "+-0123456789")) == 0 {
			return 0, c.outOfRange(b)
		}
		return 0, c.notA(b, "")
	}
	whole, exact, ok := d.Rescale(scale, 0)
	if ok && !exact {
		return 0, c.notA(b, "it has a fraction")
	}
	v, fits := whole.Int64()
	if s := 64 - bits; !ok || !fits || v<<s>>s != v {
		return 0, c.outOfRange(b)
	}
	return v, nil
}

func (c *column) parseFloat(b []byte) (float64, error) {
	bits := 64
	if c.kind == schema.KindFloat {
		bits = 32
	}
	v, ok := schema.ParseFloat(view(b), bits)
	switch {
	case !ok:
		return 0, c.notA(b, "")
	case math.IsInf(v, 0) && strings.ContainsAny(view(b), "0123456789"):
		return 0, c.outOfRange(b)
	}
	return v, nil
}

// parseTime reads a timestamp, of which no digit may be lost.
func (c *column) parseTime(b []byte) (int64, error) {
	v, ok := int64(0), false
	if c.kind == schema.KindTimestamp {
		v, ok = schema.ParseTimestamp(view(b), nil)
	} else {
		v, ok = schema.ParseTimestampNTZ(view(b))
	}
	switch {
	case !ok && c.kind == schema.KindTimestamp:
		return 0, c.notA(b, "want yyyy-MM-ddTHH:mm:ssZ")
	case !ok:
		return 0, c.notA(b, "want yyyy-MM-ddTHH:mm:ss, without a zone")
	case finer(b):
		return 0, fmt.Errorf("%s has digits beyond the microsecond, which %s does not hold", quote(b), c.typ)
	}
	return v, nil
}

// finer reports whether a timestamp has digits that are not zero after the sixth
// of its seconds' fraction.
func finer(b []byte) bool {
	if len(b) < len("2006-01-02 15:04:05.1234567") {
		return false
	}
	_, fraction, _ := strings.Cut(view(b), ".")
	for i := range len(fraction) {
		switch d := fraction[i]; {
		case d < '0' || d > '9':
			return false
		case i >= 6 && d != '0':
			return true
		}
	}
	return false
}

func parseBool(s string) (v, ok bool) {
	switch strings.ToLower(s) {
	case "true", "t", "yes", "1":
		return true, true
	case "false", "f", "no", "0":
		return false, true
	}
	return false, false
}

// notA says that a text is no value of the column's type.
func (c *column) notA(b []byte, hint string) error {
	s := fmt.Sprintf("%s is no %s", quote(b), c.typ)
	if hint != "" {
		s += ", " + hint
	}
	return c.because(errors.New(s))
}

func (c *column) outOfRange(b []byte) error {
	return c.because(fmt.Errorf("%s is out of the range of %s", clip(string(b)), c.typ))
}

// because tells where the type comes from, if that is not the table.
func (c *column) because(err error) error {
	if c.inferred {
		return fmt.Errorf("%w (the type is that of the first %d rows; to have another, make the table with it first)", err, sampleRows)
	}
	return err
}

func quote[T string | []byte](s T) string { return strconv.Quote(clip(string(s))) }

// clip keeps messages short.
func clip(s string) string {
	if len(s) > 60 {
		return s[:57] + "..."
	}
	return s
}
