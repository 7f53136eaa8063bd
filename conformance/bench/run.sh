#!/usr/bin/env bash
# Measures deltalog beside delta-rs and writes docs/benchmarks.md.
#
#   run.sh                  everything, three times: about half an hour and 6 GB of disk
#   run.sh --smoke          a hundredth of the data, once; nothing is written: does it work?
#   run.sh --only W1,W5     some workloads (W2 needs W1)
#   run.sh --repeat 5
#   run.sh --spark          Spark's figures too, for the workloads that change rows: half an hour more
#
# The workloads are described in gen.py. BENCH_DIR is where data and tables go
# (default: this directory).
set -euo pipefail
cd "$(dirname "$0")"
here=$PWD root=$(cd ../.. && pwd)
dir=${BENCH_DIR:-$here}
scale=1 repeat=3 only="" spark="" write=$root/docs/benchmarks.md
while [ $# -gt 0 ]; do
  case $1 in
  --smoke) scale=0.01 repeat=1 write="" ;;
  --only) only=$2 write="" && shift ;;
  --repeat) repeat=$2 && shift ;;
  --spark) spark=--spark ;;
  *) sed -n '2,/^set /s/^# \{0,1\}//p' "$0" | sed '$d' >&2; exit 2 ;;
  esac
  shift
done

../interop/setup.sh
python=$here/../interop/.venv/bin/python
mkdir -p "$dir"
data=$dir/data
[ "$scale" = 1 ] || data=$dir/data-smoke
echo "bench: data in $data"
"$python" gen.py "$data" --scale "$scale"
(cd "$root" && go build -trimpath -o "$dir/work/ours" ./conformance/bench/ours)
"$python" run.py --data "$data" --work "$dir/work/tables" --ours "$dir/work/ours" \
  --scale "$scale" --repeat "$repeat" --only "$only" $spark --write "$write"
[ -z "$write" ] || echo "bench: wrote $write"
