package delta

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/internal/join"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A Strategy says how rows leave a data file.
type Strategy uint8

// The strategies.
const (
	// StrategyAuto: by deletion vector where the table has them enabled and the
	// rows are fewer than three in ten of their file, else by rewriting the file.
	StrategyAuto Strategy = iota
	// StrategyRewrite writes the rows that stay to a new file (copy on write).
	StrategyRewrite
	// StrategyVectors marks the rows as deleted (merge on read). The table must
	// have the property delta.enableDeletionVectors.
	StrategyVectors
)

// ChangeOptions belong to one operation on rows: Merge, Update, Delete. Nil means
// defaults.
//
// Of the [WriteOptions], Partitions declares which partitions may be touched, and
// OnEmpty is about a source without rows: [EmptyTruncate] goes on with it, so that
// clauses about rows that no source row meets act on all rows.
type ChangeOptions struct {
	WriteOptions

	Strategy Strategy
	// Dedupe keeps, of source rows with one key, the one that comes last by these
	// columns of the source, and by all others where these are equal, so that the
	// order in which rows arrive does not matter. Nil: all rows.
	Dedupe []string
	// UniqueSource refuses a source with several rows for one key, whether the
	// table has the key or not.
	UniqueSource bool
	// SpillDir is where a source goes that MaxMemory does not hold. Default: the
	// system's directory for temporary files.
	SpillDir string
}

func (o *ChangeOptions) withDefaults() ChangeOptions {
	if o == nil {
		return ChangeOptions{}
	}
	return *o
}

// A DuplicateKeyError says that several source rows have one key, so that it is
// not decided what becomes of the row of the table, or which of them is to be
// inserted. Nothing was committed. [ChangeOptions.Dedupe] chooses one of them.
type DuplicateKeyError struct {
	Keys   int64 // how many keys, or rows of the table, this is about
	Rows   int64 // how many source rows these have
	Sample []KeyCount
}

// A KeyCount is a key of the source and how many rows have it.
type KeyCount struct {
	Key  string // "id=7"
	Rows int64
}

// Error shows some of the keys.
func (e *DuplicateKeyError) Error() string {
	var keys []string
	for _, s := range e.Sample {
		keys = append(keys, fmt.Sprintf("%s (%d rows)", s.Key, s.Rows))
	}
	return fmt.Sprintf("%d keys have several source rows, %d in all: %s; nothing was committed", e.Keys, e.Rows, strings.Join(keys, ", "))
}

// A NullKeyError says that source rows have no key: a null equals nothing, so that
// they would be inserted each time they come. Nothing was committed.
type NullKeyError struct {
	Column string // of the key, as the table's side has it
	Rows   int64
	Empty  bool // rows are partitioned by it, so that the empty text counts as null
}

// Error says what to do.
func (e *NullKeyError) Error() string {
	null := "a null"
	if e.Empty {
		null = "a null or the empty text, which is null in a partition column,"
	}
	return fmt.Sprintf("%d source rows have %s in the key %s, and would be inserted again each time; leave them out, "+
		"or write the merge with a condition that says what they meet (<=>); nothing was committed", e.Rows, null, e.Column)
}

// A change carries one operation on rows from the statement to the commit.
type change struct {
	t    *Table
	st   *statement
	rows Source // nil: none
	o    ChangeOptions
	res  *Result

	snap  *txlog.Snapshot // that is planned on
	first *txlog.Snapshot // that was planned on first
	look  *txlog.Look     // at the key, before anything was done
	opts  *expr.Options
	b     *binding
	by    *partitioning

	declared *partitionSet
	src      *changeSource
	work     *rewrite
	counts   *RowCounts
	dups     *DedupOptions   // of Dedup
	last     []join.Order    // of Dedupe
	where    *expr.Predicate // of a replacement, on the rows written
	moved    progress
	tails    *reader.Tails
}

func (t *Table) newChange(st *statement, rows Source, o *ChangeOptions) *change {
	c := &change{t: t, st: st, rows: rows, o: o.withDefaults(), snap: t.known()}
	c.res = &Result{
		Operation: string(st.op), State: NotCommitted, Version: NoVersion, Key: c.o.Key, DryRun: c.o.DryRun,
	}
	if c.o.Txn != nil {
		c.res.Key = c.o.Txn.AppID
	}
	c.opts = &expr.Options{Now: t.opts.Env.Now()}
	c.counts = &RowCounts{}
	c.res.Rows = c.counts
	c.tails = reader.NewTails(c.maxMemory() / 16)
	return c
}

func (c *change) wrap(err error) error {
	if err == nil {
		return nil
	}
	c.res.Retryable = retryable(c.res.State, err, c.res.Key != "")
	return fmt.Errorf("delta: %s in %s: %w", c.st.op, c.t.URL(), err)
}

func (c *change) run(ctx context.Context) (*Result, error) {
	err := c.do(ctx)
	if c.src != nil {
		c.leave(c.src.close())
	}
	if c.work != nil {
		c.leave(c.work.pairs.Close())
	}
	if c.work != nil && c.res.State != Committed && c.res.State != Unknown {
		c.res.cleanUp(ctx, c.work.abort)
	}
	c.res.passedOver(ctx, c.t, c.o.Txn)
	return c.res, c.wrap(err)
}

// leave notes a temporary file that could not be closed or removed.
func (c *change) leave(err error) {
	if err != nil {
		c.res.Warnings = append(c.res.Warnings, fmt.Errorf("delta: %w", err))
	}
}

func (c *change) do(ctx context.Context) error {
	if err := c.check(ctx); err != nil {
		return err
	}
	if done, err := c.usedUp(ctx, 0, false); done || err != nil {
		return err
	}
	if !c.o.DryRun {
		if err := c.t.probe(ctx); err != nil {
			return err
		}
	}
	began := c.t.opts.Env.Now()
	if err := c.read(ctx); err != nil {
		return err
	}
	if done, err := c.usedUp(ctx, c.digest(), true); done || err != nil {
		return err
	}
	if c.rows != nil {
		if done, err := c.guard(); done || err != nil {
			return err
		}
	}
	if c.t.opts.Env.Now().Sub(began) > longRead { // a plan on what was then would be made twice
		if done, err := c.again(ctx); done || err != nil {
			return err
		}
	}
	return c.attempts(ctx)
}

// longRead is how long a source may be read before it is worth to look again what
// others have committed meanwhile.
const longRead = 5 * time.Second

// check settles what needs no row.
func (c *change) check(ctx context.Context) error {
	if err := c.o.validate(c.st.op); err != nil {
		return err
	}
	if c.o.MaxShrink > 0 && c.st.op != opReplaceWhere {
		return refused(errors.New("option MaxShrink is for writes that replace rows by others; it guards no rows here"))
	}
	if c.o.MinRows > 0 && c.rows == nil {
		return refused(errors.New("option MinRows is about a source, and there is none"))
	}
	if c.snap == nil || c.snap.Version() < 0 {
		return fmt.Errorf("%w: %s", ErrTableNotFound, c.t.URL())
	}
	// The newest version: a plan on an old one would be made again at once.
	snap, err := c.t.refresh(ctx)
	if err != nil {
		return err
	}
	c.snap, c.first = snap, snap
	if err := txlog.CheckWrite(snap.Protocol(), snap.Metadata()); err != nil {
		return err
	}
	insertOnly := !slices.ContainsFunc(c.st.clauses, func(cl *clause) bool { return cl.action != actInsert })
	if !insertOnly && snap.Properties().AppendOnly() {
		return fmt.Errorf("%w: property delta.appendOnly is true", ErrAppendOnly)
	}
	if c.o.Strategy == StrategyVectors && !c.vectors() {
		return refused(errors.New("deletion vectors are not enabled in the table: set its property delta.enableDeletionVectors to true"))
	}
	if c.by, err = partitioningOf(snap); err != nil {
		return err
	}
	if len(c.o.Partitions) > 0 {
		if c.declared, err = c.by.set(c.o.Partitions); err != nil {
			return err
		}
	}
	source := &schema.Struct{}
	if c.rows != nil {
		if source, err = sourceSchema(c.rows); err != nil {
			return err
		}
	}
	if c.b, err = bind(c.st, snap, source, c.o.EvolveSchema, c.t.opts.Env.NewID, c.opts); err != nil {
		return refused(err)
	}
	if err := c.order(); err != nil {
		return err
	}
	return c.replaces()
}

// vectors reports whether the table wants deletion vectors written.
func (c *change) vectors() bool {
	return c.snap.Properties().DeletionVectors() && c.snap.Protocol().HasWriterFeature(txlog.FeatureDeletionVectors)
}

// key returns the idempotency key for content with this digest, or nil.
func (c *change) key(content int64) *txlog.Key {
	k := c.o.key(c.st.op, content)
	if k != nil {
		k.Look = c.look
	}
	return k
}

// digest fingerprints the work: the source's rows, and what is done with them.
func (c *change) digest() int64 {
	context := []string{c.st.text(), strings.Join(c.o.Dedupe, ",")}
	if c.dups != nil {
		context = append(context, strings.Join(c.dups.By, ","), strings.Join(c.dups.LastBy, ","))
	}
	if c.declared != nil {
		context = append(context, c.declared.sorted()...)
	}
	return c.src.digest.Sum(strings.Join(context, "\x00"))
}

// usedUp looks whether the key's work is in the table. Before the source was read
// that can be told only where the content does not matter.
func (c *change) usedUp(ctx context.Context, content int64, known bool) (bool, error) {
	k := c.key(content)
	if k == nil {
		return false, nil
	}
	c.res.Key = k.AppID
	byContent := c.o.ContentKey || !k.Sequence && k.OnReplay != txlog.ReplaySkip && k.OnReplay != txlog.ReplayFail
	if byContent && !known {
		if c.o.ContentKey {
			c.res.Key = ""
		}
		return false, nil
	}
	prior, err := c.snap.Txn(ctx, k.AppID)
	if err != nil {
		return false, err
	}
	c.look = &txlog.Look{Txn: prior}
	if prior == nil {
		return false, nil
	}
	return c.res.found(c.snap.CheckKey(ctx, k))
}

// guard applies the limits on what the source holds.
func (c *change) guard() (done bool, err error) {
	c.res.RowsIn = c.src.rows
	if c.src.rows < c.o.MinRows {
		return false, &GuardError{Limit: "MinRows", Want: fmt.Sprintf("%d rows", c.o.MinRows), Got: fmt.Sprintf("%d", c.src.rows)}
	}
	if c.src.rows > 0 || c.o.OnEmpty == EmptyTruncate {
		return false, nil
	}
	if c.o.OnEmpty == EmptyError {
		return false, ErrEmptyInput
	}
	c.res.State, c.res.Version = NoOp, c.snap.Version()
	return true, nil
}

// attempts plans and commits until no other writer stands in the way.
//
// A commit that loses to one that has nothing to do with it goes on by itself.
// One that meets another on a row is planned again, on what that other one left:
// files that it did not touch are not looked at again.
func (c *change) attempts(ctx context.Context) error {
	deadline := time.Time{} // a plan may take any time: it counts from the first loss on
	c.work = newRewrite(c)
	for try := 1; ; try++ {
		if err := c.work.plan(ctx, c.snap); err != nil {
			return err
		}
		c.counts.Plans = int64(try)
		done, err := c.commit(ctx)
		var lost *ConflictError
		if done || !errors.As(err, &lost) || c.o.DryRun {
			return err
		}
		switch lost.Kind {
		case txlog.ConcurrentAppend, txlog.ConcurrentDeleteRead, txlog.ConcurrentDeleteDelete:
		case txlog.MetadataChanged: // perhaps only in what identity columns have given
		default:
			return err
		}
		now := c.t.opts.Env.Now()
		if deadline.IsZero() {
			deadline = now.Add(cmp.Or(c.t.opts.CommitTimeout, 2*time.Minute))
		}
		if now.After(deadline) {
			return fmt.Errorf("%w: planned %d times: %w", ErrRetriesExhausted, try, err)
		}
		if serr := c.t.opts.Env.Sleep(ctx, c.backoff(try)); serr != nil {
			return errors.Join(serr, err)
		}
		if done, err := c.again(ctx); done || err != nil {
			return err
		}
	}
}

// backoff is a random wait below a ceiling that doubles from 5 ms to 320 ms.
func (c *change) backoff(try int) time.Duration {
	return time.Duration(c.t.opts.Env.Jitter() * float64(5*time.Millisecond<<min(try-1, 6)))
}

// again takes the newest version to plan on. A use of the key since the first look
// is another attempt's: this one is fenced, unless the content is the same.
func (c *change) again(ctx context.Context) (done bool, err error) {
	snap, err := c.t.refresh(ctx)
	if err != nil {
		return false, err
	}
	if k := c.key(c.digest()); k != nil { // first: if the work is there, nothing else matters
		done, err := c.res.found(snap.CheckKey(ctx, k))
		if done || err != nil {
			return done, err
		}
	}
	if err := c.stillFits(snap); err != nil {
		return false, fmt.Errorf("another writer changed the table meanwhile: %w", err)
	}
	c.snap = snap
	return false, nil
}

// stillFits says whether the plan's columns are still those of the table.
func (c *change) stillFits(s *txlog.Snapshot) error {
	was, is := c.first.Metadata(), s.Metadata()
	switch {
	case was == is:
		return nil
	case was.ID != is.ID:
		return fmt.Errorf("the table has been replaced: its id is now %s", is.ID)
	case was.SchemaString != is.SchemaString && !sameButMarks(was.SchemaString, is.SchemaString):
		return errors.New("its columns are others now; run the operation again")
	case !slices.Equal(was.PartitionColumns, is.PartitionColumns):
		return fmt.Errorf("it is now partitioned by %q", is.PartitionColumns)
	}
	for _, key := range slices.Sorted(maps.Keys(is.Configuration)) {
		if is.Configuration[key] != was.Configuration[key] && !harmless(key) {
			return fmt.Errorf("its property %s changed to %q; run the operation again", key, is.Configuration[key])
		}
	}
	return nil
}

// harmless reports whether a property's change leaves rows that are written right.
func harmless(property string) bool {
	for _, p := range []string{"delta.constraints.", "delta.columnMapping.", "delta.enable", "delta.rowTracking.", "delta.appendOnly"} {
		if strings.HasPrefix(property, p) {
			return false
		}
	}
	return true
}
