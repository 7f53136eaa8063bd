// Package corpus holds Delta tables that other engines wrote, with the rows that
// Spark reads from them: the fixtures by which a reader is judged.
//
// The tables are kept as they were found, in one archive for each source, with
// its licence beside it. A table is never deleted from the corpus, a broken one
// least of all: what cannot be read must be refused with an error that says why.
// README.md says where they come from and how the expected rows are made.
//
// The package depends on the standard library only, so that any implementation
// can use it.
package corpus

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
)

//go:embed testdata/*.tar.gz testdata/expected.json
var data embed.FS

// A Table is one table of the corpus as Spark saw it.
type Table struct {
	// Name is the table's directory below the root of [Extract], with slashes:
	// "golden-tables/snapshot-data0".
	Name string `json:"name"`
	// Version is the newest version.
	Version int64 `json:"version"`
	// Rows is the number of rows that Spark reads at the newest version; -1
	// when Spark refuses the table.
	Rows int `json:"rows"`
	// SHA256 is the digest of the canonical file of the rows when there are too
	// many to keep; [Expected] does not have them then.
	SHA256 string `json:"sha256,omitempty"`
	// Older are earlier versions of which the rows are known too.
	Older []int64 `json:"older,omitempty"`
	// Refused is Spark's error when it does not read the table.
	Refused string `json:"refused,omitempty"`
	// Features are the features of the newest protocol, or nil.
	Features []string `json:"features,omitempty"`
}

// Tables returns the corpus in the order of names.
func Tables() ([]Table, error) {
	text, err := data.ReadFile("testdata/expected.json")
	if err != nil {
		return nil, fmt.Errorf("corpus: %w", err)
	}
	var all []Table
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("corpus: testdata/expected.json: %w", err)
	}
	return all, nil
}

// Sources returns the names of the archives: the first element of each table's name.
func Sources() ([]string, error) {
	entries, err := data.ReadDir("testdata")
	if err != nil {
		return nil, fmt.Errorf("corpus: %w", err)
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".tar.gz"); ok && name != "expected" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Each calls f for every file of a source, with the name that it has below the
// root of [Extract].
func Each(source string, f func(name string, content []byte) error) error {
	return each("testdata/"+source+".tar.gz", f)
}

func each(archive string, f func(name string, content []byte) error) error {
	packed, err := data.ReadFile(archive)
	if err != nil {
		return fmt.Errorf("corpus: %w", err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return fmt.Errorf("corpus: %s: %w", archive, err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("corpus: %s: %w", archive, err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		content, err := io.ReadAll(r)
		if err != nil {
			return fmt.Errorf("corpus: %s: %s: %w", archive, h.Name, err)
		}
		if err := f(path.Clean(h.Name), content); err != nil {
			return err
		}
	}
}

// Expected returns the rows that Spark reads of a table at a version, as a
// canonical file: a line of JSON with the columns, then one for each row, sorted.
// The form is described in conformance/interop/engines/canon.py. It is an error
// that matches [fs.ErrNotExist] when the corpus does not know them.
func Expected(table string, version int64) ([]byte, error) {
	name := fmt.Sprintf("%s@%d.jsonl", table, version)
	all, err := expected()
	if err != nil {
		return nil, err
	}
	rows, known := all[name]
	if !known {
		return nil, fmt.Errorf("corpus: expected rows of %s: %w", name, fs.ErrNotExist)
	}
	return rows, nil
}

// expected unpacks the expected rows once: about a megabyte.
var expected = sync.OnceValues(func() (map[string][]byte, error) {
	all := map[string][]byte{}
	err := each("testdata/expected.tar.gz", func(name string, content []byte) error {
		all[name] = content
		return nil
	})
	return all, err
})
