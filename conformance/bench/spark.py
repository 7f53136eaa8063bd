"""Spark's side of the benchmark, for operations on rows: spark.py WORKLOAD TABLE SOURCE.

A cold session for each operation: JVM start is not counted, but its compiler warming
up is, which is most of what a job that runs once a day costs. Prints a line of JSON:
processor seconds of the JVM and wall-clock seconds of the operation, the JVM's peak
memory, and nothing to check by: the log says what was done."""
import glob
import json
import os
import sys
import tempfile
import time

here = os.path.dirname(os.path.abspath(__file__))
os.environ["TZ"] = "UTC"
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
os.environ.pop("SPARK_HOME", None)


def session(scratch):
    from pyspark.sql import SparkSession
    jars = ":".join(sorted(glob.glob(os.path.join(here, "..", "interop", "jars", "*.jar"))))
    builder = SparkSession.builder.appName("deltalog-bench").master(f"local[{os.cpu_count()}]")
    for k, v in {
        "spark.driver.memory": "6g", "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraClassPath": jars, "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false",
        "spark.driver.extraJavaOptions": f"-Duser.timezone=UTC -Dderby.system.home={scratch}",
        "spark.local.dir": scratch, "spark.sql.warehouse.dir": f"{scratch}/warehouse", "spark.hadoop.fs.defaultFS": "file:///",
        "spark.sql.shuffle.partitions": "4", "spark.sql.session.timeZone": "UTC",
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    }.items():
        builder = builder.config(k, v)
    s = builder.getOrCreate()
    s.sparkContext.setLogLevel("ERROR")
    return s


def cpu(pid):
    """Processor seconds of a process so far."""
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mb(pid):
    return next(int(line.split()[1]) for line in open(f"/proc/{pid}/status") if line.startswith("VmHWM")) / 1024


def merge(spark, table, source):
    spark.read.parquet(source).createOrReplaceTempView("s")
    spark.sql(f"MERGE INTO delta.`{table}` t USING s ON t.order_id = s.order_id "
              "WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *").collect()


def delete(spark, table, source):
    spark.sql(f"DELETE FROM delta.`{table}` WHERE customer_id % 100 = 7").collect()


workload, table, source = sys.argv[1:4]
with tempfile.TemporaryDirectory(prefix="deltalog-spark-") as scratch:
    spark = session(scratch)
    pid = spark.sparkContext._gateway.proc.pid
    spark.sql(f"SELECT count(*) FROM delta.`{table}`").collect()  # loads what every operation needs
    wall, before = time.monotonic(), cpu(pid)
    {"merge": merge, "delete": delete}[workload](spark, table, source)
    said = {"cpu_s": cpu(pid) - before, "wall_s": time.monotonic() - wall, "rss_mb": peak_mb(pid), "process_cpu": cpu(pid)}
    spark.stop()
print(json.dumps(said))
