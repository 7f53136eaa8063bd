"""Data for the benchmark, the same for the same scale: gen.py DIR [--scale F].

  orders/part-NN.parquet    W1: 10 files of a million rows, 30 days mixed in each
  replace.parquet           W2: 350,000 rows of one of the days
  upsert.parquet            W3: 100,000 rows of all days, 70 % of them with keys that the orders have
  upsert-large.parquet      W3b: a million such rows
  log-json/                 W4: a table of 20,000 commits without a checkpoint; no data files
  log-checkpoint/           W4: a table of a million files in a checkpoint, and 3 commits after it
  tiny.parquet              W5: ten rows, appended again and again

A scale of 0.01 makes a hundredth of it.
"""
import argparse
import json
import os
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

FIRST_DAY = 20454  # 2026-01-01
DAYS = 30
REPLACED_DAY = "2026-01-15"
NOW_MS = 1_767_225_600_000


def random_uuids(rng, n):
    """n texts of 36 characters in the form of UUIDs."""
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)[rng.integers(0, 16, (n, 36), dtype=np.uint8)]
    digits[:, [8, 13, 18, 23]] = ord("-")
    offsets = pa.py_buffer(np.arange(0, 36 * (n + 1), 36, dtype=np.int32))
    return pa.Array.from_buffers(pa.string(), n, [None, offsets, pa.py_buffer(np.ascontiguousarray(digits))])


def decimals(units, precision, scale):
    words = np.stack([units, units >> 63], axis=1).astype(np.int64)
    return pa.Array.from_buffers(pa.decimal128(precision, scale), len(units), [None, pa.py_buffer(words)])


def orders(rng, n, days, prefix=""):
    """Rows of a shop: high and low cardinality texts, numbers, decimals, times, nulls."""
    states = pa.array(["new", "paid", "packed", "shipped", "delivered", "cancelled", "returned"])
    notes = pa.array([f"{prefix}note {i} of a customer: leave it {'at the door' if i % 2 else 'with a neighbour'}" for i in range(5000)])
    cents = (rng.lognormal(3.6, 1.1, n) * 100).astype(np.int64)
    times = days.astype(np.int64) * 86_400_000_000 - rng.integers(0, 129_600, n) * 1_000_000 + rng.integers(0, 1_000_000, n)
    text = lambda words, index, mask=None: pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int32), mask=mask), words).cast(pa.string())
    return pa.table({
        "order_id": random_uuids(rng, n),
        "customer_id": rng.integers(1, 2_000_000, n),
        "amount": decimals(cents, 12, 2),
        "amount_f": cents / 100.0 * 1.19,
        "status": text(states, rng.choice(7, n, p=[.05, .10, .08, .17, .50, .06, .04])),
        "order_ts": pa.array(times).view(pa.timestamp("us", "UTC")),
        "processing_date": pa.array(days.astype(np.int32)).view(pa.date32()),
        "qty": rng.integers(1, 9, n).astype(np.int32),
        "is_gift": pa.array(rng.random(n) < .1),
        "note": text(notes, rng.integers(0, 5000, n), rng.random(n) < .8),
    })


def upserts(rng, root, n, prefix):
    """n rows, of which 70 % have the key and the day of an order, spread over all files."""
    known = int(n * .7)
    files = [pq.read_table(f"{root}/orders/part-{i:02d}.parquet", columns=["order_id", "processing_date"]) for i in range(10)]
    orders_ = pa.concat_tables(files)
    at = rng.choice(orders_.num_rows, known, replace=False)
    old = orders_.take(pa.array(np.sort(at)))
    days = np.concatenate([old["processing_date"].cast(pa.int32()).to_numpy(), FIRST_DAY + rng.integers(0, DAYS, n - known)]).astype(np.int32)
    rows = orders(rng, n, days, prefix)
    keys = pa.concat_arrays([old["order_id"].combine_chunks(), rows["order_id"].combine_chunks()[known:]])
    rows = rows.set_column(0, "order_id", keys)
    return rows.take(pa.array(rng.permutation(n)))


def write(table, path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    pq.write_table(table, path, compression="snappy", row_group_size=250_000)


def line(action):
    return json.dumps(action, separators=(",", ":")) + "\n"


FIELDS = [("id", "long"), ("name", "string"), ("v", "double"), ("date", "date")]
METADATA = {
    "id": "5f1d6fd6-6f5c-4a3e-9d0e-2b8f0c1d7a11", "format": {"provider": "parquet", "options": {}}, "partitionColumns": ["date"], "configuration": {}, "createdTime": NOW_MS,
    "schemaString": json.dumps({"type": "struct", "fields": [{"name": n, "type": t, "nullable": True, "metadata": {}} for n, t in FIELDS]}, separators=(",", ":")),
}
PROTOCOL = {"minReaderVersion": 1, "minWriterVersion": 2}


def add(i):
    """The add action of file number i, as a large table of Spark's has them: 100 days, statistics of three columns."""
    day, low = str(np.datetime64("2026-01-01") + i % 100), i * 1000
    high = low + 999
    stats = (f'{{"numRecords":1000,"minValues":{{"id":{low},"name":"n{low:09d}","v":{low / 2:.1f}}},'
             f'"maxValues":{{"id":{high},"name":"n{high:09d}","v":{high / 2:.1f}}},"nullCount":{{"id":0,"name":0,"v":{i % 7}}}}}')
    return {"path": f"date={day}/part-00000-{i:08x}-7b1c-4000-8000-{i * 2654435761 % 2**48:012x}.c000.snappy.parquet", "partitionValues": {"date": day},
            "size": 1_000_000 + i % 977, "modificationTime": NOW_MS + i, "dataChange": True, "stats": stats}


def commit(log, version, actions):
    with open(f"{log}/{version:020d}.json", "w") as f:
        f.write(line({"commitInfo": {"timestamp": NOW_MS + version, "operation": "WRITE", "operationParameters": {"mode": "Append"}}}))
        f.writelines(map(line, actions))


def log_json(root, commits):
    log = f"{root}/_delta_log"
    os.makedirs(log)
    for v in range(commits):
        head = [{"protocol": PROTOCOL}, {"metaData": METADATA}] if v == 0 else []
        commit(log, v, head + [{"add": add(v * 5 + k)} for k in range(5)])


TEXTS = pa.map_(pa.string(), pa.string())
CHECKPOINT = pa.schema([
    ("protocol", pa.struct([("minReaderVersion", pa.int32()), ("minWriterVersion", pa.int32())])),
    ("metaData", pa.struct([("id", pa.string()), ("name", pa.string()), ("description", pa.string()),
                            ("format", pa.struct([("provider", pa.string()), ("options", TEXTS)])), ("schemaString", pa.string()),
                            ("partitionColumns", pa.list_(pa.string())), ("configuration", TEXTS), ("createdTime", pa.int64())])),
    ("add", pa.struct([("path", pa.string()), ("partitionValues", TEXTS), ("size", pa.int64()), ("modificationTime", pa.int64()),
                       ("dataChange", pa.bool_()), ("stats", pa.string()), ("tags", TEXTS)])),
    ("remove", pa.struct([("path", pa.string()), ("deletionTimestamp", pa.int64()), ("dataChange", pa.bool_())])),
    ("txn", pa.struct([("appId", pa.string()), ("version", pa.int64()), ("lastUpdated", pa.int64())])),
])


def log_checkpoint(root, files, version=100):
    log = f"{root}/_delta_log"
    os.makedirs(log)
    metadata = {**METADATA, "format": {"provider": "parquet", "options": []}, "configuration": []}
    with pq.ParquetWriter(f"{log}/{version:020d}.checkpoint.parquet", CHECKPOINT, compression="snappy") as w:
        w.write_table(pa.Table.from_pylist([{"protocol": PROTOCOL}, {"metaData": metadata}], CHECKPOINT))
        for first in range(0, files, 50_000):
            rows = []
            for i in range(first, min(first + 50_000, files)):
                a = add(i)
                rows.append({"add": {**a, "partitionValues": list(a["partitionValues"].items()), "dataChange": False}})
            w.write_table(pa.Table.from_pylist(rows, CHECKPOINT))
    with open(f"{log}/_last_checkpoint", "w") as f:
        f.write(json.dumps({"version": version, "size": files + 2}))
    commit(log, version, [{"add": add(files - 1)}])
    for v in range(version + 1, version + 4):
        commit(log, v, [{"add": add(files + (v - version - 1) * 5 + k)} for k in range(5)])


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("dir")
    arguments.add_argument("--scale", type=float, default=1)
    a = arguments.parse_args()
    done = f"{a.dir}/done"
    if os.path.exists(done) and open(done).read() == f"{a.scale} 2":
        return
    shutil.rmtree(a.dir, ignore_errors=True)
    per_file = int(1_000_000 * a.scale)
    for i in range(10):
        rng = np.random.default_rng([1, i])
        write(orders(rng, per_file, FIRST_DAY + rng.integers(0, DAYS, per_file)), f"{a.dir}/orders/part-{i:02d}.parquet")
    n = int(350_000 * a.scale)
    write(orders(np.random.default_rng(2), n, np.full(n, FIRST_DAY + 14), "again: "), f"{a.dir}/replace.parquet")
    for name, n, seed in [("upsert", 100_000, 3), ("upsert-large", 1_000_000, 4)]:
        write(upserts(np.random.default_rng(seed), a.dir, int(n * a.scale), "changed: "), f"{a.dir}/{name}.parquet")
    log_json(f"{a.dir}/log-json", int(20_000 * a.scale))
    log_checkpoint(f"{a.dir}/log-checkpoint", int(1_000_000 * a.scale))
    tiny = pa.table({"id": pa.array(range(10), pa.int64()), "s": [f"row {k}" for k in range(10)], "v": [k / 2 for k in range(10)]})
    write(tiny, f"{a.dir}/tiny.parquet")
    with open(done, "w") as f:
        f.write(f"{a.scale} 2")


main()
