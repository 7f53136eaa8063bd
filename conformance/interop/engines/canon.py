"""One textual form for every value of a Delta table, whoever read it.

A canonical file is lines of JSON. The first is {"columns": [[name, type], ...]}
with Delta's names of types; every other is a row, an array in the order of the
columns. Values:

  boolean, integers      JSON
  float, double          JSON numbers, a float widened to double; "NaN", "Infinity", "-Infinity"
  decimal(p,s)           text with s digits after the point
  string                 text
  binary                 {"b64": text}
  date                   "YYYY-MM-DD"
  timestamp              "YYYY-MM-DDTHH:MM:SS.ffffff", in UTC
  timestamp_ntz          the same, as written
  array                  array
  struct                 object in the order of the fields
  map                    {"map": [[key, value], ...]}, sorted by the JSON of the pair

It is the form of the expected rows that come with tables written by Spark.
"""
import base64
import json
import math

import pyarrow as pa

T = pa.types


def type_name(t):
    """The Delta name of an Arrow type."""
    if isinstance(t, pa.BaseExtensionType):
        return type_name(t.storage_type)
    if T.is_dictionary(t):
        return type_name(t.value_type)
    simple = [
        (T.is_null, "void"), (T.is_boolean, "boolean"), (T.is_int8, "byte"), (T.is_int16, "short"), (T.is_int32, "integer"),
        (T.is_int64, "long"), (T.is_float32, "float"), (T.is_float64, "double"), (T.is_date32, "date"),
        (lambda x: T.is_string(x) or T.is_large_string(x) or T.is_string_view(x), "string"),
        (lambda x: T.is_binary(x) or T.is_large_binary(x) or T.is_binary_view(x) or T.is_fixed_size_binary(x), "binary"),
    ]
    for test, name in simple:
        if test(t):
            return name
    if T.is_decimal(t):
        return f"decimal({t.precision},{t.scale})"
    if T.is_timestamp(t):
        return "timestamp" if t.tz else "timestamp_ntz"
    if is_list(t):
        return f"array<{type_name(t.value_type)}>"
    if T.is_map(t):
        return f"map<{type_name(t.key_type)},{type_name(t.item_type)}>"
    if T.is_struct(t):
        return "struct<" + ",".join(f"{f.name}:{type_name(f.type)}" for f in t) + ">"
    raise TypeError(f"no Delta type for Arrow type {t}")


def is_list(t):
    return T.is_list(t) or T.is_large_list(t) or T.is_fixed_size_list(t) or T.is_list_view(t) or T.is_large_list_view(t)


def date_text(days):
    """The proleptic Gregorian date of a day since 1970, for any year."""
    z = days + 719468
    era, doe = divmod(z, 146097)
    yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    day, month = doy - (153 * mp + 2) // 5 + 1, mp + 3 if mp < 10 else mp - 9
    year = yoe + era * 400 + (month <= 2)
    return f"{'-' if year < 0 else ''}{abs(year):04d}-{month:02d}-{day:02d}"


PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def timestamp_text(v, unit):
    per = PER_SECOND[unit]
    seconds, fraction = divmod(v, per)
    days, second = divmod(seconds, 86400)
    nanos = fraction * (10**9 // per)
    digits = f"{nanos:09d}"
    if digits.endswith("000"):
        digits = digits[:6]
    return f"{date_text(days)}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.{digits}"


def float_value(v):
    if v is None or math.isfinite(v):
        return v
    return "NaN" if math.isnan(v) else "Infinity" if v > 0 else "-Infinity"


def dumps(v):
    return json.dumps(v, ensure_ascii=False, separators=(",", ":"))


def values(a):
    """The canonical values of an array, as a list."""
    if isinstance(a, pa.ChunkedArray):
        return [v for c in a.chunks for v in values(c)]
    t = a.type
    if isinstance(t, pa.BaseExtensionType):
        return values(a.storage)
    if T.is_dictionary(t):
        return values(a.dictionary_decode())
    if T.is_null(t) or T.is_boolean(t) or T.is_integer(t):
        return a.to_pylist()
    if T.is_string(t) or T.is_large_string(t) or T.is_string_view(t):
        return a.to_pylist()
    if T.is_floating(t):
        return [float_value(v) for v in a.to_pylist()]
    if T.is_decimal(t):
        return [None if v is None else format(v, "f") for v in a.to_pylist()]
    if T.is_binary(t) or T.is_large_binary(t) or T.is_binary_view(t) or T.is_fixed_size_binary(t):
        return [None if v is None else {"b64": base64.b64encode(v).decode()} for v in a.to_pylist()]
    if T.is_date32(t):
        return [None if v is None else date_text(v) for v in a.view(pa.int32()).to_pylist()]
    if T.is_timestamp(t):
        return [None if v is None else timestamp_text(v, t.unit) for v in a.view(pa.int64()).to_pylist()]
    if T.is_list_view(t) or T.is_large_list_view(t) or T.is_fixed_size_list(t):
        return values(a.cast(pa.large_list(t.value_type)))
    if T.is_list(t) or T.is_large_list(t):
        inner, off = values(a.values), a.offsets.to_pylist()
        return [inner[off[i]:off[i + 1]] if ok else None for i, ok in enumerate(a.is_valid().to_pylist())]
    if T.is_map(t):
        keys, items, off = values(a.keys), values(a.items), a.offsets.to_pylist()
        return [{"map": sorted(([k, v] for k, v in zip(keys[off[i]:off[i + 1]], items[off[i]:off[i + 1]])), key=dumps)} if ok else None
                for i, ok in enumerate(a.is_valid().to_pylist())]
    if T.is_struct(t):
        names = [f.name for f in t]
        fields = [values(a.field(i)) for i in range(t.num_fields)]
        return [dict(zip(names, (f[i] for f in fields))) if ok else None for i, ok in enumerate(a.is_valid().to_pylist())]
    raise TypeError(f"no canonical form for Arrow type {t}")


def write(table, out):
    """Writes an Arrow table as a canonical file and returns its number of rows."""
    with open(out, "w", encoding="utf-8", newline="\n") as f:
        f.write(dumps({"columns": [[c.name, type_name(c.type)] for c in table.schema]}) + "\n")
        for batch in table.to_batches(max_chunksize=65536):
            columns = [values(c) for c in batch.columns]
            for i in range(batch.num_rows):
                f.write(dumps([c[i] for c in columns]) + "\n")
    return table.num_rows
