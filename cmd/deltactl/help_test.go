package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The help of each command and topic is part of what users see: a change of it
// shows in a diff. go test ./cmd/deltactl -run Help -update rewrites the files.
func TestHelp(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"", "create", "append", "replace-partition", "reload", "head", "export", "changes", "inspect", "history", "schema", "files",
		"partitions", "txns", "status", "checkpoint", "fsck", "store", "store check", "conformance", "demo", "version",
		"merge", "replace", "update", "delete", "insert-new", "dedup", "apply-changes", "scd2",
		"constraint", "constraint add", "constraint drop", "constraint test", "constraint list",
		"property", "property set", "property unset", "property list",
		"schema add", "schema rename", "schema drop", "schema widen", "schema set-default", "schema drop-default",
		"idempotency", "exit-codes", "urls", "environment", "expressions", "rows",
	} {
		var out, errs bytes.Buffer
		code := run(append([]string{"help"}, strings.Fields(name)...), &process{
			stdin: strings.NewReader(""), stdout: &out, stderr: &errs, getenv: func(string) string { return "" },
		})
		require.Zero(t, code, "%s: %s", name, errs.String())
		file := filepath.Join("testdata", "help", strings.ReplaceAll("deltactl "+name, " ", "-")+".txt")
		if *update {
			require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
			require.NoError(t, os.WriteFile(file, out.Bytes(), 0o644))
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(want), out.String(), "help %s: run with -update if the change is meant", name)
	}
}
