"""DuckDB with its delta extension, which is a file in a Python package."""
import os

import duckdb
import duckdb_extension_delta

import canon
from driver import serve

extension = os.path.join(os.path.dirname(duckdb_extension_delta.__file__), "extensions", "v" + duckdb.__version__, "delta.duckdb_extension")
db = duckdb.connect()
db.execute(f"LOAD '{extension}'")
db.execute("SET TimeZone='UTC'; SET threads=2; SET memory_limit='2GB'")


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def read(path, out, version=None, columns=None, where=None):
    what = ", ".join(map(quoted, columns)) if columns else "*"
    arguments = "'" + path.replace("'", "''") + "'" + (f", version={int(version)}" if version is not None else "")
    query = f"SELECT {what} FROM delta_scan({arguments})" + (f" WHERE {where}" if where else "")
    return {"rows": canon.write(db.execute(query).to_arrow_table(), out)}


def hello():
    return {"engine": "DuckDB " + duckdb.__version__}


serve({"hello": hello, "read": read})
