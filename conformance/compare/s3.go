package compare

import (
	"context"
	"errors"
	"testing"

	"github.com/deltalog/deltalog/conformance"
	"github.com/deltalog/deltalog/conformance/emulators"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// s3Table is a table on the S3 server, whose clients reach it through ports.
type s3Table struct {
	server *emulators.Server
	url    string
	client func(p *port, through *emulators.Server, url string) (conformance.Client, error)
	ports  []*port
}

// s3Tables returns a harness's Table.
func s3Tables(t testing.TB, client func(p *port, through *emulators.Server, url string) (conformance.Client, error)) func(context.Context) (conformance.Table, error) {
	server := emulators.GoFakeS3(t)
	return func(context.Context) (conformance.Table, error) {
		return &s3Table{server: server, url: server.Root(), client: client}, nil
	}
}

func (s *s3Table) URL() string { return s.url }

func (s *s3Table) Store(ctx context.Context) (logstore.Store, error) {
	return s.server.Open(ctx, s.url, 0)
}

func (s *s3Table) Client(context.Context) (conformance.Client, error) {
	p, err := newPort(s.server.URL)
	if err != nil {
		return nil, err
	}
	s.ports = append(s.ports, p)
	return s.client(p, &emulators.Server{Name: s.server.Name, Kind: s.server.Kind, URL: p.proxy.URL}, s.url)
}

func (s *s3Table) Close() error {
	for _, p := range s.ports {
		p.proxy.Close()
	}
	return nil
}

// diskTable is a table on local disk without faults.
type diskTable struct {
	dir    string
	client func(dir string) (conformance.Client, error)
}

func (d *diskTable) URL() string { return d.dir }

func (d *diskTable) Store(ctx context.Context) (logstore.Store, error) {
	return logstore.Open(ctx, d.dir)
}

func (d *diskTable) Client(context.Context) (conformance.Client, error) { return d.client(d.dir) }

func (d *diskTable) Close() error { return nil }

var errClosed = errors.New("the process is gone")
