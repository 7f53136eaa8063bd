package pqwrite

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog/schema"
)

var update = flag.Bool("update", false, "write testdata anew")

// TestGoldenFile pins the bytes of a file with every type. After a deliberate
// change run go test -run Golden -update, and have other engines read the file.
func TestGoldenFile(t *testing.T) {
	t.Parallel()
	s := &schema.Struct{}
	g := &gen{Rand: rand.New(rand.NewPCG(1, 16)), nulls: 0.2, few: 40, long: 3}
	for i, typ := range append(leafTypes,
		&schema.Struct{Fields: []schema.Field{{Name: "x", Type: schema.Long}, {Name: "y", Type: schema.String, Nullable: true}}},
		&schema.Array{Element: schema.Integer, ContainsNull: true},
		&schema.Map{Key: schema.String, Value: schema.Double, ValueContainsNull: true},
		schema.Variant,
	) {
		s.Fields = append(s.Fields, schema.Field{Name: typ.Kind().String() + string(rune('a'+i)), Type: typ, Nullable: i%3 > 0})
	}
	file, _ := writeFile(t, s, &Options{Codec: "none", PageRows: 70, CreatedBy: "deltalog version 0.0.0"}, g.rows(s, 100), 100, nil)
	const path = "testdata/every_type.parquet"
	if *update {
		require.NoError(t, os.WriteFile(path, file, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, file), "the file differs from %s", path)
}

// FuzzText writes text that the fuzzer chooses, cut where it says, and reads it back.
func FuzzText(f *testing.F) {
	f.Add([]byte("abcabcabcabc"), byte(3), byte(2), false)
	f.Add(bytes.Repeat([]byte("same "), 200), byte(5), byte(90), true)
	f.Add([]byte("\x00\xff\xff"), byte(0), byte(1), false)
	f.Fuzz(func(t *testing.T, data []byte, size, rows byte, compat bool) {
		var values []any
		for i := 0; i < len(data); i += int(size) + i%3 {
			end := min(i+int(size), len(data))
			if values = append(values, string(data[i:end])); size == 0 || i%7 == 1 {
				values = append(values, nil)
			}
			if len(values) > 500 {
				break
			}
		}
		if len(values) == 0 {
			return
		}
		s := one(schema.Binary)
		o := &Options{PageRows: int(rows) + 1, DictionaryBytes: 300, Compat: compat, Codec: "zstd"}
		file, info := writeFile(t, s, o, [][]any{values}, 40, nil)
		_, got := readFile(t, file)
		require.Equal(t, shredRows(s, [][]any{values}), got)
		want := wantLeaves(s, [][]any{values}, nil)[0]
		require.Equal(t, want.NullCount, info.Leaves[0].NullCount)
		require.Equal(t, want.HasMinMax, info.Leaves[0].HasMinMax)
		require.True(t, want.Min.Equal(info.Leaves[0].Min) && want.Max.Equal(info.Leaves[0].Max))
	})
}
