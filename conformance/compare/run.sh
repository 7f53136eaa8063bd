#!/usr/bin/env bash
# Plays every scenario of package conformance with every engine and writes the
# published table, docs/conformance-engines.md. Arguments are the engines to play
# (deltalog, deltactl, delta-rs, spark); without any, all. Needs what
# conformance/interop/setup.sh needs, and a JDK's javac for Spark's LogStore.
set -euo pipefail
cd "$(dirname "$0")"
../interop/setup.sh
engines=${*:-all}
exec go test -count=1 -timeout 60m -v -run '^TestWrite$' . -args -write "${engines// /,}"
