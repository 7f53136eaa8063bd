"""delta-rs, by its Python package; rows are read by its DataFusion provider."""
import deltalake
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, QueryBuilder, Transaction, write_deltalake

import canon
from driver import serve


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def read(path, out, version=None, columns=None, where=None):
    t = DeltaTable(path, version=version)
    what = ", ".join(map(quoted, columns)) if columns else "*"
    query = f"select {what} from t" + (f" where {where}" if where else "")
    return {"rows": canon.write(pa.table(QueryBuilder().register("t", t).execute(query).read_all()), out)}


def write(path, source, mode="append", partition_by=None, predicate=None, properties=None, txn=None, schema_mode=None):
    """Writes the rows of a Parquet file to a table."""
    commit = CommitProperties(app_transactions=[Transaction(*txn)]) if txn else None
    write_deltalake(path, pq.read_table(source), mode=mode, partition_by=partition_by, predicate=predicate,
                    configuration=properties, commit_properties=commit, schema_mode=schema_mode)
    return {}


def delete(path, where):
    DeltaTable(path).delete(where)
    return {}


def checkpoint(path):
    DeltaTable(path).create_checkpoint()
    return {}


def optimize(path):
    DeltaTable(path).optimize.compact()
    return {}


def history(path):
    return [{"version": h.get("version"), "operation": h.get("operation")} for h in DeltaTable(path).history()]


def hello():
    return {"engine": "delta-rs " + deltalake.__version__}


serve({"hello": hello, "read": read, "write": write, "delete": delete, "checkpoint": checkpoint, "optimize": optimize, "history": history})
