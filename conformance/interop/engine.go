package interop

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// An Engine is a process that reads and writes Delta tables for tests. It
// answers one request at a time; concurrent callers wait.
type Engine struct {
	name string

	mu     sync.Mutex
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	errors *os.File
	broken error
}

// An EngineError is what an engine answers when it refuses a request.
type EngineError struct {
	Engine  string `json:"-"`
	Class   string `json:"class"`
	Message string `json:"message"`
}

func (e *EngineError) Error() string { return e.Engine + ": " + e.Class + ": " + e.Message }

// Args are the arguments of a request.
type Args map[string]any

// Start runs engines/name.py. What the engine prints goes to a file in dir, as
// do its temporary files.
func Start(name, dir string) (*Engine, error) {
	return StartScript(".", name, filepath.Join("engines", name+".py"), dir)
}

// StartScript runs a script of another directory with the engines that are
// installed in home, this package's directory; env is added to its environment.
func StartScript(home, name, script, dir string, env ...string) (*Engine, error) {
	python, err := filepath.Abs(filepath.Join(home, ".venv", "bin", "python"))
	if err != nil {
		return nil, fmt.Errorf("interop: %w", err)
	}
	if _, err := os.Stat(python); err != nil {
		return nil, errors.New("interop: the engines are not installed: run conformance/interop/setup.sh")
	}
	log, err := os.CreateTemp(dir, name+"-*.log")
	if err != nil {
		return nil, fmt.Errorf("interop: %w", err)
	}
	e := &Engine{name: name, errors: log}
	e.cmd = exec.Command(python, script, dir)
	e.cmd.Env = append(append(os.Environ(), "PYTHONUTF8=1", "PYTHONDONTWRITEBYTECODE=1", "TZ=UTC"), env...)
	e.cmd.Stderr = log
	e.in, err = e.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("interop: %w", err)
	}
	out, err := e.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("interop: %w", err)
	}
	e.out = bufio.NewReader(out)
	if err := e.cmd.Start(); err != nil {
		return nil, fmt.Errorf("interop: start %s: %w", name, err)
	}
	return e, nil
}

// Do sends a request and decodes its result into result, which may be nil. An
// *EngineError is the engine's own answer; any other error means that its
// process is no longer usable.
func (e *Engine) Do(what string, args Args, result any) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.broken != nil {
		return e.broken
	}
	request := Args{"do": what}
	for k, v := range args {
		request[k] = v
	}
	line, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("interop: %s: %s: %w", e.name, what, err)
	}
	if _, err := e.in.Write(append(line, '\n')); err != nil {
		return e.fail(what, err)
	}
	reply, err := e.out.ReadBytes('\n')
	if err != nil {
		return e.fail(what, err)
	}
	var answer struct {
		OK    json.RawMessage `json:"ok"`
		Error *EngineError    `json:"error"`
	}
	if err := json.Unmarshal(reply, &answer); err != nil {
		return e.fail(what, err)
	}
	if answer.Error != nil {
		answer.Error.Engine = e.name
		return answer.Error
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(answer.OK, result); err != nil {
		return fmt.Errorf("interop: %s: %s: result %s: %w", e.name, what, answer.OK, err)
	}
	return nil
}

// fail marks the process as lost, with the end of what it printed.
func (e *Engine) fail(what string, err error) error {
	text, _ := os.ReadFile(e.errors.Name())
	e.broken = fmt.Errorf("interop: %s: lost the process at %s: %w\n%s", e.name, what, err, text[max(0, len(text)-4000):])
	return e.broken
}

// Read returns the rows that the engine reads of a table.
func (e *Engine) Read(table string, o *ReadOptions) (*Rows, error) {
	out, err := os.CreateTemp("", "deltalog-rows-*.jsonl")
	if err != nil {
		return nil, fmt.Errorf("interop: %w", err)
	}
	defer os.Remove(out.Name())
	if err := out.Close(); err != nil {
		return nil, fmt.Errorf("interop: %w", err)
	}
	args := Args{"path": table, "out": out.Name()}
	if o != nil {
		o.add(args)
	}
	if err := e.Do("read", args, nil); err != nil {
		return nil, err
	}
	return LoadRows(out.Name())
}

// ReadOptions choose what an engine reads; nil is everything, at the newest version.
type ReadOptions struct {
	Version *int64
	Columns []string
	Where   string // in the engine's SQL
}

// At is the options that read a version.
func At(version int64) *ReadOptions { return &ReadOptions{Version: &version} }

func (o *ReadOptions) add(args Args) {
	if o.Version != nil {
		args["version"] = *o.Version
	}
	if o.Columns != nil {
		args["columns"] = o.Columns
	}
	if o.Where != "" {
		args["where"] = o.Where
	}
}

// Kill ends the process at once, as a machine that is switched off does.
func (e *Engine) Kill() { _ = e.cmd.Process.Kill() }

// Close ends the process and waits for it.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	defer e.errors.Close()
	e.in.Close()
	timer := time.AfterFunc(time.Minute, func() { e.cmd.Process.Kill() })
	defer timer.Stop()
	if err := e.cmd.Wait(); err != nil && e.broken == nil {
		return fmt.Errorf("interop: %s: %w", e.name, err)
	}
	return nil
}
