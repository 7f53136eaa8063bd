package faultproxy_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/faultproxy"
)

// server counts what reaches it, tells seen of it, and answers with "hello".
func server(t *testing.T, reached *atomic.Int32, seen func()) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached.Add(1)
		seen()
		w.Header().Set("X-Path", r.URL.EscapedPath()+"?"+r.URL.RawQuery)
		w.Header().Set("X-Host", r.Host)
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, "hello"+string(body))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault   faultproxy.Fault
		reached int32
		status  int // 0: no answer
		body    string
		broken  bool // the body ends with an error
	}{
		{faultproxy.Fault{}, 1, 200, "hello!", false},
		{faultproxy.DropBefore(), 0, 0, "", false},
		{faultproxy.DropAfter(), 1, 0, "", false},
		{faultproxy.StatusBefore(503, "SlowDown"), 0, 503, "SlowDown", false},
		{faultproxy.StatusAfter(500, "InternalError"), 1, 500, "InternalError", false},
		{faultproxy.Duplicate(), 2, 200, "hello!", false},
		{faultproxy.HangBefore(), 0, 0, "", false},
		{faultproxy.HangAfter(), 1, 0, "", false},
		{faultproxy.Late(), 0, 0, "", false},
		{faultproxy.Cut(2), 1, 200, "he", true},
	} {
		t.Run(c.fault.String(), func(t *testing.T) {
			t.Parallel()
			var reached atomic.Int32
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			giveUp := func() {}
			if strings.HasPrefix(c.fault.String(), "hang") {
				giveUp = cancel
			}
			p, err := faultproxy.New(server(t, &reached, giveUp), func(faultproxy.Request) faultproxy.Fault {
				if c.reached == 0 {
					giveUp()
				}
				return c.fault
			})
			require.NoError(t, err)
			defer p.Close()
			req, err := http.NewRequestWithContext(ctx, http.MethodPut, p.URL+"/a%2Fb?c=d", strings.NewReader("!"))
			require.NoError(t, err)
			resp, err := http.DefaultClient.Do(req)
			require.Equal(t, c.reached, reached.Load())
			require.Len(t, p.Events(), 1)
			if c.status == 0 {
				require.Error(t, err)
			} else {
				require.NoError(t, err)
				defer resp.Body.Close()
				require.Equal(t, c.status, resp.StatusCode)
				body, err := io.ReadAll(resp.Body)
				require.Equal(t, c.broken, err != nil)
				require.Contains(t, string(body), c.body)
			}
			n, err := p.Release()
			require.NoError(t, err)
			if c.fault == faultproxy.Late() {
				require.Equal(t, 1, n)
				require.EqualValues(t, 1, reached.Load())
			} else {
				require.Zero(t, n)
			}
		})
	}
}

func TestPassKeepsPathQueryAndHost(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	p, err := faultproxy.New(server(t, &reached, func() {}), nil)
	require.NoError(t, err)
	defer p.Close()
	resp, err := http.Get(p.URL + "/b/city=New%2520York/%3A%2F?x=%20&y")
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, "/b/city=New%2520York/%3A%2F?x=%20&y", resp.Header.Get("X-Path"))
	require.Equal(t, strings.TrimPrefix(p.URL, "http://"), resp.Header.Get("X-Host"))
}

func TestNthCountsOnlyMatches(t *testing.T) {
	t.Parallel()
	s := faultproxy.Nth(2, faultproxy.DropAfter(), faultproxy.Request.Writes)
	var got []string
	for _, m := range []string{"PUT", "GET", "PUT", "PUT", "HEAD", "DELETE"} {
		got = append(got, s(faultproxy.Request{Method: m}).String())
	}
	require.Equal(t, []string{"none", "none", "drop after", "none", "none", "none"}, got)
}
