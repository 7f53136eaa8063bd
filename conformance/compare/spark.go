package compare

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance"
	"github.com/deltalog/deltalog/conformance/interop"
)

const sparkName = "Spark 4.2.0 with Delta 4.4.0"

// sparkOnDisk judges Spark: one process, whose sessions are the clients.
func sparkOnDisk(t testing.TB) *conformance.Harness {
	s := startSpark(t)
	lacks := map[conformance.Feature]string{
		conformance.Conflict409:   "a local disk has no such answer",
		conformance.Death:         "all clients are sessions of one process",
		conformance.ManyProcesses: "all clients are sessions of one process",
	}
	return &conformance.Harness{
		Engine: sparkName, Storage: "local disk, faults at a LogStore around Delta's HDFSLogStore", Lacks: lacks,
		Settings: []string{
			"spark.delta.logStore.file.impl (ours, around the default one)", "one core for shuffles and no code generation, for speed",
			"the cache of table logs is cleared before each operation, so that sessions are as processes of their own",
		},
		Table: func(context.Context) (conformance.Table, error) {
			return &diskTable{filepath.Join(t.TempDir(), "table"), func(dir string) (conformance.Client, error) { return s.client(dir), nil }}, nil
		},
	}
}

// A spark is the process.
type spark struct {
	in io.Writer

	mu      sync.Mutex
	n       int
	waiting map[int]chan json.RawMessage
	clients map[string]*sparkClient
	ended   bool
}

// startSpark compiles the LogStore and starts Spark with it.
func startSpark(t testing.TB) *spark {
	t.Helper()
	dir := t.TempDir()
	python, err := filepath.Abs(filepath.Join(interopHome, ".venv", "bin", "python"))
	require.NoError(t, err)
	where, err := exec.Command(python, "-c", "import os, pyspark; print(os.path.dirname(pyspark.__file__))").Output()
	require.NoError(t, err, "run conformance/interop/setup.sh")
	jars, err := filepath.Abs(filepath.Join(interopHome, "jars"))
	require.NoError(t, err)
	out, err := exec.Command("javac", "-d", dir, "-cp", jars+"/*:"+strings.TrimSpace(string(where))+"/jars/*", filepath.Join("java", "FaultLogStore.java")).CombinedOutput()
	require.NoError(t, err, "javac (of a JDK): %s", out)

	s := &spark{waiting: map[int]chan json.RawMessage{}, clients: map[string]*sparkClient{}}
	server := httptest.NewServer(http.HandlerFunc(s.question))
	t.Cleanup(server.Close)
	cmd := exec.Command(python, filepath.Join("engines", "spark.py"), dir)
	cmd.Env = append(os.Environ(), "PYTHONUTF8=1", "PYTHONDONTWRITEBYTECODE=1", "TZ=UTC", "FAULT_CLASSES="+dir, "FAULT_URL="+server.URL)
	log, err := os.Create(filepath.Join(dir, "spark.log"))
	require.NoError(t, err)
	cmd.Stderr = log
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	s.in = stdin
	require.NoError(t, cmd.Start())
	done := make(chan struct{})
	go s.read(stdout, done)
	t.Cleanup(func() {
		stdin.Close()
		<-done
		_ = cmd.Wait()
		log.Close()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("Spark said:\n%s", text[max(0, len(text)-4000):])
		}
	})
	return s
}

// read hands each answer to whoever waits for it, until the process ends.
func (s *spark) read(stdout io.Reader, done chan struct{}) {
	defer close(done)
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var a struct{ N int }
		if json.Unmarshal(lines.Bytes(), &a) != nil {
			continue
		}
		s.mu.Lock()
		c := s.waiting[a.N]
		delete(s.waiting, a.N)
		s.mu.Unlock()
		if c != nil {
			c <- append(json.RawMessage(nil), lines.Bytes()...)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for _, c := range s.waiting {
		close(c)
	}
}

// do sends a request and waits for its answer, whatever other requests do.
func (s *spark) do(ctx context.Context, what string, args interop.Args, result any) error {
	answer := make(chan json.RawMessage, 1)
	s.mu.Lock()
	s.n++
	args["do"], args["n"] = what, s.n
	line, err := json.Marshal(args)
	if err == nil && s.ended {
		err = errClosed
	}
	if err == nil {
		s.waiting[s.n] = answer
		_, err = s.in.Write(append(line, '\n'))
	}
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("spark: %w", err)
	}
	var reply json.RawMessage
	select {
	case <-ctx.Done():
		return ctx.Err()
	case reply = <-answer:
	}
	if reply == nil {
		return fmt.Errorf("spark: %w", errClosed)
	}
	var a struct {
		OK    json.RawMessage
		Error *interop.EngineError
	}
	if err := json.Unmarshal(reply, &a); err != nil {
		return err
	}
	if a.Error != nil {
		a.Error.Engine = "spark"
		return a.Error
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(a.OK, result)
}

func (s *spark) client(dir string) conformance.Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &sparkClient{port: &port{}, s: s, dir: dir, id: fmt.Sprintf("client-%d", len(s.clients))}
	s.clients[c.id] = c
	return c
}

// question answers the LogStore's: what shall happen to this write.
func (s *spark) question(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.mu.Lock()
	c := s.clients[q.Get("client")]
	s.mu.Unlock()
	if c == nil {
		return
	}
	fmt.Fprint(w, c.question(strings.TrimPrefix(r.URL.Path, "/"), q.Get("path")))
}

type sparkClient struct {
	*port
	s       *spark
	dir, id string
}

// question is port's script in the words of the LogStore.
func (c *sparkClient) question(when, path string) string {
	c.mu.Lock()
	f := c.fault
	if when == "after" {
		after := c.after
		mine := c.fired && after != nil || c.fired && f.Answer == conformance.AnswerLost && c.seen >= 0
		c.after = nil
		c.seen = -1 // one answer is lost
		c.mu.Unlock()
		if f == nil || !mine || !conformance.IsCommit(path) {
			return "answer=true"
		}
		if after != nil {
			after()
		}
		if f.Answer == conformance.AnswerLost {
			return "answer=lost"
		}
		return "answer=true"
	}
	switch {
	case f == nil || !c.fired && !conformance.IsCommit(path):
		c.mu.Unlock()
		return ""
	case c.fired:
		c.mu.Unlock()
		if f.Then == conformance.ThenFailWrites {
			return "fail"
		}
		return ""
	}
	c.seen++
	mine := c.seen >= max(1, f.Nth)
	c.fired = mine
	c.mu.Unlock()
	switch {
	case !mine:
		return ""
	case f.Before != nil:
		f.Before()
	}
	switch {
	case f.Deliver < 0:
		return "deliver=0"
	case f.Deliver == 2:
		return "deliver=2"
	}
	return "deliver=1"
}

func (c *sparkClient) Close() error { return nil }

func (c *sparkClient) Do(ctx context.Context, op conformance.Op) (conformance.Answer, error) {
	err := c.s.do(ctx, "op", interop.Args{"path": c.dir, "client": c.id, "op": opJSON(op)}, nil)
	return engineAnswer(err, func(e *interop.EngineError) bool {
		// Delta's own exceptions of conflicts say that nothing was committed.
		return strings.Contains(e.Class, "Concurrent") || strings.Contains(e.Message, "[DELTA_CONCURRENT")
	})
}

func (c *sparkClient) Read(ctx context.Context) ([]conformance.Row, error) {
	var out struct{ Rows []conformance.Row }
	err := c.s.do(ctx, "read", interop.Args{"path": c.dir, "client": c.id}, &out)
	return out.Rows, err
}
