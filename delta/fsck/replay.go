package fsck

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// A step is one version of the log as it was read.
type step struct {
	version  txlog.Version
	commit   *txlog.Commit // nil: there is none, or it is bad
	bad      error         // why it is bad
	missing  bool          // there is no commit of this version
	checksum []byte        // nil: there is none
	weight   int64
}

// maxCommit is the largest commit that is read.
const maxCommit = 1 << 30

// steps yields the versions of the log, read ahead within the memory that is
// allowed.
func (c *checker) steps(ctx context.Context) iter.Seq2[*step, error] {
	return func(yield func(*step, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		type answer struct {
			s   *step
			err error
		}
		room := semaphore.NewWeighted(c.opts.MaxMemory)
		ahead := make(chan chan answer, c.opts.Parallel)
		wg.Go(func() {
			defer close(ahead)
			for _, v := range c.log.steps() {
				// Parsed, a commit takes more than its bytes.
				w := min(4*c.log.size(v)+1, c.opts.MaxMemory)
				if room.Acquire(ctx, w) != nil {
					return
				}
				a := make(chan answer, 1)
				select {
				case ahead <- a:
				case <-ctx.Done():
					return
				}
				wg.Go(func() {
					s, err := c.readStep(ctx, v)
					if s != nil {
						s.weight = w
					}
					a <- answer{s, err}
				})
			}
		})
		for a := range ahead {
			got := <-a
			if !yield(got.s, got.err) || got.err != nil {
				return
			}
			room.Release(got.s.weight)
		}
		if err := ctx.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// commitObject returns the commit of a version, if it is listed.
func (l *logListing) commitObject(v txlog.Version) (logstore.Object, bool) {
	i, found := slices.BinarySearch(l.versions, v)
	if !found {
		return logstore.Object{}, false
	}
	return l.commits[i], true
}

func (l *logListing) size(v txlog.Version) int64 {
	obj, _ := l.commitObject(v)
	return obj.Size + l.checksums[v].Size
}

func (c *checker) readStep(ctx context.Context, v txlog.Version) (*step, error) {
	s := &step{version: v}
	obj, there := c.log.commitObject(v)
	if !there {
		s.missing = true
		return s, nil
	}
	data, err := c.readLog(ctx, obj.Name)
	switch {
	case errors.Is(err, logstore.ErrTooLarge):
		s.bad = err
	case err != nil:
		return nil, err
	default:
		if s.commit, s.bad = txlog.ParseCommit(v, data); s.bad != nil {
			s.commit = nil
		}
	}
	if sum, there := c.log.checksums[v]; there {
		if s.checksum, err = c.readLog(ctx, sum.Name); err != nil && !errors.Is(err, logstore.ErrTooLarge) {
			return nil, err
		}
	}
	return s, nil
}

// readLog reads an object of the log that was listed.
func (c *checker) readLog(ctx context.Context, name string) ([]byte, error) {
	data, err := c.store.Read(ctx, name, maxCommit)
	if errors.Is(err, logstore.ErrNotExist) {
		return nil, errChanged
	}
	return data, err
}

// A replayer follows the log from version to version.
type replayer struct {
	c *checker
	s *state
	// known: s is the whole table. Else s is what the commits since the last gap
	// have said.
	known bool
	spans []*span // of the compactions that are open
	last  txlog.Version
	pass  uint32 // numbers comparisons
	clock int64  // the latest time that a commit says, in milliseconds since 1970
}

// replay reads the log, checks each commit, and compares what is derived from the
// commits with what they give.
func (c *checker) replay(ctx context.Context) error {
	c.r.Oldest, c.r.Newest = c.log.oldest(), c.log.newest()
	c.names = &names{m: map[key]nameState{}}
	r := &replayer{c: c, s: newState(), last: txlog.NoVersion, known: true}
	total := int64(len(c.log.versions))
	for st, err := range c.steps(ctx) {
		if err != nil {
			return err
		}
		if err := r.step(ctx, st); err != nil {
			return err
		}
		c.opts.Progress(Progress{Phase: "log", Done: c.r.Checked.Commits, Total: total})
	}
	if r.known {
		c.state = r.s
	}
	return nil
}

// step goes on to the next version.
func (r *replayer) step(ctx context.Context, st *step) error {
	c := r.c
	if st.version != r.last+1 || st.missing {
		r.gap(st)
	}
	r.last = st.version
	switch {
	case st.bad != nil:
		c.r.Checked.Commits++
		c.wholeLog = false
		c.add(CommitBad, st.version, commitName(st.version), "%v", st.bad)
		r.forget()
	case st.commit != nil:
		c.r.Checked.Commits++
		r.open(st.version)
		r.commit(st.commit)
		r.checksum(st)
		if err := r.compactions(ctx, st.version); err != nil {
			return err
		}
		if err := r.staged(ctx, st.version); err != nil {
			return err
		}
	}
	for _, k := range c.log.checkpoints[st.version] {
		if err := r.checkpoint(ctx, k); err != nil {
			return err
		}
	}
	return nil
}

// gap handles versions that are missing before st, and in st where that is a
// checkpoint without a commit.
func (r *replayer) gap(st *step) {
	c := r.c
	missing := fmt.Sprintf("version %d has no commit", r.last+1)
	last := st.version
	if !st.missing {
		last--
	}
	if last > r.last+1 {
		missing = fmt.Sprintf("versions %d to %d have no commits", r.last+1, last)
	}
	switch {
	case !c.log.covered(st.version):
		c.add(LogGap, r.last+1, "", "%s, and there is no checkpoint that makes up for it", missing)
	case r.last == txlog.NoVersion:
		// Clean-up took what was before the checkpoint.
	case c.log.versions[0] != 0:
		c.add(LogStray, r.last, commitName(r.last), "%s, and the table begins with a checkpoint after these; commits up to %d are left over", missing, r.last)
	default:
		c.add(LogGap, r.last+1, "", "%s; what is after them can be read, from a checkpoint", missing)
	}
	r.forget()
}

// covered reports whether there is a checkpoint that makes up for commits missing
// before v.
func (l *logListing) covered(v txlog.Version) bool {
	return l.newestCheckpoint() >= v-1
}

// forget says that the table is not known from here to the next checkpoint.
func (r *replayer) forget() {
	r.known, r.s, r.spans = false, newState(), nil
}

// commitName returns the name of a version's commit.
func commitName(v txlog.Version) string { return fmt.Sprintf("%s%020d.json", logDir, int64(v)) }
