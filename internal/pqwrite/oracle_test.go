package pqwrite

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/internal/vec/vectest"
	"github.com/deltalog/deltalog/txlog/schema"
)

// An entry is what Parquet stores of a leaf: levels, and the value in words.
type entry struct {
	rep, def int
	value    string
}

// shredRows is the textbook way to levels: one value at a time.
func shredRows(s *schema.Struct, cols [][]any) [][]entry {
	var out [][]entry
	for i, f := range s.Fields {
		if f.Type.Kind() == schema.KindVoid {
			continue
		}
		leaves := make([][]entry, leafCount(f.Type))
		for _, v := range cols[i] {
			shredValue(f.Type, f.Nullable, v, 0, 0, 0, leaves)
		}
		out = append(out, leaves...)
	}
	return out
}

func leafCount(t schema.DataType) int {
	switch t := t.(type) {
	case *schema.Struct:
		n := 0
		for _, f := range t.Fields {
			n += leafCount(f.Type)
		}
		return n
	case *schema.Array:
		return leafCount(t.Element)
	case *schema.Map:
		return leafCount(t.Key) + leafCount(t.Value)
	}
	switch t.Kind() {
	case schema.KindVoid:
		return 0
	case schema.KindVariant:
		return 2
	}
	return 1
}

// shredValue adds v to leaves. rep is the repetition level of its first entry,
// lists the number of lists around it.
func shredValue(t schema.DataType, nullable bool, v any, rep, lists, def int, leaves [][]entry) {
	if v == nil {
		for i := range leaves {
			leaves[i] = append(leaves[i], entry{rep, def, "null"})
		}
		return
	}
	if nullable {
		def++
	}
	switch t := t.(type) {
	case *schema.Struct:
		at := 0
		for i, f := range t.Fields {
			n := leafCount(f.Type)
			shredValue(f.Type, f.Nullable, v.([]any)[i], rep, lists, def, leaves[at:at+n])
			at += n
		}
		return
	case *schema.Array:
		shredList(v.([]any), rep, lists, def, leaves, func(e any, rep int) {
			shredValue(t.Element, t.ContainsNull, e, rep, lists+1, def+1, leaves)
		})
		return
	case *schema.Map:
		k := leafCount(t.Key)
		shredList(v.([][2]any), rep, lists, def, leaves, func(e [2]any, rep int) {
			shredValue(t.Key, false, e[0], rep, lists+1, def+1, leaves[:k])
			shredValue(t.Value, t.ValueContainsNull, e[1], rep, lists+1, def+1, leaves[k:])
		})
		return
	}
	if t.Kind() == schema.KindVariant {
		for i := range 2 {
			leaves[i] = append(leaves[i], entry{rep, def, fmt.Sprintf("%q", v.([]any)[i])})
		}
		return
	}
	leaves[0] = append(leaves[0], entry{rep, def, words(t, v)})
}

func shredList[E any](list []E, rep, lists, def int, leaves [][]entry, each func(e E, rep int)) {
	if len(list) == 0 {
		for i := range leaves {
			leaves[i] = append(leaves[i], entry{rep, def, "null"})
		}
	}
	for i, e := range list {
		if i > 0 {
			rep = lists + 1
		}
		each(e, rep)
	}
}

// words prints a value as fromParquet prints what parquet-go reads.
func words(t schema.DataType, v any) string {
	switch v := v.(type) {
	case float32:
		return fmt.Sprintf("%x", math.Float32bits(v))
	case float64:
		return fmt.Sprintf("%x", math.Float64bits(v))
	case string:
		return fmt.Sprintf("%q", v)
	case [16]byte:
		lo, hi := binary.LittleEndian.Uint64(v[:]), binary.LittleEndian.Uint64(v[8:])
		if t.(schema.Decimal).Precision <= 18 {
			return fmt.Sprint(int64(lo))
		}
		return fmt.Sprintf("%016x%016x", hi, lo)
	}
	return fmt.Sprint(v)
}

func fromParquet(v parquet.Value) string {
	switch v.Kind() {
	case parquet.Boolean:
		return fmt.Sprint(v.Boolean())
	case parquet.Int32:
		return fmt.Sprint(v.Int32())
	case parquet.Int64:
		return fmt.Sprint(v.Int64())
	case parquet.Float:
		return fmt.Sprintf("%x", math.Float32bits(v.Float()))
	case parquet.Double:
		return fmt.Sprintf("%x", math.Float64bits(v.Double()))
	case parquet.ByteArray:
		return fmt.Sprintf("%q", v.ByteArray())
	case parquet.FixedLenByteArray:
		b := decimalBound(v.ByteArray())
		return fmt.Sprintf("%016x%016x", uint64(b.high), uint64(b.int))
	}
	return "null"
}

// readFile returns each leaf's entries as parquet-go reads them.
func readFile(t testing.TB, file []byte) (*parquet.File, [][]entry) {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	leaves := make([][]entry, len(f.Schema().Columns()))
	for _, g := range f.RowGroups() {
		for i, c := range g.ColumnChunks() {
			leaves[i] = append(leaves[i], readChunk(t, c)...)
		}
	}
	return f, leaves
}

func readChunk(t testing.TB, c parquet.ColumnChunk) []entry {
	t.Helper()
	var out []entry
	pages := c.Pages()
	defer pages.Close()
	buf := make([]parquet.Value, 100)
	for {
		p, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		for values := p.Values(); ; {
			n, err := values.ReadValues(buf)
			for _, v := range buf[:n] {
				out = append(out, entry{v.RepetitionLevel(), v.DefinitionLevel(), fromParquet(v)})
			}
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
		}
		parquet.Release(p)
	}
}

// batch returns rows [from, to) of cols as Vecs, windows of longer ones if r is set.
func batch(r *rand.Rand, s *schema.Struct, cols [][]any, from, to int) []*vec.Vec {
	var out []*vec.Vec
	for i, f := range s.Fields {
		if r != nil {
			out = append(out, vectest.Window(r, shape(f.Type), cols[i][from:to]...))
		} else {
			out = append(out, vectest.New(shape(f.Type), cols[i][from:to]...))
		}
	}
	return out
}

// writeFile writes rows in batches of the given size and returns the file.
func writeFile(t testing.TB, s *schema.Struct, o *Options, cols [][]any, size int, r *rand.Rand) ([]byte, *FileInfo) {
	t.Helper()
	ctx := context.Background()
	var buf bytes.Buffer
	w, err := NewWriter(&buf, s, o)
	require.NoError(t, err)
	rows := len(cols[0])
	for from := 0; from < rows; from += size {
		to := min(from+size, rows)
		require.NoError(t, w.Write(ctx, batch(r, s, cols, from, to), to-from))
	}
	info, err := w.Close(ctx)
	require.NoError(t, err)
	require.EqualValues(t, rows, info.Rows)
	require.EqualValues(t, buf.Len(), info.Size)
	return buf.Bytes(), info
}
