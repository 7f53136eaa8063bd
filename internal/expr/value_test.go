package expr

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// render returns the values of a column as text.
func render(t testing.TB, v *vec.Vec, typ schema.DataType, i int) string {
	t.Helper()
	if v.IsNull(i) {
		return "NULL"
	}
	list := func(child *vec.Vec, typ schema.DataType) []string {
		var out []string
		for p, to := span32(v, i); p < to; p++ {
			out = append(out, render(t, child, typ, p))
		}
		return out
	}
	switch typ := typ.(type) {
	case *schema.Struct:
		var out []string
		for k := range typ.Fields {
			out = append(out, typ.Fields[k].Name+":"+render(t, v.Children[k], typ.Fields[k].Type, v.Off+i))
		}
		return "{" + strings.Join(out, ", ") + "}"
	case *schema.Array:
		return "[" + strings.Join(list(v.Children[0], typ.Element), ", ") + "]"
	case *schema.Map:
		keys, values := list(v.Children[0], typ.Key), list(v.Children[1], typ.Value)
		for k := range keys {
			keys[k] += "→" + values[k]
		}
		return "[" + strings.Join(keys, ", ") + "]"
	}
	if isBytes(typ.Kind()) {
		return string(v.At(i))
	}
	one, err := toText(typ, time.UTC).run(v.Slice(i, i+1), false)
	require.NoError(t, err)
	return string(one.At(0))
}

var noColumns = OneScope(&schema.Struct{})

// now is the time of the operation in tests: a Monday.
var testOptions = &Options{Now: time.Date(2026, 1, 5, 10, 20, 30, 123456000, time.UTC), User: "ann"}

// calculate returns the type and the value of an expression without columns, or
// its error.
func calculate(t testing.TB, text string, o *Options) string {
	t.Helper()
	e, err := Parse(text, o)
	if err != nil {
		return "parse: " + err.(*Error).Msg
	}
	v, err := BindValue(e, noColumns, o)
	if err != nil {
		return "bind: " + err.(*Error).Msg
	}
	got, err := v.Eval(nil, 3)
	if err != nil {
		_, is := err.(*EvalError)
		require.True(t, is, "%s: %v", text, err)
		_, isConst := v.Constant()
		require.False(t, isConst)
		return "error: " + err.(*EvalError).Err.Error()
	}
	require.NoError(t, vec.Check(got), text)
	require.Equal(t, 3, got.Len)
	require.Equal(t, layoutOf(v.Type()), got.Kind, text)
	require.Equal(t, render(t, got, v.Type(), 0), render(t, got, v.Type(), 2), text)
	return v.Type().String() + " " + render(t, got, v.Type(), 1)
}

func requireValues(t *testing.T, o *Options, cases [][2]string) {
	t.Helper()
	for _, c := range cases {
		require.Equal(t, c[1], calculate(t, c[0], o), c[0])
	}
}

func TestArithmetic(t *testing.T) {
	t.Parallel()
	requireValues(t, nil, [][2]string{
		{"1 + 2", "int 3"},
		{"1Y + 2Y", "tinyint 3"},
		{"1Y + 2S", "smallint 3"},
		{"1 + 2L", "bigint 3"},
		{"127Y + 1Y", "error: 127 + 1: the result is out of range of tinyint"},
		{"-128Y - 1Y", "error: -128 - 1: the result is out of range of tinyint"},
		{"100Y * 2Y", "error: 100 * 2: the result is out of range of tinyint"},
		{"2147483647 + 1", "error: 2147483647 + 1: the result is out of range of int"},
		{"-2147483648 - 1", "error: -2147483648 - 1: the result is out of range of int"},
		{"65536 * 32768", "error: 65536 * 32768: the result is out of range of int"},
		{"65536 * -32768", "int -2147483648"},
		{"9223372036854775807 + 1", "error: 9223372036854775807 + 1: the result is out of range of bigint"},
		{"-9223372036854775808 * -1", "error: -9223372036854775808 * -1: the result is out of range of bigint"},
		{"3037000500L * 3037000500L", "error: 3037000500 * 3037000500: the result is out of range of bigint"},
		{"3037000499L * 3037000499L", "bigint 9223372030926249001"},
		{"-(-2147483648)", "error: -(-2147483648): the result is out of range of int"},
		{"-(5)", "int -5"},
		{"-(1.50)", "decimal(3,2) -1.50"},
		{"-('1')", "double -1.0"},
		{"7 / 2", "double 3.5"},
		{"7 DIV 2", "bigint 3"},
		{"-7 DIV 2", "bigint -3"},
		{"7.9 DIV 2", "bigint 3"},
		{"-9223372036854775808 DIV -1", "error: -9223372036854775808 DIV -1: the result is out of range of bigint"},
		{"7 DIV 2.0D", "bind: 7 DIV 2.0D: DIV is not defined for int and double"},
		{"7 % 3", "int 1"},
		{"-7 % 3", "int -1"},
		{"7 % -3", "int 1"},
		{"-9223372036854775808 % -1", "bigint 0"},
		{"7.5 % 2", "decimal(2,1) 1.5"},
		{"7.5D % 2", "double 1.5"},
		{"1 / 0", "error: 1 / 0: division by zero"},
		{"1 % 0", "error: 1 % 0: division by zero"},
		{"1 DIV 0", "error: 1 DIV 0: division by zero"},
		{"1.0 / 0", "error: 1.0 / 0: division by zero"},
		{"1.0 % 0", "error: 1.0 % 0: division by zero"},
		{"1D / 0", "error: 1 / 0: division by zero"},
		{"1D % 0D", "error: 1 % 0: division by zero"},
		{"NULL / 0", "double NULL"},
		{"1 / NULL", "double NULL"},
		{"NULL + NULL", "void NULL"},
		{"1 + NULL", "int NULL"},
		{"1F + 2F", "float 3.0"},
		{"1 + 2F", "double 3.0"},
		{"1F / 3F", "double 0.3333333333333333"},
		{"0.1D + 0.2D", "double 0.30000000000000004"},
		{"1e308 * 10", "double Infinity"},
		{"CAST('NaN' AS DOUBLE) + 1", "double NaN"},
		{"-0.0D", "double -0.0"},
		{"0D * -1", "double -0.0"},
		{"1.5 + 1D", "double 2.5"},
		{"'3' + 4", "bigint 7"},
		{"'3.5' + 4", "error: '3.5' is not a valid bigint"},
		{"'3.5' + 4D", "double 7.5"},
		{"'3' * '4'", "double 12.0"},
		{"TRUE + 1", "bind: TRUE + 1: + is not defined for boolean and int"},
		{"array(1) + 1", "bind: array(1) + 1: + is not defined for array<int> and int"},
		{"2 + 3 * 4 - 10 DIV 3", "bigint 11"},
	})
}

// The results are those of Spark's rules with allowPrecisionLoss.
func TestDecimalArithmetic(t *testing.T) {
	t.Parallel()
	requireValues(t, nil, [][2]string{
		{"1.5 + 2.25", "decimal(4,2) 3.75"},
		{"1.5 - 2.25", "decimal(4,2) -0.75"},
		{"1.5 * 2.25", "decimal(6,3) 3.375"},
		{"1.5 / 2.25", "decimal(9,6) 0.666667"},
		{"1.0 / 3", "decimal(7,6) 0.333333"},
		{"2.0 / 3.0", "decimal(8,6) 0.666667"},
		{"-2.0 / 3.0", "decimal(8,6) -0.666667"},
		{"1.5 + 1", "decimal(3,1) 2.5"},
		{"1.5 + 1L", "decimal(3,1) 2.5"},
		{"1.5 + CAST('1' AS BIGINT) * 1", "decimal(3,1) 2.5"},
		{"CAST(1.5 AS DECIMAL(10,2)) * CAST(2 AS DECIMAL(10,2))", "decimal(21,4) 3.0000"},
		{"CAST(1 AS DECIMAL(38,18)) + CAST(1 AS DECIMAL(38,18))", "decimal(38,17) 2.00000000000000000"},
		{"CAST(1 AS DECIMAL(38,18)) * CAST(1 AS DECIMAL(38,18))", "decimal(38,6) 1.000000"},
		{"CAST(1 AS DECIMAL(38,18)) / CAST(3 AS DECIMAL(38,18))", "decimal(38,6) 0.333333"},
		{"CAST(1 AS DECIMAL(38,0)) / CAST(3 AS DECIMAL(38,0))", "decimal(38,6) 0.333333"},
		{"CAST(1 AS DECIMAL(38,37)) % CAST(3 AS DECIMAL(38,0))", "decimal(38,37) 1.0000000000000000000000000000000000000"},
		{"99999999999999999999999999999999999999 + 1", "error: 99999999999999999999999999999999999999 + 1: the result is out of range of decimal(38,0)"},
		{"99999999999999999999999999999999999999 * 10", "error: 99999999999999999999999999999999999999 * 10: the result is out of range of decimal(38,0)"},
		{"99999999999999999999 DIV 0.1", "error: 99999999999999999999 DIV 0.1: the result is out of range of bigint"},
		{"CAST('0.0000005' AS DECIMAL(38,20)) * CAST(1 AS DECIMAL(38,20))", "decimal(38,6) 0.000001"},
		{"CAST('-0.0000005' AS DECIMAL(38,20)) * CAST(1 AS DECIMAL(38,20))", "decimal(38,6) -0.000001"},
		{"CAST('0.00000049' AS DECIMAL(38,20)) * CAST(1 AS DECIMAL(38,20))", "decimal(38,6) 0.000000"},
		{"1.1 = 1.10", "boolean true"},
		{"CAST(1 AS DECIMAL(20,5)) < 1.00001", "boolean true"},
	})
}

func TestCasts(t *testing.T) {
	t.Parallel()
	requireValues(t, nil, [][2]string{
		{"CAST(128 AS TINYINT)", "error: 128: the result is out of range of tinyint"},
		{"CAST(-128 AS TINYINT)", "tinyint -128"},
		{"CAST(2147483648 AS INT)", "error: 2147483648: the result is out of range of int"},
		{"CAST(1.9D AS INT)", "int 1"},
		{"CAST(-1.9D AS INT)", "int -1"},
		{"CAST(1e20 AS BIGINT)", "error: 1.0E20: the result is out of range of bigint"},
		{"CAST(9223372036854775807D AS BIGINT)", "error: 9.223372036854776E18: the result is out of range of bigint"},
		{"CAST(-9223372036854775808D AS BIGINT)", "bigint -9223372036854775808"},
		{"CAST(CAST('NaN' AS DOUBLE) AS INT)", "error: NaN: the result is out of range of int"},
		{"CAST(1.99 AS INT)", "int 1"},
		{"CAST(-1.99 AS INT)", "int -1"},
		{"CAST(99999999999999999999 AS BIGINT)", "error: 99999999999999999999: the result is out of range of bigint"},
		{"CAST(1.995 AS DECIMAL(10,2))", "decimal(10,2) 2.00"},
		{"CAST(-1.995 AS DECIMAL(10,2))", "decimal(10,2) -2.00"},
		{"CAST(123 AS DECIMAL(2,0))", "error: 123: the result is out of range of decimal(2,0)"},
		{"CAST(0.1D AS DECIMAL(20,18))", "decimal(20,18) 0.100000000000000000"},
		{"CAST(CAST('Infinity' AS DOUBLE) AS DECIMAL(20,18))", "decimal(20,18) NULL"},
		{"CAST(16777217 AS FLOAT)", "float 1.6777216E7"},
		{"CAST(TRUE AS INT)", "int 1"},
		{"CAST(0.0D AS BOOLEAN)", "boolean false"},
		{"CAST(0.01 AS BOOLEAN)", "boolean true"},
		{"CAST(TRUE AS DECIMAL(3,1))", "decimal(3,1) 1.0"},
		{"CAST('yes' AS BOOLEAN)", "boolean true"},
		{"TRY_CAST('maybe' AS BOOLEAN)", "boolean NULL"},
		{"TRY_CAST('12a' AS INT)", "int NULL"},
		{"TRY_CAST(300 AS TINYINT)", "tinyint NULL"},
		{"TRY_CAST('99999999999' AS INT)", "int NULL"},
		{"TRY_CAST(1 / 0 AS INT)", "error: 1 / 0: division by zero"},
		{"CAST(concat_(1) AS INT)", "bind: there is no function concat_; did you mean concat or concat_ws?"},
		{"CAST('1' || '2' AS INT)", "int 12"},
		{"CAST(' 1' || '2\t' AS INT)", "int 12"},
		{"CAST('1' || '.5' AS INT)", "error: '1.5' is not a valid int"},
		{"CAST('1' || '.555' AS DECIMAL(10,2))", "decimal(10,2) 1.56"},
		{"CAST('' || '' AS INT)", "error: '' is not a valid int"},
		{"CAST('0.' || '4999999999999999999999999999999999999999999999999999' AS DECIMAL(5,0))", "decimal(5,0) 0"},
		{"CAST('0.' || '5000000000000000000000000000000000000000000000000001' AS DECIMAL(5,0))", "decimal(5,0) 1"},
		{"CAST('-0.' || '5000000000000000000000000000000000000000000000000001' AS DECIMAL(5,0))", "decimal(5,0) -1"},
		{"CAST('1e3' || '' AS DECIMAL(5,0))", "decimal(5,0) 1000"},
		{"CAST('1e3' || '' AS INT)", "error: '1e3' is not a valid int"},
		{"CAST('inf' || 'inity' AS DOUBLE)", "double Infinity"},
		{"CAST(1.0D AS STRING)", "string 1.0"},
		{"CAST(1e7 AS STRING)", "string 1.0E7"},
		{"CAST(0.0001D AS STRING)", "string 1.0E-4"},
		{"CAST(1.5F AS STRING)", "string 1.5"},
		{"CAST(0.00000001 AS STRING)", "string 0.00000001"},
		{"CAST(-5Y AS STRING)", "string -5"},
		{"CAST(X'6869' AS STRING)", "string hi"},
		{"CAST('hi' || '' AS BINARY)", "binary hi"},
		{"CAST(DATE '2026-01-05' AS STRING)", "string 2026-01-05"},
		{"CAST(TIMESTAMP '2026-01-05 01:02:03' AS STRING)", "string 2026-01-05 01:02:03"},
		{"CAST(TIMESTAMP '2026-01-05 01:02:03.1200' AS STRING)", "string 2026-01-05 01:02:03.12"},
		{"CAST(TIMESTAMP '1969-12-31 23:59:59.999999' AS STRING)", "string 1969-12-31 23:59:59.999999"},
		{"CAST(TIMESTAMP_NTZ '2026-01-05 01:02:03.000001' AS STRING)", "string 2026-01-05 01:02:03.000001"},
		{"CAST('2026-01-05' || ' 10:00' AS DATE)", "date 2026-01-05"},
		{"CAST('2026-01-05T' || 'whatever' AS DATE)", "date 2026-01-05"},
		{"CAST('202' || '6' AS DATE)", "date 2026-01-01"},
		{"CAST('2026-' || '3' AS DATE)", "date 2026-03-01"},
		{"CAST('2026-02-' || '30' AS DATE)", "error: '2026-02-30' is not a valid date"},
		{"CAST('2026-01-05 ' || '10:00' AS TIMESTAMP)", "timestamp 2026-01-05 10:00:00"},
		{"CAST('2026-01-05T10:00:00' || '+02:00' AS TIMESTAMP)", "timestamp 2026-01-05 08:00:00"},
		{"CAST('20' || '26' AS TIMESTAMP)", "timestamp 2026-01-01 00:00:00"},
		{"CAST(DATE '2026-01-05' AS TIMESTAMP)", "timestamp 2026-01-05 00:00:00"},
		{"CAST(TIMESTAMP '2026-01-05 23:59:59' AS DATE)", "date 2026-01-05"},
		{"CAST(TIMESTAMP '1969-12-31 23:59:59' AS DATE)", "date 1969-12-31"},
		{"CAST(TIMESTAMP '1969-12-31 23:59:59.5' AS BIGINT)", "bigint -1"},
		{"CAST(TIMESTAMP '1970-01-01 00:00:01.5' AS DOUBLE)", "double 1.5"},
		{"CAST(TIMESTAMP '1970-01-01 00:00:01.5' AS DECIMAL(10,3))", "decimal(10,3) 1.500"},
		{"CAST(1.5 AS TIMESTAMP)", "timestamp 1970-01-01 00:00:01.5"},
		{"CAST(-1 AS TIMESTAMP)", "timestamp 1969-12-31 23:59:59"},
		{"CAST(9223372036854775807 AS TIMESTAMP) = CAST(9223372036855 AS TIMESTAMP)", "boolean true"}, // the last one
		{"CAST(-9223372036854775808 AS TIMESTAMP) = CAST(-9223372036855 AS TIMESTAMP)", "boolean true"},
		{"CAST(1e300D AS TIMESTAMP)", "error: 1.0E300: the result is out of range of timestamp"},
		{"CAST(CAST('NaN' AS DOUBLE) AS DECIMAL(12,2))", "decimal(12,2) NULL"},
		{"CAST(CAST('-Infinity' AS FLOAT) AS DECIMAL(12,2))", "decimal(12,2) NULL"},
		{"CAST(5e-324D AS STRING)", "string 4.9E-324"},
		{"CAST(DATE '2026-01-05' AS INT)", "bind: CAST(DATE '2026-01-05' AS INT): type date cannot be cast to type int"},
		{"CAST(1 AS DATE)", "bind: CAST(1 AS DATE): type int cannot be cast to type date"},
		{"CAST(array(1) AS INT)", "bind: CAST(array(1) AS INT): type array<int> cannot be cast to type int"},
		{"CAST(NULL AS INT)", "int NULL"},
		{"CAST(NULL AS DECIMAL(5,2)) + 1", "decimal(6,2) NULL"},
		{"5::string || 1::bigint", "string 51"},
		{"int('5') + bigint(1)", "bigint 6"},
		{"date('2026-01-05')", "date 2026-01-05"},
	})
}

func TestBranches(t *testing.T) {
	t.Parallel()
	requireValues(t, nil, [][2]string{
		{"CASE WHEN 1 = 1 THEN 'a' ELSE 'b' END", "string a"},
		{"CASE WHEN NULL THEN 'a' ELSE 'b' END", "string b"},
		{"CASE WHEN FALSE THEN 1 END", "int NULL"},
		{"CASE 2 WHEN 1 THEN 'a' WHEN 2 THEN 'b' END", "string b"},
		{"CASE NULL WHEN NULL THEN 'a' ELSE 'b' END", "string b"},
		{"CASE WHEN TRUE THEN 1 ELSE 2.5 END", "decimal(11,1) 1.0"},
		{"CASE WHEN TRUE THEN 1 ELSE 2.5D END", "double 1.0"},
		{"CASE WHEN FALSE THEN 1 / 0 ELSE 2 END", "double 2.0"},
		{"CASE WHEN TRUE THEN 2 ELSE 1 / 0 END", "double 2.0"},
		{"CASE WHEN 1 / 0 = 1 THEN 2 END", "error: 1 / 0: division by zero"},
		{"CASE WHEN TRUE THEN 1 ELSE array(1) END", "bind: CASE WHEN TRUE THEN 1 ELSE array(1) END: types int and array<int> have no type in common"},
		{"CASE WHEN 5 THEN 1 END", "bind: 5 is not a condition: it is of type int"},
		{"IF(1 < 2, 'a', 'b')", "string a"},
		{"IF(NULL, 'a', 'b')", "string b"},
		{"IF(TRUE, 1)", "bind: if: got 2 arguments, want 3"},
		{"COALESCE(NULL, NULL, 3, 1 / 0)", "double 3.0"},
		{"COALESCE(NULL, NULL)", "void NULL"},
		{"COALESCE()", "bind: coalesce: got 0 arguments, want 1 or more"},
		{"COALESCE(DATE '2026-01-05', TIMESTAMP '2026-01-06 00:00:00')", "timestamp 2026-01-05 00:00:00"},
		{"COALESCE('5', 1)", "bigint 5"},
		{"NVL(NULL, 'x')", "string x"},
		{"IFNULL(1, 2)", "int 1"},
		{"NVL2(NULL, 'x', 'y')", "string y"},
		{"NULLIF(1, 1)", "int NULL"},
		{"NULLIF(1, 1.0)", "int NULL"},
		{"NULLIF(1, 2)", "int 1"},
		{"NULLIF(NULL, 2)", "void NULL"},
		{"NULLIF(1, NULL)", "int 1"},
		{"GREATEST(1, NULL, 3, 2)", "int 3"},
		{"LEAST(1, NULL, 3L)", "bigint 1"},
		{"GREATEST(1D, CAST('NaN' AS DOUBLE))", "double NaN"},
		{"LEAST(1D, CAST('NaN' AS DOUBLE))", "double 1.0"},
		{"GREATEST('a', 'B', 'ab')", "string ab"},
		{"GREATEST(NULL, NULL)", "void NULL"},
		{"GREATEST(CAST(NULL AS INT), NULL)", "int NULL"},
		{"GREATEST(1.5, 2)", "decimal(11,1) 2.0"},
		{"GREATEST(map(1, 2), map(1, 2))", "bind: greatest(map(1, 2), map(1, 2)): values of type map<int,int> have no order"},
		{"isnull(NULL) AND isnotnull(1)", "boolean true"},
	})
}

func TestConditionsAsValues(t *testing.T) {
	t.Parallel()
	requireValues(t, nil, [][2]string{
		{"1 < 2", "boolean true"},
		{"NULL = NULL", "boolean NULL"},
		{"NULL <=> NULL", "boolean true"},
		{"1 <=> NULL", "boolean false"},
		{"NULL IS NULL", "boolean true"},
		{"(1 = NULL) IS UNKNOWN", "boolean true"},
		{"(1 = NULL) IS TRUE", "boolean false"},
		{"NOT NULL", "boolean NULL"},
		{"NULL AND FALSE", "boolean false"},
		{"NULL AND TRUE", "boolean NULL"},
		{"NULL OR TRUE", "boolean true"},
		{"1 IN (2, NULL)", "boolean NULL"},
		{"1 IN (1, NULL)", "boolean true"},
		{"1 NOT IN (2, NULL)", "boolean NULL"},
		{"NULL IN (1)", "boolean NULL"},
		{"1 + 1 IN (1, 1 + 1, 1 / 0)", "boolean true"},
		{"1 BETWEEN 0 AND NULL", "boolean NULL"},
		{"1 BETWEEN 2 AND NULL", "boolean false"},
		{"1 BETWEEN 2 AND 1 / 0", "boolean false"},
		{"2 BETWEEN 1.5 AND 2.5D", "boolean true"},
		{"FALSE AND 1 / 0 = 1", "boolean false"},
		{"TRUE OR 1 / 0 = 1", "boolean true"},
		{"TRUE AND 1 / 0 = 1", "error: 1 / 0: division by zero"},
		{"NULL AND 1 / 0 = 1", "error: 1 / 0: division by zero"},
		{"1 IS DISTINCT FROM NULL", "boolean true"},
		{"'a' || 'b' LIKE 'a' || '%'", "boolean true"},
		{"'ab' LIKE 'a\\\\%'", "boolean false"},
		{"'ABC' ILIKE 'a%'", "boolean true"},
		{"'ABC' NOT ILIKE 'b%'", "boolean true"},
		{"NULL LIKE 'a'", "boolean NULL"},
		{"'a' LIKE NULL", "boolean NULL"},
		{"'abc' RLIKE 'b'", "boolean true"},
		{"'abc' RLIKE '^b'", "boolean false"},
		{"'abc' REGEXP NULL", "boolean NULL"},
		{"'abc' RLIKE '('", "bind: 'abc' RLIKE '(': not a regular expression (RE2): missing closing )"},
		{"5 RLIKE 'a'", "bind: RLIKE wants a string, and 5 is of type int"},
		{"'5' || '' = 5 + 0", "boolean true"},
		{"'2026-01-05' || '' < DATE '2026-01-06' + 0", "boolean true"},
		{"array(1, 2) = array(1, 2)", "boolean true"},
		{"array(1, NULL) = array(1, NULL)", "boolean true"},
		{"array(1, 2) < array(1, 2, 3)", "boolean true"},
		{"array(1, 2) = array(1, 2L)", "boolean true"},
		{"struct(1 AS a, 'x' AS b) < struct(1 AS a, 'y' AS b)", "boolean true"},
		{"struct(1 AS a) = struct(1 AS b)", "bind: named_struct('a', 1) = named_struct('b', 1): type struct<a:int not null> cannot be compared with type struct<b:int not null>"},
		{"map(1, 2) = map(1, 2)", "bind: map(1, 2) = map(1, 2): type map<int,int> cannot be compared with type map<int,int>"},
		{"X'61' = 'a'", "boolean true"},
		{"CAST('NaN' AS DOUBLE) + 0 = CAST('NaN' AS FLOAT)", "boolean true"},
		{"-0.0D + 0D * 1 = 0D", "boolean true"},
		{"INTERVAL 1 DAY = INTERVAL 24 HOURS", "boolean true"},
		{"INTERVAL 1 YEAR > INTERVAL 11 MONTHS", "boolean true"},
		{"INTERVAL 1 YEAR > INTERVAL 11 DAYS", "bind: INTERVAL '12' MONTH > INTERVAL '11' DAY: type interval year to month cannot be compared with type interval day"},
	})
}

func TestDatesAndIntervals(t *testing.T) {
	t.Parallel()
	requireValues(t, testOptions, [][2]string{
		{"DATE '2026-01-31' + INTERVAL 1 MONTH", "date 2026-02-28"},
		{"DATE '2024-02-29' + INTERVAL 1 YEAR", "date 2025-02-28"},
		{"DATE '2026-03-31' - INTERVAL 1 MONTH", "date 2026-02-28"},
		{"INTERVAL 1 DAY + DATE '2026-01-31'", "date 2026-02-01"},
		{"DATE '2026-01-31' + 1", "date 2026-02-01"},
		{"1 + DATE '2026-01-31'", "date 2026-02-01"},
		{"DATE '2026-01-31' - 31", "date 2025-12-31"},
		{"DATE '2026-01-31' + 1L", "bind: DATE '2026-01-31' + 1L: + is not defined for date and bigint"},
		{"DATE '2026-01-31' + INTERVAL 1 HOUR", "timestamp 2026-01-31 01:00:00"},
		{"DATE '2026-01-31' * 2", "bind: DATE '2026-01-31' * 2: * is not defined for date and int"},
		{"DATE '2026-01-31' + 2147483647", "error: the result is out of range of date"},
		{"DATE '2026-01-31' - DATE '2026-01-01'", "bind: DATE '2026-01-31' - DATE '2026-01-01' is an interval, which cannot be stored"},
		{"DATE '2026-01-31' - DATE '2026-01-01' = INTERVAL 30 DAYS", "boolean true"},
		{"DATE '2026-01-31' - '2026-01-01' > INTERVAL 29 DAYS", "boolean true"},
		{"TIMESTAMP '2026-01-31 12:00:00' + INTERVAL 1 MONTH", "timestamp 2026-02-28 12:00:00"},
		{"TIMESTAMP '2026-01-31 12:00:00' - INTERVAL '1 02:03:04.5' DAY TO SECOND", "timestamp 2026-01-30 09:56:55.5"},
		{"TIMESTAMP_NTZ '2026-01-31 12:00:00' + INTERVAL 90 MINUTES", "timestamp_ntz 2026-01-31 13:30:00"},
		{"TIMESTAMP '2026-01-02 00:00:00' - TIMESTAMP '2026-01-01 12:00:00' = INTERVAL 12 HOURS", "boolean true"},
		{"TIMESTAMP '2026-01-02 00:00:00' - DATE '2026-01-01' = INTERVAL 1 DAY", "boolean true"},
		{"DATE '2026-01-01' + INTERVAL 1 DAY * 3", "timestamp 2026-01-04 00:00:00"},
		{"DATE '2026-01-01' + 2 * INTERVAL 1 MONTH", "date 2026-03-01"},
		{"DATE '2026-01-01' + INTERVAL 3 HOURS / 2", "timestamp 2026-01-01 01:30:00"},
		{"DATE '2026-01-01' + -INTERVAL 1 MONTH", "date 2025-12-01"},
		{"DATE '2026-01-01' + (INTERVAL 1 DAY + INTERVAL 1 HOUR)", "timestamp 2026-01-02 01:00:00"},
		{"INTERVAL 1 DAY + INTERVAL 1 MONTH", "bind: INTERVAL '1' DAY + INTERVAL '1' MONTH: + is not defined for interval day and interval year to month"},
		{"INTERVAL 1 DAY + 1", "bind: INTERVAL '1' DAY + 1: + is not defined for interval day and int"},
		{"INTERVAL 1 DAY", "bind: INTERVAL '1' DAY is an interval, which cannot be stored"},
		{"CAST(INTERVAL 1 DAY AS INT)", "bind: CAST(INTERVAL '1' DAY AS INT): type interval day cannot be cast to type int"},
		{"upper(INTERVAL 1 DAY)", "bind: upper(INTERVAL '1' DAY): functions do not take intervals"},
		{"date_add(MONTH, 1, DATE '2026-01-31')", "timestamp 2026-02-28 00:00:00"},
		{"dateadd(QUARTER, 1, TIMESTAMP_NTZ '2026-01-31 01:00:00')", "timestamp_ntz 2026-04-30 01:00:00"},
		{"timestampadd(HOUR, -2, TIMESTAMP '2026-01-31 01:00:00')", "timestamp 2026-01-30 23:00:00"},
		{"timestampadd(x, -2, TIMESTAMP '2026-01-31 01:00:00')", "bind: timestampadd('X', -2, TIMESTAMP '2026-01-31T01:00:00.000000Z'): the unit must be a constant such as DAY"},
		{"EXTRACT(YEAR FROM DATE '2026-01-31')", "int 2026"},
		{"upper('a' || position('b' IN 'abc'))", "string A2"},
		{"unix_timestamp()", "bigint 1767608430"},
		{"current_date()", "date 2026-01-05"},
		{"CURRENT_DATE - INTERVAL 5 DAYS", "date 2025-12-31"},
		{"now() = current_timestamp AND localtimestamp() = TIMESTAMP_NTZ '2026-01-05 10:20:30.123456'", "boolean true"},
		{"current_user() || '@' || current_timezone()", "string ann@UTC"},
	})
	require.Equal(t, "bind: now is not known here: the time of the operation is not set", calculate(t, "now()", nil))
	require.Equal(t, "bind: unix_timestamp is not known here: the time of the operation is not set", calculate(t, "unix_timestamp()", nil))
	require.Equal(t, "bind: current_user is not known here", calculate(t, "current_user", nil))
}

// Whole days are counted on the calendar of the session's zone, hours are not.
func TestIntervalsKeepTheTimeOfDayInAZone(t *testing.T) {
	t.Parallel()
	paris := &Options{Location: mustLoad(t, "Europe/Paris"), Now: time.Date(2026, 1, 4, 23, 30, 0, 0, time.UTC)}
	requireValues(t, paris, [][2]string{ // clocks go forward on 2026-03-29; rendered in UTC
		{"TIMESTAMP '2026-03-28 12:00:00' + INTERVAL 1 DAY", "timestamp 2026-03-29 10:00:00"},
		{"TIMESTAMP '2026-03-28 12:00:00' + INTERVAL 24 HOURS", "timestamp 2026-03-29 10:00:00"},
		{"TIMESTAMP '2026-03-28 12:00:00' + INTERVAL 23 HOURS", "timestamp 2026-03-29 10:00:00"},
		{"TIMESTAMP '2026-02-28 12:00:00' + INTERVAL 2 MONTHS", "timestamp 2026-04-28 10:00:00"},
		{"TIMESTAMP '2026-03-29 12:00:00' - TIMESTAMP '2026-03-28 12:00:00' = INTERVAL 1 DAY", "boolean true"},
		{"CAST(DATE '2026-07-01' AS TIMESTAMP)", "timestamp 2026-06-30 22:00:00"},
		{"CAST(TIMESTAMP '2026-07-01 00:00:00' AS DATE)", "date 2026-07-01"},
		{"CAST(TIMESTAMP '2026-07-01 00:00:00' AS STRING)", "string 2026-07-01 00:00:00"},
		{"CAST(TIMESTAMP '2026-07-01 00:00:00' AS TIMESTAMP_NTZ)", "timestamp_ntz 2026-07-01 00:00:00"},
		{"CAST(TIMESTAMP_NTZ '2026-07-01 00:00:00' AS TIMESTAMP)", "timestamp 2026-06-30 22:00:00"},
		{"CAST('2026-07-01' || ' 00:00:00' AS TIMESTAMP)", "timestamp 2026-06-30 22:00:00"},
		{"current_date()", "date 2026-01-05"},
	})
}

func TestValuesWithParts(t *testing.T) {
	t.Parallel()
	requireValues(t, nil, [][2]string{
		{"array(1, 2, NULL)", "array<int> [1, 2, NULL]"},
		{"array(1, 2.5)", "array<decimal(11,1)> [1.0, 2.5]"},
		{"array()", "array<void> []"},
		{"array(1, 2, 3)[1]", "int 2"},
		{"array(1, 2, 3)[3]", "error: element 3 of an array of 3 elements: there is none"},
		{"array(1, 2, 3)[-1]", "error: element -1 of an array of 3 elements: there is none"},
		{"array(1, 2, 3)[NULL]", "int NULL"},
		{"array(1, 2, 3)['a']", "bind: array(1, 2, 3)['a']: the position is of type string, want an integer"},
		{"get(array(1, 2, 3), 3)", "int NULL"},
		{"element_at(array(1, 2, 3), 1)", "int 1"},
		{"element_at(array(1, 2, 3), -1)", "int 3"},
		{"element_at(array(1, 2, 3), 0)", "error: element 0 of an array of 3 elements: the first is 1"},
		{"element_at(array(1, 2, 3), 4)", "error: element 4 of an array of 3 elements: there is none"},
		{"try_element_at(array(1, 2, 3), 4)", "int NULL"},
		{"map('a', 1, 'b', 2)", "map<string,int> [a→1, b→2]"},
		{"map('a', 1, 'b', 2)['b']", "int 2"},
		{"map('a', 1, 'b', 2).b", "int 2"},
		{"map('a', 1)['c']", "int NULL"},
		{"map('a', 1)[1]", "int NULL"},
		{"map('a', 1)[array(1)]", "bind: map('a', 1)[array(1)]: the key is of type array<int>, want string"},
		{"element_at(map(1, 'x'), 1)", "string x"},
		{"map(NULL, 1)", "error: a key of a map is null"},
		{"map(1, 'a', 1, 'b')", "error: a map has a key twice"},
		{"map(1)", "bind: map wants keys and values in turn"},
		{"size(array(1, 2))", "int 2"},
		{"cardinality(map(1, 2))", "int 1"},
		{"size(CASE WHEN FALSE THEN array(1) END)", "int NULL"},
		{"size('a')", "bind: size('a'): type string has no size, want an array or a map"},
		{"struct(1, 'x' AS b)", "struct<col1:int not null,b:string not null> {col1:1, b:x}"},
		{"struct(1, 'x' AS b).B", "string x"},
		{"struct(1, 'x' AS b).c", "bind: column named_struct('col1', 1, 'b', 'x').c does not exist; there are col1, b"},
		{"named_struct('a', 1, 'b', NULL).b", "void NULL"},
		{"named_struct(1, 2)", "bind: named_struct(1, 2): the name of a field must be a constant string"},
		{"array(struct(1 AS a), struct(2 AS a)).a", "array<int> [1, 2]"},
		{"array(1) || array(2, 3)", "array<int> [1, 2, 3]"},
		{"array(1) || 2", "bind: array(1) || 2: types array<int> and int have no type in common"},
		{"'a' || 1 || TRUE || 1.50", "string a1true1.50"},
		{"'a' || NULL", "string NULL"},
		{"X'61' || X'62'", "binary ab"},
		{"'' || ''", "string "},
		{"array(INTERVAL 1 DAY)", "bind: array(INTERVAL '1' DAY): an interval cannot be stored"},
		{"array(array(1), array())", "array<array<int>> [[1], []]"},
		{"CASE WHEN TRUE THEN struct(1 AS a) ELSE struct(2L AS A) END", "struct<a:bigint not null> {a:1}"},
		{"COALESCE(CASE WHEN FALSE THEN map(1, 2) END, map(3, 4L))", "map<int,bigint> [3→4]"},
		{"greatest(array(1, 2), array(1, 3))", "array<int> [1, 3]"},
	})
}

func TestFunctionsAreLookedUp(t *testing.T) {
	t.Parallel()
	requireValues(t, nil, [][2]string{
		{"nosuchthing(1)", "bind: there is no function nosuchthing"},
		{"colaesce(1)", "bind: there is no function colaesce; did you mean coalesce?"},
		{"rand() < 0.1", "bind: function rand has another value at each evaluation: a retry would not be the same work"},
		{"uuid()", "bind: function uuid has another value at each evaluation: a retry would not be the same work"},
	})
}
