"""delta-rs, by its Python package, as a client of the scenarios of package
conformance. Storage options come from the environment, as a user gives them."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "interop", "engines"))

import deltalake
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, QueryBuilder, Transaction, write_deltalake

from driver import serve

SCHEMA = pa.schema([("id", pa.int64()), ("p", pa.string()), ("v", pa.int64())])


def rows_table(rows):
    return pa.table({"id": [r["ID"] for r in rows], "p": [r["P"] for r in rows], "v": [r["V"] for r in rows]}, schema=SCHEMA)


def one_of(ids):
    return "id in (" + ", ".join(map(str, ids)) + ")"


def do_op(path, op):
    verb, rows = op["Verb"], op["Rows"] or []
    commit = CommitProperties(app_transactions=[Transaction(op["App"], op["Version"])]) if op["App"] else None
    if verb == "create":
        DeltaTable.create(path, SCHEMA, partition_by=["p"], configuration=op["Properties"] or None)
    elif verb == "append":
        write_deltalake(path, rows_table(rows), mode="append", partition_by=["p"], commit_properties=commit)
    elif verb == "replace":
        where = "p in (" + ", ".join("'" + p + "'" for p in op["Parts"]) + ")"
        write_deltalake(path, rows_table(rows), mode="overwrite", predicate=where, commit_properties=commit)
    elif verb == "reload":
        write_deltalake(path, rows_table(rows), mode="overwrite", commit_properties=commit)
    elif verb == "merge":
        (DeltaTable(path).merge(rows_table(rows), "t.id = s.id and t.p = s.p", source_alias="s", target_alias="t", commit_properties=commit)
         .when_matched_update_all().when_not_matched_insert_all().execute())
    elif verb == "update":
        DeltaTable(path).update(updates={"v": str(op["Value"])}, predicate=one_of(op["IDs"]), commit_properties=commit)
    elif verb == "delete":
        DeltaTable(path).delete(one_of(op["IDs"]), commit_properties=commit)
    else:
        raise ValueError(verb)
    return {}


def read_rows(path):
    t = pa.table(QueryBuilder().register("t", DeltaTable(path)).execute("select id, p, v from t").read_all())
    return {"rows": [{"ID": r["id"], "P": r["p"], "V": r["v"]} for r in t.to_pylist()]}


def hello():
    return {"engine": "delta-rs " + deltalake.__version__}


serve({"hello": hello, "op": do_op, "read": read_rows})
