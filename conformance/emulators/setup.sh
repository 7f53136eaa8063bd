#!/usr/bin/env bash
# Installs versitygw (Apache-2.0), the S3 server that the tests race on, pinned,
# into the repository's ignored cache. The build takes about 200 CPU seconds once.
set -euo pipefail
cd "$(dirname "$0")"
readonly version=v1.8.0
readonly bin=$(git rev-parse --show-toplevel)/.cache/bin

if [ -x "$bin/versitygw" ] && [ "$(cat "$bin/versitygw.version" 2>/dev/null)" = "$version" ]; then
  exit 0
fi
mkdir -p "$bin"
for attempt in 1 2 3 4; do
  if GOFLAGS=-mod=mod GOBIN=$bin go install "github.com/versity/versitygw/cmd/versitygw@$version"; then
    echo "$version" >"$bin/versitygw.version"
    exit 0
  fi
  echo "attempt $attempt of 4 to install versitygw failed" >&2
  sleep $((attempt * 5))
done
exit 1
