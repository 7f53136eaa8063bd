package fsck

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// A checksum is what is compared of N.crc. PROTOCOL.md, "Version Checksum File".
type checksum struct {
	TxnID             string `json:"txnId"`
	TableSizeBytes    *int64 `json:"tableSizeBytes"`
	NumFiles          *int64 `json:"numFiles"`
	InCommitTimestamp *int64 `json:"inCommitTimestampOpt"`
	Metadata          *struct {
		ID     string `json:"id"`
		Schema string `json:"schemaString"`
	} `json:"metadata"`
	Protocol *struct {
		Reader int `json:"minReaderVersion"`
		Writer int `json:"minWriterVersion"`
	} `json:"protocol"`
}

// checksum compares a version's checksum file with the version.
func (r *replayer) checksum(st *step) {
	c, v := r.c, st.version
	obj, there := c.log.checksums[v]
	if !there {
		return
	}
	c.r.Checked.Checksums++
	var sum checksum
	if err := json.Unmarshal(st.checksum, &sum); err != nil || sum.NumFiles == nil || sum.TableSizeBytes == nil {
		if err == nil {
			err = errors.New("numFiles or tableSizeBytes is missing")
		}
		c.add(ChecksumBad, v, obj.Name, "%v", err)
		return
	}
	ci := st.commit.Info()
	if ci != nil && ci.TxnID != "" && sum.TxnID != "" && ci.TxnID != sum.TxnID {
		c.add(LogTwoBodies, v, obj.Name, "the checksum is of the commit with txnId %s, and the log has the one with txnId %s", sum.TxnID, ci.TxnID)
		return
	}
	differ := func(what string, theirs, ours any) {
		c.add(ChecksumDiffers, v, obj.Name, "%s is %v by the checksum and %v by the log", what, theirs, ours)
	}
	if ci != nil && ci.InCommitTimestamp != nil && sum.InCommitTimestamp != nil && *ci.InCommitTimestamp != *sum.InCommitTimestamp {
		differ("the in-commit timestamp", *sum.InCommitTimestamp, *ci.InCommitTimestamp)
	}
	if !r.known {
		return
	}
	if n := int64(len(r.s.live)); *sum.NumFiles != n {
		differ("the number of files", *sum.NumFiles, n)
	}
	if *sum.TableSizeBytes != r.s.bytes {
		differ("the size in bytes", *sum.TableSizeBytes, r.s.bytes)
	}
	if m := r.s.metadata; m != nil && sum.Metadata != nil && (sum.Metadata.ID != m.ID || !sameJSON(sum.Metadata.Schema, m.SchemaString)) {
		differ("the metadata", sum.Metadata.ID, m.ID)
	}
	if p := r.s.protocol; p != nil && sum.Protocol != nil && (sum.Protocol.Reader != p.MinReaderVersion || sum.Protocol.Writer != p.MinWriterVersion) {
		differ("the protocol", *sum.Protocol, []int{p.MinReaderVersion, p.MinWriterVersion})
	}
}

// A lastCheckpoint is what is compared of _last_checkpoint.
type lastCheckpoint struct {
	Version *txlog.Version `json:"version"`
	Parts   int            `json:"parts"`
	Bytes   *int64         `json:"sizeInBytes"`
}

// hint looks at _last_checkpoint. PROTOCOL.md, "Last Checkpoint File".
func (c *checker) hint(ctx context.Context) error {
	if !c.log.hint {
		return nil
	}
	data, err := c.store.Read(ctx, hintName, 64<<20)
	if errors.Is(err, logstore.ErrNotExist) {
		return nil
	}
	var h lastCheckpoint
	if err == nil {
		err = json.Unmarshal(data, &h)
	} else if !errors.Is(err, logstore.ErrTooLarge) {
		return err
	}
	if err == nil && h.Version == nil {
		err = errors.New("it has no version")
	}
	if err != nil {
		c.add(HintBad, txlog.NoVersion, hintName, "%v", err)
		return nil
	}
	ks := c.log.checkpoints[*h.Version]
	if len(ks) == 0 {
		c.add(HintStale, *h.Version, hintName, "it points to checkpoint %d, which is not there", *h.Version)
		return nil
	}
	if n := c.log.newestCheckpoint(); *h.Version < n {
		c.add(HintStale, *h.Version, hintName, "it points to checkpoint %d, and the newest is %d", *h.Version, n)
	}
	fits := false
	for _, k := range ks {
		bytes := int64(0)
		for _, o := range k.files {
			bytes += o.Size
		}
		one := h.Parts == 0 || h.Parts == len(k.files)
		fits = fits || one && (h.Bytes == nil || *h.Bytes == bytes || len(ks) > 1 || c.hasSidecars(k))
	}
	if !fits {
		c.add(HintStale, *h.Version, hintName, "parts and size are not those of checkpoint %d", *h.Version)
	}
	return nil
}

// hasSidecars reports whether a checkpoint may have files beside its own, which
// writers count in its size.
func (c *checker) hasSidecars(*checkpoint) bool { return len(c.log.sidecars) > 0 }
