"""The loop of an engine's process: a request is a line of JSON on standard
input, {"do": name, ...arguments}, and so is its answer on standard output:
{"ok": result} or {"error": {"class": ..., "message": ...}}. The process ends
when its input does. Whatever the engine prints goes to standard error: this module is to
be imported before the engine starts, since a process that it starts, as Spark's,
inherits what standard output is then."""
import json
import os
import sys

answers = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
os.dup2(2, 1)


def describe(e):
    """An exception's class and message, without the JVM's stack."""
    name = type(e).__name__
    java = getattr(e, "java_exception", None)
    if java is not None:
        name, message = java.getClass().getName(), str(java.getMessage())
        cause = java.getCause()
        while cause is not None and len(message) < 4000:
            message += f" | caused by {cause.getClass().getName()}: {cause.getMessage()}"
            cause = cause.getCause()
    else:
        message = str(e)
    return {"class": name, "message": message[:4000]}


def serve(commands):
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"ok": commands[request.pop("do")](**request)}
        except Exception as e:
            answer = {"error": describe(e)}
        answers.write(json.dumps(answer, ensure_ascii=False) + "\n")
        answers.flush()
