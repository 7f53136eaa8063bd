package interop

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// A Product is the command deltactl.
type Product struct {
	binary string
}

// Build compiles deltactl into dir; the variable DELTACTL names a binary to
// use instead.
func Build(dir string) (*Product, error) {
	if named := os.Getenv("DELTACTL"); named != "" {
		return &Product{binary: named}, nil
	}
	binary := filepath.Join(dir, "deltactl")
	cmd := exec.Command("go", "build", "-o", binary, "./cmd/deltactl")
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("interop: build deltactl: %w\n%s", err, out)
	}
	return &Product{binary: binary}, nil
}

// Exit codes that scripts rely on (deltactl help exit-codes).
const (
	ExitOK          = 0
	ExitFailed      = 1
	ExitUsage       = 2
	ExitNotFound    = 5
	ExitKeyReused   = 7
	ExitUnsupported = 9
	ExitBadData     = 10
)

// A Result is what one run of deltactl left.
type Result struct {
	Args   []string
	Code   int
	Stdout string
	Stderr string
}

func (r *Result) String() string {
	return fmt.Sprintf("deltactl %q: exit %d\nstdout: %s\nstderr: %s", r.Args, r.Code, r.Stdout, r.Stderr)
}

// A WriteResult is what deltactl says with -o json about a write, as far as
// these tests look at it.
type WriteResult struct {
	Operation    string `json:"operation"`
	State        string `json:"state"`
	Version      int64  `json:"version"`
	RowsIn       int64  `json:"rows_in"`
	RowsAdded    int64  `json:"rows_added"`
	RowsRemoved  int64  `json:"rows_removed"`
	FilesAdded   int64  `json:"files_added"`
	FilesRemoved int64  `json:"files_removed"`
}

// Run runs deltactl. A code other than 0 is no error here.
func (p *Product) Run(args ...string) (*Result, error) {
	cmd := exec.Command(p.binary, args...)
	cmd.Env = append(os.Environ(), "NO_COLOR=1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, fmt.Errorf("interop: %w", err)
	}
	return &Result{Args: args, Code: cmd.ProcessState.ExitCode(), Stdout: out.String(), Stderr: errs.String()}, nil
}

// Write runs a command that writes and decodes what it says.
func (p *Product) Write(args ...string) (*WriteResult, error) {
	r, err := p.Run(append(args, "-o", "json")...)
	if err != nil {
		return nil, err
	}
	if r.Code != ExitOK {
		return nil, errors.New(r.String())
	}
	var w WriteResult
	if err := json.Unmarshal([]byte(r.Stdout), &w); err != nil {
		return nil, fmt.Errorf("interop: result of a write: %w\n%s", err, r)
	}
	return &w, nil
}

// Export returns the rows that deltactl reads, through a file in the format
// "arrow" or "parquet" that the engine files decodes. A code other than 0 gives
// the result and no rows.
func (p *Product) Export(files *Engine, table, format string, extra ...string) (*Rows, *Result, error) {
	dir, err := os.MkdirTemp("", "deltalog-export-")
	if err != nil {
		return nil, nil, fmt.Errorf("interop: %w", err)
	}
	defer os.RemoveAll(dir)
	to := filepath.Join(dir, "rows."+format)
	r, err := p.Run(append([]string{"export", table, "--to", to, "--format", format}, extra...)...)
	if err != nil || r.Code != ExitOK {
		return nil, r, err
	}
	rows, err := files.Read(to, nil)
	return rows, r, err
}

// A Bench is what a test run shares: the product, built once, and the engines,
// each started when it is first asked for.
type Bench struct {
	dir     string
	product func() (*Product, error)
	mu      sync.Mutex
	engines map[string]*Engine
}

// NewBench keeps its files in dir.
func NewBench(dir string) *Bench {
	return &Bench{
		dir:     dir,
		product: sync.OnceValues(func() (*Product, error) { return Build(dir) }),
		engines: map[string]*Engine{},
	}
}

// Product returns deltactl.
func (b *Bench) Product() (*Product, error) { return b.product() }

// Engine returns an engine by name: "spark", "deltars", "duck", "files".
func (b *Bench) Engine(name string) (*Engine, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.engines[name]; e != nil {
		return e, nil
	}
	e, err := Start(name, b.dir)
	if err == nil {
		b.engines[name] = e
	}
	return e, err
}

// Close ends all engines.
func (b *Bench) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []error
	for _, e := range b.engines {
		all = append(all, e.Close())
	}
	return errors.Join(all...)
}
