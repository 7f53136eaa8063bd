package stats_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/stats"
)

func TestLoosenKeepsAllElse(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ in, want string }{
		{``, `{"numRecords":7,"minValues":{},"maxValues":{},"nullCount":{},"tightBounds":false}`},
		{`{"numRecords":7}`, `{"numRecords":7,"tightBounds":false}`},
		{`{}`, `{"numRecords":7,"tightBounds":false}`},
		{` { } `, ` { "numRecords":7,"tightBounds":false} `},
		{`{"numRecords":7,"tightBounds":true}`, `{"numRecords":7,"tightBounds":false}`},
		{`{"numRecords":7,"tightBounds":false}`, `{"numRecords":7,"tightBounds":false}`},
		{`{"tightBounds" : null , "numRecords" : 7 }`, `{"tightBounds" : false , "numRecords" : 7 }`},
		{`{"tightBounds":true,"numRecords":7,"tightBounds":[1]}`, `{"tightBounds":false,"numRecords":7,"tightBounds":false}`},
		{`{"tight\u0042ounds":true,"numRecords":7}`, `{"tight\u0042ounds":false,"numRecords":7}`},
		{
			`{"numRecords":7,"minValues":{"a":1.50,"é\n":"x"},"maxValues":{"a":2},"nullCount":{"a":7,"b":3,"c":0},"foreign":[{"tightBounds":true}]}`,
			`{"numRecords":7,"minValues":{"a":1.50,"é\n":"x"},"maxValues":{"a":2},"nullCount":{"a":7,"b":3,"c":0},"foreign":[{"tightBounds":true}],"tightBounds":false}`,
		},
	} {
		got, err := stats.Loosen(test.in, 7)
		require.NoError(t, err, test.in)
		require.Equal(t, test.want, got)
		again, err := stats.Loosen(got, 7)
		require.NoError(t, err)
		require.Equal(t, got, again, "a second deletion changes nothing")
	}
}

func TestLoosenRefusesOtherCounts(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"numRecords":8}`:                "numRecords is 8, and the file has 7 rows",
		`{"numRecords":"7"}`:              `numRecords is "7"`,
		`{"numRecords":7.0}`:              "numRecords is 7.0",
		`{"numRecords":null}`:             "numRecords is null",
		`{"numRecords":7,"numRecords":8}`: "numRecords is 8",
		`{"numRecords":{}}`:               "numRecords is {}",
		`[1]`:                             "not a JSON object",
		`7`:                               "not a JSON object",
		`{"numRecords":7`:                 "not valid JSON",
		`{"numRecords":7,"a":"\q"}`:       "not valid JSON",
		`{"numRecords":7,"a":01}`:         "not valid JSON",
		strings.Repeat(`{"a":`, 300) + `1` + strings.Repeat(`}`, 300): "nested more than",
	} {
		_, err := stats.Loosen(in, 7)
		require.ErrorContains(t, err, want, in)
	}
}

// FuzzLoosen: the result is JSON of the same members in the same order, with the
// same text, but for those that say that it is loose and how many rows there are.
func FuzzLoosen(f *testing.F) {
	for _, s := range []string{
		``, `{}`, `{"numRecords":3}`, `{"numRecords":3,"tightBounds":true,"x":{"y":[1,2.50,"\u00e9"]}}`,
		`{"a":1,"tightBounds":{},"numRecords":3,"a":2}`, `{"tight\u0042ounds":true}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := stats.Loosen(text, 3)
		if err != nil {
			return
		}
		var file stats.File
		l := stats.NewLayout(nil)
		require.NoError(t, l.Parse(got, &file))
		require.EqualValues(t, 3, file.NumRecords)
		require.False(t, file.TightBounds)
		if text == "" {
			return
		}
		before, after := members(t, text), members(t, got)
		counted, loose := false, false
		for i, m := range before {
			require.Equal(t, m.key, after[i].key)
			if m.key == "tightBounds" {
				require.Equal(t, "false", after[i].value)
				loose = true
				continue
			}
			counted = counted || m.key == "numRecords"
			require.Equal(t, m.value, after[i].value)
		}
		added := after[len(before):]
		if !counted {
			require.Equal(t, keyed{"numRecords", "3"}, added[0])
			added = added[1:]
		}
		if !loose {
			require.Equal(t, keyed{"tightBounds", "false"}, added[0])
			added = added[1:]
		}
		require.Empty(t, added)
	})
}

type keyed struct{ key, value string }

// members lists an object's members in order, with the standard library.
func members(t *testing.T, text string) (out []keyed) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	_, err := d.Token()
	require.NoError(t, err)
	for d.More() {
		key, err := d.Token()
		require.NoError(t, err)
		var value json.RawMessage
		require.NoError(t, d.Decode(&value))
		out = append(out, keyed{key.(string), string(value)})
	}
	return out
}
