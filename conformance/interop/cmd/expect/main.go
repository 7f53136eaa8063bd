// Expect rewrites the expected rows of conformance/corpus with what Spark reads:
// the newest version of every table, and all versions of tables with few.
//
//	cd conformance/interop && ./setup.sh && go run ./cmd/expect
//
// It takes some minutes. Read the difference of expected.json before committing it.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/deltalog/deltalog/conformance/corpus"
	"github.com/deltalog/deltalog/conformance/interop"
)

// few is the number of older versions up to which all are read.
const few = 5

// most is the number of rows above which only their digest is kept.
const most = 5000

const out = "../corpus/testdata/"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "expect:", err)
		os.Exit(1)
	}
}

func run() error {
	root, err := os.MkdirTemp("", "deltalog-corpus-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	if err := corpus.Extract(root); err != nil {
		return err
	}
	names, err := interop.FindTables(root)
	if err != nil {
		return err
	}
	spark, err := interop.Start("spark", root)
	if err != nil {
		return err
	}
	defer spark.Close()
	var tables []corpus.Table
	rows := map[string][]byte{}
	for _, name := range names {
		t, err := ask(spark, root, name, rows)
		if err != nil {
			return err
		}
		fmt.Printf("%s@%d: %d rows %s\n", t.Name, t.Version, t.Rows, t.Refused)
		tables = append(tables, t)
	}
	text, err := json.MarshalIndent(tables, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(out+"expected.json", append(text, '\n'), 0o644); err != nil {
		return err
	}
	return pack(out+"expected.tar.gz", rows)
}

func ask(spark *interop.Engine, root, name string, rows map[string][]byte) (corpus.Table, error) {
	t := corpus.Table{Name: name, Version: -1, Rows: -1}
	path := filepath.Join(root, filepath.FromSlash(name))
	err := spark.Do("describe", interop.Args{"path": path}, &t)
	var read *interop.Rows
	if err == nil {
		read, err = spark.Read(path, nil)
	}
	var refused *interop.EngineError
	if errors.As(err, &refused) {
		t.Refused = short(refused.Class+": "+refused.Message, root)
		return t, nil
	}
	if err != nil {
		return t, err
	}
	t.Rows = len(read.Lines)
	if t.Rows > most {
		t.SHA256 = read.Digest()
		return t, nil
	}
	rows[fmt.Sprintf("%s@%d.jsonl", name, t.Version)] = read.Text()
	if t.Version > few {
		return t, nil
	}
	for v := range t.Version {
		read, err := spark.Read(path, interop.At(v))
		if errors.As(err, &refused) {
			continue // an older version whose files are gone
		}
		if err != nil {
			return t, err
		}
		t.Older = append(t.Older, v)
		rows[fmt.Sprintf("%s@%d.jsonl", name, v)] = read.Text()
	}
	return t, nil
}

var changing = regexp.MustCompile(`(?s)\n.*|[0-9a-f]{8}-[0-9a-f-]{27,}`)

// short is the first line of an error, without what differs from run to run.
func short(message, root string) string {
	message = changing.ReplaceAllString(strings.ReplaceAll(message, root+"/", ""), "")
	if r := []rune(message); len(r) > 300 {
		message = string(r[:300])
	}
	return strings.TrimSpace(message)
}

// pack writes files as an archive with the same bytes for the same content.
func pack(name string, files map[string][]byte) error {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	w := tar.NewWriter(z)
	names := make([]string, 0, len(files))
	for n := range files {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		if err := w.WriteHeader(&tar.Header{Name: n, Mode: int64(fs.FileMode(0o644)), Size: int64(len(files[n]))}); err != nil {
			return err
		}
		if _, err := w.Write(files[n]); err != nil {
			return err
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		return err
	}
	return os.WriteFile(name, b.Bytes(), 0o644)
}
