package txlog

import "context"

// afterCommit writes what makes later reads cheap: the checksum, and the
// checkpoint when it is due. Nothing here can change the commit's outcome; a
// failure is a warning.
func (c *committer) afterCommit(ctx context.Context, snap *Snapshot) {
	if ctx.Err() != nil {
		return
	}
	if err := c.count(ctx, snap); err != nil {
		c.warn("count the files", err)
	}
	if _, err := snap.WriteChecksum(ctx); err != nil {
		c.warn("write the checksum", err)
	}
	every := Version(snap.Properties().CheckpointInterval())
	if snap.Version() == 0 || snap.Version()%every != 0 {
		return
	}
	on, err := snap.WriteCheckpoint(ctx, &CheckpointOptions{Env: c.t.opts.Env})
	if err != nil {
		c.warn("write the checkpoint", err)
		return
	}
	c.res.Snapshot = on
}

// count makes snap know how many files it has, which its checksum says, where
// that takes no more than a request: from the commits in memory when there is no
// checkpoint below them, else from the checksum of the version before.
func (c *committer) count(ctx context.Context, snap *Snapshot) error {
	if _, _, known := snap.totals.get(); known {
		return nil
	}
	if snap.base == nil {
		_, _, err := snap.NumFiles(ctx)
		return err
	}
	if !c.t.opts.NewFiles {
		return nil
	}
	before, err := c.snap.ReadChecksum(ctx)
	if err != nil || before == nil {
		return nil // none to go on from: the next checkpoint's reader counts
	}
	c.snap.totals.set(before.NumFiles, before.TableSizeBytes)
	counted, err := c.snap.AdvanceKnown(snap.tail.commit)
	if err != nil {
		return err
	}
	if files, bytes, known := counted.totals.get(); known {
		snap.totals.set(files, bytes)
	}
	return nil
}

// CommitsSinceCheckpoint returns how many commits, or compactions of several, are
// read on top of the checkpoint to open the table at this version.
func (s *Snapshot) CommitsSinceCheckpoint() int { return s.depth() }
