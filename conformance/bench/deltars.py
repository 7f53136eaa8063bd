"""delta-rs's side of the benchmark: deltars.py WORKLOAD TABLE SOURCE [N].

Prints a line of JSON: the processor and wall-clock seconds of the operation
without the start of the process, and facts by which the result is checked."""
import json
import resource
import sys
import time

import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
from deltalake import DeltaTable, WriterProperties, write_deltalake


def append(table, source):
    rows = pyarrow.dataset.dataset(source)
    reader = pa.RecordBatchReader.from_batches(rows.schema, rows.to_batches(batch_readahead=2, fragment_readahead=1))
    write_deltalake(table, reader, partition_by=["processing_date"], mode="append")
    return {}


def replace(table, source):
    write_deltalake(table, pq.read_table(source), mode="overwrite", predicate="processing_date = '2026-01-15'")
    return {}


def merge(table, source):
    t = DeltaTable(table).merge(pq.read_table(source), "t.order_id = s.order_id", source_alias="s", target_alias="t")
    return t.when_matched_update_all().when_not_matched_insert_all().execute() and {}


def delete(table, source):
    """Deletes a row in a hundred, in files of snappy as ours are."""
    DeltaTable(table).delete("customer_id % 100 = 7", writer_properties=WriterProperties(compression="SNAPPY"))
    return {}


def open_(table, source):
    return {"version": DeltaTable(table).version()}


def list_(table, source):
    return {"files": len(DeltaTable(table).file_uris())}


def prune(table, source):
    """Opens the table and plans: one day, and of it the upper half of the ids."""
    t = DeltaTable(table)
    half = 500 * len(t.file_uris()) if source == "" else int(source)
    return {"files": len(t.file_uris(file_pruning_predicate=[("date", "=", "2026-02-10"), ("id", ">=", half)]))}


def commits(table, source, n):
    rows = pq.read_table(source)
    write_deltalake(table, rows, mode="append")
    t = DeltaTable(table)
    for _ in range(int(n)):
        write_deltalake(t, rows, mode="append")
    return {"version": DeltaTable(table).version()}


def cpu():
    u = resource.getrusage(resource.RUSAGE_SELF)
    return u.ru_utime + u.ru_stime


workload, *arguments = sys.argv[1:]
wall, before = time.monotonic(), cpu()
result = {"append": append, "replace": replace, "merge": merge, "delete": delete, "open": open_, "list": list_, "prune": prune, "commits": commits}[workload](*arguments)
print(json.dumps({"cpu_s": cpu() - before, "wall_s": time.monotonic() - wall, "check": result}))
