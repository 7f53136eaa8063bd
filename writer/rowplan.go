package writer

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// maxStructDepth is how deep types may nest; it stops types that hold themselves.
const maxStructDepth = 50

func planStruct(t reflect.Type, depth int) (*plan, error) {
	if depth > maxStructDepth {
		return nil, fmt.Errorf("nested deeper than %d levels, or in itself", maxStructDepth)
	}
	p := &plan{schema: &schema.Struct{}}
	for i := range t.NumField() {
		f := t.Field(i)
		tag, err := parseTag(f)
		if err != nil {
			return nil, err
		}
		if tag.skip || !f.IsExported() && !f.Anonymous {
			continue
		}
		if f.Anonymous && f.Type.Kind() == reflect.Struct && f.Tag.Get("parquet") == "" && f.Type != timeType {
			inner, err := planStruct(f.Type, depth+1)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.Name, err)
			}
			for j, g := range inner.fields {
				g.offset += f.Offset
				p.fields = append(p.fields, g)
				p.schema.Fields = append(p.schema.Fields, inner.schema.Fields[j])
			}
			continue
		}
		c, err := planType(f.Type, tag, depth+1)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", f.Name, err)
		}
		p.fields = append(p.fields, fieldPlan{name: tag.name, offset: f.Offset, make: c.make})
		p.schema.Fields = append(p.schema.Fields, schema.Field{Name: tag.name, Type: c.typ, Nullable: c.nullable})
	}
	if len(p.fields) == 0 {
		return nil, errors.New("no exported fields")
	}
	return p, nil
}

// A tag is what a field's struct tag says.
type tag struct {
	name     string
	skip     bool
	optional bool
	date     bool
	unit     time.Duration // of a timestamp; 0: none
	local    bool
	decimal  *schema.Decimal
}

// hints are options of parquet-go about encoding, which the table decides.
var hints = map[string]bool{
	"snappy": true, "gzip": true, "brotli": true, "lz4": true, "zstd": true, "uncompressed": true,
	"plain": true, "dict": true, "delta": true, "split": true, "list": true, "enum": true, "json": true, "bson": true,
}

func parseTag(f reflect.StructField) (*tag, error) {
	parts := strings.Split(f.Tag.Get("parquet"), ",")
	t := &tag{name: parts[0]}
	if t.name == "-" {
		t.skip = true
		return t, nil
	}
	if t.name == "" {
		t.name = f.Name
	}
	for _, o := range parts[1:] {
		if err := t.option(o); err != nil {
			return nil, fmt.Errorf("field %s: tag option %q: %w", f.Name, o, err)
		}
	}
	return t, nil
}

func (t *tag) option(o string) error {
	name, args, _ := strings.Cut(strings.TrimSuffix(o, ")"), "(")
	switch {
	case name == "optional":
		t.optional = true
	case name == "date":
		t.date = true
	case name == "timestamp":
		unit, zone, _ := strings.Cut(args, ":")
		t.local = zone == "local"
		switch unit {
		case "", "millisecond":
			t.unit = time.Millisecond
		case "microsecond":
			t.unit = time.Microsecond
		case "nanosecond":
			t.unit = time.Nanosecond
		default:
			return errors.New("want millisecond, microsecond or nanosecond")
		}
	case name == "decimal":
		scale, precision, _ := strings.Cut(args, ":")
		s, err1 := strconv.Atoi(scale)
		p, err2 := strconv.Atoi(precision)
		if err1 != nil || err2 != nil || p < 1 || p > 38 || s < 0 || s > p {
			return errors.New("want decimal(scale:precision) with 0 ≤ scale ≤ precision ≤ 38")
		}
		t.decimal = &schema.Decimal{Precision: p, Scale: s}
	case hints[name]:
	default:
		return errors.New("not known")
	}
	return nil
}

// A columnPlan is how values of one Go type become a column.
type columnPlan struct {
	typ      schema.DataType
	nullable bool
	make     func() builder
}

var timeType = reflect.TypeFor[time.Time]()

func planType(t reflect.Type, tag *tag, depth int) (*columnPlan, error) {
	if depth > maxStructDepth {
		return nil, fmt.Errorf("nested deeper than %d levels, or in itself", maxStructDepth)
	}
	if t.Kind() == reflect.Pointer {
		inner, err := planType(t.Elem(), tag, depth+1)
		if err != nil {
			return nil, err
		}
		return &columnPlan{inner.typ, true, func() builder { return &pointerBuilder{inner.make()} }}, nil
	}
	c, err := planValue(t, tag, depth)
	if err != nil {
		return nil, err
	}
	c.nullable = tag.optional
	return c, nil
}

func planValue(t reflect.Type, tag *tag, depth int) (*columnPlan, error) {
	switch {
	case t == timeType && tag.date:
		return leaf(schema.Date, func() builder {
			return &fixedBuilder[time.Time, int32]{kind: vec.Int32, f: dateOf}
		}), nil
	case t == timeType:
		return leaf(timestampType(tag.local), func() builder {
			return &fixedBuilder[time.Time, int64]{kind: vec.Int64, f: microsOf(tag.local)}
		}), nil
	case tag.decimal != nil:
		return planDecimal(t, *tag.decimal)
	case tag.unit != 0:
		if t.Kind() != reflect.Int64 {
			return nil, fmt.Errorf("a timestamp is an int64 or a time.Time, not a %s", t)
		}
		return leaf(timestampType(tag.local), func() builder {
			return &fixedBuilder[int64, int64]{kind: vec.Int64, f: toMicros(tag.unit)}
		}), nil
	case tag.date:
		if t.Kind() != reflect.Int32 {
			return nil, fmt.Errorf("a date is an int32 or a time.Time, not a %s", t)
		}
		return leaf(schema.Date, fixedOf[int32, int32](vec.Int32)), nil
	}
	switch t.Kind() {
	case reflect.Struct:
		return planNested(t, depth)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return leaf(schema.Binary, func() builder { return &bytesBuilder{optional: tag.optional} }), nil
		}
		return planSlice(t, tag, depth)
	case reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return leaf(schema.Binary, func() builder { return &arrayBuilder{size: t.Len()} }), nil
		}
	case reflect.Map:
		return planMap(t, tag, depth)
	}
	if c := primitives[t.Kind()]; c != nil {
		return c(), nil
	}
	return nil, fmt.Errorf("the Go type %s has no column type", t)
}

func leaf(t schema.DataType, mk func() builder) *columnPlan {
	return &columnPlan{typ: t, make: mk}
}

func timestampType(local bool) schema.DataType {
	if local {
		return schema.TimestampNTZ
	}
	return schema.Timestamp
}

func fixedOf[F any, T vec.Fixed](kind vec.Kind) func() builder {
	var f func(F) (T, error)
	// F and T have the same memory, or convert by widening; see primitives.
	if g, ok := any(func(x T) (T, error) { return x, nil }).(func(F) (T, error)); ok {
		f = g
	}
	return func() builder { return &fixedBuilder[F, T]{kind: kind, f: f} }
}

func widened[F interface {
	~int | ~uint8 | ~uint16 | ~uint32
}, T int16 | int32 | int64](kind vec.Kind) func() builder {
	return func() builder {
		return &fixedBuilder[F, T]{kind: kind, f: func(x F) (T, error) { return T(x), nil }}
	}
}

var primitives = map[reflect.Kind]func() *columnPlan{
	reflect.Bool:    func() *columnPlan { return leaf(schema.Boolean, func() builder { return &boolBuilder{} }) },
	reflect.Int8:    func() *columnPlan { return leaf(schema.Byte, fixedOf[int8, int8](vec.Int8)) },
	reflect.Int16:   func() *columnPlan { return leaf(schema.Short, fixedOf[int16, int16](vec.Int16)) },
	reflect.Int32:   func() *columnPlan { return leaf(schema.Integer, fixedOf[int32, int32](vec.Int32)) },
	reflect.Int64:   func() *columnPlan { return leaf(schema.Long, fixedOf[int64, int64](vec.Int64)) },
	reflect.Int:     func() *columnPlan { return leaf(schema.Long, widened[int, int64](vec.Int64)) },
	reflect.Uint8:   func() *columnPlan { return leaf(schema.Short, widened[uint8, int16](vec.Int16)) },
	reflect.Uint16:  func() *columnPlan { return leaf(schema.Integer, widened[uint16, int32](vec.Int32)) },
	reflect.Uint32:  func() *columnPlan { return leaf(schema.Long, widened[uint32, int64](vec.Int64)) },
	reflect.Float32: func() *columnPlan { return leaf(schema.Float, fixedOf[float32, float32](vec.Float32)) },
	reflect.Float64: func() *columnPlan { return leaf(schema.Double, fixedOf[float64, float64](vec.Float64)) },
	reflect.String:  func() *columnPlan { return leaf(schema.String, func() builder { return &stringBuilder{} }) },
}

func planDecimal(t reflect.Type, d schema.Decimal) (*columnPlan, error) {
	unscaled := func(x int64) ([16]byte, error) {
		v := schema.Decimal128FromInt64(x)
		if !v.Fits(d.Precision) {
			return [16]byte{}, fmt.Errorf("%s has more than %d digits", v.Text(d.Scale), d.Precision)
		}
		return v.LittleEndian(), nil
	}
	switch t.Kind() {
	case reflect.Int32:
		return leaf(d, func() builder {
			return &fixedBuilder[int32, [16]byte]{kind: vec.Decimal128, f: func(x int32) ([16]byte, error) { return unscaled(int64(x)) }}
		}), nil
	case reflect.Int64:
		return leaf(d, func() builder { return &fixedBuilder[int64, [16]byte]{kind: vec.Decimal128, f: unscaled} }), nil
	case reflect.String:
		return leaf(d, func() builder {
			return &fixedBuilder[string, [16]byte]{kind: vec.Decimal128, f: func(s string) ([16]byte, error) {
				v, ok := d.Parse(s)
				if !ok {
					return [16]byte{}, fmt.Errorf("%q is no %s", s, d)
				}
				return v.LittleEndian(), nil
			}}
		}), nil
	}
	return nil, fmt.Errorf("a decimal is an int32, an int64 or a string, not a %s", t)
}

func planNested(t reflect.Type, depth int) (*columnPlan, error) {
	p, err := planStruct(t, depth)
	if err != nil {
		return nil, err
	}
	return leaf(p.schema, func() builder {
		b := &structBuilder{fields: p.fields}
		for i := range p.fields {
			b.cols = append(b.cols, p.fields[i].make())
		}
		return b
	}), nil
}

func planSlice(t reflect.Type, outer *tag, depth int) (*columnPlan, error) {
	e, err := planType(t.Elem(), &tag{unit: outer.unit, local: outer.local, date: outer.date, decimal: outer.decimal}, depth+1)
	if err != nil {
		return nil, err
	}
	size := t.Elem().Size()
	return leaf(&schema.Array{Element: e.typ, ContainsNull: e.nullable}, func() builder {
		return &sliceBuilder{size: size, elem: e.make(), optional: outer.optional, offsets: []int32{0}}
	}), nil
}

func planMap(t reflect.Type, outer *tag, depth int) (*columnPlan, error) {
	if t.Key().Kind() == reflect.Pointer {
		return nil, errors.New("the keys of a map cannot be pointers")
	}
	k, err := planType(t.Key(), &tag{}, depth+1)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	v, err := planType(t.Elem(), &tag{}, depth+1)
	if err != nil {
		return nil, fmt.Errorf("value: %w", err)
	}
	return leaf(&schema.Map{Key: k.typ, Value: v.typ, ValueContainsNull: v.nullable}, func() builder {
		return &mapBuilder{typ: t, keys: k.make(), values: v.make(), optional: outer.optional, offsets: []int32{0}}
	}), nil
}

func dateOf(t time.Time) (int32, error) {
	y, m, d := t.Date()
	days := time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400 // a whole number
	if int64(int32(days)) != days {
		return 0, fmt.Errorf("%s is out of the range of dates", t)
	}
	return int32(days), nil
}

// microsOf returns the instant, or for timestamp_ntz what the clock shows.
func microsOf(local bool) func(time.Time) (int64, error) {
	return func(t time.Time) (int64, error) {
		if local {
			_, offset := t.Zone()
			t = t.Add(time.Duration(offset) * time.Second)
		}
		if s := t.Unix(); s > 1<<63/1_000_000-1 || s < -1<<63/1_000_000+1 {
			return 0, fmt.Errorf("%s is out of the range of timestamps", t)
		}
		return t.UnixMicro(), nil
	}
}

func toMicros(unit time.Duration) func(int64) (int64, error) {
	return func(x int64) (int64, error) {
		switch {
		case unit == time.Microsecond:
			return x, nil
		case unit == time.Millisecond:
			if x > 1<<63/1000-1 || x < -1<<63/1000 {
				return 0, fmt.Errorf("%d ms is out of the range of timestamps", x)
			}
			return x * 1000, nil
		case x%1000 != 0:
			return 0, fmt.Errorf("%d ns is not a whole number of microseconds", x)
		}
		return x / 1000, nil
	}
}
