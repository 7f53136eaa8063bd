package writer_test

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/writer"
)

type inner struct {
	A int32
	B *string `parquet:"b"`
}

type base struct {
	ID int64 `parquet:"id"`
}

type all struct {
	base
	Bool    bool
	I8      int8
	I16     int16
	I32     int32
	I       int
	U8      uint8
	U16     uint16
	U32     uint32
	F32     float32
	F64     float64
	S       string `parquet:"s,zstd,dict"`
	Bin     []byte
	BinOpt  []byte `parquet:",optional"`
	Fixed   [3]byte
	At      time.Time
	Local   time.Time `parquet:"local,timestamp(microsecond:local)"`
	Day     time.Time `parquet:"day,date"`
	Millis  int64     `parquet:"millis,timestamp(millisecond)"`
	Days    int32     `parquet:"days,date"`
	Dec     int64     `parquet:"dec,decimal(2:10)"`
	DecText string    `parquet:"dectext,decimal(3:38)"`
	P       *int64
	Nested  inner
	NestedP *inner
	List    []int32
	ListOpt []string `parquet:",optional"`
	Structs []inner
	Map     map[string]int64
	MapOpt  map[string]*inner `parquet:",optional"`
	Hidden  chan int          `parquet:"-"`
	hidden  int
}

func TestSchemaOfStructs(t *testing.T) {
	s, err := writer.SchemaOf[all]()
	require.NoError(t, err)
	var got []string
	for _, f := range s.Fields {
		null := ""
		if f.Nullable {
			null = "?"
		}
		got = append(got, f.Name+null+" "+f.Type.String())
	}
	require.Equal(t, strings.Split(strings.TrimSpace(`
id bigint
Bool boolean
I8 tinyint
I16 smallint
I32 int
I bigint
U8 smallint
U16 int
U32 bigint
F32 float
F64 double
s string
Bin binary
BinOpt? binary
Fixed binary
At timestamp
local timestamp_ntz
day date
millis timestamp
days date
dec decimal(10,2)
dectext decimal(38,3)
P? bigint
Nested struct<A:int not null,b:string>
NestedP? struct<A:int not null,b:string>
List array<int>
ListOpt? array<string>
Structs array<struct<A:int not null,b:string>>
Map map<string,bigint>
MapOpt? map<string,struct<A:int not null,b:string>>`), "\n"), got)
}

func seq[T any](rows ...T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func records[T any](t *testing.T, rows ...T) []arrow.RecordBatch {
	t.Helper()
	var recs []arrow.RecordBatch
	for rec, err := range writer.Records(seq(rows...)) {
		require.NoError(t, err)
		recs = append(recs, rec)
	}
	return recs
}

// Zero values are values; only nil is null.
func TestStructsBecomeColumns(t *testing.T) {
	x, one := "x", int64(1)
	zone := time.FixedZone("", 3600)
	full := all{
		hidden: 1, base: base{7}, Bool: true, I8: -1, I16: -2, I32: -3, I: -4, U8: 255, U16: 65535, U32: 4294967295,
		F32: 1.5, F64: -2.5, S: "text", Bin: []byte{1, 2}, BinOpt: []byte{}, Fixed: [3]byte{9, 8, 7},
		At: time.Date(2026, 1, 5, 1, 0, 0, 1000, zone), Local: time.Date(2026, 1, 5, 1, 0, 0, 0, zone),
		Day: time.Date(1969, 12, 31, 23, 0, 0, 0, zone), Millis: -1, Days: -1, Dec: -12345, DecText: "1.5",
		P: &one, Nested: inner{1, &x}, NestedP: &inner{2, nil}, List: []int32{1, 2}, ListOpt: []string{"a", ""},
		Structs: []inner{{3, &x}, {4, nil}}, Map: map[string]int64{"k": 5}, MapOpt: map[string]*inner{"n": nil},
	}
	recs := records(t, all{DecText: "0", At: time.Unix(0, 0), Local: time.Unix(0, 0).UTC(), Day: time.Unix(0, 0).UTC()}, full)
	require.Len(t, recs, 1)
	var got []string
	for i, f := range recs[0].Schema().Fields() {
		c := recs[0].Column(i)
		got = append(got, fmt.Sprintf("%s: %s | %s", f.Name, c.ValueStr(0), c.ValueStr(1)))
	}
	require.Equal(t, strings.Split(strings.TrimSpace(`
id: 0 | 7
Bool: false | true
I8: 0 | -1
I16: 0 | -2
I32: 0 | -3
I: 0 | -4
U8: 0 | 255
U16: 0 | 65535
U32: 0 | 4294967295
F32: 0 | 1.5
F64: 0 | -2.5
s:  | text
Bin:  | AQI=
BinOpt: (null) | 
Fixed: AAAA | CQgH
At: 1970-01-01T00:00:00Z | 2026-01-05T00:00:00.000001Z
local: 1970-01-01T00:00:00 | 2026-01-05T01:00:00
day: 1970-01-01 | 1969-12-31
millis: 1970-01-01T00:00:00Z | 1969-12-31T23:59:59.999Z
days: 1970-01-01 | 1969-12-31
dec: 0 | -123.45
dectext: 0 | 1.5
P: (null) | 1
Nested: {"A":0,"b":null} | {"A":1,"b":"x"}
NestedP: (null) | {"A":2,"b":null}
List: [] | [1,2]
ListOpt: (null) | ["a",""]
Structs: [] | [{"A":3,"b":"x"},{"A":4,"b":null}]
Map: [] | [{"key":"k","value":5}]
MapOpt: (null) | [{"key":"n","value":null}]`), "\n"), got)
}

func TestManyRowsMakeBatches(t *testing.T) {
	type row struct{ N int64 }
	n, rows := 0, int64(150_000)
	for rec, err := range writer.Records(func(yield func(row, error) bool) {
		for i := range rows {
			if !yield(row{i}, nil) {
				return
			}
		}
	}) {
		require.NoError(t, err)
		require.LessOrEqual(t, rec.NumRows(), int64(1<<16))
		n += int(rec.NumRows())
	}
	require.Equal(t, int(rows), n)
}

func TestRowErrorsNameTheRow(t *testing.T) {
	type row struct {
		D string `parquet:"d,decimal(2:5)"`
	}
	for _, err := range writer.Records(seq(row{"1.25"}, row{"abc"})) {
		require.ErrorContains(t, err, `row 1, column d: "abc" is no decimal(5,2)`)
	}
	oops := errors.New("oops")
	for _, err := range writer.Records(func(yield func(row, error) bool) { yield(row{}, oops) }) {
		require.ErrorIs(t, err, oops)
	}
}

func TestTypesThatAreRefused(t *testing.T) {
	type self struct{ Next *self }
	type channel struct{ C chan int }
	type wrong struct {
		D float64 `parquet:"d,decimal(2:5)"`
	}
	type unknown struct {
		D float64 `parquet:"d,sorted"`
	}
	type big struct{ U uint64 }
	type nothing struct{ x int }
	for name, err := range map[string]error{
		"self": errOf[self](), "channel": errOf[channel](), "wrong": errOf[wrong](), "unknown": errOf[unknown](),
		"uint64": errOf[big](), "nothing": errOf[nothing](), "no struct": errOf[int](),
	} {
		require.Error(t, err, name)
	}
	_ = nothing{}.x
}

func errOf[T any]() error {
	_, err := writer.SchemaOf[T]()
	return err
}
