"""Writes what pyarrow reads in each .parquet file of this directory to a .txt."""
import glob
import os
import struct

import pyarrow as pa
import pyarrow.parquet as pq


def text(v, t):
    if pa.types.is_null(t) or not v.is_valid:
        return "null"
    if pa.types.is_struct(t):
        return "{" + " ".join(f.name + "=" + text(v[f.name], f.type) for f in t) + "}"
    if pa.types.is_map(t):
        return "<" + "".join(text(e[0], t.key_type) + ":" + text(e[1], t.item_type) + " " for e in v.values) + ">"
    if pa.types.is_list(t):
        return "[" + "".join(text(e, t.value_type) + " " for e in v.values) + "]"
    if pa.types.is_boolean(t):
        return "true" if v.as_py() else "false"
    if pa.types.is_integer(t) or pa.types.is_date32(t):
        return str(v.value if pa.types.is_date32(t) else v.as_py())
    if pa.types.is_floating(t):
        f = float(v.as_py())
        return "nan" if f != f else struct.pack(">d", f).hex()
    if pa.types.is_decimal(t):
        return format(v.as_py(), "f")
    if pa.types.is_timestamp(t):
        return str({"ms": v.value * 1000, "us": v.value, "ns": v.value // 1000}[t.unit])
    return v.as_buffer().to_pybytes().hex()


for path in sorted(glob.glob(os.path.join(os.path.dirname(__file__), "*.parquet"))):
    t = pq.ParquetFile(path, coerce_int96_timestamp_unit="us", arrow_extensions_enabled=False).read()
    with open(path.removesuffix(".parquet") + ".txt", "w") as out:
        for i in range(t.num_rows):
            out.write(" ".join(f.name + "=" + text(t.column(k)[i], f.type) for k, f in enumerate(t.schema)) + "\n")
