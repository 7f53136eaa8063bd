"""Spark with Delta as clients of the scenarios of package conformance: a client is
a session. What settings there are beside Spark's and Delta's own defaults is in
the settings of conformance/interop's Spark, which this script starts, and in
FaultLogStore.java. Requests are served at once, each in a thread of its own, since
one client may commit while another waits on its way to the log."""
import json
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "interop", "engines"))

from driver import answers, describe

import pyspark
from pyspark.sql import SparkSession, types as T

import sparkstart

spark = sparkstart.session(sys.argv[1], {
    "spark.driver.extraClassPath": os.environ["FAULT_CLASSES"],
    "spark.delta.logStore.file.impl": "org.deltalog.conformance.FaultLogStore",
    "spark.hadoop.deltalog.faults": os.environ["FAULT_URL"],
})

SCHEMA = T.StructType([T.StructField("id", T.LongType()), T.StructField("p", T.StringType()), T.StructField("v", T.LongType())])
sessions = {}


def session(client):
    if client not in sessions:
        sessions[client] = spark.newSession()
        sessions[client].conf.set("deltalog.client", client)
    # As a process of its own: nothing of the table is known, and no lock is shared.
    spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
    return sessions[client]


def one_of(ids):
    return "id in (" + ", ".join(map(str, ids)) + ")"


def do_op(path, client, op):
    s = session(client)
    verb, rows = op["Verb"], op["Rows"] or []
    frame = s.createDataFrame([(r["ID"], r["P"], r["V"]) for r in rows], SCHEMA).coalesce(1)
    name = "delta.`" + path + "`"
    if op["App"] and verb in ("update", "delete", "merge"):
        raise ValueError("no key for " + verb)
    keys = {"txnAppId": op["App"], "txnVersion": op["Version"]} if op["App"] else {}
    if verb == "create":
        properties = ", ".join(f"'{k}' = '{v}'" for k, v in (op["Properties"] or {}).items())
        s.sql(f"CREATE TABLE {name} (id BIGINT, p STRING, v BIGINT) USING delta PARTITIONED BY (p)" + (f" TBLPROPERTIES ({properties})" if properties else ""))
    elif verb == "append":
        frame.write.format("delta").mode("append").partitionBy("p").options(**keys).save(path)
    elif verb == "replace":
        where = "p in (" + ", ".join("'" + p + "'" for p in op["Parts"]) + ")"
        frame.write.format("delta").mode("overwrite").option("replaceWhere", where).options(**keys).save(path)
    elif verb == "reload":
        frame.write.format("delta").mode("overwrite").options(**keys).save(path)
    elif verb == "merge":
        frame.createOrReplaceTempView("s")
        s.sql(f"MERGE INTO {name} t USING s ON t.id = s.id AND t.p = s.p WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *")
    elif verb == "update":
        s.sql(f"UPDATE {name} SET v = {op['Value']} WHERE {one_of(op['IDs'])}")
    elif verb == "delete":
        s.sql(f"DELETE FROM {name} WHERE {one_of(op['IDs'])}")
    else:
        raise ValueError(verb)
    return {}


def read_rows(path, client):
    return {"rows": [{"ID": r["id"], "P": r["p"], "V": r["v"]} for r in session(client).read.format("delta").load(path).collect()]}


def hello():
    return {"engine": "Spark " + pyspark.__version__}


COMMANDS = {"hello": hello, "op": do_op, "read": read_rows}
turn = threading.Lock()


def answer(request):
    number = request.pop("n")
    try:
        a = {"n": number, "ok": COMMANDS[request.pop("do")](**request)}
    except Exception as e:
        a = {"n": number, "error": describe(e)}
    with turn:
        answers.write(json.dumps(a, ensure_ascii=False) + "\n")
        answers.flush()


for line in sys.stdin:
    threading.Thread(target=answer, args=(json.loads(line),), daemon=True).start()
os._exit(0)
