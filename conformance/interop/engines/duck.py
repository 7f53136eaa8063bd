"""DuckDB with its delta extension, which is a file in a Python package."""
import os

import duckdb
import duckdb_extension_delta

import canon
import cells
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


def make(name, columns, rows):
    db.register("made", cells.table(columns, rows, zone=False))
    db.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM made")
    db.unregister("made")


def statements(columns, rows, steps):
    """Runs generated statements on one table after the other, and returns its rows after each, or the error."""
    make("target", columns, rows)
    outcomes = []
    for step in steps:
        outcome = {}
        if step["source"]:
            make("s", step["source"], step["source_rows"])
        try:
            db.execute("BEGIN")
            if step["ambiguous"] and db.execute(step["ambiguous"]).fetchone()[0]:
                raise ValueError("several source rows act on one row of the table")
            db.execute(step["sql"])
            db.execute("COMMIT")
        except Exception as e:
            db.execute("ROLLBACK")
            outcome["error"] = f"{type(e).__name__}: {e}"
        outcome["rows"] = cells.lines(db.execute("SELECT * FROM target").to_arrow_table())
        outcomes.append(outcome)
    return outcomes


def hello():
    return {"engine": "DuckDB " + duckdb.__version__}


serve({"hello": hello, "read": read, "statements": statements})
