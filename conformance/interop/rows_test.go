package interop

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func rows(t *testing.T, text string) *Rows {
	t.Helper()
	r, err := ParseRows([]byte(text))
	require.NoError(t, err)
	return r
}

func TestDiffFindsEachKindOfDifference(t *testing.T) {
	t.Parallel()
	want := rows(t, `{"columns":[["a","long"],["b","string"]]}`+"\n"+`[1,"x"]`+"\n"+`[1,"x"]`+"\n"+`[null,"y"]`+"\n")
	for name, c := range map[string]struct{ got, say string }{
		"the same":             {`{"columns":[["a","long"],["b","string"]]}` + "\n" + `[null,"y"]` + "\n" + `[1,"x"]` + "\n" + `[1,"x"]`, ""},
		"columns change place": {`{"columns":[["b","string"],["a","long"]]}` + "\n" + `["x",1]` + "\n" + `["y",null]` + "\n" + `["x",1]`, ""},
		"a row once too often": {`{"columns":[["a","long"],["b","string"]]}` + "\n" + `[null,"y"]` + "\n" + `[1,"x"]` + "\n" + `[1,"x"]` + "\n" + `[1,"x"]`, `extra [1,"x"]`},
		"a row once too few":   {`{"columns":[["a","long"],["b","string"]]}` + "\n" + `[null,"y"]` + "\n" + `[1,"x"]`, `missing [1,"x"]`},
		"null for a value":     {`{"columns":[["a","long"],["b","string"]]}` + "\n" + `[null,null]` + "\n" + `[1,"x"]` + "\n" + `[1,"x"]`, `missing [null,"y"]`},
		"another type":         {`{"columns":[["a","integer"],["b","string"]]}`, "column a: want type long, got integer"},
		"a column too few":     {`{"columns":[["a","long"]]}`, "column b (string) is missing"},
		"a column too many":    {`{"columns":[["a","long"],["b","string"],["c","date"]]}`, "column c (date) is extra"},
		"no rows":              {`{"columns":[["a","long"],["b","string"]]}`, "want 3 rows, got 0; 3 missing, 0 extra"},
	} {
		d := Diff(want, rows(t, c.got))
		if c.say == "" {
			require.Empty(t, d, name)
		} else {
			require.Contains(t, d, c.say, name)
		}
	}
}

func TestSelectAndWhere(t *testing.T) {
	t.Parallel()
	r := rows(t, `{"columns":[["a","long"],["b","struct<x:long,y:string>"]]}`+"\n"+`[1,{"x":1,"y":"[,]"}]`+"\n"+`[2,null]`+"\n")
	s, err := r.Select([]Column{{"b", "struct<x:long,y:string>"}, {"new", "string"}})
	require.NoError(t, err)
	require.Equal(t, []string{`[{"x":1,"y":"[,]"},null]`, `[null,null]`}, s.Lines)
	w, err := r.Where(func(cells []json.RawMessage) bool { return string(cells[0]) == "2" })
	require.NoError(t, err)
	require.Equal(t, []string{`[2,null]`}, w.Lines)
}
