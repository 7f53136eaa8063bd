"""python -m unittest in this directory; the Go tests run it."""
import datetime as dt
import unittest

import pyarrow as pa

import canon
import datasets


class Canon(unittest.TestCase):
    def test_dates_agree_with_python(self):
        for d in (dt.date(1, 1, 1), dt.date(9999, 12, 31), dt.date(1970, 1, 1), dt.date(2000, 2, 29), dt.date(1900, 3, 1), dt.date(1582, 10, 10)):
            self.assertEqual(canon.date_text((d - dt.date(1970, 1, 1)).days), d.isoformat())
        self.assertEqual(canon.date_text(2932897), "10000-01-01")
        self.assertEqual(canon.date_text(-719529), "-0001-12-31")

    def test_timestamps(self):
        self.assertEqual(canon.timestamp_text(-1, "us"), "1969-12-31T23:59:59.999999")
        self.assertEqual(canon.timestamp_text(1, "ns"), "1970-01-01T00:00:00.000000001")
        self.assertEqual(canon.timestamp_text(1500, "ms"), "1970-01-01T00:00:01.500000")

    def test_nested_slices(self):
        a = pa.array([None, [], [None, [("k", 1)]], [[("b", 2), ("a", None)]]], pa.list_(pa.map_(pa.string(), pa.int32())))
        want = [None, [], [None, {"map": [["k", 1]]}], [{"map": [["a", None], ["b", 2]]}]]
        self.assertEqual(canon.values(a), want)
        self.assertEqual(canon.values(a[2:]), want[2:])
        s = pa.array([None, {"x": float("nan")}, {"x": None}], pa.struct([("x", pa.float32())]))
        self.assertEqual(canon.values(s[1:]), [{"x": "NaN"}, {"x": None}])

    def test_every_dataset_has_a_canonical_form(self):
        for name, f in datasets.ALL.items():
            arguments = {"partition_values": {"type": "text"}, "orders": {"days": ["2026-01-01"]}, "none": {"of": "types"}, "large": {"n": 100}}.get(name, {})
            t = f(**arguments)
            for c in t.columns:
                self.assertEqual(len(canon.values(c)), t.num_rows)


if __name__ == "__main__":
    unittest.main()
