"""Spark with Delta. Settings for the least work before the first row: only the
first compiler, the serial collector, no code generation, one partition each."""
import glob
import os
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))
os.environ["TZ"] = "UTC"
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
os.environ.pop("SPARK_HOME", None)

from pyspark.sql import functions as F

import canon
from driver import serve

scratch = tempfile.TemporaryDirectory(prefix="deltalog-spark-", dir=sys.argv[1] if len(sys.argv) > 1 else None)


def session():
    from pyspark.sql import SparkSession
    jars = sorted(glob.glob(os.path.join(here, "..", "jars", "*.jar")))
    settings = {
        "spark.driver.memory": "1500m",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraClassPath": ":".join(jars),
        "spark.driver.extraJavaOptions": "-Duser.timezone=UTC -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dderby.system.home=" + scratch.name,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.local.dir": scratch.name,
        "spark.sql.warehouse.dir": os.path.join(scratch.name, "warehouse"),
        "spark.hadoop.fs.defaultFS": "file:///",
        "spark.default.parallelism": "1",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "2",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "true",
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.databricks.delta.snapshotPartitions": "1",
        "spark.databricks.delta.retentionDurationCheck.enabled": "false",
    }
    builder = SparkSession.builder.appName("deltalog-interop").master("local[2]")
    for k, v in settings.items():
        builder = builder.config(k, v)
    s = builder.getOrCreate()
    s.sparkContext.setLogLevel("ERROR")
    return s


spark = session()


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


def hello():
    return {"engine": "Apache Spark " + spark.version}


serve({"hello": hello, "read": read, "sql": sql, "conf": set_conf, "write": write, "describe": describe, "detail": detail, "history": history})
spark.stop()
scratch.cleanup()
