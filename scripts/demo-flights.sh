#!/usr/bin/env bash
# The main job on real input: two weeks of flights, loaded day by day into a table
# that is partitioned by date. One day is loaded again, one arrives broken and is
# corrected, one load is killed half-way; then the table must equal the input.
#
#   scripts/demo-flights.sh [DIR]
#
# DIR is where the table is made and kept; by default a directory that is removed
# at the end. Needs Go and bash (with gzip, sort and cmp of any Unix).
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C

work=$(mktemp -d)
loader=
finish() {
  status=$?
  exec 3>&- # a load that still waits for rows sees its input end
  [ -z "$loader" ] || kill -KILL "$loader" 2>/dev/null || true
  rm -rf "$work"
  [ "$status" = 0 ] || echo "demo-flights: something is off (exit code $status), see above" >&2
}
trap finish EXIT

table=${1:-$work}/flights
days=(testdata/flights/2013-01-*.csv.gz)
say() { printf '\n%s\n' "$*"; }
run() { printf '  $ deltactl %s\n' "$*"; "$work/deltactl" "$@" | sed 's/^/    /'; }
fail() { echo "demo-flights: $*" >&2; exit 1; }
expect() { # expect CODE COMMAND…: what a script relies on is the exit code
  local want=$1 got=0
  shift
  run "$@" || got=$?
  [ "$got" = "$want" ] || fail "deltactl ${*} ended with $got, not with $want"
}
# load FILE DAY: the task that a scheduler runs, and runs again.
load() {
  expect 0 replace-partition "$table" --from "$1" --null NA --partition "year=2013,month=1,day=$2" \
    --key "flights/2013-01-$(printf %02d "$2")"
}
rows() { "$work/deltactl" export "$table" --format csv --columns flight --where "$1" | tail -n +2 | wc -l | tr -d ' '; }

[ ! -e "$table" ] || fail "$table exists: remove it, or name another directory"
say "Building deltactl."
CGO_ENABLED=0 go build -o "$work/deltactl" ./cmd/deltactl

say "1. A table with the columns of the first day, partitioned by date."
expect 0 create "$table" --from "${days[0]}" --null NA --partition-by year,month,day

say "2. Thirteen days, one task each. Each names its partition, and a key."
for i in {1..13}; do load "${days[i - 1]}" "$i"; done

say "3. Somebody clicks \"clear\": the task of 5 January runs again."
before=$(rows "day = 5")
load "${days[4]}" 5
[ "$(rows "day = 5")" = "$before" ] || fail "5 January has other rows after the second run"

say "4. 6 January is delivered again, cut off; and then complete. The key is the same: the last one holds."
gzip -dc "${days[5]}" >"$work/full.csv"
head -n 401 "$work/full.csv" >"$work/cut.csv"
load "$work/cut.csv" 6
load "${days[5]}" 6
[ "$(rows "day = 6")" = 832 ] || fail "6 January does not have its 832 rows"

say "5. The load of 14 January gets all lines but one, and then a SIGKILL."
gzip -dc "${days[13]}" >"$work/last.csv"
mkfifo "$work/pipe"
"$work/deltactl" replace-partition "$table" --from - --format csv --null NA \
  --partition year=2013,month=1,day=14 --key flights/2013-01-14 <"$work/pipe" &
loader=$!
exec 3>"$work/pipe"
# The lines are more than a pipe holds: when they are written, deltactl has begun
# to read them. It waits for the last line until it is killed.
head -n 928 "$work/last.csv" >&3
code=0
{ kill -KILL "$loader" && wait "$loader"; } 2>/dev/null || code=$?
loader=
exec 3>&-
[ "$code" = 137 ] || fail "the killed load ended with $code"
echo "    killed (exit code 137)"
expect 3 status "$table" --key flights/2013-01-14
[ "$(rows "day = 14")" = 0 ] || fail "14 January has rows of a load that was killed"

say "6. The scheduler runs it again, twice for good measure."
load "${days[13]}" 14
load "${days[13]}" 14
expect 0 status "$table" --key flights/2013-01-14

say "7. Is the table what the files say?"
# The export writes nothing where the input has NA, and times with microseconds.
"$work/deltactl" export "$table" --format csv --to "$work/table.csv"
tail -n +2 "$work/table.csv" | sort >"$work/have"
for f in "${days[@]}"; do gzip -dc "$f" | tail -n +2; done |
  sed -e 's/,NA,/,,/g' -e 's/,NA,/,,/g' -e 's/Z$/.000000Z/' | sort >"$work/want"
cmp "$work/want" "$work/have" || fail "the table is not what the files say"
echo "    yes: $(wc -l <"$work/have" | tr -d ' ') flights, every one once"
expect 0 history "$table" --limit 4
