// Command deltactl writes and reads Delta Lake tables on local disk, S3 and GCS.
//
// Every write is one atomic commit, and with a key it is safe to kill, to retry
// and to run twice at once. `deltactl help` lists the commands; `deltactl help
// idempotency` and `deltactl help exit-codes` say what scripts may rely on.
package main

import (
	"os"

	_ "github.com/deltalog/deltalog/delta/gcs" // gs://
	_ "github.com/deltalog/deltalog/delta/s3"  // s3://, s3a://
)

func main() {
	os.Exit(run(os.Args[1:], &process{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv,
		terminal: isTerminal(os.Stderr), signals: true,
	}))
}
