// Package compare plays the scenarios of package conformance with several engines:
// deltalog as a library and as the command deltactl, delta-rs by its Python package,
// and Spark with Delta. run.sh installs what is needed, plays all of them, and
// writes docs/conformance-engines.md and testdata/verdicts.json.
//
// deltactl and delta-rs reach an S3 server (gofakes3) through their own clients and
// conformance/faultproxy, one proxy for each client. Spark's own S3 client sends no
// condition with a commit, so that Spark is judged on local disk, where faults come
// from a LogStore of ours around Delta's own (java/FaultLogStore.java). Engines have
// their defaults; what is set is named in the report.
//
// The tests without a flag play ours completely and delta-rs in part, and compare
// with testdata/verdicts.json, so that the published table stays true.
package compare
