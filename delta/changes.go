package delta

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/schema"
)

// The columns that a change has beside those of the table.
//
// PROTOCOL.md, "Change Data Files".
const (
	// ChangeTypeColumn says what happened to the row: [ChangeInsert] and so on.
	ChangeTypeColumn = changeType
	// CommitVersionColumn is the version that did it, BIGINT.
	CommitVersionColumn = "_commit_version"
	// CommitTimestampColumn is the version's time, TIMESTAMP: the commit's own where
	// the table has in-commit timestamps, else the time of its object in the store.
	CommitTimestampColumn = "_commit_timestamp"
)

// The values of [ChangeTypeColumn]. An update is two changes, the row before and
// the row after it.
const (
	ChangeInsert          = "insert"
	ChangeUpdatePreimage  = "update_preimage"
	ChangeUpdatePostimage = "update_postimage"
	ChangeDelete          = "delete"
)

// ErrChangesUnavailable: the changes of a version cannot be read, or not any more:
// the change data feed was off, its commit was cleaned up (then the error matches
// [ErrVersionNotFound] too), or its files were vacuumed. Who follows the table has
// to take it whole.
var ErrChangesUnavailable = errors.New("changes are not available")

// ChangesOptions say which changes are read, and how. Nil means all of them.
type ChangesOptions struct {
	// Columns are the columns wanted, in this order, found in any case. Those of
	// _change_type, _commit_version and _commit_timestamp that it does not name
	// come last. Nil: all.
	Columns []string
	// Where selects changes, by columns of the table and the three others.
	Where reader.Predicate
	// Derived allows versions in which the table did not have the change data feed
	// (delta.enableChangeDataFeed). What is in files that such a version added is
	// then inserted, and what is in files that it took out is deleted, so that an
	// update shows as both, and so may rows that only moved to another file: see Net.
	Derived bool
	// Net leaves out rows that one version deletes and inserts alike, in every
	// column and to the bit, as often as it does both. It is about versions without
	// recorded change data only: rewritten files, and tables that are overwritten
	// with much of what they had. It reads such a version's files three times more.
	Net bool
	// Limit ends the stream after so many changes. 0: no limit.
	Limit int64

	// Settings.

	// BatchRows is the most rows of a batch. Default: 65,536.
	BatchRows int
	// Parallel is how many files are read at once, if MaxMemory has 32 MiB for each.
	// Default: GOMAXPROCS.
	Parallel int
	// MaxMemory bounds what is fetched and decoded ahead, in bytes, and what Net
	// takes. Default: 256 MiB. The commits of the versions at hand come on top.
	MaxMemory int64
	// PartitionZone is the zone of timestamps in partition values that name none.
	// Default: UTC.
	PartitionZone *time.Location
}

func (o *ChangesOptions) withDefaults() ChangesOptions {
	var d ChangesOptions
	if o != nil {
		d = *o
	}
	if d.Parallel <= 0 {
		d.Parallel = runtime.GOMAXPROCS(0)
	}
	d.MaxMemory = cmp.Or(d.MaxMemory, defaultMaxMemory)
	d.Parallel = int(min(int64(d.Parallel), max(d.reading()/(32<<20), 1)))
	return d
}

// reading is the part of MaxMemory that is for what is read ahead.
func (o *ChangesOptions) reading() int64 {
	if o.Net {
		return o.MaxMemory / 2
	}
	return o.MaxMemory
}

func (o *ChangesOptions) validate() error {
	if o.Limit < 0 || o.MaxMemory < 0 || o.BatchRows < 0 {
		return fmt.Errorf("ChangesOptions: Limit is %d, BatchRows %d, MaxMemory %d, want ≥ 0", o.Limit, o.BatchRows, o.MaxMemory)
	}
	return nil
}

// Changes are the changes of a range of versions. They never change and are safe
// for concurrent use.
type Changes struct {
	t     *Table
	opts  ChangesOptions
	from  Version
	end   *txlog.Snapshot // the last version
	steps []step

	table *schema.Struct // the columns of the table, that all versions fit
	files *reader.Scan   // of data files
	cdc   *reader.Scan   // of change data files
	whole *reader.Scan   // of data files, all columns and rows; with Net only
	parts []string       // partition columns of the table, by physical name
	kind  int            // which of the wanted columns is ChangeTypeColumn
}

// Changes reads what the versions from from to to did to the table, both included:
// the change data feed. The zero At is the oldest version that is in the log for
// from, and the newest for to. A time is the first version that is not older for
// from, and the newest that is not younger for to. A range that begins right after
// the newest version is empty, so that who follows the table may ask for what comes
// after the last version that it has seen.
//
// The rows have the columns of the last version of the range, found by physical
// name or id where the table has column mapping; rows from before a column was
// added have nulls in it, and renamed columns have the last name. If versions
// differ otherwise the error names the version that made the difference.
//
// Changes reads the commits of the range and no data. Errors: [ErrVersionNotFound],
// [ErrChangesUnavailable], [*UnsupportedFeatureError], [ErrCorrupt].
func (t *Table) Changes(ctx context.Context, from, to At, o *ChangesOptions) (*Changes, error) {
	c := &Changes{t: t, opts: o.withDefaults()}
	err := c.opts.validate()
	if err == nil {
		err = c.plan(ctx, from, to)
	}
	if err != nil {
		return nil, c.wrap(err)
	}
	return c, nil
}

func (c *Changes) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("delta: changes of %s: %w", c.t.URL(), err)
}

// From returns the first version of the range.
func (c *Changes) From() Version { return c.from }

// To returns the last version of the range. It is before From if the range is empty.
func (c *Changes) To() Version { return c.end.Version() }

// Schema returns the schema of the batches.
func (c *Changes) Schema() *arrow.Schema { return c.files.Schema() }

// Batches yields the changes, version by version. Within a version their order
// means nothing. The sequence ends at its first error, which names the version and
// the file. Goroutines that read ahead have ended when the loop over it does.
// Batches may be called again, and yields the same changes.
func (c *Changes) Batches(ctx context.Context) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		for rec, err := range c.run(ctx) {
			if !yield(rec, c.wrap(err)) {
				return
			}
		}
	}
}

// ChangesSource returns changes as a [Source] that can be read more than once, so
// that one table can follow another. A table whose rows keep their keys is followed
// by a merge of the changes Where _change_type <> 'update_preimage', with
// [ChangeOptions.Dedupe] by _commit_version and _change_type.
func ChangesSource(c *Changes) Source {
	return &batches{schema: c.Schema(), again: true, seq: c.Batches}
}

// plan settles the range and how it is read.
func (c *Changes) plan(ctx context.Context, from, to At) error {
	log, err := c.resolve(ctx, from, to)
	if err != nil {
		return err
	}
	eras, err := c.look(ctx, log)
	if err != nil {
		return err
	}
	if c.table, c.parts, err = oneSchema(eras, c.end); err != nil {
		return err
	}
	return c.scans()
}

// scans plans the reading of files. What a change has beside the table's columns is
// made columns of the table, of which those that are not in the files are partition
// columns: so predicates on them rule files out like any other.
func (c *Changes) scans() error {
	for _, name := range []string{ChangeTypeColumn, CommitVersionColumn, CommitTimestampColumn} {
		if i := c.table.Find(name); i >= 0 {
			return fmt.Errorf("the table has a column %s of its own: rename it to read changes", c.table.Fields[i].Name)
		}
	}
	names := slices.Clone(c.opts.Columns)
	if c.opts.Columns == nil {
		names = columnNames(c.table)
	}
	for _, name := range []string{ChangeTypeColumn, CommitVersionColumn, CommitTimestampColumn} {
		at := slices.IndexFunc(names, func(s string) bool { return strings.EqualFold(s, name) })
		if at < 0 {
			at, names = len(names), append(names, name)
		}
		if name == ChangeTypeColumn {
			c.kind = at
		}
	}
	o := reader.Options{
		Columns: names, Where: c.opts.Where, BatchRows: c.opts.BatchRows, Parallel: c.opts.Parallel,
		MaxMemory: c.opts.reading(), PartitionZone: c.opts.PartitionZone, Env: c.t.opts.Env,
	}
	if c.opts.Net {
		all := o
		all.Columns, all.Where, all.Parallel, all.MaxMemory = columnNames(c.table), reader.Predicate{}, 1, o.MaxMemory/2
		var err error
		if c.whole, err = c.scan(false, &all); err != nil {
			return err
		}
	}
	var err error
	if c.files, err = c.scan(false, &o); err == nil {
		c.cdc, err = c.scan(true, &o)
	}
	return err
}
