//go:build unix

package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/deltalog/deltalog/conformance/faultproxy"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// A script has its tables below $T: in a directory beside its other files, or on a
// server, where conformance/emulators runs the same scripts. The commands of this
// file do the same to tables in both places.
const (
	// rootEnv is the URL below which each script gets a directory for its tables.
	rootEnv = "DELTACTL_SCRIPT_ROOT"
	// pathEnv is the directory of the deltactl to test, in place of this binary.
	pathEnv = "DELTACTL_SCRIPT_PATH"
)

// endpoints are the variables that say where a server is, and what comes before
// their value to make it a URL.
var endpoints = map[string]string{"AWS_ENDPOINT_URL_S3": "", "STORAGE_EMULATOR_HOST": "http://"}

func onServer() bool { return os.Getenv(rootEnv) != "" }

// giveTables sets $T, and for a server what reaches it.
func giveTables(env *testscript.Env) {
	if !onServer() {
		env.Setenv("T", "tables")
		return
	}
	env.Setenv("T", os.Getenv(rootEnv)+"/"+filepath.Base(env.WorkDir))
	env.Setenv("PATH", os.Getenv(pathEnv)+string(filepath.ListSeparator)+env.Getenv("PATH"))
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "AWS_") || strings.HasPrefix(v, "STORAGE_") {
			env.Vars = append(env.Vars, v)
		}
	}
}

// onStore opens the store of the tables and returns what path is called there, if
// path is on a server.
func onStore(ts *testscript.TestScript, path string) (s logstore.Store, name string, ok bool) {
	root := ts.Getenv("T")
	name, ok = strings.CutPrefix(path, root+"/")
	if !ok || !onServer() {
		return nil, "", false
	}
	s, err := logstore.Open(context.Background(), root)
	ts.Check(err)
	ts.Defer(func() { _ = s.Close() })
	return s, name, true
}

// below returns all files below a directory, none if it is not there.
func below(ts *testscript.TestScript, dir string) (paths []string) {
	if s, name, ok := onStore(ts, dir); ok {
		for o, err := range s.List(context.Background(), logstore.ListOptions{Prefix: name + "/"}) {
			ts.Check(err)
			paths = append(paths, ts.Getenv("T")+"/"+o.Name)
		}
		return paths
	}
	err := filepath.WalkDir(ts.MkAbs(dir), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			paths = append(paths, path)
		}
		return err
	})
	if !errors.Is(err, fs.ErrNotExist) {
		ts.Check(err)
	}
	return paths
}

func write(ts *testscript.TestScript, path, data string) {
	if s, name, ok := onStore(ts, path); ok {
		ts.Check(s.Put(context.Background(), name, []byte(data), logstore.Overwrite))
		return
	}
	path = ts.MkAbs(path)
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o755))
	ts.Check(os.WriteFile(path, []byte(data), 0o600))
}

// filesBelow counts files below a directory by their ending: files $T/t .parquet 3
func filesBelow(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: files dir ending N")
	}
	n := 0
	for _, path := range below(ts, args[0]) {
		if strings.HasSuffix(path, args[1]) {
			n++
		}
	}
	if strconv.Itoa(n) != args[2] {
		ts.Fatalf("%d files below %s end in %s, want %s", n, args[0], args[1], args[2])
	}
}

// absent says that nothing was made, on local disk no directory either: absent $T/t
func absent(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: absent dir")
	}
	if paths := below(ts, args[0]); len(paths) > 0 {
		ts.Fatalf("%s is there, with %s", args[0], strings.Join(paths, ", "))
	}
	if _, err := os.Lstat(ts.MkAbs(args[0])); !onServer() && !errors.Is(err, fs.ErrNotExist) {
		ts.Fatalf("the directory %s is there (%v), want none", args[0], err)
	}
}

// put copies one of the script's files into a table: put a.json $T/t/_delta_log/0.json
func put(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: put file path")
	}
	write(ts, args[1], ts.ReadFile(args[0]))
}

// cut makes a file end early: cut a.parquet 100
func cut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: cut file bytes")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	var data string
	if s, name, ok := onStore(ts, args[0]); ok {
		b, err := s.Read(context.Background(), name, 0)
		ts.Check(err)
		data = string(b)
	} else {
		data = ts.ReadFile(args[0])
	}
	if len(data) <= n {
		ts.Fatalf("%s has %d bytes: it cannot be cut to %d", args[0], len(data), n)
	}
	write(ts, args[0], data[:n])
}

// remove deletes what is below a directory: remove $T/t/ds=2026-01-05
func remove(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: remove dir")
	}
	paths := below(ts, args[0])
	if len(paths) == 0 {
		ts.Fatalf("%s has nothing to remove", args[0])
	}
	for _, path := range paths {
		if s, name, ok := onStore(ts, path); ok {
			ts.Check(s.Delete(context.Background(), name))
		} else {
			ts.Check(os.Remove(path))
		}
	}
}

// refuse lets the store of a table refuse writes or all requests, or nothing from
// then on: refuse writes $T/t. On local disk it does so to deltactl-unprivileged,
// by the modes of directories; a server does by a proxy that answers 403.
func refuse(ts *testscript.TestScript, neg bool, args []string) {
	modes := map[string][2]fs.FileMode{"writes": {0o555, 0o555}, "all": {0o555, 0}, "nothing": {0o755, 0o755}}
	if neg || len(args) != 2 || modes[args[0]] == ([2]fs.FileMode{}) {
		ts.Fatalf("usage: refuse writes|all|nothing table")
	}
	if !onServer() {
		table := ts.MkAbs(args[1])
		ts.Check(os.Chmod(table, modes[args[0]][0]))
		ts.Check(os.Chmod(filepath.Join(table, "_delta_log"), modes[args[0]][1]))
		return
	}
	for name, prefix := range endpoints {
		server := os.Getenv(name)
		if server == "" {
			continue
		}
		if args[0] == "nothing" {
			ts.Setenv(name, server)
			continue
		}
		p, err := faultproxy.New(prefix+server, faultproxy.Every(faultproxy.StatusBefore(403, "AccessDenied"), func(r faultproxy.Request) bool {
			return args[0] == "all" || r.Writes()
		}))
		ts.Check(err)
		ts.Defer(p.Close)
		ts.Setenv(name, strings.TrimPrefix(p.URL, prefix))
	}
}
