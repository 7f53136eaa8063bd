package main

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/deltalog/deltalog/delta"
)

// keys are the flags that make a write idempotent.
type keys struct {
	key      string
	keyFrom  string
	txn      string
	onReplay string
}

func (k *keys) register(f *pflag.FlagSet) {
	f.StringVar(&k.key, "key", "", "idempotency key: names the logical work (pipeline and interval), never the run")
	f.StringVar(&k.keyFrom, "key-from", "", "take the key from the orchestrator (airflow, dagster, prefect) or from the content")
	f.StringVar(&k.txn, "txn", "", "APP:VERSION, for a source that counts up (Spark's txnAppId and txnVersion)")
	f.StringVar(&k.onReplay, "on-replay", "", "other content under a used key: verify (an error), skip, replace, fail; default verify for append, replace for the others")
}

func (k *keys) check() error {
	n := 0
	for _, s := range []string{k.key, k.keyFrom, k.txn} {
		if s != "" {
			n++
		}
	}
	if n > 1 {
		return usagef("give one of --key, --key-from and --txn")
	}
	if _, err := k.sequence(); err != nil {
		return err
	}
	if k.onReplay != "" && k.key == "" && k.keyFrom == "" {
		return usagef("--on-replay has no meaning without --key or --key-from")
	}
	if _, ok := policies[k.onReplay]; !ok {
		return usagef("--on-replay is %q, want verify, skip, replace or fail", k.onReplay)
	}
	return nil
}

var policies = map[string]delta.ReplayPolicy{
	"": delta.ReplayDefault, "verify": delta.ReplayVerify, "skip": delta.ReplaySkip,
	"replace": delta.ReplayReplace, "fail": delta.ReplayFail,
}

func (k *keys) apply(a *app, o *delta.WriteOptions) error {
	o.OnReplay = policies[k.onReplay]
	switch {
	case k.txn != "":
		o.Txn, _ = k.sequence() // checked before
	case k.keyFrom == "content":
		o.ContentKey = true
	case k.keyFrom != "":
		key, err := orchestratorKey(k.keyFrom, a.getenv)
		if err != nil {
			return err
		}
		// One task may load several partitions, each a piece of work of its own.
		for _, p := range o.Partitions {
			key += "/" + p.String()
		}
		o.Key = key
	default:
		o.Key = k.key
	}
	return nil
}

// sequence reads --txn.
func (k *keys) sequence() (*delta.Txn, error) {
	if k.txn == "" {
		return nil, nil
	}
	i := strings.LastIndexByte(k.txn, ':')
	if i <= 0 {
		return nil, usagef("--txn is %q, want APP:VERSION", k.txn)
	}
	v, err := strconv.ParseInt(k.txn[i+1:], 10, 64)
	if err != nil || v < 0 {
		return nil, usagef("--txn is %q, want APP:VERSION with a version of 0 or more", k.txn)
	}
	return &delta.Txn{AppID: k.txn[:i], Version: v}, nil
}

// orchestratorKey builds a key that names the task and the data interval. It
// leaves out what changes between attempts, and what survives a deliberate
// re-run: run ids and try numbers.
func orchestratorKey(from string, getenv func(string) string) (string, error) {
	switch from {
	case "airflow":
		return airflowKey(getenv)
	case "dagster":
		return dagsterKey(getenv)
	case "prefect":
		return prefectKey(getenv)
	}
	return "", usagef("--key-from is %q, want airflow, dagster, prefect or content", from)
}

func airflowKey(getenv func(string) string) (string, error) {
	dag, task := getenv("AIRFLOW_CTX_DAG_ID"), getenv("AIRFLOW_CTX_TASK_ID")
	date := getenv("AIRFLOW_CTX_LOGICAL_DATE")
	if date == "" {
		date = getenv("AIRFLOW_CTX_EXECUTION_DATE") // before Airflow 3
	}
	if dag == "" || task == "" || date == "" {
		return "", usagef("--key-from airflow needs AIRFLOW_CTX_DAG_ID, AIRFLOW_CTX_TASK_ID and AIRFLOW_CTX_LOGICAL_DATE, which Airflow's BashOperator sets; elsewhere pass --key")
	}
	key := "airflow/" + dag + "/" + task + "/" + date
	if i := getenv("AIRFLOW_CTX_MAP_INDEX"); i != "" && i != "-1" {
		key += "/" + i
	}
	return key, nil
}

// dagsterKey reads the context that Dagster Pipes passes to a subprocess: JSON,
// compressed and in base64, itself or by the path of a file.
func dagsterKey(getenv func(string) string) (string, error) {
	const help = "--key-from dagster needs the DAGSTER_PIPES_CONTEXT of a partitioned asset, which PipesSubprocessClient sets; elsewhere pass --key with the asset and the partition"
	raw := getenv("DAGSTER_PIPES_CONTEXT")
	if raw == "" {
		return "", usagef("%s", help)
	}
	var params struct {
		Path string          `json:"path"`
		Data json.RawMessage `json:"data"`
	}
	if err := unpack(raw, &params); err != nil {
		return "", usagef("DAGSTER_PIPES_CONTEXT cannot be read: %v", err)
	}
	data := []byte(params.Data)
	if params.Path != "" {
		var err error
		if data, err = os.ReadFile(params.Path); err != nil {
			return "", usagef("the context that DAGSTER_PIPES_CONTEXT names cannot be read: %v", err)
		}
	}
	var c struct {
		AssetKeys    []string `json:"asset_keys"`
		PartitionKey string   `json:"partition_key"`
	}
	if err := json.Unmarshal(data, &c); err != nil || len(c.AssetKeys) == 0 || c.PartitionKey == "" {
		return "", usagef("%s", help)
	}
	return "dagster/" + strings.Join(c.AssetKeys, "+") + "/" + c.PartitionKey, nil
}

// maxContext bounds what a context may unpack to.
const maxContext = 64 << 20

func unpack(s string, into any) error {
	packed, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return err
	}
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(z, maxContext))
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

// prefectKey: Prefect gives a subprocess no identity at all, and its run ids are
// those of runs. The flow passes what names the work.
func prefectKey(getenv func(string) string) (string, error) {
	flow, interval := getenv("DELTACTL_PREFECT_FLOW"), getenv("DELTACTL_PREFECT_INTERVAL")
	if flow == "" || interval == "" {
		return "", usagef("--key-from prefect needs DELTACTL_PREFECT_FLOW and DELTACTL_PREFECT_INTERVAL, because Prefect tells a subprocess nothing: pass env={\"DELTACTL_PREFECT_FLOW\": flow_run.flow_name, \"DELTACTL_PREFECT_INTERVAL\": the interval that is loaded}")
	}
	return "prefect/" + flow + "/" + interval, nil
}
