package bucket

import (
	"context"
	"io"
	"iter"
	"strings"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// Below returns the part of a store below a prefix, which ends in a slash, as a
// store of its own: for tests that have one bucket in memory.
func Below(s logstore.Store, prefix, url string) logstore.Store { return &below{s, url, prefix} }

type below struct {
	logstore.Store
	url, prefix string
}

func (b *below) URL() string { return b.url }

func (b *below) Close() error { return nil }

func (b *below) Read(ctx context.Context, name string, limit int64) ([]byte, error) {
	if err := logstore.CheckName(name); err != nil {
		return nil, err
	}
	return b.Store.Read(ctx, b.prefix+name, limit)
}

func (b *below) ReadRange(ctx context.Context, name string, off, n int64) (io.ReadCloser, error) {
	if err := logstore.CheckName(name); err != nil {
		return nil, err
	}
	return b.Store.ReadRange(ctx, b.prefix+name, off, n)
}

func (b *below) Stat(ctx context.Context, name string) (logstore.Object, error) {
	if err := logstore.CheckName(name); err != nil {
		return logstore.Object{}, err
	}
	o, err := b.Store.Stat(ctx, b.prefix+name)
	o.Name = strings.TrimPrefix(o.Name, b.prefix)
	return o, err
}

func (b *below) List(ctx context.Context, o logstore.ListOptions) iter.Seq2[logstore.Object, error] {
	return func(yield func(logstore.Object, error) bool) {
		if err := logstore.CheckPrefix(o.Prefix); err != nil {
			yield(logstore.Object{}, err)
			return
		}
		o.Prefix = b.prefix + o.Prefix
		if o.StartAfter != "" {
			o.StartAfter = b.prefix + o.StartAfter
		}
		for obj, err := range b.Store.List(ctx, o) {
			obj.Name = strings.TrimPrefix(obj.Name, b.prefix)
			if !yield(obj, err) {
				return
			}
		}
	}
}

func (b *below) Put(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
	if err := logstore.CheckName(name); err != nil {
		return err
	}
	return b.Store.Put(ctx, b.prefix+name, data, mode)
}

func (b *below) Create(ctx context.Context, name string) (logstore.Writer, error) {
	if err := logstore.CheckName(name); err != nil {
		return nil, err
	}
	return b.Store.Create(ctx, b.prefix+name)
}

func (b *below) Delete(ctx context.Context, name string) error {
	if err := logstore.CheckName(name); err != nil {
		return err
	}
	return b.Store.Delete(ctx, b.prefix+name)
}
