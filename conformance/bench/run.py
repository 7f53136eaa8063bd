"""Runs deltalog and delta-rs in turn on the same data and writes docs/benchmarks.md.

  run.py --data DIR --work DIR --ours BINARY [--repeat N] [--scale F] [--only W1,W2] [--spark] [--write FILE]

With --spark the workloads that change rows run in Spark as well, after each pair.

Each measurement is a process of its own: processor time (user and system) and
peak memory from wait4, of children too. The sides take turns (A B A B), so that
what else the machine does falls on both; a ratio is the median of the ratios of
the pairs.
"""
import argparse
import datetime
import glob
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time

here = os.path.dirname(os.path.abspath(__file__))


def measure(command):
    """Runs a command and returns what it took and what it printed."""
    start = time.monotonic()
    p = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "TZ": "UTC"})
    out = p.stdout.read()
    _, status, usage = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode != 0:
        raise SystemExit(f"bench: exit {p.returncode}: {' '.join(command)}")
    said = json.loads(out.decode().strip().splitlines()[-1])
    # Spark's work is in a process that is not a child to be waited for: it says itself what that took.
    return {"process_cpu": said.get("process_cpu", usage.ru_utime + usage.ru_stime), "process_wall": time.monotonic() - start,
            "rss_mb": said.get("rss_mb", usage.ru_maxrss / 1024), "cpu": said["cpu_s"], "wall": said["wall_s"], "check": said.get("check", {})}


def log_state(table):
    """Files, bytes and rows of a table that has no checkpoint yet, by its JSON commits."""
    live = {}
    for name in sorted(glob.glob(f"{table}/_delta_log/*.json")):
        actions = [json.loads(text) for text in open(name)]
        for action in sorted(actions, key=lambda a: "add" in a):
            if "add" in action:
                a = action["add"]
                live[a["path"]] = (a["size"], json.loads(a["stats"])["numRecords"] - (a.get("deletionVector") or {}).get("cardinality", 0))
            if "remove" in action:
                live.pop(action["remove"]["path"], None)
    return {"files": len(live), "megabytes": round(sum(s for s, _ in live.values()) / 1e6, 1), "rows": sum(n for _, n in live.values())}


def clone(source, target):
    """A copy of a table: its data files as links, as they never change, its log as files."""
    def copy(a, b):
        (shutil.copy2 if "_delta_log" in a else os.link)(a, b)
    shutil.copytree(source, target, copy_function=copy)


class Workload:
    def __init__(self, key, title, verb, target, unit="cpu", source="", prepare=None, arguments=(), check=None):
        self.key, self.title, self.verb, self.target, self.unit = key, title, verb, target, unit
        self.source, self.prepare, self.arguments, self.check = source, prepare, arguments, check


def workloads(a):
    data, commits = a.data, max(20, int(500 * a.scale))
    origin = {"ours": "ours", "delta-rs": "delta-rs", "spark": "ours"}
    base = lambda side: (lambda table: clone(f"{a.work}/base-{origin[side]}", table))
    files = int(1_000_000 * a.scale) + 15

    def vectors(side):
        """The base table, which for us and Spark wants deletion vectors; delta-rs cannot write them."""
        def make(table):
            clone(f"{a.work}/base-{origin[side]}", table)
            if side != "delta-rs":
                subprocess.run([a.ours, "vectors", table], check=True, stdout=subprocess.DEVNULL)
        return make

    rows = lambda t, c: log_state(t)
    return [
        Workload("W1", "append 10 M rows into 30 partitions", "append", 0.6, source=f"{data}/orders", check=lambda t, c: log_state(t)),
        Workload("W2", "replace one partition of 30, 350,000 rows (whole process)", "replace", 0.5, unit="process_cpu", source=f"{data}/replace.parquet",
                 prepare=base, check=lambda t, c: log_state(t)),
        Workload("W3", "merge 100,000 rows by key into 10 M, 70 % of them known; files are rewritten", "merge", 1.0, source=f"{data}/upsert.parquet", prepare=base, check=rows),
        Workload("W3v", "the same; ours with deletion vectors", "merge", 0.2, source=f"{data}/upsert.parquet", prepare=vectors, check=rows),
        Workload("W3b", "merge 1,000,000 rows", "merge", 1.0, source=f"{data}/upsert-large.parquet", prepare=base, check=rows),
        Workload("W7", "delete 1 % of the rows, in all files; files are rewritten", "delete", 1.0, prepare=base, check=rows),
        Workload("W7v", "the same; ours with deletion vectors", "delete", 0.2, prepare=vectors, check=rows),
        Workload("W4a", "open a table of 20,000 JSON commits", "open", 0.3, source=f"{data}/log-json", check=lambda t, c: c),
        Workload("W4b", "open a table of 1,000,000 files in a checkpoint", "open", 0.3, source=f"{data}/log-checkpoint", check=lambda t, c: c),
        Workload("W4c", "open it and list all its files", "list", 0.3, source=f"{data}/log-checkpoint", check=lambda t, c: c),
        Workload("W4d", "open it and plan by partition and statistics", "prune", 0.3, source=f"{data}/log-checkpoint", arguments=(str(500 * files),), check=lambda t, c: c),
        Workload("W5", f"{commits} commits of ten rows", "commits", 1.0, unit="wall", source=f"{data}/tiny.parquet", arguments=(str(commits),), check=lambda t, c: c),
    ]


def command(side, a, w, table):
    program = {"ours": [a.ours], "delta-rs": [sys.executable, f"{here}/deltars.py"], "spark": [sys.executable, f"{here}/spark.py"]}[side]
    if w.verb in ("open", "list", "prune"):
        return program + [w.verb, w.source, *(w.arguments or ("",))]
    return program + [w.verb, table, w.source, *w.arguments]


def run(a, w):
    """The pairs of one workload, delta-rs first in the even ones."""
    pairs = []
    for i in range(a.repeat):
        pair = {}
        turns = ["delta-rs", "ours"] if i % 2 == 0 else ["ours", "delta-rs"]
        if a.spark and w.verb in ("merge", "delete"):
            turns.append("spark")
        for side in turns:
            if side not in a.sides and side != "spark":
                continue
            table = f"{a.work}/{w.key}-{side}"
            shutil.rmtree(table, ignore_errors=True)
            if w.prepare:
                w.prepare(side)(table)
            else:
                os.makedirs(table)
            m = measure(command(side, a, w, table))
            m["state"] = w.check(table, m["check"])
            m["load"] = os.getloadavg()[0]
            pair[side] = m
            print(json.dumps({"workload": w.key, "side": side, **{k: round(v, 3) if isinstance(v, float) else v for k, v in m.items()}}), flush=True)
            if w.key == "W1":
                shutil.rmtree(f"{a.work}/base-{side}", ignore_errors=True)
                os.rename(table, f"{a.work}/base-{side}")
            else:
                shutil.rmtree(table)
        if "spark" in pair and pair["spark"]["state"]["rows"] != pair["ours"]["state"]["rows"]:
            raise SystemExit(f"bench: {w.key}: rows: ours {pair['ours']['state']['rows']}, Spark {pair['spark']['state']['rows']}")
        if "ours" in pair and "delta-rs" in pair:
            ours, theirs = pair["ours"]["state"], pair["delta-rs"]["state"]
            for fact in ("rows", "files", "version"):
                if fact in ours and ours[fact] != theirs[fact] and not (fact == "files" and "rows" in ours):
                    raise SystemExit(f"bench: {w.key}: {fact}: ours {ours[fact]}, delta-rs {theirs[fact]}")
        pairs.append(pair)
    return pairs


def median(pairs, side, key):
    return statistics.median(p[side][key] for p in pairs)


def ratio(pairs, key, to="delta-rs"):
    return statistics.median(p["ours"][key] / max(p[to][key], 1e-9) for p in pairs)


def seconds(s):
    """Two digits after the point, or as many as a small number needs to be one."""
    return f"{s:.2f}" if s >= 0.1 else f"{s:.2g}"


def table(results, a):
    lines = ["| | workload | | wall s | CPU s | process CPU s | peak MB | result |", "|---|---|---|---|---|---|---|---|"]
    for w, pairs in results:
        for side in a.sides + (["spark"] if "spark" in pairs[0] else []):
            m = lambda key: median(pairs, side, key)
            state = ", ".join(f"{v:,} {k}" for k, v in pairs[-1][side]["state"].items())
            if w.key == "W5":
                state += f", {int(w.arguments[0]) / m('wall'):.0f} commits/s"
            lines.append(f"| {w.key} | {w.title} | {side} | {seconds(m('wall'))} | {seconds(m('cpu'))} | {seconds(m('process_cpu'))} | {m('rss_mb'):.0f} | {state} |")
    lines += ["", "| | measure | wanted | ratio ours / delta-rs | wall | peak memory | | CPU ours / Spark |", "|---|---|---|---|---|---|---|---|"]
    for w, pairs in results:
        if len(a.sides) < 2:
            continue
        r = ratio(pairs, w.unit)
        measure_name = {"cpu": "CPU", "process_cpu": "CPU, whole process", "wall": "wall-clock"}[w.unit]
        lines.append(f"| {w.key} | {measure_name} | ≤ {w.target} | **{seconds(r)}** | {seconds(ratio(pairs, 'wall'))} | {seconds(ratio(pairs, 'rss_mb'))} | {'holds' if r <= w.target else 'not yet'} | {seconds(ratio(pairs, 'cpu', 'spark')) if 'spark' in pairs[0] else ''} |")
    return lines


def machine():
    memory = int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    return f"{os.cpu_count()} cores ({platform.machine()}), {memory} GiB, {platform.system()} {platform.release().split('-')[0]}"


def report(results, a):
    import deltalake
    loads = [p[s]["load"] for _, pairs in results for p in pairs for s in p]
    go = subprocess.run(["go", "version"], capture_output=True, text=True).stdout.split()[2]
    text = [
        "# Benchmarks", "",
        "<!-- written by conformance/bench/run.sh; do not edit between the two lines -->",
        f"deltalog and delta-rs {deltalake.__version__} (its Python package) in turn on the same data, {a.repeat} times; medians, and medians of the ratios of the pairs. "
        f"{machine()}; {go}; load average {min(loads):.1f} to {max(loads):.1f}; {datetime.date.today().isoformat()}.",
        "Wall and CPU are of the operation, process CPU and peak memory of the whole process, which for delta-rs is a Python interpreter (0.3 to 0.5 s). "
        "Our commits are durable (synced to disk); delta-rs's are not. Spark's figures are those of the JVM, cold, for the operation alone.", "",
        *table(results, a),
        "<!-- end -->", "",
    ]
    old = open(a.write).read() if os.path.exists(a.write) else ""
    notes = old.split("<!-- end -->\n", 1)[1] if "<!-- end -->\n" in old else "\n"
    with open(a.write, "w") as f:
        f.write("\n".join(text[:-1]) + "\n" + notes)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--data", required=True)
    p.add_argument("--work", required=True)
    p.add_argument("--ours", required=True, help="the binary of conformance/bench/ours; empty measures delta-rs alone")
    p.add_argument("--repeat", type=int, default=3)
    p.add_argument("--scale", type=float, default=1)
    p.add_argument("--only", default="")
    p.add_argument("--spark", action="store_true")
    p.add_argument("--write", default="")
    a = p.parse_args()
    a.sides = ["delta-rs", "ours"] if a.ours else ["delta-rs"]
    os.makedirs(a.work, exist_ok=True)
    only = set(filter(None, a.only.split(",")))
    results = [(w, run(a, w)) for w in workloads(a) if not only or w.key in only]
    print("\n".join(table(results, a)))
    if a.write:
        report(results, a)
    shutil.rmtree(a.work)


main()
