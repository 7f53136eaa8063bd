package reader_test

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog/schema"
)

// A canonical row is a line of JSON. It is the form of the corpus's expected rows
// (conformance/interop/engines/canon.py), but that floats are Go's shortest text.

func render(t *testing.T, rec arrow.RecordBatch) []string {
	t.Helper()
	lines := make([]string, rec.NumRows())
	for i := range lines {
		row := make([]any, rec.NumCols())
		for c := range row {
			row[c] = cell(rec.Column(c), i)
		}
		lines[i] = text(t, row)
	}
	return lines
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

func cell(a arrow.Array, i int) any {
	if a.IsNull(i) {
		return nil
	}
	switch a := a.(type) {
	case *array.Float32:
		return float(float64(a.Value(i)))
	case *array.Float64:
		return float(a.Value(i))
	case *array.Int8:
		return a.Value(i)
	case *array.Int16:
		return a.Value(i)
	case *array.Int32:
		return a.Value(i)
	case *array.Int64:
		return a.Value(i)
	case *array.Boolean:
		return a.Value(i)
	case *array.String:
		return a.Value(i)
	case *array.Binary:
		return map[string]any{"b64": base64.StdEncoding.EncodeToString(a.Value(i))}
	case *array.Decimal128:
		v := a.Value(i) // whose own text is wrong where an int has 32 bits
		return schema.NewDecimal128(v.HighBits(), v.LowBits()).Text(int(a.DataType().(*arrow.Decimal128Type).Scale))
	case *array.Date32:
		return a.Value(i).ToTime().Format("2006-01-02")
	case *array.Timestamp:
		return a.Value(i).ToTime(arrow.Microsecond).UTC().Format("2006-01-02T15:04:05.000000")
	case *array.Map: // before List, whose shape it has
		return pairs(a, i)
	case *array.List:
		from, to := a.ValueOffsets(i)
		out := make([]any, 0, to-from)
		for k := from; k < to; k++ {
			out = append(out, cell(a.ListValues(), int(k)))
		}
		return out
	case *array.Struct:
		out := map[string]any{}
		for k, f := range a.DataType().(*arrow.StructType).Fields() {
			out[f.Name] = cell(a.Field(k), i)
		}
		return out
	}
	panic("no canonical form for " + a.DataType().String())
}

func pairs(a *array.Map, i int) any {
	from, to := a.ValueOffsets(i)
	out := make([]any, 0, to-from)
	for k := from; k < to; k++ {
		out = append(out, []any{cell(a.Keys(), int(k)), cell(a.Items(), int(k))})
	}
	return map[string]any{"map": sorted(out)}
}

func sorted(list []any) []any {
	slices.SortFunc(list, func(x, y any) int {
		a, _ := json.Marshal(x)
		b, _ := json.Marshal(y)
		return strings.Compare(string(a), string(b))
	})
	return list
}

func float(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return "float " + strconv.FormatFloat(f, 'g', -1, 64)
}

// expected returns the lines of an expected file, without the header, in the
// form of render.
func expected(t *testing.T, content []byte) []string {
	t.Helper()
	var lines []string
	for i, l := range strings.Split(strings.TrimSuffix(string(content), "\n"), "\n") {
		if i == 0 {
			continue
		}
		d := json.NewDecoder(strings.NewReader(l))
		d.UseNumber()
		var row any
		require.NoError(t, d.Decode(&row))
		lines = append(lines, text(t, canonical(t, row)))
	}
	return lines
}

func canonical(t *testing.T, v any) any {
	switch v := v.(type) {
	case json.Number:
		if !strings.ContainsAny(string(v), ".eE") {
			return v
		}
		f, err := v.Float64()
		require.NoError(t, err)
		return float(f)
	case []any:
		for i := range v {
			v[i] = canonical(t, v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = canonical(t, v[k])
		}
		if m, ok := v["map"].([]any); ok && len(v) == 1 {
			sorted(m)
		}
	}
	return v
}
