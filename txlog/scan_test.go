package txlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func scanText(t *testing.T, in string) (string, error) {
	t.Helper()
	s := scanner{b: []byte(in)}
	out := s.text()
	s.end()
	return out, s.err
}

func TestTextIsUnescapedExactly(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`""`:                          "",
		`"a"`:                         "a",
		`"abcdefg"`:                   "abcdefg",
		`"abcdefgh"`:                  "abcdefgh",
		`"abcdefghi"`:                 "abcdefghi",
		`"\""`:                        `"`,
		`"\\"`:                        `\`,
		`"\/"`:                        "/",
		`"\b\f\n\r\t"`:                "\b\f\n\r\t",
		`"\u0041\u00e9\u20AC"`:        "Aé€",
		`"\ud83d\ude00!"`:             "😀!",
		`"\u0000"`:                    "\x00",
		`"ä😀"`:                        "ä😀",
		`"12345678\"12345678\"12345"`: `12345678"12345678"12345`,
		`"{\"numRecords\":1,\"minValues\":{\"a\":\"x\\\"y\"}}"`: `{"numRecords":1,"minValues":{"a":"x\"y"}}`,
	} {
		got, err := scanText(t, in)
		require.NoError(t, err, in)
		require.Equal(t, want, got, in)
	}
}

func TestTextRefusesWhatIsNoString(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		``, `"`, `"abc`, `"abcdefghijkl`, `"a\`, `"a\"`, `"\x"`, `"\u12"`, `"\u12g4"`, `"\ud83d"`, `"\ude00"`,
		`"\ud83d\u0041"`, `"\ud83dxxxxxx"`, "\"a\nb\"", "\"\x01\"", "\"12345678\x1f\"", `abc`, `1`, `"a"b`, `"a""b"`,
	} {
		_, err := scanText(t, in)
		require.Error(t, err, "%q", in)
	}
}

// Unescaping in place moves words of eight bytes: every alignment of runs and
// escapes must come out right.
func TestTextOfEveryAlignment(t *testing.T) {
	t.Parallel()
	for lead := range 20 {
		for run := range 20 {
			want := strings.Repeat("x", lead) + `"` + strings.Repeat("y", run) + `\` + strings.Repeat("z", run) + "\n😀" + strings.Repeat("w", lead)
			in, err := json.Marshal(want)
			require.NoError(t, err)
			in = append(in, `   {"other":"field, so that the buffer goes on"}`...)
			s := scanner{b: in}
			require.Equal(t, want, s.text())
			require.NoError(t, s.err)
			require.JSONEq(t, `{"other":"field, so that the buffer goes on"}`, string(s.raw()))
		}
	}
}

func TestIntegersAreExact(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int64{
		"0": 0, "-0": 0, "7": 7, "-7": -7, "9007199254740993": 9007199254740993,
		"9223372036854775807": math.MaxInt64, "-9223372036854775808": math.MinInt64, " 12 ": 12,
	} {
		s := scanner{b: []byte(in)}
		got := s.integer()
		s.end()
		require.NoError(t, s.err, in)
		require.Equal(t, want, got, in)
	}
	for _, in := range []string{
		"", "-", "+1", "01", "-01", "1.0", "1.5", "1e3", "1E3", "9223372036854775808", "-9223372036854775809",
		"18446744073709551616", "99999999999999999999999", `"1"`, "NaN", "1 2", "0x10", "1_000",
	} {
		s := scanner{b: []byte(in)}
		s.integer()
		s.end()
		require.Error(t, s.err, in)
	}
}

func TestDeepNestingIsRefused(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"[", `{"a":`} {
		s := scanner{b: []byte(strings.Repeat(unit, 1_000_000))}
		s.skip(0)
		require.ErrorContains(t, s.err, "nested")
		deep := strings.Repeat(unit, maxDepth-1) + "1" + strings.Repeat(map[string]string{"[": "]", `{"a":`: "}"}[unit], maxDepth-1)
		s = scanner{b: []byte(deep)}
		s.skip(0)
		s.end()
		require.NoError(t, s.err)
	}
}

func TestErrorsNameFieldAndByte(t *testing.T) {
	t.Parallel()
	var d decoder
	_, err := d.line([]byte(`{"add":{"path":"a","partitionValues":{},"size":1.5,"modificationTime":0,"dataChange":true}}`), kindsAll)
	require.EqualError(t, err, `near field "size" (byte 48): the number is not an integer`)
	_, err = d.line([]byte(`{"add":{"path":"a","partitionValues":{},"modificationTime":0,"dataChange":true}}`), kindsAll)
	require.ErrorContains(t, err, `near field "size"`)
	require.ErrorContains(t, err, "required and missing")
}

// FuzzSkip compares what the scanner takes for JSON with what encoding/json does.
func FuzzSkip(f *testing.F) {
	for _, s := range []string{`{}`, `[]`, `{"a":[1,2.5e-3,true,false,null,"x\u0041"]}`, `{"a":1,}`, `[1 2]`, `"\ud800"`, `-`, `01`, `1.`, ` 1 `, `{"a"}`, "\"\x01\"", `nulll`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if !utf8.Valid(in) {
			return
		}
		s := scanner{b: bytes.Clone(in)}
		s.skip(0)
		s.end()
		if s.err == nil {
			require.True(t, json.Valid(in), "accepted %q", in)
			require.Equal(t, in, s.b, "skip changed its input")
		} else if json.Valid(in) {
			require.ErrorContains(t, s.err, "nested", "refused %q", in) // the one difference that is meant
		}
	})
}

// FuzzText compares strings with encoding/json's.
func FuzzText(f *testing.F) {
	for _, s := range []string{`""`, `"a\"b"`, `"\u00e9\ud83d\ude00"`, `"12345678\\12345678"`, `"\/"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if !utf8.Valid(in) {
			return
		}
		s := scanner{b: bytes.Clone(in)}
		got := s.text()
		s.end()
		var want string
		err := json.Unmarshal(in, &want)
		switch {
		case s.err == nil:
			require.NoError(t, err)
			require.Equal(t, want, got)
			back, err := scanText(t, string(appendText(nil, got)))
			require.NoError(t, err)
			require.Equal(t, got, back)
		case err == nil && want != "" && !bytes.Equal(bytes.TrimSpace(in), []byte("null")):
			require.ErrorContains(t, s.err, "surrogate")
		}
	})
}

func TestTruncationIsToldApart(t *testing.T) {
	t.Parallel()
	whole := `{"add":{"path":"a\u0041","partitionValues":{"p":null},"size":12,"modificationTime":0,"dataChange":true,"tags":{"x":"y"}}}`
	for n := 1; n < len(whole); n++ {
		var d decoder
		_, err := d.line([]byte(whole[:n]), kindsAll)
		require.Error(t, err, whole[:n])
		if n > 1 && whole[n-1] != '1' { // cut inside 12 leaves a number, then nothing
			require.True(t, errors.Is(err, errTruncated), "%s: %v", whole[:n], err)
		}
	}
}
