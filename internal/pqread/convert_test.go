package pqread

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog/schema"
)

func plainInt32(v ...int32) (b []byte) {
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, uint32(x))
	}
	return b
}

func logical(v format.LogicalTypeValue) format.LogicalType { return format.LogicalType{Value: v} }

func timestamp(unit format.TimeUnitValue, utc bool) format.LogicalType {
	return logical(&format.TimestampType{IsAdjustedToUTC: utc, Unit: format.TimeUnit{Value: unit}})
}

func decimalOf(precision, scale int32) format.LogicalType {
	return logical(&format.DecimalType{Precision: precision, Scale: scale})
}

var (
	noType format.LogicalType
	milli  = &format.MilliSeconds{}
	micro  = &format.MicroSeconds{}
	nano   = &format.NanoSeconds{}
)

func dec(p, s int) schema.DataType { return schema.Decimal{Precision: p, Scale: s} }

func int96(nanos int64, day int32) []byte {
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint64(nil, uint64(nanos)), uint32(day))
}

func f64(f float64) string { return fmt.Sprintf("%016x", math.Float64bits(f)) }

func TestStoredValuesBecomeTheWantedType(t *testing.T) {
	t.Parallel()
	i32, i64 := format.Int32, format.Int64
	bytes, fixed := format.ByteArray, format.FixedLenByteArray
	int8t := logical(&format.IntType{BitWidth: 8, IsSigned: true})
	uint8t := logical(&format.IntType{BitWidth: 8})
	uint32t := logical(&format.IntType{BitWidth: 32})
	uint64t := logical(&format.IntType{BitWidth: 64})
	for _, c := range []struct {
		typ     format.Type
		logical format.LogicalType
		length  int32
		body    []byte
		want    schema.DataType
		text    string // of the values, or the error
	}{
		// Integers, and the Delta protocol's widening.
		{i32, int8t, 0, plainInt32(-128, 127), schema.Byte, "-128 127"},
		{i32, noType, 0, plainInt32(-128, 127), schema.Byte, "-128 127"},
		{i32, noType, 0, plainInt32(128), schema.Byte, "value 128 does not fit a byte"},
		{i32, noType, 0, plainInt32(-32768), schema.Short, "-32768"},
		{i32, noType, 0, plainInt32(-32769), schema.Short, "value -32769 does not fit a short"},
		{i32, int8t, 0, plainInt32(-5), schema.Short, "-5"},
		{i32, int8t, 0, plainInt32(-5), schema.Integer, "-5"},
		{i32, int8t, 0, plainInt32(-5), schema.Long, "-5"},
		{i32, noType, 0, plainInt32(math.MinInt32), schema.Long, "-2147483648"},
		{i32, noType, 0, plainInt32(-7), schema.Double, f64(-7)},
		{i32, noType, 0, plainInt32(-7), dec(10, 0), "-7"},
		{i32, noType, 0, plainInt32(-7), dec(12, 2), "-7.00"},
		{i32, noType, 0, plainInt32(-99), dec(4, 2), "-99.00"},
		{i32, noType, 0, plainInt32(-100), dec(4, 2), "decimal -100 does not fit decimal(4,2)"},
		{i32, uint8t, 0, plainInt32(255), schema.Short, "255"},
		{i32, uint8t, 0, plainInt32(255), schema.Byte, "cannot be read as tinyint"},
		{i32, uint32t, 0, plainInt32(-1), schema.Long, "4294967295"},
		{i32, uint32t, 0, plainInt32(-1), schema.Integer, "cannot be read as int"},
		{i64, noType, 0, plainInt64(math.MinInt64), schema.Long, "-9223372036854775808"},
		{i64, noType, 0, plainInt64(-5), dec(20, 0), "-5"},
		{i64, noType, 0, plainInt64(-5), dec(38, 18), "-5.000000000000000000"},
		{i64, noType, 0, plainInt64(1), schema.Integer, "cannot be read as int"},
		{i64, noType, 0, plainInt64(1), schema.Double, "cannot be read as double"},
		{i64, uint64t, 0, plainInt64(-1), dec(20, 0), "18446744073709551615"},
		{i64, uint64t, 0, plainInt64(-1), schema.Long, "does not fit a long"},
		{i64, uint64t, 0, plainInt64(7), schema.Long, "7"},
		// Floats.
		{format.Float, noType, 0, plainInt32(int32(math.Float32bits(-1.5))), schema.Float, f64(-1.5)},
		{format.Float, noType, 0, plainInt32(int32(math.Float32bits(-1.5))), schema.Double, f64(-1.5)},
		{format.Double, noType, 0, plainInt64(int64(math.Float64bits(-1.5))), schema.Double, f64(-1.5)},
		{format.Double, noType, 0, plainInt64(0), schema.Float, "cannot be read as float"},
		{
			fixed, logical(&format.Float16Type{}), 2,
			[]byte{0x00, 0x3C, 0x00, 0xC2, 0xFF, 0x7B, 0x01, 0x00, 0x00, 0xFC, 0x01, 0x7E},
			schema.Float,
			f64(1) + " " + f64(-3) + " " + f64(65504) + " " + f64(1.0/(1<<24)) + " " + f64(math.Inf(-1)) + " nan",
		},
		{fixed, logical(&format.Float16Type{}), 2, []byte{0x00, 0x3C}, schema.Double, f64(1)},
		// Decimals.
		{i32, decimalOf(5, 2), 0, plainInt32(-12345), dec(5, 2), "-123.45"},
		{i32, decimalOf(5, 2), 0, plainInt32(-12345), dec(38, 30), "-123.450000000000000000000000000000"},
		{i32, decimalOf(5, 2), 0, plainInt32(-12345), dec(7, 1), "cannot be read as decimal(7,1)"},
		{i32, decimalOf(5, 2), 0, plainInt32(-99), dec(3, 2), "-0.99"},
		{i32, decimalOf(5, 2), 0, plainInt32(-12345), dec(4, 2), "decimal -123.45 does not fit decimal(4,2)"},
		{i32, decimalOf(5, 2), 0, plainInt32(1), schema.Long, "cannot be read as bigint"},
		{i64, decimalOf(18, 0), 0, plainInt64(-999999999999999999), dec(38, 18), "-999999999999999999.000000000000000000"},
		{i64, decimalOf(18, 0), 0, plainInt64(999999999999999999), dec(38, 20), "999999999999999999.00000000000000000000"},
		{fixed, decimalOf(5, 2), 3, []byte{0xFF, 0xFF, 0xFE, 0x01, 0x00, 0x00}, dec(5, 2), "-0.02 655.36"},
		{fixed, decimalOf(18, 2), 8, []byte{0x80, 0, 0, 0, 0, 0, 0, 0}, dec(19, 2), "-92233720368547758.08"},
		{fixed, decimalOf(20, 2), 9, []byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE}, dec(22, 4), "-0.0200"},
		{fixed, decimalOf(38, 0), 16, []byte{0xB4, 0xC4, 0xB3, 0x57, 0xA5, 0x79, 0x3B, 0x85, 0xF6, 0x75, 0xDD, 0xC0, 0x00, 0x00, 0x00, 0x01}, dec(38, 0), "-99999999999999999999999999999999999999"},
		{fixed, decimalOf(5, 2), 20, append(make([]byte, 19), 7), dec(5, 2), "0.07"},
		{fixed, decimalOf(5, 2), 20, append([]byte{1}, make([]byte, 19)...), dec(5, 2), "more than 128 bits"},
		{fixed, noType, 3, []byte{1, 2, 3}, dec(5, 2), "cannot be read as decimal(5,2)"},
		{bytes, decimalOf(9, 2), 0, plainStrings("\x01", "\xFF", ""), dec(9, 2), "0.01 -0.01 0.00"},
		{bytes, decimalOf(9, 2), 0, plainStrings("\x01"), schema.Binary, "cannot be read as binary"},
		// Strings and binaries.
		{bytes, noType, 0, plainStrings("a", ""), schema.String, "61 "},
		{bytes, logical(&format.StringType{}), 0, plainStrings("a"), schema.Binary, "61"},
		{bytes, logical(&format.JsonType{}), 0, plainStrings("1"), schema.String, "31"},
		{fixed, noType, 2, []byte("abcd"), schema.Binary, "6162 6364"},
		{fixed, noType, 2, []byte("abcd"), schema.String, "cannot be read as string"},
		// Dates and timestamps.
		{i32, logical(&format.DateType{}), 0, plainInt32(-1), schema.Date, "-1"},
		{i32, logical(&format.DateType{}), 0, plainInt32(-1, 19000), schema.TimestampNTZ, "-86400000000 1641600000000000"},
		{i32, logical(&format.DateType{}), 0, plainInt32(math.MaxInt32), schema.TimestampNTZ, "does not fit a timestamp"},
		{i32, logical(&format.DateType{}), 0, plainInt32(1), schema.Timestamp, "cannot be read as timestamp"},
		{i32, logical(&format.DateType{}), 0, plainInt32(1), schema.Integer, "cannot be read as int"},
		{i64, timestamp(micro, true), 0, plainInt64(-7), schema.Timestamp, "-7"},
		{i64, timestamp(micro, false), 0, plainInt64(-7), schema.TimestampNTZ, "-7"},
		{i64, timestamp(milli, true), 0, plainInt64(-7), schema.Timestamp, "-7000"},
		{i64, timestamp(milli, true), 0, plainInt64(math.MaxInt64), schema.Timestamp, "does not fit a timestamp"},
		{i64, timestamp(nano, true), 0, plainInt64(1999, -1, -1000, -1001), schema.Timestamp, "1 -1 -1 -2"},
		{i64, noType, 0, plainInt64(1), schema.Timestamp, "cannot be read as timestamp"},
		{format.Int96, noType, 0, append(int96(0, julianEpoch), int96(1500, julianEpoch-1)...), schema.Timestamp, "0 -86399999999"},
		{format.Int96, noType, 0, int96(0, 0), schema.TimestampNTZ, "-210866803200000000"},
		{format.Int96, noType, 0, int96(0, math.MaxInt32), schema.Timestamp, "Julian day 2147483647 does not fit"},
		{format.Int96, noType, 0, int96(math.MinInt64, julianEpoch), schema.Timestamp, "nanosecond -9223372036854775808 of a day"},
		{format.Int96, noType, 0, int96(0, 0), schema.Long, "cannot be read as bigint"},
		// Booleans.
		{format.Boolean, noType, 0, []byte{0b10}, schema.Boolean, "false true"},
		{format.Boolean, noType, 0, []byte{1}, schema.Integer, "cannot be read as int"},
	} {
		name := fmt.Sprintf("%v %v as %s", c.typ, &c.logical, c.want)
		for _, enc := range []format.Encoding{format.Plain, format.RLEDictionary} {
			if enc != format.Plain && c.typ == format.Boolean {
				continue
			}
			n := strings.Count(c.text, " ") + 1
			if strings.Contains(c.text, "not") || strings.Contains(c.text, "more than") || strings.Contains(c.text, "nanosecond") {
				n = 1
			}
			data := []page{dataPage(n, format.Plain, c.body)}
			if enc == format.RLEDictionary {
				ix := []byte{8}
				for i := range n {
					ix = append(ix, 1<<1, byte(i))
				}
				data = []page{dictPage(n, c.body), dataPage(n, enc, ix)}
			}
			file := crafted{typ: c.typ, logical: c.logical, length: c.length, rows: int64(n), pages: data}
			f, err := Open(context.Background(), &memory{b: file.build(t)}, nil)
			require.NoError(t, err, name)
			lines, err := renderRows(f, &schema.Struct{Fields: []schema.Field{{Name: "c", Type: c.want}}}, nil)
			if err != nil {
				require.ErrorContains(t, err, c.text, name)
				require.ErrorContains(t, err, `column "c"`, name)
				continue
			}
			var values []string
			for _, l := range lines {
				values = append(values, strings.TrimPrefix(l, "c="))
			}
			require.Equal(t, c.text, strings.Join(values, " "), "%s, %v", name, enc)
		}
	}
}

// The lists and maps of the specification's "Backward-compatibility rules".
func TestLegacyListsAndMapsAreRead(t *testing.T) {
	t.Parallel()
	leaf := func(rep format.FieldRepetitionType, name string) format.SchemaElement {
		return format.SchemaElement{Type: thrift.New(format.Int64), RepetitionType: thrift.New(rep), Name: name}
	}
	group := func(rep format.FieldRepetitionType, name string, n int32, l format.LogicalType) format.SchemaElement {
		return format.SchemaElement{RepetitionType: thrift.New(rep), Name: name, NumChildren: thrift.New(n), LogicalType: l}
	}
	optional, required, repeated := format.Optional, format.Required, format.Repeated
	list, mapped := logical(&format.ListType{}), logical(&format.MapType{})
	array := func(t schema.DataType) schema.DataType { return &schema.Array{Element: t} }
	one := func(name string) schema.DataType {
		return &schema.Struct{Fields: []schema.Field{{Name: name, Type: schema.Long}}}
	}
	for name, c := range map[string]struct {
		elems []format.SchemaElement
		def   uint8 // of the leaf
		want  schema.DataType
		text  string
	}{
		"three levels":            {[]format.SchemaElement{group(optional, "c", 1, list), group(repeated, "list", 1, noType), leaf(optional, "element")}, 3, array(schema.Long), "[1 2 ]"},
		"bag":                     {[]format.SchemaElement{group(optional, "c", 1, list), group(repeated, "bag", 1, noType), leaf(optional, "array_element")}, 3, array(schema.Long), "[1 2 ]"},
		"not annotated":           {[]format.SchemaElement{group(optional, "c", 1, noType), group(repeated, "list", 1, noType), leaf(optional, "element")}, 3, array(schema.Long), "[1 2 ]"},
		"two levels":              {[]format.SchemaElement{group(optional, "c", 1, list), leaf(repeated, "element")}, 2, array(schema.Long), "[1 2 ]"},
		"array of one field":      {[]format.SchemaElement{group(optional, "c", 1, list), group(repeated, "array", 1, noType), leaf(required, "x")}, 2, array(one("x")), "[{x=1} {x=2} ]"},
		"tuple of one field":      {[]format.SchemaElement{group(optional, "c", 1, list), group(repeated, "c_tuple", 1, noType), leaf(required, "x")}, 2, array(one("x")), "[{x=1} {x=2} ]"},
		"repeated field":          {[]format.SchemaElement{leaf(repeated, "c")}, 1, array(schema.Long), "[1 2 ]"},
		"repeated group":          {[]format.SchemaElement{group(repeated, "c", 1, noType), leaf(required, "x")}, 1, array(one("x")), "[{x=1} {x=2} ]"},
		"list of repeated fields": {[]format.SchemaElement{group(optional, "c", 1, list), leaf(repeated, "array")}, 2, array(schema.Long), "[1 2 ]"},
		"map of keys alone":       {[]format.SchemaElement{group(optional, "c", 1, mapped), group(repeated, "map", 1, noType), leaf(required, "key")}, 2, &schema.Map{Key: schema.Long, Value: schema.String}, "<1:null 2:null >"},
	} {
		rep := v1Levels(1<<1|1, 0b10)
		def := v1Levels(2<<1, c.def)
		file := crafted{typ: format.Int64, rows: 1, values: 2, pages: []page{dataPage(2, format.Plain, join2(rep, def, plainInt64(1, 2)))}}
		file.edit = func(m *format.FileMetaData) { m.Schema = append(m.Schema[:1:1], c.elems...) }
		f, err := Open(context.Background(), &memory{b: file.build(t)}, nil)
		require.NoError(t, err, name)
		got, err := renderRows(f, &schema.Struct{Fields: []schema.Field{{Name: "c", Type: c.want}}}, nil)
		require.NoError(t, err, name)
		require.Equal(t, []string{"c=" + c.text}, got, name)
		_, err = f.Project(&schema.Struct{Fields: []schema.Field{{Name: "c", Type: schema.Long}}}, ByName)
		require.ErrorContains(t, err, `column "c" is`, name)
	}
}

func TestNamesAreMatchedExactlyAndThenWithoutCase(t *testing.T) {
	t.Parallel()
	tree := func(names ...string) *File {
		f := &File{root: &node{column: -1}}
		for i, n := range names {
			leaf := &node{elem: element{name: n, typ: format.Int64}, path: n, parent: f.root, column: i}
			f.root.children = append(f.root.children, leaf)
			f.leaf = append(f.leaf, leaf)
		}
		f.meta = &fileMeta{}
		return f
	}
	find := func(f *File, name string) (string, error) {
		p, err := f.Project(&schema.Struct{Fields: []schema.Field{{Name: name, Type: schema.Long}}}, ByName)
		if err != nil || len(p.leaves) == 0 {
			return "", err
		}
		return p.leaves[0].node.elem.name, nil
	}
	got, err := find(tree("ID", "id"), "id")
	require.NoError(t, err)
	require.Equal(t, "id", got)
	got, err = find(tree("Id", "other"), "iD")
	require.NoError(t, err)
	require.Equal(t, "Id", got)
	got, err = find(tree("other"), "id")
	require.NoError(t, err)
	require.Empty(t, got)
	_, err = find(tree("ID", "id"), "Id")
	require.EqualError(t, err, `parquet: column "Id" could be "ID" or "id" of the file; they differ only in case`)
	_, err = find(tree("id", "id"), "id")
	require.EqualError(t, err, `parquet: the file has two columns "id"`)
}

func TestTypesWithoutADeltaTypeAreNamed(t *testing.T) {
	t.Parallel()
	for text, l := range map[string]format.LogicalTypeValue{
		"INT32 TIME(MILLIS)":  &format.TimeType{Unit: format.TimeUnit{Value: milli}},
		"INT32 DECIMAL(50,2)": &format.DecimalType{Precision: 50, Scale: 2},
		"INT32 DECIMAL(5,-2)": &format.DecimalType{Precision: 5, Scale: -2},
		"INT32 DECIMAL(5,6)":  &format.DecimalType{Precision: 5, Scale: 6},
		"INT32 of an unknown": &format.GeometryType{CRS: "x"},
	} {
		c := crafted{typ: format.Int32, logical: logical(l), rows: 1, pages: []page{dataPage(1, format.Plain, plainInt32(1))}}
		f, err := Open(context.Background(), &memory{b: c.build(t)}, nil)
		require.NoError(t, err)
		_, err = f.Schema()
		require.ErrorContains(t, err, `column "c" is `+text)
		require.ErrorContains(t, err, "for which there is no Delta type")
	}
}
