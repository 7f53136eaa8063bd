"""Asks Spark what its functions give, and writes spark.json for golden_test.go.

    python spark.py > spark.json      # needs pyspark 4.2 and Java 17

A case is a function, its arguments as type and text, and the session's time
zone. The answer is the type of the result and its text (binaries in hexadecimal,
timestamps in microseconds), or the condition of the error.
"""

import itertools
import json
import sys

CASES = []


def grid(names, *choices, zone="UTC"):
    """Adds the functions called with every combination of the choices."""
    for name in names.split():
        for args in itertools.product(*[c if isinstance(c, list) else [c] for c in choices]):
            CASES.append({"f": name, "args": args, "zone": zone})


def of(kind):
    """Makes arguments of a type: one, or a list of them; None is null."""
    def make(*values):
        out = [(kind, None if v is None else str(v)) for v in values]
        return out[0] if len(out) == 1 else out
    return make


S, I, L, H, Y = of("string"), of("int"), of("bigint"), of("smallint"), of("tinyint")
D, F, B, X = of("double"), of("float"), of("boolean"), of("binary")
DATE, TS, NTZ, V = of("date"), of("timestamp"), of("timestamp_ntz"), of("void")
AI, AS, AD = of("array<int>"), of("array<string>"), of("array<double>")
AL, AB, AX = of("array<bigint>"), of("array<boolean>"), of("array<array<int>>")
MI = of("map<string,int>")
ROW = of("struct<a:int,b:string>")


def N(p, s):
    return of(f"decimal({p},{s})")


MAXI, MINI, MAXL, MINL = 2**31 - 1, -2**31, 2**63 - 1, -2**63

# Strings.
TEXTS = S("Spark SQL", "", "äöü€𝄞x", "  padded \t", "ß İΣ ǆ ŉ", None)
grid("length char_length character_length octet_length bit_length lower lcase upper ucase initcap reverse trim ltrim rtrim ascii base64 hex md5 sha sha1 crc32", TEXTS)
grid("initcap lower upper", S("ΑΣ ΣΑΣ. aΣ", "hello wORLD  x-y\tzed", "ﬁne ﬂag", "İstanbul ıI", "ΌΣΟΣ", "o'neil Σ's", "ǅ Ǆ ǆ", "straße STRASSE", "Å Ⅷ ⓐ", "a\u0345 \u1f80 \u1ff3"))
grid("length octet_length bit_length hex md5 sha1 crc32 base64", X("", "00ff10", None))
grid("concat", S("a", "", None), S("€", "b"))
grid("concat", I(1), S("x"))
grid("concat", D(1.5), B("true"), DATE("2020-01-02"))
grid("concat", X("00ff"), X("41"))
grid("concat", X("41"), S("b"))
grid("concat")
grid("concat", S("a"))
grid("concat", V(None), S("a"))
grid("concat_ws", S(",", "", None, "--"), S("a", None), AS('["x",null,"y"]', "[]", None), I(7))
grid("concat_ws", S(","))
grid("concat_ws", S(","), V(None), S("a"))
grid("trim ltrim rtrim", S("SL", "", "ß ", None), S("SSparkSQLS", "  x  ", "ßxß"))
grid("btrim", S("SSparkSQLS", "  x  ", "ßxß"), S("SL", "", "ß ", None))
grid("btrim", S("  x  ", "\tx\n"))
grid("substring substr", S("Spark SQL", "äöü€𝄞x", ""), I(0, 1, 5, -3, -10, 100, MINI, MAXI), I(0, 1, 7, -1, MAXI, MINI))
grid("substring", S("Spark SQL", None), I(5, -3, None))
grid("substring", X("0001020304"), I(0, 1, 3, -2, -10, 9, MINI), I(2, 7, -1, MAXI))
grid("left right", S("Spark SQL", "äöü€", ""), I(0, 3, -1, 100, MAXI, None))
grid("left", X("000102"), I(2))
grid("right", X("000102"), I(2))
grid("substring", I(12345), S("2"), L(2))
grid("replace", S("ABCabc", "aaaa", ""), S("abc", "aa", ""), S("DEF", "", None))
grid("replace", S("ABCabc"), S("abc"))
grid("split_part", S("11.12.13", "", "a"), S(".", "", "3"), I(1, 3, 4, -1, -3, -4, 0))
grid("split_part", S("aaaa", "aaa"), S("aa"), I(1, 2, 3, -1, -2, -3))
grid("startswith endswith contains", S("Spark SQL", ""), S("Spark", "SQL", "", None))
grid("startswith endswith contains", X("414243"), X("41", "43", "42"))
grid("contains", S("ABC"), X("42"))
grid("instr", S("SparkSQL", "", "äöüö"), S("SQL", "", "ö", None))
grid("locate position", S("bar", "", "ö"), S("foobarbar", "äöüö", ""), I(-1, 0, 1, 4, 5, 100, None))
grid("locate", S("bar", None), S("foobarbar", None))
grid("lpad rpad", S("hi", "äö", ""), I(0, 1, 5, 6, -1), S("??", "ab€", "", None))
grid("lpad rpad", S("hi"), I(5))
grid("lpad rpad", X("aabb"), I(0, 1, 5), X("01", "0203", ""))
grid("lpad rpad", X("aabb"), I(5, -1))
grid("lpad", X("4142"), I(5), S("x"))
grid("repeat", S("12", ""), I(3, 0, -1, None))
grid("space", I(2, 0, -1))
grid("translate", S("AaBbCc", "äöü", "translate"), S("abc", "äö", "rnlt"), S("123", "1", ""))
grid("translate", S("aabb"), S("aab"), S("xyz"))
grid("ascii", S("222", "€uro", "𝄞"))
grid("chr char", L(65, 0, 256, 321, -1, 200, MAXL))
grid("chr", I(66))
grid("hex", L(17, 0, -1, MINL, None))
grid("hex", I(-1))
grid("hex", D(17.9))
grid("hex", N(10, 2)("255.99"))
grid("hex", B("true"))
grid("hex", DATE("2020-01-01"))
grid("unhex", S("537061726B2053514C", "F", "abc", "0g", "", None))
grid("unbase64", S("U3BhcmsgU1FM", "U3BhcmsgU1FMIQ==", "U3BhcmsgU1FMIQ", "U3 Bh\ncm-s", "U", "", "U3Bh=", "U3B=", "U3A=x", "U3A=", "U3==", "U3A==", "=", None))
grid("regexp_like rlike regexp", S("abc1", "", "a\nb"), S("[0-9]", "^$", "a.b", "^b", "(?s)a.b", "("))
grid("regexp_extract", S("100-200", "foo", "a"), S(r"(\d+)-(\d+)", "(x)?a", "o+"))
grid("regexp_extract", S("100-200", "foo"), S(r"(\d+)-(\d+)"), I(0, 1, 2, 3, -1))
grid("regexp_replace", S("100-200", "äb1c", ""), S(r"(\d+)", "(b)(x)?", ""), S("num", "<$1>", r"\$1", "[$0]"))
grid("regexp_replace", S("100-200", "aaa"), S(r"\d", "^a"), S("x"), I(1, 2, 4, 7, 8, 0))
grid("regexp_replace", S("abc"), S("(b)", "b"), S("$1", "$12", "$2", "${n}", "$", "\\"))
grid("regexp_replace", S("abc"), S("(?<n>b)"), S("[${n}]"))
grid("md5 sha sha1 crc32", S("Spark"))
grid("sha2", S("Spark", "", None), I(0, 224, 256, 384, 512, 1, -1, None))
grid("sha2", X("00ff"), I(256))

# Hashes.
LONG = "The quick brown fox jumps over the lazy dog, twice or three times."
HASHED = [
    B("true"), B("false"), B(None), Y(-5), H(300), I(1), I(0), I(MINI), I(None), L(1), L(MAXL), L(-1),
    F(0.0), F(-0.0), F(1.5), F("NaN"), F("-Infinity"), D(0.0), D(-0.0), D(3.14), D("NaN"), D("Infinity"),
    N(10, 2)("12.34"), N(18, 0)("-999999999999999999"), N(19, 0)("1"), N(38, 10)("-1234567890123456789012345678.0123456789"),
    N(20, 5)("0"), N(38, 0)("-128"), N(38, 0)("255"), N(20, 2)(None),
    *S("Spark", "", "a", "ab", "abc", "abcd", "abcde", "äöü€𝄞x", LONG, LONG[:32], LONG[:31], LONG[:33], None), X("ff80"), X(""), X("80"),
    DATE("2020-02-29"), DATE("1582-10-04"), TS("2020-02-29 12:34:56.789"), NTZ("1900-01-01 00:00:00"), V(None),
    AI("[123]"), AI("[1,null,3]"), AI("[]"), AI(None), AS('["a",null,"bcd"]'), AD("[1.5,-0.0]"), AX("[[1],[],null,[2,3]]"), AB("[true,false]"),
    ROW('{"a":1,"b":"x"}'), ROW('{"a":null,"b":"x"}'), ROW(None),
]
grid("hash xxhash64", HASHED)
grid("hash xxhash64", S("Spark"), AI("[123]"), I(2))
grid("hash xxhash64", I(1, None), L(2, None), S("z", None))
grid("hash xxhash64", S(*[LONG[7:7 + n] for n in range(41)]), L(None))
grid("hash xxhash64", N(38, 0)(127, -129, 128, MAXL, MINL, 2**64, -2**64, 10**38 - 1, 1 - 10**38, 2**120 + 12345))
grid("hash xxhash64", N(18, 4)("-0.0001", "12345678901234.5678", "0"))
grid("hash xxhash64", TS("0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "1969-12-31 23:59:59.999999"), DATE("0001-01-01", "9999-12-31"))
grid("hash xxhash64", D(1e-320, 1.7976931348623157e308, -2.5), F(1e-45, 3.4028235e38))
grid("hash", MI('{"a":1}'))
grid("hash")

# Numbers.
DOUBLES = D(0.0, -0.0, 1.0, -1.0, 2.5, -2.5, 3.5, 0.1, 1e300, 1e-300, 123456.789, "NaN", "Infinity", "-Infinity", None)
grid("abs sign signum sqrt exp ln log10 log2 floor ceil isnan", DOUBLES)
grid("ceiling", D(1.2))
grid("abs floor ceil round bround isnan sign", F(1.5, -2.5, "NaN", None))
grid("abs", Y(-128, -5), )
grid("abs", H(-32768, 5))
grid("abs", I(MINI, -5, None))
grid("abs", L(MINL, MAXL))
grid("abs floor ceil sign", N(10, 2)("-12.34", "99999999.99", "0.00", None))
grid("abs floor ceil round", S("-12.5"))
grid("abs floor ceil round sign isnan", V(None))
grid("floor ceil", N(10, 0)("5"))
grid("floor ceil", N(38, 2)("999999999999999999999999999999999999.99", "-999999999999999999999999999999999999.99"))
grid("floor ceil", N(38, 38)("0.99999999999999999999999999999999999999", "-0.00000000000000000000000000000000000001"))
grid("floor ceil", L(MAXL))
grid("floor ceil", I(5))
grid("floor ceil", D(1e19, -1e19))
grid("floor ceil", N(10, 4)("3.1411", "-3.1411", "0.0000"), I(0, 3, -1, -3, 5, None))
grid("floor ceil", D(3.1411, -12.345), I(2, -1))
grid("floor ceil", I(345), I(-1, 1))
grid("round bround", DOUBLES)
grid("round bround", D(2.5, 3.5, -0.5, 1.005, 2.675, 1234.5678, 0.285, 1e20, 5e-324, 1.7976931348623157e308, 25.0, 35.0, -1234567.5, 0.5, 0.05, 0.15, 0.25), I(0, 1, 2, 3, -1, -2, 20, 400, -400))
grid("round bround", F(1.005, 2.675, 25.0, 0.125), I(2, -1))
grid("round bround", I(25, 35, -25, 15, MAXI), I(-1, 0, 2, -10, -9, None))
grid("round bround", Y(125, 127, -128), I(-1, -2, -3))
grid("round bround", L(MAXL, 25), I(-1, -19, -18))
grid("round bround", N(10, 3)("2.500", "3.500", "-2.500", "1234.567", "-9999999.995", "0.005", "0.015", None), I(0, 1, 2, 3, 5, -1, -3, -8))
grid("round bround", N(38, 10)("9999999999999999999999999999.9999999999"), I(0, 5, -5))
grid("round bround", N(38, 0)("99999999999999999999999999999999999999"), I(0, -1))
grid("round bround", N(10, 3)("2.500"))
grid("round", D(2.5), S("1"))
grid("round", D(2.567), L(1))
grid("mod pmod", I(10, -10, MINI, 0), I(3, -3, 0, -1, MINI))
grid("mod pmod", L(10, -10, MINL), L(3, -3, 0, -1, MINL))
grid("mod pmod", Y(-100, 100), Y(7, -7, 127, -128))
grid("mod pmod", H(-100), H(-32768, 7))
grid("mod pmod", D(-10.5, 10.5, "NaN"), D(3.0, -3.0, 0.0, "Infinity"))
grid("mod pmod", F(-10.5), F(3.2))
grid("mod pmod", N(10, 2)("-10.50", "7.25"), N(5, 3)("3.125", "-0.100", "0.000"))
grid("mod pmod", N(10, 2)("-10.50"), I(3))
grid("mod pmod", I(-7), L(3))
grid("mod pmod", I(-7), D(3))
grid("mod pmod", I(-7), F(3))
grid("mod pmod", S("7"), I(4))
grid("mod pmod", N(38, 10)("-1234567890123456789012345678.0123456789"), N(38, 0)("7"))
grid("power pow", D(2.0, -2.0, 0.0, 1.0, "NaN", -1.0), D(3.0, 0.5, -1.0, 0.0, "NaN", "Infinity", "-Infinity"))
grid("power", D(1.1, 9.87, 123.456), D(7.3, -2.5, 0.1))
grid("exp ln log10", D(0.5, 2.0, 10.0, 1000.0, 7.389, 0.001, 700.0, -745.0, 3.3))
grid("power", I(2), I(10))
grid("sqrt", I(2))
grid("nanvl", D(1.0, "NaN", None), D(2.0, None))
grid("nanvl", F("NaN"), F(1.5))
grid("nanvl", F("NaN"), D(1.5))

# Dates.
DATES = DATE("2016-07-30", "2020-02-29", "1970-01-01", "1969-12-31", "2011-12-31", "2012-01-01", "0001-01-01", "9999-12-31", "-0044-03-15", "+10000-01-01", "1582-10-10", "2008-12-29", "2010-01-03", None)
grid("year quarter month day dayofmonth dayofweek weekday dayofyear weekofyear last_day unix_date", DATES)
FIELDS = S("YEAR", "yr", "YEAROFWEEK", "QTR", "mons", "W", "days", "DOW", "dow_iso", "DOY", "hour", "mins", "SECONDS", "MILLENNIUM", "s", "dayofweek_iso")
grid("date_part", FIELDS, TS("2019-08-12 01:00:00.123456", "1900-12-31 23:59:59.999999", "-0005-01-01 00:00:00"))
grid("date_part datepart", S("doy", "week", "h"), DATE("2019-08-12"))
grid("extract", S("week"), TS("2019-08-12 01:00:00.123456"))
grid("date_part", S("minute"), NTZ("2019-08-12 01:23:00"), zone="Asia/Kathmandu")
grid("date_part", S(None), DATE("2019-08-12"))
grid("date_part", S("year"), S("2019-08-12"))
grid("year", S("2016-07-30", "x"))
grid("year", TS("2016-07-30 23:00:00"))
grid("year", V(None))
grid("date_add date_sub", DATE("2016-07-30", "2020-02-29", None), I(1, -1, 365, None, MAXI))
grid("dateadd", DATE("2016-07-30"), H(3))
grid("date_add", S("2016-07-30"), I(1))
grid("datediff date_diff", DATE("2009-07-31", "+200000-01-01"), DATE("2009-07-30", "-0100-01-01"))
grid("datediff", TS("2009-07-31 23:00:00"), DATE("2009-07-30"))
grid("add_months", DATE("2016-08-31", "2020-02-29", "0001-01-31", "2015-01-30"), I(1, -1, 12, -13, 6, 0, 100000))
grid("add_months", DATE("2016-08-31"), I(MAXI, MINI))
grid("next_day", DATE("2015-01-14", "2015-01-15"), S("TU", "thu", "Friday", "XX", "", "MO", "sunday", None))
grid("make_date", I(2013, 0, -5, 10000, MAXI, None), I(2, 13, 0), I(28, 29, 0, 1))
grid("date_from_unix_date", I(1, 0, -1, 2932896))
TRUNCS = S("year", "YYYY", "yy", "QUARTER", "month", "MM", "Mon", "WEEK", "day", "DD", "HOUR", "minute", "second", "MILLISECOND", "MICROSECOND", "x", "decade", None)
grid("trunc", DATE("2019-08-04", "2009-02-12", "-0044-03-15", None), TRUNCS)
grid("trunc", S("2019-08-04"), S("week"))
grid("date_trunc", TRUNCS, TS("2015-03-05 09:32:05.123457", "1899-12-31 23:59:59.999999", "-0001-07-07 07:07:07.070707", None))
grid("date_trunc", S("hour"), NTZ("2015-03-05 09:32:05.123457"))
grid("date_trunc", S("hour"), S("2015-03-05T09:32:05.123457"))

# Time zones: gaps, overlaps, offsets with seconds, midnight gaps.
LA = [
    *TS("2021-03-14 09:30:00 UTC", "2021-03-14 10:30:00 UTC", "2021-11-07 08:30:00 UTC", "2021-11-07 09:30:00 UTC", "2021-11-07 08:59:59.999999 UTC",
        "1883-11-18 12:00:00 UTC", "1883-11-18 20:30:00 UTC", "1800-06-01 12:34:56.789 UTC", "2100-07-01 00:00:00 UTC", "9999-12-31 23:00:00 UTC", "2037-11-01 09:30:00 UTC", "2050-03-13 10:30:00 UTC"),
]
for zone in ("America/Los_Angeles", "Asia/Kathmandu", "Australia/Lord_Howe"):
    grid("hour minute second", LA, zone=zone)
    grid("date_trunc", S("year", "quarter", "week", "day", "hour", "minute", "second"), LA, zone=zone)
    grid("date_format", LA, S("yyyy-MM-dd HH:mm:ss.SSS XXX"), zone=zone)
for text in ("2021-03-14 02:30:00", "2021-03-14 01:59:59.9", "2021-03-14 03:00:00", "2021-11-07 01:30:00", "2021-11-07 00:59:59", "2021-11-07 02:00:00", "1883-11-18 12:00:00", "1883-11-18 11:55:00", "1800-01-01", "2200-07-04"):
    grid("to_timestamp", S(text), zone="America/Los_Angeles")
    if " " in text and "." not in text:
        grid("to_timestamp unix_timestamp", S(text), S("yyyy-MM-dd HH:mm:ss"), zone="America/Los_Angeles")
grid("date_trunc", S("year", "month", "week", "day", "hour"), TS("2011-12-30 09:59:59 UTC", "2011-12-30 10:30:00 UTC", "2012-01-01 00:00:00 UTC"), zone="Pacific/Apia")
grid("to_timestamp", S("2011-12-30 12:00:00", "2011-12-29 23:59:59", "2011-12-31 00:00:00"), zone="Pacific/Apia")
grid("date_trunc", S("quarter", "day", "hour"), TS("2021-03-28 01:30:00 UTC", "2021-10-31 00:30:00 UTC", "2021-10-31 01:30:00 UTC", "1916-05-21 03:00:00 UTC", "1968-10-27 00:30:00 UTC"), zone="Europe/Dublin")
grid("to_timestamp", S("2021-03-28 01:30:00", "2021-10-31 01:30:00", "1916-10-01 02:45:00"), zone="Europe/Dublin")
grid("to_timestamp", S("2016-12-31 12:34:56 IST", "2016-12-31 12:34:56 Pacific/Apia", "T25:00", "-1:30"), zone="UTC")
grid("date_trunc", S("day", "month", "hour"), TS("2018-11-04 04:30:00 UTC", "2018-11-30 04:30:00 UTC", "2018-02-18 02:30:00 UTC", "2018-02-18 01:30:00 UTC"), zone="America/Sao_Paulo")
grid("make_timestamp", I(2018), I(11, 2), I(4, 17), I(0, 23), I(30), N(16, 6)("1.5"), zone="America/Sao_Paulo")
grid("unix_timestamp", DATE("2018-11-04"), zone="America/Sao_Paulo")
grid("months_between", TS("1997-02-28 10:30:00", "2021-03-31 00:00:00", "2021-11-07 09:00:00 UTC"), TS("1996-10-30 00:00:00", "2021-02-28 23:59:59", "2021-03-14 11:00:00 UTC"), B("true", "false"), zone="America/Los_Angeles")
grid("months_between", TS("1997-02-28 10:30:00", None), TS("1996-10-30 00:00:00", "1996-10-28 23:00:00", "2000-02-29 01:02:03", "1997-03-31 00:00:00"))
grid("months_between", S("1997-02-28 10:30:00"), DATE("1996-10-30"))

# Texts and numbers of times.
PLAIN = S("2016-12-31", "2016-12-31 00:12:00", "2016-12-31T00:12:00", " 2016-12-31 ", "2016-12", "2016", "20161", "201", "2016-1-2", "2016-13-01", "2016-02-30", "2016-12-31 12", "2016-12-31 12:34", "2016-12-31 12:34:56.7",
          "2016-12-31 12:34:56.123456789", "2016-12-31 12:34:56.", "2016-12-31 12:34:56Z", "2016-12-31 12:34:56+01:00", "2016-12-31 12:34:56 +1:00", "2016-12-31 12:34:56 Europe/Paris", "2016-12-31 12:34:56 UTC+3",
          "2016-12-31 12:34:56-0830", "2016-12-31 12:34:56+01:02:03", "2016-12-31 12:34:56 PST", "2016-12-31 12:34:56+19:00", "2016-12-31 24:00:00", "2016-12-31 12:60:00", "2016-12-31 12:34:56 X/Y", "2016-12-31Z", "2016-12-31 12:34Z",
          "+2016-12-31", "-0044-03-15", "10000-01-01", "+12345-06-07 08:09:10", "294247-01-10 04:00:54.775807", "294247-01-10 04:00:54.775808", "-290308-12-21 19:59:05.224192", "-290308-12-21 19:59:05.224191", "1234567-01-01", "x", "", "2016-12-31 x", "2016-12-31Tx", "2016-12-31x", "0000-01-01", "2016-12-31 1:2:3", "2016-12-31 12:34:5.6Z", "2016-12-31 12:34:56.5 +01", "2016-12-31 12:34:56 EST", "2016-12-31 12:34:56+1:2", "2016-12-31 12:34:56 GMT-2:30", "2016-12-31 12:34:56+5", None)
grid("to_date to_timestamp", PLAIN)
grid("to_timestamp", S("2016-12-31 12:34:56", "2016-12-31"), zone="Asia/Kathmandu")
grid("to_date", TS("2016-12-31 20:00:00 UTC"), zone="Asia/Kathmandu")
grid("to_date", DATE("2016-12-31"))
grid("to_timestamp", DATE("2016-12-31"), zone="Asia/Kathmandu")
grid("to_timestamp", I(5))
grid("try_to_timestamp", S("2016-12-31 00:12:00", "foo"))
grid("try_to_timestamp", S("2016-12-31", "foo"), S("yyyy-MM-dd"))
grid("try_to_date", S("2016-12-31", "foo"))
grid("try_to_date", S("2016-12-31", "foo"), S("yyyy-MM-dd"))
FORMS = [
    ("yyyy-MM-dd", "2016-12-31 2016-1-2 16-12-31 12016-12-31 +12016-12-31 -2016-12-31 2016-02-30 2016-12-31x"),
    ("y-M-d", "2016-12-31 2016-1-2 -5-1-2 +5-1-2 16-012-31"),
    ("yy-MM-dd", "16-12-31 2016-12-31 99-01-01"),
    ("yyyyMMdd", "20161231 2016123 120161231 20161301"),
    ("yMMdd", "20161231 51231"),
    ("yyyyMMddHHmmssSSS", "20161231123456789 2016123112345678"),
    ("yyyyMMddHHmmss", "20161231123456"),
    ("yyyy-MM-dd'T'HH:mm:ss", "2016-12-31T12:34:56 2016-12-31t12:34:56 2016-12-31_12:34:56"),
    ("yyyy-MM-dd HH:mm:ss.SSS", "2016-12-31~12:34:56.1 2016-12-31~12:34:56.123 2016-12-31~12:34:56.1234 2016-12-31~12:34:56."),
    ("yyyy-MM-dd HH:mm:ss[.SSSSSS]", "2016-12-31~12:34:56 2016-12-31~12:34:56.123456"),
    ("yyyy-MM-dd HH:mm:ss.SSSSSSSSS", "2016-12-31~12:34:56.123456789"),
    ("[yyyy-MM-dd][dd/MM/yyyy]", "2016-12-31 31/12/2016 2016-12-3131/12/2016"),
    ("dd MMM yyyy", "31~Dec~2016 31~dec~2016 31~December~2016 1~May~2016 31~Foo~2016"),
    ("dd MMMM yyyy", "31~Dec~2016 31~DECEMBER~2016"),
    ("dd LLL yyyy", "31~Dec~2016"),
    ("yyyy-DDD", "2016-366 2015-366 2016-001 2016-1"),
    ("yyyy-D", "2016-366 2016-1"),
    ("hh:mm a", "01:30~PM 12:30~AM 12:30~pm 13:30~PM 0:30~AM"),
    ("h:mm", "1:30 12:30"),
    ("K:mm a", "0:30~PM 11:30~AM 12:30~AM"),
    ("k:mm", "24:30 0:30 1:30"),
    ("a", "PM"),
    ("HH:mm", "01:30 25:30 1:30"),
    ("H:m:s", "1:2:3 01:02:03"),
    ("MM-dd", "02-28 02-29"),
    ("yyyy", "2016 16"),
    ("MM", "12 0"),
    ("yyyy-MM-dd G", "2016-12-31~AD 0044-03-15~BC 2016-12-31~XX 0000-01-01~AD"),
    ("yyyy-MM-dd HH:mm:ssX", "2016-12-31~12:34:56Z 2016-12-31~12:34:56+01 2016-12-31~12:34:56+0130 2016-12-31~12:34:56+01:30"),
    ("yyyy-MM-dd HH:mm:ssXX", "2016-12-31~12:34:56Z 2016-12-31~12:34:56+01 2016-12-31~12:34:56+0130"),
    ("yyyy-MM-dd HH:mm:ssXXX", "2016-12-31~12:34:56Z 2016-12-31~12:34:56z 2016-12-31~12:34:56+01:30 2016-12-31~12:34:56+0130"),
    ("yyyy-MM-dd HH:mm:ssXXXXX", "2016-12-31~12:34:56+01:30 2016-12-31~12:34:56+01:30:15"),
    ("yyyy-MM-dd HH:mm:ssxxx", "2016-12-31~12:34:56+00:00 2016-12-31~12:34:56Z"),
    ("yyyy-MM-dd HH:mm:ssZ", "2016-12-31~12:34:56+0130 2016-12-31~12:34:56+01:30 2016-12-31~12:34:56-0800"),
    ("yyyy-MM-dd HH:mm:ssZZZZ", "2016-12-31~12:34:56GMT+01:30 2016-12-31~12:34:56GMT"),
    ("yyyy-MM-dd HH:mm:ss O", "2016-12-31~12:34:56~GMT+1 2016-12-31~12:34:56~GMT+1:30 2016-12-31~12:34:56~GMT"),
    ("yyyy-MM-dd HH:mm:ss VV", "2016-12-31~12:34:56~Europe/Paris 2016-12-31~12:34:56~UTC 2016-12-31~12:34:56~Z 2016-12-31~12:34:56~+01:30 2016-12-31~12:34:56~Nowhere"),
    ("yyyy-MM-dd HH:mm:ss z", "2016-12-31~12:34:56~PST 2016-07-31~12:34:56~PDT 2016-12-31~12:34:56~UTC 2016-12-31~12:34:56~Europe/Paris 2016-12-31~12:34:56~CET"),
    ("yyyy-MM-dd''HH", "2016-12-31'12"),
    ("E yyyy", "Sat~2016"), ("Q yyyy", "4~2016"), ("Y", "2016"), ("w", "1"), ("u", "1"), ("c", "1"), ("A", "1"), ("n", "1"), ("N", "1"), ("p", "1"), ("B", "1"), ("e", "1"), ("F", "1"), ("W", "1"), ("b", "1"),
    ("yyyy-MM-dd {", "1"), ("yyyy'", "2016"), ("MMMMM", "D"), ("ddd", "1"), ("yyyyyyyyyyy", "2016"), ("[yyyy", "2016"), ("yyyy]", "2016"), ("SSSSSSSSSS", "1"), ("aa", "AM"), ("VVV", "Z"), ("OO", "Z"), ("HHH", "1"), ("", "x"), ("x", "+01"),
]
for form, texts in FORMS:
    for text in texts.split(" "):
        grid("to_timestamp", S(text.replace("~", " ")), S(form), zone="America/Los_Angeles")
grid("to_date", S("31/12/2016", "1/2/2016", "2016-12-31", None), S("dd/MM/yyyy", "d/M/y", None))
grid("to_date", S("2016-12-31 23:00:00+00"), S("yyyy-MM-dd HH:mm:ssx"), zone="Asia/Kathmandu")
grid("to_date", DATE("2016-12-31"), S("yyyy"))
grid("date_format", TS("2016-04-08 13:05:09.012345", "-0044-03-15 00:00:00", "+12345-12-31 23:59:59.999999", "2021-01-01 12:00:00"),
     S("y", "yy", "yyy", "yyyy", "yyyyy", "M", "MM", "MMM", "MMMM", "L", "LLL", "LLLL", "d", "dd", "D", "DD", "DDD", "E", "EE", "EEE", "EEEE", "Q", "QQ", "QQQ", "QQQQ", "q", "qqq", "a", "h", "hh", "K", "KK", "k", "kk", "H", "HH", "m", "mm", "s", "ss",
       "S", "SSS", "SSSSSS", "SSSSSSSSS", "X", "XX", "XXX", "XXXX", "XXXXX", "x", "xx", "xxx", "xxxx", "xxxxx", "Z", "ZZ", "ZZZ", "ZZZZ", "ZZZZZ", "z", "zzz", "O", "OOOO", "VV", "G", "GGGG", "G y", "yyyy G", "'at' HH 'o''clock'", "[yyyy][MM]", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
       "Y", "w", "W", "u", "e", "F", "A", "n", "N", "p", "zzzz", "EEEEE", "é€ yyyy", "", "B", "c", "C"),
     zone="America/Los_Angeles")
grid("date_format", TS("2016-04-08 13:05:09.012345"), S("X", "XX", "XXX", "x", "xxx", "Z", "ZZZZ", "ZZZZZ", "z", "O", "OOOO", "VV"))
grid("date_format", TS("2016-04-08 13:05:09.012345"), S("X", "XX", "XXX", "x", "xxx", "Z", "ZZZZ", "ZZZZZ", "O", "OOOO", "VV"), zone="Asia/Kathmandu")
grid("date_format", TS("1850-04-08 13:05:09"), S("X", "XX", "XXX", "XXXX", "XXXXX", "Z", "ZZZZ", "ZZZZZ", "O", "OOOO"), zone="Asia/Kathmandu")
grid("date_format", DATE("2016-04-08"), S("yyyy-MM-dd HH"))
grid("date_format", S("2016-04-08 13:10"), S("y"))
grid("from_unixtime", L(0, -1, 1475597445, 253402300800, None, MAXL), zone="America/Los_Angeles")
grid("from_unixtime", L(0, 86400), S("yyyy-MM-dd", "EEE", None))
grid("unix_timestamp", S("2016-04-08", "2016-04-08 01:02:03", "x", None), S("yyyy-MM-dd", None))
grid("unix_timestamp to_unix_timestamp", S("2016-04-08 01:02:03", "2016-04-08"))
grid("unix_timestamp", TS("2016-04-08 01:02:03.999", "1969-12-31 23:59:59.5"))
grid("unix_timestamp", NTZ("2016-04-08 01:02:03"), zone="Asia/Kathmandu")
grid("unix_timestamp", DATE("2016-04-08"), zone="Asia/Kathmandu")
grid("timestamp_seconds", L(1230219000, -1, MAXL, None))
grid("timestamp_seconds", I(7))
grid("timestamp_seconds", D(1230219000.123, -0.5, "NaN", "Infinity", 1e300))
grid("timestamp_seconds", F(1.5, "NaN"))
grid("timestamp_seconds", N(20, 6)("1230219000.123456", "-0.000001"))
grid("timestamp_seconds", N(20, 8)("1.12345600", "1.12345678"))
grid("timestamp_millis", L(1230219000123, -1, MAXL, MINL))
grid("timestamp_micros", L(1230219000123123, MINL))
grid("timestamp_millis", I(5))
grid("unix_seconds unix_millis unix_micros", TS("1970-01-01 00:00:01", "1969-12-31 23:59:59.999999", "2020-01-01 00:00:00.123456", None))
grid("make_timestamp", I(2014), I(12, 2), I(28, 30), I(6, 24), I(30), N(16, 6)("45.887000", "60.000000", "60.5", "61", "-1"))
grid("make_timestamp", I(2014), I(12), I(28), I(6), I(30), D(45.887), S("CET", "+02:00", "America/Los_Angeles", "XX"))
grid("make_timestamp", I(2019, None, 0, 100000, 1000000), I(13, 6), I(30), I(23), I(59), I(60, 1))

# Arrays.
grid("size cardinality", AI("[1,2,null]", "[]", None))
grid("size", MI('{"a":1}', None))
grid("size array_size", V(None))
grid("array_size", AI("[1,2]", None))
grid("array_contains", AI("[1,2,null]", "[1,2]", "[]", None), I(2, 3, None))
grid("array_contains", AS('["a","b"]'), S("b", "c"))
grid("array_contains", AD("[1.5,-0.0]"), D(0.0, "NaN"))
grid("array_contains", AI("[1,2]"), L(2))
grid("array_contains", AL("[1,2]"), I(2))
grid("array_contains", AX("[[1],[2,null]]"), AI("[1]", "[2,null]", "[3]"))
grid("array_contains", AI("[1]"), S("1"))


def literal(kind, text):
    if text is None:
        return "NULL" if kind == "void" else f"CAST(NULL AS {kind})"
    quoted = "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
    if kind == "string":
        return quoted
    if kind == "int":
        return text
    if kind == "binary":
        return f"X'{text}'"
    if "<" in kind:
        return f"from_json({quoted}, '{kind}')"
    return f"CAST({quoted} AS {kind})"


def ask(spark, case):
    spark.conf.set("spark.sql.session.timeZone", case["zone"])
    call = f"{case['f']}({', '.join(literal(*a) for a in case['args'])})"
    text = {"binary": f"hex({call})", "timestamp": f"CAST(unix_micros({call}) AS STRING)"}
    try:
        kind = spark.sql(f"SELECT {call} AS r").schema["r"].dataType.simpleString()
        return {"type": kind, "value": spark.sql(f"SELECT {text.get(kind, f'CAST({call} AS STRING)')} AS r").collect()[0][0]}
    except Exception as e:  # what Spark refuses is an answer too
        condition = getattr(e, "getCondition", lambda: None)()
        return {"error": condition or type(e).__name__ + ": " + str(e).split("\n")[0][:80]}


def main():
    from pyspark.sql import SparkSession

    spark = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").config("spark.sql.ansi.enabled", "true")
             .config("spark.sql.variable.substitute", "false")
             .config("spark.sql.codegen.wholeStage", "false").config("spark.sql.codegen.factoryMode", "NO_CODEGEN").getOrCreate())
    spark.sparkContext.setLogLevel("OFF")
    seen, out = set(), []
    for n, case in enumerate(CASES):
        key = json.dumps(case)
        if key in seen:
            continue
        seen.add(key)
        out.append(json.dumps({**case, **ask(spark, case)}, ensure_ascii=False))
        if n % 500 == 0:
            print(n, "of", len(CASES), file=sys.stderr, flush=True)
    print("[\n" + ",\n".join(out) + "\n]")


if __name__ == "__main__":
    main()
