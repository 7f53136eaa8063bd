"""Starts Spark with Delta. Settings for the least work before the first row: only
the first compiler, the serial collector, no code generation, one partition each."""
import glob
import os

here = os.path.dirname(os.path.abspath(__file__))
os.environ["TZ"] = "UTC"
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
os.environ.pop("SPARK_HOME", None)


def session(scratch, more=None):
    """A session whose files are below scratch. Of more, class paths are added."""
    from pyspark.sql import SparkSession
    jars = sorted(glob.glob(os.path.join(here, "..", "jars", "*.jar")))
    settings = {
        "spark.driver.memory": "1500m",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraClassPath": ":".join(jars),
        "spark.driver.extraJavaOptions": "-Duser.timezone=UTC -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dderby.system.home=" + scratch,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.local.dir": scratch,
        "spark.sql.warehouse.dir": os.path.join(scratch, "warehouse"),
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
    for k, v in (more or {}).items():
        settings[k] = settings[k] + ":" + v if k.endswith("ClassPath") else v
    builder = SparkSession.builder.appName("deltalog").master("local[2]")
    for k, v in settings.items():
        builder = builder.config(k, v)
    s = builder.getOrCreate()
    s.sparkContext.setLogLevel("ERROR")
    return s
