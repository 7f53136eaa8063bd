package main

import "github.com/spf13/cobra"

// topics are pages of help that are no commands.
func topics() []*cobra.Command {
	var cs []*cobra.Command
	for _, t := range []struct{ name, short, long string }{
		{"idempotency", "What a key promises, and how to choose one", topicIdempotency},
		{"exit-codes", "What each exit code means to a script", topicExitCodes},
		{"urls", "How tables are named", topicURLs},
		{"environment", "Credentials and endpoints", topicEnvironment},
		{"expressions", "What conditions and values may be", topicExpressions},
		{"rows", "Which command changes which rows", topicRows},
	} {
		cs = append(cs, &cobra.Command{Use: t.name, Short: t.short, Long: t.long})
	}
	return cs
}

const topicIdempotency = `A key names a piece of logical work: a pipeline and the partition or the interval
that it loads (orders/2026-01-05). It is recorded in the same commit as the rows,
and checked inside of the commit, not only before it.

  same key, same rows        applied once: "already applied", exit code 0, also
                             in another order, format, process, or after years
  same key, other rows       append, update: exit code 7, nothing committed
                             all others: a deliberate re-run, applied
                             (--on-replay verify|skip|replace|fail says otherwise)
  two attempts at once       one is applied; the other is told so, or, if its rows
                             differ, is refused (exit code 7): it is the older one
  killed at any time         run it again with the same key
  outcome unknown (8)        run it again with the same key, or ask deltactl status

Never put a run id, a try number or the current time into a key: Airflow keeps the
run id on "clear" and Dagster makes a new one, so such a key is wrong in one of
them. --key-from airflow, dagster or prefect builds a key from the task and its
interval; --key-from content makes the rows their own key.

--txn APP:VERSION is for streams, where one producer counts up (Spark's txnAppId
and txnVersion): a version not greater than the recorded one was applied before. A
backfill of an older interval under the same APP would be taken for a replay: give
backfills a key, or an APP of their own.`

const topicExitCodes = `0    done, or applied earlier
1    failed, nothing committed; a retry may help
2    usage: flags, SQL, a column that is not there
3    a check said no (status: the key is not in the table; store check: not safe;
     conformance: a promise was broken; constraint test: rows break it)
4    credentials or permission
5    table or version not found
6    conflict with other writers after all retries, nothing committed
7    same key, other content; nothing committed
8    outcome unknown: the same command with the same key is safe to run again
9    the table needs a feature that is not supported; refused before touching it
10   data rejected (schema, partition, constraint, keys twice, limits, format);
     nothing committed
11   fsck: the table is damaged; the report says where
124  --deadline has passed, nothing committed
130  interrupted, nothing committed

Where a deadline or an interrupt leaves open whether the commit landed, the code
is 8. With -o json a write prints its result also when it fails: state, version,
retryable.`

const topicURLs = `TABLE is one of
  ./orders, /data/orders      a path on local disk
  file:///data/orders         the same
  s3://bucket/path            S3 (s3a:// too)
  gs://bucket/path            Google Cloud Storage

Commands that read take a version too: TABLE@v12, or the newest version at a time:
TABLE@2026-01-05T00:00:00Z, TABLE@2026-01-05.

URLs take no parameters: endpoints and credentials come from the environment (see
deltactl help environment), never from flags or URLs.`

const topicEnvironment = `Credentials and endpoints come from the clouds' own chains and variables.

S3   AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_PROFILE, the
     shared files, web identity, instance roles; AWS_REGION; AWS_ENDPOINT_URL or
     AWS_ENDPOINT_URL_S3 for another server, which is then addressed path-style
     and tested before the first write (deltactl store check)
GCS  GOOGLE_APPLICATION_CREDENTIALS, gcloud's application default credentials, the
     metadata server; STORAGE_EMULATOR_HOST for an emulator

NO_COLOR is honoured: output has no colour at all.`

const topicExpressions = `Conditions and values are Spark's SQL:
  literals     1  1.5  1e3  'text'  TRUE  NULL  DATE '2026-01-05'
               TIMESTAMP '2026-01-05 10:00:00'  X'1F'
  columns      name  ` + "`any name`" + `  struct.field
  comparisons  =  <=>  <>  <  <=  >  >=  IN (…)  BETWEEN … AND …  LIKE 'a%'
               IS [NOT] NULL
  logic        AND  OR  NOT  ( )
  values       + - * / % DIV ||  CASE WHEN … END  CAST(x AS type)  x::type
               INTERVAL 7 DAYS  and the usual functions: coalesce, upper, concat,
               date_add, to_date, current_date, current_timestamp, …
A text compared with a date, a timestamp or a number is taken as one. Rows for
which the condition is null are not selected.

In a merge the table is t or target and the input s or source: t.qty + s.qty. A name
that only one side has, or only one side can be meant, needs no prefix.`

const topicRows = `What is to be done                            Command            (dbt)
  add rows                                    append             append
  add rows whose key is not there             insert-new
  update rows by key, add the others          merge              merge
  the same, if newer; delete what is gone     merge --newer, --when-…
  a MERGE INTO that there is already          merge -f merge.sql
  replace partitions                          replace-partition  insert_overwrite
  replace what a condition selects            replace            microbatch, delete+insert
  replace everything                          reload             --full-refresh
  set columns, delete rows                    update, delete
  leave one row of each key                   dedup
  apply change data capture                   apply-changes
  keep every version of a row                 scd2               snapshot

Each is one commit, takes a key (deltactl help idempotency), and has --dry-run with
the counts that the run would have: rows inserted, updated, deleted, unchanged (they
are already what they would be), kept (they met an input's row, and no clause was for
them), skipped (rows of the input that --source-dup left out), copied (written anew
because their file was); files looked at, and ruled out by partition values,
statistics or bloom filters.`
