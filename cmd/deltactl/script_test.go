//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/bucket"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// Scripts run deltactl as a process of its own: this test's binary, under other names.
func TestMain(m *testing.M) {
	logstore.Register("lost", lost)
	logstore.Register("liar", openLiar)
	logstore.Register("memory", openMemory)
	testscript.Main(m, map[string]func(){
		"deltactl": main,
		// Without root's right to read everything.
		"deltactl-unprivileged": func() {
			if os.Getuid() == 0 {
				if err := syscall.Setuid(65534); err != nil {
					panic(err)
				}
			}
			main()
		},
		// After its input stdin neither ends nor goes on.
		"deltactl-waiting": func() { withStdin(func() {}) },
		// The same, and a signal comes, or comes when the store is lost.
		"deltactl-interrupted": func() {
			atLoss = sync.OnceFunc(func() { signalSelf(syscall.SIGINT) })
			withStdin(atLoss)
		},
		// The same when a run of deltactl conformance has begun with its tables.
		"deltactl-conformance-interrupted": func() {
			atTable = sync.OnceFunc(func() { signalSelf(syscall.SIGINT) })
			main()
		},
		"deltactl-terminated": func() { withStdin(func() { signalSelf(syscall.SIGTERM) }) },
	})
}

func signalSelf(s syscall.Signal) {
	if err := syscall.Kill(os.Getpid(), s); err != nil {
		panic(err)
	}
}

func withStdin(atEnd func()) {
	os.Exit(run(os.Args[1:], &process{
		stdin: &endless{os.Stdin, atEnd}, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, signals: true,
	}))
}

// An endless reader blocks for ever where its input ends.
type endless struct {
	r     io.Reader
	atEnd func()
}

func (e *endless) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if n > 0 {
		return n, nil
	}
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	e.atEnd()
	select {}
}

// atLoss is called when the log of a lost store is to be read.
var atLoss = func() {}

// lost opens the store whose URL follows lost://. It applies the first commit but
// says that it failed, and its log cannot be read from then on.
func lost(ctx context.Context, url string) (logstore.Store, error) {
	s, err := logstore.Open(ctx, strings.TrimPrefix(url, "lost://"))
	if err != nil {
		return nil, err
	}
	broken := false
	return faultstore.New(s, func(c faultstore.Call) faultstore.Fault {
		switch {
		case broken && !c.Mutates():
			atLoss()
			return faultstore.Fail(errors.New("the network is gone"))
		case c.Verb == logstore.VerbPutIfAbsent && strings.HasSuffix(c.Name, ".json") && !strings.Contains(c.Name, "00000.json"):
			broken = true
			return faultstore.Lose(errors.New("connection reset"))
		}
		return faultstore.Fault{}
	}), nil
}

func TestScripts(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	// Scripts that drop their rights must reach their files.
	for dir := root; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		require.NoError(t, os.Chmod(dir, 0o755))
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		WorkdirRoot:   root,
		UpdateScripts: *update,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": runsWith, "json": jsonHas, "lines": lines,
			"files": filesBelow, "absent": absent, "put": put, "cut": cut, "remove": remove, "refuse": refuse,
		},
		Condition: func(cond string) (bool, error) {
			if cond != "local" {
				return false, fmt.Errorf("no such condition: %s", cond)
			}
			return !onServer(), nil
		},
		Setup: func(env *testscript.Env) error {
			flights, err := filepath.Abs("../../testdata/flights")
			env.Setenv("FLIGHTS", flights)
			giveTables(env)
			return errors.Join(err, os.Chmod(env.WorkDir, 0o755))
		},
	})
}

// runsWith runs a command that must end with an exit code: code 10 deltactl …
func runsWith(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command…")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	var e interface{ ExitCode() int }
	switch {
	case err == nil:
	case errors.As(err, &e):
		got = e.ExitCode()
	default:
		ts.Check(err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// jsonHas compares values in a file of JSON: json stdout state=committed
// partitions.0=ds=1 absent=. A number first in the path is the line, from 0.
func jsonHas(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: json file path=value…")
	}
	var docs []any
	d := json.NewDecoder(strings.NewReader(ts.ReadFile(args[0])))
	d.UseNumber()
	for {
		var v any
		err := d.Decode(&v)
		if errors.Is(err, io.EOF) {
			break
		}
		ts.Check(err)
		docs = append(docs, v)
	}
	for _, a := range args[1:] {
		path, want, ok := strings.Cut(a, "=")
		if !ok {
			ts.Fatalf("%q: want path=value", a)
		}
		got := at(docs, path)
		if (got == want) == neg {
			ts.Fatalf("%s is %s, want %s%s", path, got, map[bool]string{true: "not "}[neg], want)
		}
	}
}

// at returns the text of the value at a path: JSON, but strings without quotes;
// "absent" if there is none.
func at(docs []any, path string) string {
	var v any = docs
	steps := strings.Split(path, ".")
	if _, err := strconv.Atoi(steps[0]); err != nil {
		steps = append([]string{"0"}, steps...)
	}
	for _, s := range steps {
		switch x := v.(type) {
		case map[string]any:
			var ok bool
			if v, ok = x[s]; !ok {
				return "absent"
			}
		case []any:
			i, err := strconv.Atoi(s)
			if s == "len" {
				v = len(x)
				continue
			}
			if err != nil || i >= len(x) {
				return "absent"
			}
			v = x[i]
		default:
			return "absent"
		}
	}
	if s, ok := v.(string); ok {
		return s
	}
	b, _ := json.Marshal(v)
	return string(b)
}

// lines counts the lines of a file: lines stdout 3
func lines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: lines file N")
	}
	if n := strings.Count(ts.ReadFile(args[0]), "\n"); strconv.Itoa(n) != args[1] {
		ts.Fatalf("%s has %d lines, want %s", args[0], n, args[1])
	}
}

// A liar is the store whose URL follows liar://, but it ignores the condition of
// writes.
type liar struct{ logstore.Store }

func openLiar(ctx context.Context, url string) (logstore.Store, error) {
	s, err := logstore.Open(ctx, strings.TrimPrefix(url, "liar://"))
	return &liar{s}, err
}

func (l *liar) Put(ctx context.Context, name string, data []byte, _ logstore.PutMode) error {
	return l.Store.Put(ctx, name, data, logstore.Overwrite)
}

// atTable is called when a table below a memory:// URL is opened.
var atTable = func() {}

var memory = memstore.New(nil)

// openMemory opens a part of one store in this process's memory.
func openMemory(_ context.Context, url string) (logstore.Store, error) {
	if strings.Contains(url, "/scenarios/") {
		atTable()
	}
	return bucket.Below(memory, strings.TrimPrefix(url, "memory://")+"/", url), nil
}
