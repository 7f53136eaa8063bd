package txlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func ptr[T any](v T) *T { return &v }

// everyAction has every field of every action.
func everyAction() []Action {
	dv := &DVDescriptor{StorageType: "u", PathOrInlineDV: "ab^-aqEH.-t@S}K{vb[*k^", Offset: ptr(int32(4)), SizeInBytes: 40, Cardinality: 6, MaxRowIndex: ptr(int64(9))}
	values := map[string]*string{"p": ptr("ü \"q\""), "q": nil}
	return []Action{
		&CommitInfo{
			InCommitTimestamp: ptr(int64(5)), Timestamp: ptr(int64(6)), Operation: "WRITE",
			OperationParameters: map[string]string{"mode": `"Append"`, "partitionBy": `"[]"`, "raw": `{"a":[1,2]}`},
			ReadVersion:         ptr(Version(3)), IsolationLevel: "Serializable", IsBlindAppend: ptr(false),
			OperationMetrics: map[string]string{"numFiles": "1"}, UserMetadata: "u", Tags: map[string]string{"a": "b"},
			EngineInfo: "e", TxnID: "t", Other: map[string]string{"job": `{"id":1}`, "clusterId": `"c"`},
		},
		&Protocol{MinReaderVersion: 3, MinWriterVersion: 7, ReaderFeatures: []Feature{"deletionVectors"}, WriterFeatures: []Feature{"deletionVectors", "appendOnly"}},
		&Metadata{
			ID: "id", Name: "n", Description: "d", Format: Format{Provider: "parquet", Options: map[string]string{}},
			SchemaString: `{"type":"struct","fields":[]}`, PartitionColumns: []string{"p", "q"}, CreatedTime: ptr(int64(1)),
			Configuration: map[string]string{"delta.appendOnly": "true"},
		},
		&SetTransaction{AppID: "app", Version: 1 << 62, LastUpdated: ptr(int64(2))},
		&DomainMetadata{Domain: "d", Configuration: "{}", Removed: true},
		&RemoveFile{
			Path: "a%20b", DeletionTimestamp: ptr(int64(1)), DataChange: true, ExtendedFileMetadata: true, PartitionValues: values,
			Size: ptr(int64(3)), Stats: `{"numRecords":1}`, Tags: map[string]string{"t": "u"}, DeletionVector: dv, BaseRowID: ptr(int64(0)), DefaultRowCommitVersion: ptr(int64(1)),
		},
		&AddFile{
			Path: "p=x/é.parquet", PartitionValues: values, Size: 9007199254740993, ModificationTime: -1, DataChange: true,
			Stats: `{"numRecords":1,"minValues":{"a":"\\\"\u0001"}}`, Tags: map[string]string{"t": "\n"}, DeletionVector: dv,
			BaseRowID: ptr(int64(7)), DefaultRowCommitVersion: ptr(int64(8)), ClusteringProvider: "liquid",
		},
		&AddCDCFile{Path: "_change_data/c", PartitionValues: map[string]*string{}, Size: 1, Tags: map[string]string{"k": "v"}},
		&CheckpointMetadata{Version: 4, Tags: map[string]string{"numOfAddFiles": "5"}},
		&Sidecar{Path: "s.parquet", SizeInBytes: 1, ModificationTime: 2, Tags: map[string]string{"a": "b"}},
	}
}

func TestActionsSurviveEncodingAndDecoding(t *testing.T) {
	t.Parallel()
	actions := everyAction()
	data := EncodeActions(actions)
	for line := range strings.Lines(string(data)) {
		require.True(t, json.Valid([]byte(line)), line)
	}
	c, err := ParseCommit(1, bytes.Clone(data))
	require.NoError(t, err)
	require.Equal(t, actions, c.Actions)
	require.Equal(t, data, EncodeActions(c.Actions), "encoding is deterministic")
}

func TestAbsentFieldsAreLeftOut(t *testing.T) {
	t.Parallel()
	for want, a := range map[string]Action{
		`{"add":{"path":"a","partitionValues":{},"size":1,"modificationTime":2,"dataChange":false}}`:       &AddFile{Path: "a", Size: 1, ModificationTime: 2},
		`{"remove":{"path":"a","dataChange":true}}`:                                                        &RemoveFile{Path: "a", DataChange: true},
		`{"txn":{"appId":"a","version":1}}`:                                                                &SetTransaction{AppID: "a", Version: 1},
		`{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}`:                                         &Protocol{MinReaderVersion: 1, MinWriterVersion: 2},
		`{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":[],"writerFeatures":[]}}`: &Protocol{MinReaderVersion: 3, MinWriterVersion: 7, ReaderFeatures: []Feature{}, WriterFeatures: []Feature{}},
		`{"commitInfo":{}}`: &CommitInfo{},
		`{"metaData":{"id":"i","format":{"provider":"parquet","options":{}},"schemaString":"s","partitionColumns":[],"configuration":{}}}`: &Metadata{ID: "i", Format: Format{Provider: "parquet"}, SchemaString: "s"},
	} {
		require.Equal(t, want, string(AppendAction(nil, a)))
	}
}

func TestNullCountsAsAbsent(t *testing.T) {
	t.Parallel()
	c, err := ParseCommit(0, []byte(`{"add":{"path":"a","partitionValues":{"p":null},"size":1,"modificationTime":0,"dataChange":true,"stats":null,"tags":null,"deletionVector":null,"baseRowId":null},"remove":null}`))
	require.NoError(t, err)
	require.Equal(t, []Action{&AddFile{Path: "a", PartitionValues: map[string]*string{"p": nil}, Size: 1, DataChange: true}}, c.Actions)
}

func TestUnknownActionsAndFieldsAreSkipped(t *testing.T) {
	t.Parallel()
	c, err := ParseCommit(0, []byte(`{"manifest":{"x":[{"y":1}]}}
{"txn":{"appId":"a","version":1,"future":{"deep":[1,2,{"x":"\u0041"}]},"Version":7}}
{}
{"foo":1}`))
	require.NoError(t, err)
	require.Equal(t, []Action{&SetTransaction{AppID: "a", Version: 1}}, c.Actions, "keys are matched in exact case")
}

func TestAmbiguousLinesAreRefused(t *testing.T) {
	t.Parallel()
	add := func(fields string) string {
		return `{"add":{"path":"a","partitionValues":{},"size":1,"modificationTime":0,"dataChange":true` + fields + `}}`
	}
	for name, line := range map[string]string{
		"a key twice":               add(`,"path":"b"`),
		"a key twice, once null":    add(`,"stats":null,"stats":"x"`),
		"a key twice, then null":    add(`,"size":null`),
		"an escaped key twice":      add(`,"\u0070ath":"b"`),
		"a map key twice":           add(`,"tags":{"a":"1","a":"2"}`),
		"a partition twice":         `{"add":{"path":"a","partitionValues":{"p":"1","p":"2"},"size":1,"modificationTime":0,"dataChange":true}}`,
		"two actions":               `{"txn":{"appId":"a","version":1},"remove":{"path":"a","dataChange":true}}`,
		"an action twice":           `{"txn":{"appId":"a","version":1},"txn":{"appId":"b","version":1}}`,
		"a fraction":                `{"txn":{"appId":"a","version":1.0}}`,
		"an exponent":               `{"txn":{"appId":"a","version":1e3}}`,
		"too large a number":        `{"txn":{"appId":"a","version":9223372036854775808}}`,
		"a number in quotes":        `{"txn":{"appId":"a","version":"1"}}`,
		"a boolean in quotes":       `{"remove":{"path":"a","dataChange":"true"}}`,
		"an empty path":             `{"remove":{"path":"","dataChange":true}}`,
		"no path":                   `{"remove":{"dataChange":true}}`,
		"a negative size":           `{"add":{"path":"a","partitionValues":{},"size":-1,"modificationTime":0,"dataChange":true}}`,
		"a number as a tag":         add(`,"tags":{"a":1}`),
		"a negative cardinality":    add(`,"deletionVector":{"storageType":"u","pathOrInlineDv":"x","sizeInBytes":1,"cardinality":-1}`),
		"a 64-bit vector size":      add(`,"deletionVector":{"storageType":"u","pathOrInlineDv":"x","sizeInBytes":4294967297,"cardinality":1}`),
		"no object":                 `[1]`,
		"two objects":               `{} {}`,
		"an action that is a list":  `{"add":[]}`,
		"bad JSON in what is known": `{"unknown":{"a":tru}}`,
		"half a surrogate":          add(`,"stats":"\ud800"`),
	} {
		_, err := ParseCommit(3, []byte(line))
		require.ErrorIs(t, err, ErrCorrupt, name)
		var ce *CorruptError
		require.ErrorAs(t, err, &ce)
		require.Equal(t, 1, ce.Line, name)
		require.Equal(t, "_delta_log/00000000000000000003.json", ce.Path)
	}
}

func TestCommitInfoOfOtherWriters(t *testing.T) {
	t.Parallel()
	c, err := ParseCommit(0, []byte(`{"commitInfo":{"timestamp":"2020-01-01","operation":7,"operationParameters":{"a":1,"b":"[\"x\"]","c":null},"operationMetrics":{"num_added_files":1},"isBlindAppend":"true","readVersion":1.5,"job":{"x":"\u0041"},"tags":null,"userMetadata":"\ud800"}}`))
	require.NoError(t, err)
	require.Equal(t, &CommitInfo{
		OperationParameters: map[string]string{"a": "1", "b": `"[\"x\"]"`, "c": "null"},
		Other: map[string]string{
			"timestamp": `"2020-01-01"`, "operation": "7", "operationMetrics": `{"num_added_files":1}`,
			"isBlindAppend": `"true"`, "readVersion": "1.5", "job": `{"x":"\u0041"}`, "userMetadata": `"\ud800"`,
		},
	}, c.Info())
}

func TestPartitionValuesAreShared(t *testing.T) {
	t.Parallel()
	line := `{"add":{"path":"%d","partitionValues":{"p":"a\"b"},"size":1,"modificationTime":0,"dataChange":true,"tags":{"t":"u\n"}}}` + "\n"
	c, err := ParseCommit(0, fmt.Appendf(nil, line+line, 1, 2))
	require.NoError(t, err)
	a, b := c.Actions[0].(*AddFile), c.Actions[1].(*AddFile)
	require.Equal(t, `a"b`, *b.PartitionValues["p"])
	require.Equal(t, map[string]string{"t": "u\n"}, b.Tags)
	require.Same(t, a.PartitionValues["p"], b.PartitionValues["p"])
}

func TestRawValuesThatAreNotJSONAreQuoted(t *testing.T) {
	t.Parallel()
	got := AppendAction(nil, &CommitInfo{OperationParameters: map[string]string{"a": "Append", "b": "1}", "c": "[1,\n2]", "d": "\xff"}})
	require.JSONEq(t, `{"commitInfo":{"operationParameters":{"a":"Append","b":"1}","c":"[1,\n2]","d":"�"}}}`, string(got))
	require.NotContains(t, string(got), "\n")
}

func TestOtherNeverRepeatsAField(t *testing.T) {
	t.Parallel()
	got := AppendAction(nil, &CommitInfo{Operation: "WRITE", Other: map[string]string{"operation": `"x"`, "readVersion": `"y"`}})
	require.Equal(t, `{"commitInfo":{"operation":"WRITE","readVersion":"y"}}`, string(got))
}

// Any string is written as valid JSON that reads back equal, or, if it is not
// UTF-8, with replacement characters.
func TestTextRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "bytes"))
		if rapid.Bool().Draw(t, "text") {
			s = rapid.String().Draw(t, "string")
		}
		out := appendText(nil, s)
		var back string
		if err := json.Unmarshal(out, &back); err != nil {
			t.Fatalf("%q became %q: %v", s, out, err)
		}
		if want := strings.ToValidUTF8(s, "\x00"); utf8.ValidString(s) && back != want {
			t.Fatalf("%q became %q", s, back)
		}
		if !utf8.ValidString(back) || !utf8.Valid(out) {
			t.Fatalf("%q is not UTF-8", out)
		}
	})
}

// addLine is an ordinary line of a partitioned table.
const addLine = `{"add":{"path":"date=2024-01-%02d/part-%05d-6c0a9a2e-6a3f-4a6e-8d2e-3c0b5f1f3b7a-c000.snappy.parquet","partitionValues":{"date":"2024-01-%02d"},"size":%d,"modificationTime":1717171717000,"dataChange":true,"stats":"{\"numRecords\":%d,\"minValues\":{\"id\":%d,\"customer\":\"cust-000017\",\"amount\":1.25,\"ts\":\"2024-01-03T00:00:00.000Z\",\"status\":\"new\"},\"maxValues\":{\"id\":%d,\"customer\":\"cust-999983\",\"amount\":999.75,\"ts\":\"2024-01-03T23:59:59.999Z\",\"status\":\"shipped\"},\"nullCount\":{\"id\":0,\"customer\":0,\"amount\":0,\"ts\":0,\"status\":0}}"}}` + "\n"

func addLines(n int) []byte {
	var b []byte
	for i := range n {
		b = fmt.Appendf(b, addLine, i/100%28+1, i, i/100%28+1, 1000+i, i, i, i+5)
	}
	return b
}

func BenchmarkParseCommit(b *testing.B) {
	for _, n := range []int{5, 10_000} {
		data := addLines(n)
		b.Run(fmt.Sprintf("adds=%d", n), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			buf := make([]byte, len(data))
			for b.Loop() {
				copy(buf, data)
				c, err := ParseCommit(1, buf)
				if err != nil || len(c.Actions) != n {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}

func BenchmarkEncodeActions(b *testing.B) {
	data := addLines(10_000)
	c, err := ParseCommit(1, data)
	require.NoError(b, err)
	var buf []byte
	for b.Loop() {
		buf = buf[:0]
		for _, a := range c.Actions {
			buf = AppendAction(buf, a)
		}
	}
	b.ReportMetric(10_000*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}
