package sqlfn

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzTimePattern reads any text by any pattern, and what was read, if written
// with the pattern, reads as the same again.
func FuzzTimePattern(f *testing.F) {
	f.Add("yyyy-MM-dd HH:mm:ss[.SSSSSS]XXX", "2020-02-29 12:34:56.5+01:00")
	f.Add("yyyyMMddHHmmssSSS", "20161231123456789")
	f.Add("'T'hh:mm a[ VV][ O][ z][G]", "T01:30 PM Europe/Paris")
	f.Add("y-D[[[", "-5-12")
	f.Fuzz(func(t *testing.T, text, s string) {
		env := &Env{Now: now}
		if micros, ok := ParseTimestamp(s, env); ok {
			require.NotPanics(t, func() { momentOf(micros, newZone(nil)) })
		}
		ParseDate(s)
		p, err := parsePattern(text, true)
		if err != nil {
			return
		}
		zones := newTimeParser(env)
		micros, err := p.parse(s, zones)
		if err != nil {
			return
		}
		out := p.format(nil, momentOf(micros, zones.session), zones.session)
		again, err := p.parse(string(out), zones)
		if err == nil {
			require.Equal(t, out, p.format(nil, momentOf(again, zones.session), zones.session), "pattern %q, text %q", text, s)
		}
	})
}
