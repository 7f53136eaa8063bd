package delta

import (
	"context"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// A discardStore takes new objects and forgets them: a dry run encodes every
// file, so that its counts are real, and leaves nothing.
type discardStore struct{ logstore.Store }

func (discardStore) Create(context.Context, string) (logstore.Writer, error) {
	return discardWriter{}, nil
}

func (discardStore) Put(context.Context, string, []byte, logstore.PutMode) error { return nil }
func (discardStore) Delete(context.Context, string) error                        { return nil }

type discardWriter struct{}

func (discardWriter) Write(p []byte) (int, error) { return len(p), nil }
func (discardWriter) Close() error                { return nil }
func (discardWriter) Abort()                      {}
