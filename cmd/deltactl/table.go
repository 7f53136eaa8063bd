package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog"
)

// A tableArg is TABLE on the command line: a URL and perhaps a version.
type tableArg struct {
	url string
	at  delta.At
	// pinned: the argument names a version or a time.
	pinned bool
	// That version or time; nil: the other, or neither.
	version *delta.Version
	time    *time.Time
}

// parseTable splits TABLE@v12 and TABLE@2026-01-05T00:00:00Z. A path with an at
// sign that is followed by neither is a path.
func parseTable(arg string) (tableArg, error) {
	t := tableArg{url: arg}
	if arg == "" {
		return t, usagef("TABLE is empty")
	}
	if strings.Contains(arg, "://") && strings.ContainsAny(arg, "?#") {
		return t, usagef("TABLE %q has parameters: none are taken from URLs, see deltactl help urls", arg)
	}
	if i := strings.LastIndexByte(arg, '@'); i > 0 {
		suffix := arg[i+1:]
		if n, ok := strings.CutPrefix(suffix, "v"); ok {
			if v, err := strconv.ParseInt(n, 10, 64); err == nil && v >= 0 {
				return tableArg{arg[:i], delta.AtVersion(delta.Version(v)), true, (*delta.Version)(&v), nil}, nil
			}
		}
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02"} {
			if at, err := time.ParseInLocation(layout, suffix, time.UTC); err == nil {
				return tableArg{arg[:i], delta.AtTime(at), true, nil, &at}, nil
			}
		}
	}
	return t, nil
}

// open opens TABLE for reading and gives its snapshot.
func (a *app) open(ctx context.Context, arg string) (*delta.Table, *txlog.Snapshot, error) {
	t, err := parseTable(arg)
	if err != nil {
		return nil, nil, err
	}
	a.table = t.url
	o, err := a.optionsFor(ctx, t.url)
	if err != nil {
		return nil, nil, err
	}
	tbl, err := delta.Open(ctx, t.url, &o)
	if err != nil {
		return nil, nil, err
	}
	s, err := tbl.Snapshot(ctx, t.at)
	if err != nil {
		_ = tbl.Close()
		return nil, nil, err
	}
	return tbl, s, nil
}

// writable refuses a version after the name of a table that is to be written.
func (a *app) writable(arg string) (string, error) {
	t, err := parseTable(arg)
	a.table, a.writes = t.url, true
	if err == nil && t.pinned {
		return "", usagef("%s: an old version cannot be written", arg)
	}
	return t.url, err
}

// openWritable opens TABLE to change it.
func (a *app) openWritable(ctx context.Context, arg string) (*delta.Table, error) {
	url, err := a.writable(arg)
	if err != nil {
		return nil, err
	}
	o, err := a.optionsFor(ctx, url)
	if err != nil {
		return nil, err
	}
	return delta.Open(ctx, url, &o)
}
