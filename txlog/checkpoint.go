package txlog

import (
	"context"
	"errors"
	"time"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// A checkpoint is an opened checkpoint: what is not about files is in memory,
// files are streamed.
type checkpoint struct {
	version  Version
	modified time.Time
	protocol *Protocol
	metadata *Metadata
	txns     map[string]*SetTransaction
	domains  map[string]*DomainMetadata
}

func openCheckpoint(ctx context.Context, store logstore.Store, ref *checkpointRef, parallel int) (*checkpoint, error) {
	return nil, errors.New("txlog: not yet")
}

func (s *Snapshot) baseFiles(ctx context.Context, o *FilesOptions, seen *keySet, yield func(*AddFile, error) bool) {
}

func (c *checkpoint) tombstones(ctx context.Context, seen *keySet, yield func(*RemoveFile, error) bool) {
}
