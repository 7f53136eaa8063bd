package txlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestBadCommitsSayWhereAndWhatToDo(t *testing.T) {
	t.Parallel()
	good := lineProtocol + "\n" + lineMetadata + "\n" + lineAdd("a", "1") + "\n"
	for name, c := range map[string]struct {
		data string
		line int
		want []string
	}{
		"zero bytes":       {"", 0, []string{"_delta_log/00000000000000000007.json", "empty", "restore it from a backup"}},
		"white space":      {" \n\r\n\t", 0, []string{"empty"}},
		"cut in the last":  {good[:len(good)-5], 3, []string{"at line 3", "cut off", "restore the object"}},
		"cut at a bracket": {good[:len(good)-2], 3, []string{"cut off"}},
		"cut in the first": {lineProtocol[:20], 1, []string{"at line 1", "cut off"}},
		"zeros at the end": {good + strings.Repeat("\x00", 4096), 4, []string{"at line 4"}},
		"zeros throughout": {strings.Repeat("\x00", 512), 1, []string{"at line 1"}},
		"not UTF-8":        {good + "{\"txn\":{\"appId\":\"\xff\",\"version\":1}}", 4, []string{"at line 4", "UTF-8"}},
		"two protocols":    {good + lineProtocol, 4, []string{"a second protocol"}},
		"two metadata":     {good + lineMetadata, 4, []string{"a second metaData"}},
		"two commitInfo":   {"{\"commitInfo\":{}}\n{\"commitInfo\":{}}", 2, []string{"a second commitInfo"}},
		"an array":         {"[" + lineAdd("a", "1") + "]", 1, []string{"an object is needed"}},
		"HTML":             {"<html><body>404</body></html>", 1, []string{"an object is needed"}},
		"a long line":      {`{"add":{"path":"` + strings.Repeat("x", maxLine) + `"}}`, 1, []string{"more than"}},
	} {
		_, err := ParseCommit(7, []byte(c.data))
		require.ErrorIs(t, err, ErrCorrupt, name)
		var ce *CorruptError
		require.ErrorAs(t, err, &ce, name)
		require.Equal(t, c.line, ce.Line, name)
		for _, w := range c.want {
			require.ErrorContains(t, err, w, name)
		}
	}
}

func TestCommitInfoIsFoundAnywhere(t *testing.T) {
	t.Parallel()
	c, err := ParseCommit(1, []byte(lineAdd("a", "1")+"\n{\"commitInfo\":{\"operation\":\"x\"}}\n"+lineAdd("b", "1")))
	require.NoError(t, err)
	require.Equal(t, "x", c.Info().Operation)
	require.Len(t, c.withoutInfo(), 2)
	require.Len(t, c.Actions, 3)
	require.Nil(t, (&Commit{}).Info())
}

func TestValidateCommitListsAllViolations(t *testing.T) {
	t.Parallel()
	dv := &DVDescriptor{StorageType: "u", PathOrInlineDV: "x", SizeInBytes: 1, Cardinality: 1}
	add := func(p string) *AddFile { return &AddFile{Path: p, Size: 1} }
	p, m := &Protocol{MinReaderVersion: 1, MinWriterVersion: 2}, &Metadata{ID: "i", Format: Format{Provider: "parquet"}, SchemaString: "s"}
	require.NoError(t, ValidateCommit(&Commit{Actions: []Action{
		&CommitInfo{InCommitTimestamp: ptr(int64(1))}, p, m, add("a"), &RemoveFile{Path: "a", DeletionVector: dv}, &SetTransaction{AppID: "x"}, &DomainMetadata{Domain: "x"},
	}}))
	for want, as := range map[string][]Action{
		"more than one protocol":                   {p, p},
		"more than one metaData":                   {m, m},
		"more than one commitInfo":                 {&CommitInfo{}, &CommitInfo{}},
		"is not the first action":                  {p, &CommitInfo{InCommitTimestamp: ptr(int64(1))}},
		"file a%20b is added twice":                {add("a b"), add("a%20b")},
		"file a is removed twice":                  {&RemoveFile{Path: "a"}, &RemoveFile{Path: "a", DeletionVector: dv}},
		"file a is both added and removed":         {&RemoveFile{Path: "a"}, add("a")},
		`application "x" is set twice`:             {&SetTransaction{AppID: "x"}, &SetTransaction{AppID: "x", Version: 1}},
		`domain "x" is set twice`:                  {&DomainMetadata{Domain: "x"}, &DomainMetadata{Domain: "x", Removed: true}},
		`add has the path ""`:                      {add("")},
		"has the size -1":                          {&AddFile{Path: "a", Size: -1}},
		"has dataChange true":                      {&AddCDCFile{Path: "a", DataChange: true}},
		"belongs in checkpoints":                   {&Sidecar{Path: "a"}},
		"readerFeatures belongs to reader version": {&Protocol{MinReaderVersion: 3, MinWriterVersion: 7}},
		"writerFeatures to writer version 7":       {&Protocol{MinReaderVersion: 1, MinWriterVersion: 2, WriterFeatures: []Feature{"x"}}},
		"reader version 3 needs writer version 7":  {&Protocol{MinReaderVersion: 3, MinWriterVersion: 2, ReaderFeatures: []Feature{}}},
		"x is not among the writer features":       {&Protocol{MinReaderVersion: 3, MinWriterVersion: 7, ReaderFeatures: []Feature{"x"}, WriterFeatures: []Feature{}}},
		"metaData needs":                           {&Metadata{}},
	} {
		c := &Commit{Version: 1, Actions: as}
		require.ErrorContains(t, ValidateCommit(c), want)
		_, err := EncodeCommit(c)
		require.ErrorContains(t, err, want)
	}
	err := ValidateCommit(&Commit{Version: -1, Actions: []Action{add("a"), add("a"), p, p}})
	for _, want := range []string{"version -1", "added twice", "more than one protocol"} {
		require.ErrorContains(t, err, want)
	}
}

// corpus is every commit of testdata.
func corpus(tb testing.TB) [][]byte {
	tb.Helper()
	files, err := filepath.Glob("testdata/tables/*/_delta_log/*.json")
	require.NoError(tb, err)
	var out [][]byte
	for _, f := range files {
		data, err := os.ReadFile(f)
		require.NoError(tb, err)
		out = append(out, data)
	}
	return out
}

// plain is what encoding/json makes of a line, without what this package leaves
// out: nulls and unknown fields of known actions.
func plain(t *testing.T, line []byte) map[string]any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	var m map[string]any
	require.NoError(t, d.Decode(&m))
	return m
}

// covers reports whether everything in got is in want, and everything in want
// that is not null or unknown is in got.
func covers(t *testing.T, want, got any, path string, known map[string]bool) {
	t.Helper()
	w, ok := want.(map[string]any)
	if !ok {
		require.Equal(t, want, got, path)
		return
	}
	g, ok := got.(map[string]any)
	require.True(t, ok, path)
	inMap := strings.Contains(path, "partitionValues") || strings.Contains(path, "operationParameters") || path == "commitInfo"
	for k, v := range g {
		if _, ok := w[k]; !ok {
			require.Contains(t, []any{"", false}, v, "%s.%s was made up", path, k)
		} else {
			covers(t, w[k], v, strings.TrimPrefix(path+"."+k, "."), known)
		}
	}
	for k, v := range w {
		if _, ok := g[k]; !ok && (v != nil || strings.Contains(path, "partitionValues")) {
			require.False(t, inMap || known[k] && v != "" && v != false, "%s.%s=%v was lost", path, k, v)
		}
	}
}

func TestEveryForeignLineSurvives(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, l := range [][]string{addFields, removeFields, cdcFields, txnFields, domainFields, protocolFields, metadataFields, formatFields, dvFields} {
		for _, f := range l {
			known[f] = true
		}
	}
	n := 0
	for _, data := range corpus(t) {
		c, err := ParseCommit(0, bytes.Clone(data))
		if err != nil {
			require.ErrorContains(t, err, "a second", "V2 checkpoints in the corpus are not commits")
			continue
		}
		lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
		require.Len(t, c.Actions, len(lines))
		for i, a := range c.Actions {
			covers(t, plain(t, lines[i]), plain(t, AppendAction(nil, a)), "", known)
			n++
		}
	}
	require.Greater(t, n, 300)
}

// FuzzParseCommit: no panic; what is accepted is JSON to encoding/json as well,
// and means the same after another round.
func FuzzParseCommit(f *testing.F) {
	for i, data := range corpus(f) {
		if i%7 == 0 && len(data) < 4096 {
			f.Add(data)
		}
	}
	f.Add(EncodeActions(everyAction()))
	for _, s := range []string{"", "{}", `{"add":{"path":"a","partitionValues":{"p":null,"p":"x"},"size":1,"modificationTime":0,"dataChange":true}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		in := bytes.Clone(data)
		c, err := ParseCommit(1, data)
		if err != nil {
			var ce *CorruptError
			require.True(t, errors.As(err, &ce))
			return
		}
		require.True(t, utf8.Valid(in))
		for _, line := range bytes.Split(in, []byte("\n")) {
			require.True(t, len(bytes.TrimSpace(line)) == 0 || json.Valid(line), "accepted %q", line)
		}
		for _, a := range c.Actions {
			if f, ok := a.(*AddFile); ok {
				_, _ = f.NumRecords()
			}
		}
		if len(c.Actions) == 0 {
			return
		}
		out := EncodeActions(c.Actions)
		again, err := ParseCommit(1, bytes.Clone(out))
		require.NoError(t, err)
		require.Equal(t, string(out), string(EncodeActions(again.Actions)))
	})
}
