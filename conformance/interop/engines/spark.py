"""Spark with Delta, started by sparkstart.py."""
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import sparkstart

from pyspark.sql import functions as F

import canon
import cells
from driver import describe as explain
from driver import serve

scratch = tempfile.TemporaryDirectory(prefix="deltalog-spark-", dir=sys.argv[1] if len(sys.argv) > 1 else None)
spark = sparkstart.session(scratch.name)


def quoted(name):
    return "`" + name.replace("`", "``") + "`"


def frame(path, version=None, timestamp=None):
    spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
    r = spark.read.format("delta")
    if version is not None:
        r = r.option("versionAsOf", version)
    if timestamp is not None:
        r = r.option("timestampAsOf", timestamp)
    return r.load(path)


def read(path, out, version=None, timestamp=None, columns=None, where=None):
    df = frame(path, version, timestamp)
    if where:
        df = df.where(where)
    if columns:
        df = df.select(*map(quoted, columns))
    df = df.select(*(F.to_json(quoted(f.name)).alias(f.name) if "VariantType" in repr(f.dataType) else F.col(quoted(f.name)) for f in df.schema))
    return {"rows": canon.write(df.toArrow(), out)}


def sql(statements):
    """Runs statements; {table} in one is a path put between back-ticks by the caller."""
    for q in statements:
        spark.sql(q)
    spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
    return {}


def set_conf(conf):
    for k, v in conf.items():
        spark.conf.unset(k) if v is None else spark.conf.set(k, v)
    return {}


def write(path, source, mode="append", partition_by=(), options=None, properties=None):
    """Writes the rows of a Parquet file to a table."""
    w = spark.read.parquet(source).coalesce(1).write.format("delta").mode(mode)
    if partition_by:
        w = w.partitionBy(*partition_by)
    for k, v in {**(options or {}), **(properties or {})}.items():
        w = w.option(k, v)
    w.save(path)
    return {}


def describe(path):
    """The newest version, and the features of its protocol."""
    spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
    snapshot = spark._jvm.org.apache.spark.sql.delta.DeltaLog.forTable(spark._jsparkSession, path).unsafeVolatileSnapshot()
    if snapshot.version() < 0:
        raise FileNotFoundError("no Delta table at this path")
    features = snapshot.protocol().readerAndWriterFeatureNames()
    names = sorted(features.mkString("\n").split("\n")) if features.nonEmpty() else []
    return {"version": snapshot.version(), "features": names}


def detail(path):
    spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
    d = spark.sql(f"DESCRIBE DETAIL delta.{quoted(path)}").first().asDict()
    return {k: d[k] for k in ("partitionColumns", "properties", "minReaderVersion", "minWriterVersion", "tableFeatures", "numFiles")}


def history(path):
    spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
    rows = spark.sql(f"DESCRIBE HISTORY delta.{quoted(path)}").select("version", "operation", "isBlindAppend").collect()
    return [r.asDict() for r in rows]


def newest(path):
    return spark._jvm.org.apache.spark.sql.delta.DeltaLog.forTable(spark._jsparkSession, path).update(False, scala_none(), scala_none()).version()


def scala_none():
    return getattr(getattr(spark._jvm.scala, "None$"), "MODULE$")


def versions(session, path, columns, wanted):
    """The rows of versions of a table, by one query: version to canonical lines."""
    frames = [session.read.format("delta").option("versionAsOf", v).load(path).select(F.lit(v).alias("__version"), *(quoted(n) for n, _ in columns)) for v in wanted]
    all_rows = frames[0]
    for f in frames[1:]:
        all_rows = all_rows.unionAll(f)
    t = all_rows.toArrow()
    out = {v: [] for v in wanted}
    for v, line in zip(t.column(0).to_pylist(), cells.lines(t.drop_columns("__version"))):
        out[v].append(line)
    return out


def one_case(path, create, columns, rows, steps):
    session = spark.newSession()
    session.sql(create)
    if rows:
        session.createDataFrame(cells.table(columns, rows)).coalesce(1).write.format("delta").mode("append").save(path)
    version = newest(path)
    outcomes = []
    for step in steps:
        outcome = {}
        if step["source"]:
            session.createDataFrame(cells.table(step["source"], step["source_rows"])).createOrReplaceTempView("s")
        try:
            session.sql(step["sql"])
        except Exception as e:
            e = explain(e)
            outcome["error"] = e["class"] + ": " + e["message"]
        version = newest(path)
        outcome["version"] = version
        outcomes.append(outcome)
    rows = versions(session, path, columns, sorted({o["version"] for o in outcomes}))
    for o in outcomes:
        o["rows"] = rows[o["version"]]
    return outcomes


def one_reading(path, columns, wanted, changes):
    """The rows of the wanted versions, and the changes of all after the first, as lines that begin with version and kind."""
    session = spark.newSession()
    out = {"rows": versions(session, path, columns, wanted), "changes": {}}
    if changes and len(wanted) > 1:
        df = session.read.format("delta").option("readChangeFeed", "true").option("startingVersion", wanted[0] + 1).option("endingVersion", wanted[-1]).load(path)
        t = df.select("_commit_version", "_change_type", *(quoted(n) for n, _ in columns)).toArrow()
        for v, kind, line in zip(t.column(0).to_pylist(), t.column(1).to_pylist(), cells.lines(t.drop_columns(["_commit_version", "_change_type"]))):
            out["changes"].setdefault(v, {}).setdefault(kind, []).append(line)
    return out


def at_once(f, work):
    """Runs calls of f, two at a time; an error is a result too."""
    def one(arguments):
        try:
            return {"ok": f(**arguments)}
        except Exception as e:
            e = explain(e)
            return {"error": e["class"] + ": " + e["message"]}
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(one, work))
    spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
    return results


def statements(cases):
    """Runs generated statements on tables of Spark's own, two tables at a time."""
    return at_once(one_case, cases)


def readings(tables):
    return at_once(one_reading, tables)


def expressions(columns, rows, batches):
    """Evaluates expressions on rows: for each batch the types of its expressions, and a line for each row.
    A batch names the rows that it is about by their numbers."""
    whole = spark.createDataFrame(cells.table([["row", "integer"], *columns], [[str(i), *r] for i, r in enumerate(rows)])).coalesce(1)

    def one(expressions, on):
        df = whole.where(F.col("row").isin(on)).orderBy("row").select(*(F.expr(e).alias(f"e{i}") for i, e in enumerate(expressions)))
        t = df.toArrow()
        return {"types": [canon.type_name(f.type) for f in t.schema], "rows": cells.lines(t)}

    return at_once(one, batches)


def hello():
    return {"engine": "Apache Spark " + spark.version}


serve({"hello": hello, "read": read, "sql": sql, "conf": set_conf, "write": write, "describe": describe, "detail": detail, "statements": statements, "readings": readings, "expressions": expressions, "history": history})
spark.stop()
scratch.cleanup()
