package compare

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance"
	"github.com/deltalog/deltalog/conformance/emulators"
	"github.com/deltalog/deltalog/txlog"
)

// buildDeltactl compiles the command.
func buildDeltactl(t testing.TB) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "deltactl")
	cmd := exec.Command("go", "build", "-o", bin, "./cmd/deltactl")
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return bin
}

// deltactlOnS3 judges the command, a process for each operation.
func deltactlOnS3(t testing.TB, bin string) *conformance.Harness {
	return &conformance.Harness{
		Engine: "deltactl " + txlog.Release, Storage: "S3 (gofakes3) behind conformance/faultproxy",
		Lacks: map[conformance.Feature]string{conformance.SharedDisk: "judged on local disk"},
		Table: s3Tables(t, func(p *port, through *emulators.Server, url string) (conformance.Client, error) {
			c := &deltactl{port: p, bin: bin, dir: t.TempDir(), table: url, env: through.Env()}
			p.kill = c.kill
			return c, nil
		}),
	}
}

// deltactlOnDisk judges what needs processes on one disk.
func deltactlOnDisk(t testing.TB, bin string) *conformance.Harness {
	return &conformance.Harness{
		Engine: "deltactl " + txlog.Release, Storage: "local disk", Lacks: onlySharedDisk(),
		Table: func(context.Context) (conformance.Table, error) {
			return &diskTable{filepath.Join(t.TempDir(), "table"), func(dir string) (conformance.Client, error) {
				return &deltactl{port: &port{}, bin: bin, dir: t.TempDir(), table: dir}, nil
			}}, nil
		},
	}
}

// onlySharedDisk is what a harness without faults lacks.
func onlySharedDisk() map[conformance.Feature]string {
	lacks := map[conformance.Feature]string{}
	for _, f := range []conformance.Feature{conformance.LostAnswer, conformance.Interleave, conformance.Duplicate, conformance.Conflict409, conformance.FailLater, conformance.Death} {
		lacks[f] = "no faults are injected on local disk"
	}
	return lacks
}

// A deltactl is a client that runs one process for each operation.
type deltactl struct {
	*port
	bin, dir, table string
	env             []string

	process sync.Mutex
	running *os.Process
	dead    bool
}

func (d *deltactl) kill() {
	d.process.Lock()
	defer d.process.Unlock()
	d.dead = true
	if d.running != nil {
		_ = d.running.Kill()
	}
}

func (d *deltactl) Close() error { return nil }

// run runs the command to its end.
func (d *deltactl) run(ctx context.Context, args ...string) (stdout, stderr string, code int, err error) {
	cmd := exec.CommandContext(ctx, d.bin, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + d.dir, "TMPDIR=" + d.dir}, d.env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	d.process.Lock()
	err = cmd.Start()
	if err == nil {
		d.running = cmd.Process
	}
	d.process.Unlock()
	if err != nil {
		return "", "", 0, err
	}
	err = cmd.Wait()
	d.process.Lock()
	d.running = nil
	d.process.Unlock()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return "", "", 0, err
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode(), nil
}

// tableSchema is that of all tables, in Delta's JSON form.
const tableSchema = `{"type":"struct","fields":[
{"name":"id","type":"long","nullable":true,"metadata":{}},
{"name":"p","type":"string","nullable":true,"metadata":{}},
{"name":"v","type":"long","nullable":true,"metadata":{}}]}`

// args is the command line of an operation whose rows are in file.
func (d *deltactl) args(op conformance.Op, file string) ([]string, error) {
	var args []string
	create := []string{"--create", "--partition-by", "p"}
	switch op.Verb {
	case conformance.Create:
		schema := filepath.Join(d.dir, "schema.json")
		if err := os.WriteFile(schema, []byte(tableSchema), 0o600); err != nil {
			return nil, err
		}
		args = []string{"create", d.table, "--schema", schema, "--partition-by", "p"}
		for k, v := range op.Properties {
			args = append(args, "--property", k+"="+v)
		}
		return append(args, "-o", "json"), nil
	case conformance.Append:
		args = append([]string{"append", d.table, "--from", file}, create...)
	case conformance.Replace:
		args = append([]string{"replace-partition", d.table, "--from", file}, create...)
		for _, p := range op.Parts {
			args = append(args, "--partition", "p="+p)
		}
	case conformance.Reload:
		args = append([]string{"reload", d.table, "--from", file}, create...)
	case conformance.Merge:
		args = []string{"merge", d.table, "--from", file, "--on", "id,p"}
	case conformance.Update:
		args = []string{"update", d.table, "--set", "v = " + strconv.FormatInt(op.Value, 10), "--where", isOneOf(op.IDs)}
	case conformance.Delete:
		args = []string{"delete", d.table, "--where", isOneOf(op.IDs)}
	default:
		return nil, fmt.Errorf("deltactl: no such operation: %s", op.Verb)
	}
	if op.App != "" {
		args = append(args, "--txn", op.App+":"+strconv.FormatInt(op.Version, 10))
	}
	return append(args, "-o", "json"), nil
}

func isOneOf(ids []int64) string {
	return "id IN (" + strings.Trim(strings.ReplaceAll(fmt.Sprint(ids), " ", ", "), "[]") + ")"
}

func (d *deltactl) Do(ctx context.Context, op conformance.Op) (conformance.Answer, error) {
	file := filepath.Join(d.dir, "rows.ndjson")
	var b bytes.Buffer
	for _, r := range op.Rows {
		line, err := json.Marshal(map[string]any{"id": r.ID, "p": r.P, "v": r.V})
		if err != nil {
			return conformance.Answer{}, err
		}
		b.Write(append(line, '\n'))
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		return conformance.Answer{}, err
	}
	args, err := d.args(op, file)
	if err != nil {
		return conformance.Answer{}, err
	}
	stdout, stderr, code, err := d.run(ctx, args...)
	if err != nil {
		return conformance.Answer{}, err
	}
	a := conformance.Answer{Version: -1}
	if d.dead {
		a.Said, a.Text = conformance.Failed, "the process was killed"
		return a, nil
	}
	var said struct {
		State   string `json:"state"`
		Version *int64 `json:"version"`
	}
	_ = json.Unmarshal([]byte(stdout), &said) // what it did not say is not known
	switch {
	case code == 0 && said.State == "already_applied":
		a.Said = conformance.Skipped
	case code == 0:
		a.Said = conformance.Done
		if said.Version != nil {
			a.Version = *said.Version
		}
	case code == 8:
		a.Said, a.Text = conformance.Unknown, strings.TrimSpace(stderr)
	default: // every other code says that nothing was committed
		a.Said, a.Text = conformance.Refused, fmt.Sprintf("exit code %d: %s", code, strings.TrimSpace(stderr))
	}
	return a, nil
}

func (d *deltactl) Read(ctx context.Context) ([]conformance.Row, error) {
	file := filepath.Join(d.dir, "read.csv")
	_, stderr, code, err := d.run(ctx, "export", d.table, "--format", "csv", "--to", file)
	if err != nil {
		return nil, err
	}
	if code != 0 {
		return nil, fmt.Errorf("exit code %d: %s", code, strings.TrimSpace(stderr))
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil || len(lines) == 0 {
		return nil, err
	}
	at := map[string]int{}
	for i, name := range lines[0] {
		at[name] = i
	}
	var rows []conformance.Row
	for _, l := range lines[1:] {
		id, err1 := strconv.ParseInt(l[at["id"]], 10, 64)
		v, err2 := strconv.ParseInt(l[at["v"]], 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		rows = append(rows, conformance.Row{ID: id, P: l[at["p"]], V: v})
	}
	return rows, os.Remove(file)
}
