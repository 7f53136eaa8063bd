package compare

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/deltalog/deltalog/conformance"
	"github.com/deltalog/deltalog/conformance/emulators"
	"github.com/deltalog/deltalog/conformance/interop"
)

// interopHome is where conformance/interop/setup.sh installs the engines.
var interopHome = filepath.Join("..", "interop")

const deltarsName = "delta-rs 1.6.6 (Python package deltalake)"

// deltarsOnS3 judges delta-rs, a process for each client.
func deltarsOnS3(t testing.TB) *conformance.Harness {
	return &conformance.Harness{
		Engine: deltarsName, Storage: "S3 (gofakes3) behind conformance/faultproxy",
		Settings: []string{"storage options: endpoint, credentials, region, aws_allow_http=true; nothing else"},
		Lacks: map[conformance.Feature]string{
			conformance.SharedDisk: "judged on local disk",
		},
		Table: s3Tables(t, func(p *port, through *emulators.Server, url string) (conformance.Client, error) {
			env := append(through.Env(), "AWS_ENDPOINT_URL="+through.URL, "AWS_ALLOW_HTTP=true")
			e, err := startDeltars(t, env)
			if err != nil {
				return nil, err
			}
			c := &deltars{port: p, e: e, url: url}
			p.kill = func() { c.dead.Store(true); e.Kill() }
			return c, nil
		}),
	}
}

// deltarsOnDisk judges what needs processes on one disk.
func deltarsOnDisk(t testing.TB) *conformance.Harness {
	return &conformance.Harness{
		Engine: deltarsName, Storage: "local disk", Lacks: onlySharedDisk(),
		Table: func(context.Context) (conformance.Table, error) {
			return &diskTable{filepath.Join(t.TempDir(), "table"), func(dir string) (conformance.Client, error) {
				e, err := startDeltars(t, nil)
				return &deltars{port: &port{}, e: e, url: dir}, err
			}}, nil
		},
	}
}

func startDeltars(t testing.TB, env []string) (*interop.Engine, error) {
	return interop.StartScript(interopHome, "deltars", filepath.Join("engines", "deltars.py"), t.TempDir(), env...)
}

type deltars struct {
	*port
	e    *interop.Engine
	url  string
	dead atomic.Bool
}

func (d *deltars) Close() error {
	err := d.e.Close()
	if d.dead.Load() {
		return nil
	}
	return err
}

func (d *deltars) Do(_ context.Context, op conformance.Op) (conformance.Answer, error) {
	err := d.e.Do("op", interop.Args{"path": d.url, "op": opJSON(op)}, nil)
	if d.dead.Load() {
		return conformance.Answer{Said: conformance.Failed, Version: -1, Text: "the process was killed"}, nil
	}
	return engineAnswer(err, func(e *interop.EngineError) bool {
		// "Failed to commit transaction", "version already exists", conflicts: it says
		// that the commit failed.
		return e.Class == "CommitFailedError"
	})
}

// engineAnswer makes an answer of what an engine's process said.
func engineAnswer(err error, refused func(*interop.EngineError) bool) (conformance.Answer, error) {
	a := conformance.Answer{Said: conformance.Done, Version: -1}
	var e *interop.EngineError
	switch {
	case err == nil:
		return a, nil
	case !errors.As(err, &e):
		return a, err
	}
	a.Said, a.Text = conformance.Failed, e.Class+": "+strings.Join(strings.Fields(e.Message), " ")
	if refused(e) {
		a.Said = conformance.Refused
	}
	return a, nil
}

// opJSON is an operation as the engines' scripts take it.
func opJSON(op conformance.Op) json.RawMessage {
	b, err := json.Marshal(op)
	if err != nil {
		panic(err) // a struct of numbers and texts
	}
	return b
}

func (d *deltars) Read(context.Context) ([]conformance.Row, error) {
	var out struct{ Rows []conformance.Row }
	err := d.e.Do("read", interop.Args{"path": d.url}, &out)
	return out.Rows, err
}
