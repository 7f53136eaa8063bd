package schema

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// PartitionOptions are for [ParsePartition]. Nil is the defaults.
type PartitionOptions struct {
	// Location is the zone of timestamps written without one: that of the engine
	// that wrote them, which the table does not say. Nil is UTC.
	Location *time.Location
}

// ParsePartition reads the serialised value of a partition column of type t.
// A nil s and the empty string are null, for every type. It reads what any
// engine writes: numbers in every notation, timestamps with and without a zone.
// The value of a decimal has t's scale.
//
// PROTOCOL.md, "Partition Value Serialization".
func ParsePartition(t DataType, s *string, o *PartitionOptions) (Value, error) {
	if s == nil || *s == "" {
		return Null(t), nil
	}
	text := *s
	var v Value
	ok := false
	switch kind := t.Kind(); kind {
	case KindString:
		return StringValue(text), nil
	case KindBinary:
		return BinaryValue(text), nil
	case KindBoolean:
		v = BooleanValue(strings.EqualFold(text, "true"))
		ok = v.Bool() || strings.EqualFold(text, "false")
	case KindByte, KindShort, KindInteger, KindLong:
		var n int64
		n, ok = parseInteger(text, kind)
		v = Value{kind: kind, lo: uint64(n)}
	case KindFloat, KindDouble:
		bits := 32
		if kind == KindDouble {
			bits = 64
		}
		var f float64
		f, ok = ParseFloat(strings.TrimSpace(text), bits)
		v = DoubleValue(f)
		v.kind = kind
	case KindDecimal:
		d, isDecimal := t.(Decimal)
		if !isDecimal {
			break
		}
		var u Decimal128
		u, ok = d.Parse(strings.TrimSpace(text))
		v = DecimalValue(u, d.Scale)
	case KindDate:
		var days int32
		days, ok = ParseDate(text)
		v = DateValue(days)
	case KindTimestamp:
		var loc *time.Location
		if o != nil {
			loc = o.Location
		}
		var us int64
		us, ok = ParseTimestamp(text, loc)
		v = TimestampValue(us)
	case KindTimestampNTZ:
		var us int64
		us, ok = ParseTimestampNTZ(text)
		v = TimestampNTZValue(us)
	default:
		return Null(t), fmt.Errorf("schema: a partition column cannot be of type %s", t)
	}
	if !ok {
		return Null(t), fmt.Errorf("schema: partition value %.100q is not a valid %s", text, t)
	}
	return v, nil
}

func parseInteger(text string, k Kind) (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, integerBits(k))
	return n, err == nil
}

// integerBits is the width of an integer kind.
func integerBits(k Kind) int {
	switch k {
	case KindByte:
		return 8
	case KindShort:
		return 16
	case KindInteger:
		return 32
	default:
		return 64
	}
}

// FormatPartition returns the serialised form of v; nil is null. An empty
// string or binary becomes null, since the format has no form for it. A string
// or binary that is not UTF-8 is an error: the log, which is JSON, cannot hold it.
//
// PROTOCOL.md, "Partition Value Serialization".
func FormatPartition(v Value) (*string, error) {
	if v.IsNull() {
		return nil, nil
	}
	text := v.s
	switch v.kind {
	case KindString, KindBinary:
		if text == "" {
			return nil, nil
		}
		if !utf8.ValidString(text) {
			return nil, fmt.Errorf("schema: partition value %.100q is not UTF-8, so that the log cannot hold it", text)
		}
	default:
		text = string(v.appendText(nil))
	}
	return &text, nil
}

// rawKey marks a value that does not parse, in place of a class.
const rawKey = 0xff

// PartitionKey returns a key of the tuple of partition values: two files have
// the same key if and only if they are in the same partition, however their
// values are written. names and types are parallel; values are by name, and a
// name without one is null. Timestamps without a zone are taken for UTC.
//
// The key is good also when the error is not nil. The error tells of values
// that do not parse, whose text stands in the key and equals no typed value.
func PartitionKey(types []DataType, values map[string]*string, names []string) (string, error) {
	var buf [64]byte
	key := buf[:0]
	var errs []error
	for i, name := range names {
		s := values[name]
		v, err := ParsePartition(types[i], s, nil)
		if err != nil {
			errs = append(errs, fmt.Errorf("partition column %s: %w", quoteName(name), err))
			key = binary.AppendUvarint(append(key, rawKey), uint64(len(*s)))
			key = append(key, *s...)
			continue
		}
		key = v.AppendKey(key)
	}
	return string(key), errors.Join(errs...)
}
