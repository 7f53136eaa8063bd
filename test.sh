#!/usr/bin/env bash
# Installs what the checks need (pinned, into ignored directories) and runs them all.
#
#   ./test.sh                 every stage
#   ./test.sh lint unit       only these stages, in this order
#   ./test.sh --list          the stages
#
# Needs Go, Python 3, Java 17 and git; nothing is installed outside the clone
# but Go's own caches. Every stage runs even when an earlier one failed; the
# last lines say how long each took and what failed. Logs: .cache/logs.
#
# FUZZTIME (default 1000x: inputs) is how long each fuzz target runs in the fuzz
# stage. A time (5s) works too, but Go at times reports its end as a failure.
set -uo pipefail
cd "$(dirname "$0")"

readonly staticcheck_version=v0.8.2
readonly gofumpt_version=v0.12.0
readonly cache=$PWD/.cache
readonly stages="tools format vet staticcheck lint unit race conformance cross fuzz emulators interop bench"

# Packages whose tests run under the race detector; all others run without.
readonly race_packages='/(txlog(/logstore(/.*)?)?|writer|reader|delta(/.*)?|conformance(/(corpus|faultproxy|ours|retry|sim|storecheck|storetest|tabletest))?|cmd/deltactl|internal/(blobstore|faultstore|join|pqread|pqwrite))$'
# Packages that do as much as docs/conformance.md promises in the stage conformance.
readonly proofs='/(delta/fsck|conformance/(check|crash|interleave|model|museum|mutants|ops|ours|retry|sdk|sim|sweep))$'

mkdir -p "$cache/bin" "$cache/logs"
export PATH="$cache/bin:$PATH"
# The product is pure Go; only the race detector needs C.
export CGO_ENABLED=0

# retry runs a command up to four times, for commands that use the network.
retry() {
  local attempt
  for attempt in 1 2 3 4; do
    "$@" && return 0
    echo "attempt $attempt of 4 failed: $*" >&2
    [ "$attempt" = 4 ] || sleep $((attempt * 5))
  done
  return 1
}

# modules prints the directory of every Go module of the repository.
modules() { git ls-files --cached --others --exclude-standard 'go.mod' '*/go.mod' | xargs -n1 dirname | sort -u; }

# in_modules runs a command in every module.
in_modules() {
  local dir status=0
  for dir in $(modules); do
    (cd "$dir" && "$@") || { echo "failed in module $dir: $*" >&2; status=1; }
  done
  return $status
}

go_files() { git ls-files --cached --others --exclude-standard '*.go' | while read -r f; do [ ! -f "$f" ] || echo "$f"; done; }

# install_go_tool NAME PACKAGE VERSION
install_go_tool() {
  [ "$(cat "$cache/bin/$1.version" 2>/dev/null)" = "$3" ] && [ -x "$cache/bin/$1" ] && return 0
  GOBIN="$cache/bin" retry go install "$2@$3" && echo "$3" >"$cache/bin/$1.version"
}

stage_tools() {
  local tool
  for tool in go git python3 java; do
    command -v "$tool" >/dev/null || { echo "missing: $tool (needed: Go, Python 3, Java 17, git)" >&2; return 1; }
  done
  go version
  install_go_tool staticcheck honnef.co/go/tools/cmd/staticcheck "$staticcheck_version" &&
    install_go_tool gofumpt mvdan.cc/gofumpt "$gofumpt_version" &&
    in_modules retry go mod download
}

stage_format() {
  local bad
  bad=$(go_files | xargs gofumpt -l) || return 1
  [ -z "$bad" ] || { echo "not formatted (run: make format):"; echo "$bad"; return 1; }
}

stage_vet() { in_modules go vet ./...; }
stage_staticcheck() { in_modules staticcheck ./...; }
stage_lint() { go test -count=1 ./internal/repolint; }

stage_unit() {
  local packages
  packages=$(go list ./... | grep -Ev "$race_packages|$proofs" | grep -v '/internal/repolint$') || return 1
  go test -timeout 20m $packages
}

# The race detector needs a C compiler. Without one the tests run all the same,
# and the summary says that they ran without it.
stage_race() {
  local packages race=-race cgo=1
  packages=$(go list ./... | grep -E "$race_packages")
  [ -n "$packages" ] || { echo "no packages"; return 0; }
  if ! command -v "$(go env CC)" >/dev/null; then
    race= cgo=0
    note="without -race: no C compiler"
  fi
  CGO_ENABLED=$cgo go test $race -timeout 30m $packages
}

# The proofs, at full length. What they counted is shown; the whole of what they
# printed is in .cache/logs/proofs.log.
stage_conformance() {
  local packages status
  packages=$(go list ./... | grep -E "$proofs") || return 1
  DELTALOG_EFFORT=ci go test -v -timeout 30m $packages >"$cache/logs/proofs.log" 2>&1
  status=$?
  grep -E '^(ok|FAIL|panic:|[a-z]+: .*[0-9])' "$cache/logs/proofs.log"
  [ "$status" = 0 ] || grep -E -B40 -- '--- FAIL' "$cache/logs/proofs.log" | grep -vE '=== |--- PASS' | tail -400
  return $status
}

# Other systems compile: all of it for those that people work on, and what is
# not a cloud's SDK for the odd ones. 32-bit arithmetic is tested for real where
# this machine can run it; not the writer's tests, which make decimals with
# Arrow's JSON, and that is wrong where an int has 32 bits.
stage_cross() {
  local target packages status=0
  for target in linux/386 linux/s390x darwin/arm64 windows/amd64; do
    case $target in
    linux/*) packages=$(go list ./... | grep -E '/(txlog|reader|writer|delta)$') ;;
    *) packages=./cmd/deltactl ;;
    esac
    echo "build $target"
    GOOS=${target%/*} GOARCH=${target#*/} go build -o /dev/null $packages || status=1
  done
  if [ "$(go env GOOS)/$(go env GOARCH)" = linux/amd64 ]; then
    GOARCH=386 go test -timeout 20m $(go list ./... | grep -E '/(txlog(/schema)?|reader|delta|internal/(dv|expr|join|rules|sqlfn|stats|pqread|pqwrite|vec))$') || status=1
  fi
  return $status
}

stage_fuzz() {
  local file name status=0
  while IFS=: read -r file name; do
    echo "fuzz $(dirname "$file") $name"
    go test -run='^$' -fuzz="^$name\$" -fuzztime="${FUZZTIME:-1000x}" "./$(dirname "$file")" || status=1
  done < <(go_files | grep '_test\.go$' | grep -v '^conformance/\(interop\|emulators\|compare\)/' |
    xargs grep -Eo '^func Fuzz[A-Za-z0-9_]*' /dev/null | sed 's/func //')
  return $status
}

stage_emulators() {
  cd conformance/emulators || return 1
  [ ! -x ./setup.sh ] || ./setup.sh || return 1
  go test -count=1 -timeout 30m ./...
}

stage_interop() {
  cd conformance/interop || return 1
  ./setup.sh || return 1
  go test -count=1 -timeout 40m ./... || return 1
  # What is published of other engines is still true.
  cd ../compare && go test -count=1 -timeout 20m ./...
}

# The benchmark harness works, on a hundredth of the data; its numbers are not kept.
stage_bench() { conformance/bench/run.sh --smoke; }

run_stage() {
  local start=$SECONDS status=0 note=""
  printf '\n== %s\n' "$1"
  # The stage runs in a subshell so that it may change directory; its note, if
  # it leaves one, comes back through a file.
  rm -f "$cache/logs/$1.note"
  (
    note=""
    "stage_$1"
    status=$?
    [ -z "$note" ] || echo "$note" >"$cache/logs/$1.note"
    exit $status
  ) 2>&1 | tee "$cache/logs/$1.log"
  status=${PIPESTATUS[0]}
  [ ! -f "$cache/logs/$1.note" ] || note=" ($(cat "$cache/logs/$1.note"))"
  if [ "$status" = 0 ]; then
    summary+=$(printf '%-12s %5ds  ok%s' "$1" $((SECONDS - start)) "$note")$'\n'
  else
    summary+=$(printf '%-12s %5ds  FAILED' "$1" $((SECONDS - start)))$'\n'
    failed+=" $1"
  fi
}

case "${1:-}" in
-h | --help) sed -n '2,/^set /s/^# \{0,1\}//p' "$0" | sed '$d'; exit 0 ;;
--list) echo "$stages"; exit 0 ;;
esac

summary="" failed=""
wanted=${*:-$stages}
for stage in $wanted; do
  case " $stages " in
  *" $stage "*) ;;
  *) echo "no such stage: $stage (there are: $stages)" >&2; exit 2 ;;
  esac
done
for stage in $wanted; do run_stage "$stage"; done

printf '\n%s' "$summary"
for stage in $wanted; do
  grep -hE '^(ok|FAIL|--- FAIL|panic:)' "$cache/logs/$stage.log" | sed "s/^/$stage: /"
done
if [ -n "$failed" ]; then
  echo "FAILED after ${SECONDS}s:$failed"
  exit 1
fi
echo "PASS: $(echo "$wanted" | wc -w | tr -d ' ') stages in ${SECONDS}s"
