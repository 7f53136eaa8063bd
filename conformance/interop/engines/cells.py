"""Rows of generated cases: texts to Arrow, and Arrow to canonical lines."""
import decimal
import json

import pyarrow as pa

import canon

TYPES = {
    "integer": pa.int32(), "long": pa.int64(), "double": pa.float64(), "decimal(12,2)": pa.decimal128(12, 2), "string": pa.string(),
    "boolean": pa.bool_(), "date": pa.date32(), "timestamp": pa.timestamp("us", "UTC"),
    "struct<a:integer,b:string>": pa.struct([("a", pa.int32()), ("b", pa.string())]), "array<integer>": pa.list_(pa.int32()),
}


def column(values, name, zone):
    t = TYPES[name]
    read = {"integer": int, "long": int, "double": float, "decimal(12,2)": decimal.Decimal, "boolean": lambda v: v == "true"}.get(name)
    if name.startswith(("struct", "array")):
        read = json.loads
    if read:
        return pa.array([None if v is None else read(v) for v in values], t)
    texts = pa.array(values, pa.string())
    if name == "timestamp":
        naive = texts.cast(pa.timestamp("us"))
        return naive.cast(pa.int64()).cast(t) if zone else naive
    return texts.cast(t)


def table(columns, rows, zone=True):
    """An Arrow table; timestamps without zone where the engine's has none."""
    return pa.table({name: column([r[i] for r in rows], t, zone) for i, (name, t) in enumerate(columns)})


def lines(table):
    columns = [canon.values(c) for c in table.columns]
    return [canon.dumps([c[i] for c in columns]) for i in range(table.num_rows)]
