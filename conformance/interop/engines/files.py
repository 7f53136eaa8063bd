"""Arrow and Parquet files without any engine: what we export, and the rows that
tests put in."""
import os

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

import canon
import datasets
from driver import serve


def load(path):
    if path.endswith(".parquet"):
        return pq.ParquetFile(path).read()
    with pa.OSFile(path) as f:
        magic = f.read(6)
    with pa.memory_map(path) as f:
        return (pa.ipc.open_file(f) if magic == b"ARROW1" else pa.ipc.open_stream(f)).read_all()


def read(path, out):
    """The canonical form of a file."""
    return {"rows": canon.write(load(path), out)}


def dataset(name, out, **arguments):
    """Writes the rows of datasets.py's function of that name; the end of out says in which format."""
    t = datasets.make(name, **arguments)
    os.makedirs(os.path.dirname(out), exist_ok=True)
    if out.endswith(".parquet"):
        pq.write_table(t, out, version="2.6", coerce_timestamps=None)
    else:
        with pa.OSFile(out, "wb") as f, pa.ipc.new_file(f, t.schema) as w:
            w.write_table(t)
    return {"rows": t.num_rows}


def hello():
    return {"engine": "pyarrow " + pa.__version__}


serve({"hello": hello, "read": read, "dataset": dataset, "datasets": lambda: sorted(datasets.ALL)})
