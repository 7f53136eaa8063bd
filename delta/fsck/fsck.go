package fsck

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// A Depth says how far the data files are looked at.
type Depth uint8

// The depths. Each does what those before it do, apart from the zero value, which
// comes between Listing and Rows.
const (
	// Footers reads each live file's footer and deletion vector: one request each.
	Footers Depth = iota
	// Listing compares the files with a listing, and reads none.
	Listing
	// Rows reads all rows of all live files.
	Rows
)

// Options say what is checked. Nil means defaults.
type Options struct {
	// Version is whose live files are checked. Default: the newest. The log is
	// checked whole in any case.
	Version *txlog.Version
	// AsOf selects the newest version that is not younger. Not together with Version.
	AsOf *time.Time
	// Depth is how far data files are looked at. Default: Footers.
	Depth Depth
	// History checks that the files that older versions need, and those of
	// recorded changes, are there too.
	History bool

	// Settings.

	// Parallel is how many requests are under way at once. Default: 16.
	Parallel int
	// MaxMemory bounds what is read ahead of commits, and the data that is decoded,
	// in bytes. Default: 256 MiB.
	MaxMemory int64
	// MaxFindings is how many findings of one code are listed; all are counted.
	// Default: 100.
	MaxFindings int
	// MaxOrphans is how many orphans are listed, the oldest; all are counted.
	// Default: 1,000.
	MaxOrphans int

	// Progress, if not nil, is called now and then with how far the run is. It is
	// called by several goroutines at once.
	Progress func(Progress)
	Env      *txlog.Env
}

// A Progress says how far a run is.
type Progress struct {
	Phase string // "log", "listing", "files"
	// Done is how many commits, objects or files were looked at; Total is of how
	// many, 0 where it is not known.
	Done, Total int64
}

func (o *Options) withDefaults() Options {
	var d Options
	if o != nil {
		d = *o
	}
	if d.Parallel <= 0 {
		d.Parallel = 16
	}
	if d.MaxMemory <= 0 {
		d.MaxMemory = 256 << 20
	}
	if d.MaxFindings <= 0 {
		d.MaxFindings = 100
	}
	if d.MaxOrphans <= 0 {
		d.MaxOrphans = 1000
	}
	if d.Progress == nil {
		d.Progress = func(Progress) {}
	}
	d.Env = d.Env.WithDefaults()
	return d
}

// maxRuns is how often a run begins again because the log changed under it.
const maxRuns = 3

// errChanged says that an object of the log was listed and then was not there:
// somebody cleans up.
var errChanged = errors.New("the log changed while it was read")

// Run checks the table in a store. It only reads.
//
// Requests: two or three listings; one read for each commit, checksum and
// compaction, a few for each checkpoint; one Stat for each file that the listing
// does not show; with [Footers], one read for each live file and one for each
// deletion vector; with [Rows], those of reading all rows.
//
// The error is the store's, the context's, matches [txlog.ErrTableNotFound] or
// [txlog.ErrVersionNotFound], or is a [*txlog.UnsupportedFeatureError]. There is no
// Report then.
func Run(ctx context.Context, store logstore.Store, o *Options) (*Report, error) {
	opts := o.withDefaults()
	var err error
	for range maxRuns {
		var r *Report
		if r, err = run(ctx, store, &opts); err == nil {
			return r, nil
		}
		if !errors.Is(err, errChanged) {
			break
		}
	}
	return nil, fmt.Errorf("fsck: %s: %w", store.URL(), err)
}

// A checker is one run.
type checker struct {
	*findings
	opts  *Options
	store *watched
	url   string
	now   time.Time

	log   *logListing
	state *state // of the newest version; nil if it is not known
	names *names
	// wholeLog: all that is listed of the log could be read, so that what it does not
	// name is an orphan.
	wholeLog bool
}

func run(ctx context.Context, store logstore.Store, o *Options) (*Report, error) {
	counted, counts := logstore.Counted(store)
	c := &checker{
		opts: o, store: &watched{Store: counted}, url: store.URL(), now: o.Env.Now(), wholeLog: true,
		findings: &findings{max: int64(o.MaxFindings), keep: o.MaxOrphans, r: &Report{
			URL: store.URL(), Version: txlog.NoVersion, Oldest: txlog.NoVersion,
			Findings: []*Finding{}, Counts: map[Code]int64{}, NotChecked: []string{},
		}},
	}
	err := c.run(ctx)
	if failed := c.store.failed(); failed != nil {
		err = failed // whatever came of it
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	c.finish()
	c.r.Checked.Requests = counts.Reads.Load() + counts.RangeReads.Load() + counts.Stats.Load() + counts.Lists.Load()
	return c.r, nil
}

func (c *checker) run(ctx context.Context) error {
	if err := c.listLog(ctx); err != nil {
		return err
	}
	if err := c.replay(ctx); err != nil {
		return err
	}
	if err := c.hint(ctx); err != nil {
		return err
	}
	return c.data(ctx)
}
