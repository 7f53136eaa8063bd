#!/usr/bin/env bash
# Installs the engines that judge our tables, pinned, into this directory:
# delta-rs, DuckDB and Spark from Python packages into .venv, and Delta's jars
# for Spark into jars. About 900 MB, two minutes; a second run does nothing.
#
# Needs Python 3.10 or newer with venv, and Java 17 or newer. The jars come by
# the Ivy that is part of pyspark, so Maven is not needed; IVYSETTINGS may name
# an Ivy settings file for a site's own mirror, as pip's and Java's own
# configuration are honoured.
set -euo pipefail
cd "$(dirname "$0")"

retry() {
  local attempt
  for attempt in 1 2 3 4; do
    "$@" && return 0
    [ "$attempt" = 4 ] || { echo "attempt $attempt of 4 failed, trying again: $1" >&2; sleep $((attempt * 5)); }
  done
  echo "setup: gave up on: $*" >&2
  return 1
}

checked() {
  if command -v sha256sum >/dev/null; then sha256sum --quiet -c "$@"; else shasum -a 256 -s -c "$@"; fi
}

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
  { echo "setup: $python is $("$python" -V 2>&1), want Python 3.10 or newer; name another in PYTHON" >&2; exit 1; }
java=${JAVA_HOME:+$JAVA_HOME/bin/}java
"$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | { read -r major && [ "$major" -ge 17 ]; } ||
  { echo "setup: want Java 17 or newer; put it on the PATH or name it in JAVA_HOME" >&2; exit 1; }

stamp=$("$python" -V; cat requirements.txt ivy.xml jars.sha256)
if [ "$(cat .venv/stamp 2>/dev/null)" = "$stamp" ] && (cd jars && checked ../jars.sha256) >/dev/null 2>&1; then
  echo "setup: engines are installed"
  exit 0
fi

rm -f .venv/stamp
if ! .venv/bin/python -c 'import pip' 2>/dev/null; then
  rm -rf .venv
  "$python" -m venv .venv
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1
retry .venv/bin/python -m pip install --quiet --no-input -r requirements.txt

mkdir -p jars
if ! (cd jars && checked ../jars.sha256) >/dev/null 2>&1; then
  rm -f jars/*.jar
  pyspark=$(.venv/bin/python -c 'import os, pyspark; print(os.path.dirname(pyspark.__file__))')
  retry "$java" -cp "$pyspark/jars/*" org.apache.ivy.Main -error ${IVYSETTINGS:+-settings "$IVYSETTINGS"} \
    -cache jars/.ivy -ivy ivy.xml -confs default -retrieve 'jars/[artifact]-[revision].[ext]' >/dev/null
  rm -rf jars/.ivy
  (cd jars && checked ../jars.sha256) ||
    { echo "setup: the jars are not those of jars.sha256" >&2; exit 1; }
fi
echo "$stamp" >.venv/stamp
echo "setup: installed $(.venv/bin/python -m pip list --format=freeze | grep -E '^(deltalake|duckdb|pyarrow|pyspark)=' | tr '\n' ' ')and $(ls jars | wc -l | tr -d ' ') jars"
