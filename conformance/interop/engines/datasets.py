"""The rows that tests write: each function returns an Arrow table, the same one
for the same arguments. The schemas are those of Delta tables: microseconds,
UTC or no zone, no unsigned integers."""
import datetime as dt
import decimal
import random
import struct

import pyarrow as pa

ALL = {}


def dataset(f):
    ALL[f.__name__] = f
    return f


def make(name, **arguments):
    return ALL[name](**arguments)


UTC = pa.timestamp("us", "UTC")
NTZ = pa.timestamp("us")
I64 = 2**63

HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"                                     # the name of the directory for null
STRINGS = ["plain", "", " lead", "trail ", "a b", "a/b", "a=b", "a%b", "a%20b", "a+b", "a:b", "a#b", "a?b", 'a"b', "a'b", "a\\b", "a&b", "a,b", "a;b",
           "a|b", "a*b", "<x>", "{x}", "[x]", "a^b", "~", ".", "..", "null", "NULL", HIVE_NULL, "ü", "日本", "😀", "é" * 40,
           "tab\tx", "nl\nx", "cr\rx", "\x01", "\x7f", "\u2028", "\ufffd", "é"]

DATES = [0, 1, -1, 20454, -719162, 2932896, -141427, -141428]                # 1970, 2026, year 1, 9999, 1582-10-15 and the day before
MICROS = [0, 1, -1, 1767225600000000, 1767225600123456, -62135596800000000, 253402300799999999, -12219292800000000, -2208988800000000,
          9223372036854775, -9223372036854776]                               # the last two: where nanoseconds overflow 64 bits
NEAR_MICROS = [m for m in MICROS if abs(m) < 9223372036854775]
FLOATS = [0.0, -0.0, 1.5, -0.1, 1e-45, 3.4028234663852886e38, float("inf"), float("-inf"), float("nan")]
DOUBLES = [0.0, -0.0, 2.25, -0.1, 5e-324, 1.7976931348623157e308, float("inf"), float("-inf"), float("nan")]
BYTES = [b"", b"A", b"\x00\xff", bytes(range(256)), "é".encode(), b"\x00" * 20]


def decimals(precision, scale):
    with decimal.localcontext(prec=60):
        top = decimal.Decimal(10**precision - 1).scaleb(-scale)
        step = decimal.Decimal(1).scaleb(-scale)
        return [0 * step, step, -step, top, -top, (top / 2).quantize(step, rounding=decimal.ROUND_DOWN)]


# name, Arrow type, values
PRIMITIVES = [
    ("flag", pa.bool_(), [True, False]),
    ("i8", pa.int8(), [0, 1, -128, 127]),
    ("i16", pa.int16(), [0, 1, -32768, 32767]),
    ("i32", pa.int32(), [0, 1, -2**31, 2**31 - 1]),
    ("i64", pa.int64(), [0, 1, -I64, I64 - 1, 2**53 + 1]),
    ("f32", pa.float32(), FLOATS),
    ("f64", pa.float64(), DOUBLES),
    ("dec9", pa.decimal128(9, 2), decimals(9, 2)),
    ("dec18", pa.decimal128(18, 0), decimals(18, 0)),
    ("dec38", pa.decimal128(38, 18), decimals(38, 18)),
    ("text", pa.string(), STRINGS),
    ("raw", pa.binary(), BYTES),
    ("day", pa.date32(), DATES),
    ("at", UTC, MICROS),
    ("wall", NTZ, MICROS),
]


def array(values, t):
    if pa.types.is_date32(t):
        return pa.array(values, pa.int32()).view(t)
    if pa.types.is_timestamp(t):
        return pa.array(values, pa.int64()).view(t)
    return pa.array(values, t)


def cycle(values, n, shift=0):
    return [values[(i + shift) % len(values)] for i in range(n)]


@dataset
def types(first=0, n=60, far=True):
    """Every primitive type, the ends of its range, nulls. Not far: only timestamps that fit 64-bit nanoseconds."""
    columns = {"id": pa.array(range(first, first + n), pa.int64())}
    for k, (name, t, values) in enumerate(PRIMITIVES):
        if not far and name in ("at", "wall"):
            values = NEAR_MICROS
        columns[name] = array(cycle(values + [None], n, first + k), t)
    return pa.table(columns)


@dataset
def nulls(n=20):
    """Every type, all null."""
    columns = {"id": pa.array(range(n), pa.int64())}
    for name, t, _ in PRIMITIVES:
        columns[name] = pa.nulls(n, t)
    return pa.table(columns)


@dataset
def partition_values(type, first=0, copies=2):
    """A column p of one primitive type as partition, each value and null some times."""
    name, t, values = next(p for p in PRIMITIVES if p[0] == type)
    values = values + [None]
    if type == "text":
        values = [v for v in values if v != HIVE_NULL]
    if type == "raw":
        values = [v for v in values if v is None or b"\x00" not in v]
    n = len(values) * copies
    return pa.table({"id": pa.array(range(first, first + n), pa.int64()), "p": array(cycle(values, n), t), "note": pa.array([f"row {i}" for i in range(n)])})


@dataset
def two_partitions(first=0):
    """Two partition columns, a date and a text, with nulls in either."""
    rows = [(d, s) for d in ("2026-01-01", "2026-01-02", None) for s in ("EU west/1", "us+east=2", "", None)]
    n = 3 * len(rows)
    return pa.table({"id": pa.array(range(first, first + n), pa.int64()),
                     "day": pa.array([None if d is None else dt.date.fromisoformat(d) for d, _ in rows * 3], pa.date32()),
                     "zone": pa.array([s for _, s in rows * 3], pa.string()),
                     "v": pa.array([i / 4 for i in range(n)], pa.float64())})


@dataset
def nested(first=0, n=24):
    """Structs, lists and maps in each other, with nulls and empties on every level."""
    inner = pa.struct([("c", pa.string()), ("d", pa.list_(pa.int32()))])
    point = pa.struct([("x", pa.float64()), ("t", UTC), ("m", pa.map_(pa.string(), pa.decimal128(10, 3)))])
    schema = pa.schema([
        ("id", pa.int64()),
        ("st", pa.struct([("a", pa.int32()), ("b", inner)])),
        ("arr", pa.list_(pa.string())),
        ("mp", pa.map_(pa.string(), pa.int64())),
        ("points", pa.list_(point)),
        ("by_number", pa.map_(pa.int32(), pa.struct([("q", pa.date32()), ("r", pa.binary())]))),
        ("deep", pa.list_(pa.list_(pa.list_(pa.int16())))),
        ("map_of_map", pa.map_(pa.string(), pa.map_(pa.string(), pa.list_(pa.bool_())))),
    ])
    at = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
    cases = {
        "st": [None, {"a": None, "b": None}, {"a": 1, "b": {"c": None, "d": None}}, {"a": -1, "b": {"c": "x", "d": []}}, {"a": 2, "b": {"c": "", "d": [1, None, 3]}}],
        "arr": [None, [], [None], ["p", None, ""], ["é", "日本"] * 5],
        "mp": [None, [], [("k", None)], [("k", 1), ("", 2), ("é", -I64)]],
        "points": [None, [], [None], [{"x": None, "t": None, "m": None}], [{"x": 1.5, "t": at, "m": [("d", decimal.Decimal("1.250"))]}, {"x": -0.0, "t": None, "m": []}]],
        "by_number": [None, [], [(1, None)], [(-5, {"q": dt.date(2026, 1, 1), "r": b"\x00"}), (7, {"q": None, "r": None})]],
        "deep": [None, [], [None], [[]], [[None]], [[[]]], [[[1, None], []], None, [[2]]]],
        "map_of_map": [None, [], [("a", None)], [("a", [])], [("a", [("b", None), ("c", [])]), ("z", [("y", [True, None, False])])]],
    }
    return pa.table({f.name: pa.array(range(first, first + n) if f.name == "id" else cycle(cases[f.name], n, first), f.type) for f in schema}, schema=schema)


@dataset
def all_decimals():
    """Precisions 1 to 38, scales 0, half and full."""
    columns = {"id": pa.array(range(7), pa.int32())}
    for p in range(1, 39):
        for s in sorted({0, p // 2, p}):
            columns[f"d{p}_{s}"] = pa.array(decimals(p, s) + [None], pa.decimal128(p, s))
    return pa.table(columns)


@dataset
def orders(days, rows=50, first=0, tag="", days_null=0, extra=False):
    """The main job: rows of some days; the tag tells one delivery from the next."""
    r = random.Random(f"{days}/{rows}/{first}/{tag}")
    all_days = [dt.date.fromisoformat(d) for d in days for _ in range(rows)] + [None] * days_null
    n = len(all_days)
    columns = {
        "order_id": pa.array([f"{first + i:08d}-{r.getrandbits(64):016x}" for i in range(n)]),
        "customer": pa.array([r.randrange(10**9) for _ in range(n)], pa.int64()),
        "amount": pa.array([decimal.Decimal(r.randrange(10**7)).scaleb(-2) for _ in range(n)], pa.decimal128(12, 2)),
        "status": pa.array([r.choice(["new", "paid", "shipped", None]) for _ in range(n)]),
        "ordered_at": array([1767225600000000 + r.randrange(10**12) for _ in range(n)], UTC),
        "day": pa.array(all_days, pa.date32()),
        "note": pa.array([f"{tag} note {i}" if i % 3 else None for i in range(n)]),
    }
    if extra:
        columns["channel"] = pa.array([r.choice(["web", "shop", None]) for _ in range(n)])
    return pa.table(columns)


@dataset
def large(n=200_000, seed=1):
    """Enough for several pages and row groups: runs, few and many distinct values, long nulls, sorted and random."""
    r = random.Random(seed)
    words = [f"word-{i:05d}-{r.getrandbits(40):x}" for i in range(20_000)]
    return pa.table({
        "id": pa.array(range(n), pa.int64()),
        "run": pa.array([i // 1000 for i in range(n)], pa.int32()),
        "random": pa.array([r.getrandbits(62) for _ in range(n)], pa.int64()),
        "few": pa.array([words[i * i % 7] for i in range(n)]),
        "many": pa.array([r.choice(words) for _ in range(n)]),
        "sparse": pa.array([r.random() if i % 997 == 0 else None for i in range(n)], pa.float64()),
        "half": pa.array([i if i // 5000 % 2 else None for i in range(n)], pa.int32()),
        "list": pa.array([None if i % 11 == 0 else list(range(i % 4)) for i in range(n)], pa.list_(pa.int32())),
        "at": array([1767225600000000 + i * 1000003 for i in range(n)], UTC),
        "flag": pa.array([i % 3 == 0 for i in range(n)]),
    })


@dataset
def long_texts():
    """Texts about the 32 characters at which statistics are cut, and around the surrogates."""
    texts = ["x" * 31, "x" * 32, "x" * 33, "x" * 31 + "😀zzz", "\uffff" * 40, "😀" * 40, "é" * 33, "\U0010ffff" * 40, "", None, "z" * 100_000]
    return pa.table({"id": pa.array(range(len(texts)), pa.int32()), "s": pa.array(texts)})


@dataset
def names():
    """Column names that need care, as far as tables without column mapping allow them."""
    return pa.table({"ID": pa.array([1, 2], pa.int64()), "MixedCase": pa.array(["a", "b"]), "ünï": pa.array([1, None], pa.int32()), "with.dot": pa.array([True, False]),
                     "select": pa.array([1.0, 2.0]), "a-b": pa.array(["x", None]), "100%": pa.array([1, 2], pa.int8()), "q\"uote": pa.array([1, 2], pa.int16())})


@dataset
def odd_names(first=0, parts=("x", "a/b", None), extra=False):
    """Column names that only column mapping allows, in structs and as partition too."""
    n = 2 * len(parts)
    inner = pa.struct([("x y", pa.int32()), ("a;b", pa.list_(pa.struct([("q=r", pa.string())])))])
    columns = {"id (x)": pa.array(range(first, first + n), pa.int64()), "tab\tand,comma": pa.array([f"v{i}" if i % 3 else None for i in range(n)]),
               "s t": pa.array(cycle([None, {"x y": 1, "a;b": [{"q=r": "v"}, None]}, {"x y": None, "a;b": []}], n), inner),
               "part of: a/b": pa.array(cycle(list(parts), n), pa.string())}
    if extra:
        columns["{new}"] = pa.array(range(n), pa.int16())
    return pa.table(columns)


@dataset
def wide(columns=120, n=40):
    """More columns than get statistics by default."""
    return pa.table({f"c{k}": pa.array([i * k if (i + k) % 7 else None for i in range(n)], pa.int64()) for k in range(columns)})


@dataset
def none(of="orders", **arguments):
    """The schema of a dataset without a row."""
    return make(of, **arguments).slice(0, 0)
