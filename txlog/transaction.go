package txlog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// TxnOptions describe a transaction. Nil means defaults.
type TxnOptions struct {
	// Operation and Parameters go to commitInfo, as Spark names them: "WRITE",
	// {"mode": `"Append"`}. Parameter values are JSON texts.
	Operation  string
	Parameters map[string]string
	// Metrics are added to those that the commit counts itself.
	Metrics map[string]string
	// UserMetadata is free text for commitInfo.
	UserMetadata string
	// Tags go to commitInfo.
	Tags map[string]string
	// EngineInfo names the writer. Default: "deltalog/RELEASE".
	EngineInfo string
	// Isolation overrides the table's delta.isolationLevel.
	Isolation Isolation
	// Key makes the work idempotent; nil: it is not.
	Key *Key

	// MaxElapsed is the time budget for getting a version, over all attempts.
	// Default: 2 minutes. The context's deadline holds as well.
	MaxElapsed time.Duration
	// RequestTimeout bounds one request for the log. Default: 30 seconds.
	RequestTimeout time.Duration
	// ResolveTimeout bounds how long, after the context has ended, the log is
	// read to find out what became of a request under way. Default: 10 seconds.
	ResolveTimeout time.Duration
	// NewFiles promises that no commit ever named the files that the transaction
	// adds, and that those which it removes are live. The checksum can then be kept
	// up to date without counting all files.
	NewFiles bool
	// SkipPostCommit leaves checkpoint and checksum to others.
	SkipPostCommit bool

	Env *Env
}

func (o *TxnOptions) withDefaults() TxnOptions {
	var d TxnOptions
	if o != nil {
		d = *o
	}
	if d.EngineInfo == "" {
		d.EngineInfo = "deltalog/" + Release
	}
	if d.MaxElapsed == 0 {
		d.MaxElapsed = 2 * time.Minute
	}
	if d.RequestTimeout == 0 {
		d.RequestTimeout = 30 * time.Second
	}
	if d.ResolveTimeout == 0 {
		d.ResolveTimeout = 10 * time.Second
	}
	d.Env = d.Env.WithDefaults()
	return d
}

// A Transaction collects what was read and what is to change, and commits it as
// the next version of the table.
//
// A Transaction has one owner; it is not safe for concurrent use, and it is used
// up by Commit. Its commit is checked against every commit made since its
// snapshot ("PROTOCOL.md" leaves the rules to writers; these are Spark's, by
// typed partition values). What it must not have read to be checked against is
// not declared: a transaction without reads is blind.
type Transaction struct {
	base  *Snapshot // nil: creates the table
	store logstore.Store
	opts  TxnOptions
	token string

	actions []Action // in the order given; file actions, metadata, protocol, domains
	reads   readSet

	replace    func(map[string]*string) bool // see ReplaceWhere
	replaced   map[FileKey]*AddFile          // live files that replace matches, at the version read last
	guard      func([]*AddFile) error
	revalidate func(*Snapshot) error
	first      *firstCommit
	err        error // the first misuse, reported by Commit
}

// Begin starts a transaction on what s shows. It does no I/O. On a table of
// [NewTable] it is the transaction that makes the table.
func (s *Snapshot) Begin(o *TxnOptions) *Transaction {
	t := &Transaction{base: s, store: s.Store(), opts: o.withDefaults()}
	t.token = t.opts.Env.NewID()
	return t
}

// BeginCreate starts the transaction that makes a table: its commit is version 0
// or fails with [ErrTableExists]. The actions must hold a Protocol and a Metadata.
//
// It looks for version 0 only: where clean-up may have removed that of a table, load
// the table first, and begin on what [NewTable] gives if there is none.
func BeginCreate(store logstore.Store, o *TxnOptions) *Transaction {
	t := &Transaction{store: store, opts: o.withDefaults()}
	t.token = t.opts.Env.NewID()
	return t
}

// Token returns the id that the commit will carry as commitInfo.txnId.
func (t *Transaction) Token() string { return t.token }

// Add puts actions into the commit: [*AddFile], [*RemoveFile], [*AddCDCFile],
// [*Metadata], [*Protocol], [*DomainMetadata] or [*SetTransaction]. They must not
// be changed afterwards. CommitInfo is the transaction's own; a transaction with
// a Key adds its SetTransaction itself.
func (t *Transaction) Add(actions ...Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case *AddFile, *RemoveFile, *AddCDCFile, *Metadata, *Protocol, *DomainMetadata:
		case *SetTransaction:
			t.reads.txn(a.AppID) // two writers of one appId never both win unseen
		default:
			t.misuse(fmt.Errorf("a transaction does not take a %T", a))
			continue
		}
		t.actions = append(t.actions, a)
	}
}

func (t *Transaction) misuse(err error) {
	if t.err == nil {
		t.err = err
	}
}

// ReadTable says that the transaction depends on every row of the table.
func (t *Transaction) ReadTable() { t.reads.table = true }

// ReadWhere says that the transaction depends on the rows of the files for which
// match is true, files that are not there yet included: match decides by
// partition values and statistics whether a file can hold such rows, and says
// true if in doubt. It must be a pure function.
func (t *Transaction) ReadWhere(match func(*AddFile) bool) {
	t.reads.filters = append(t.reads.filters, match)
}

// ReadFile says that the transaction has read this file.
func (t *Transaction) ReadFile(path string) { t.reads.file(canonicalIn(t.store.URL(), path)) }

// ReadTxn says that the transaction depends on how far the application has got.
func (t *Transaction) ReadTxn(appID string) { t.reads.txn(appID) }

// ReplaceWhere removes every live file for whose partition values (by physical
// name, serialised) match is true, whatever the table's version when the commit
// lands: the files are looked up in the snapshot and the commits since, again on
// each attempt. It reads nothing in the sense of conflicts, so the transaction
// never loses to writers of the same files; it comes after them. match must be a
// pure function; it is called from several goroutines, and must not keep the map.
func (t *Transaction) ReplaceWhere(match func(partitionValues map[string]*string) bool) {
	t.replace = match
}

// GuardReplaced lets f refuse the commit by what ReplaceWhere would remove; f is
// called before each attempt, and its error ends the transaction.
func (t *Transaction) GuardReplaced(f func(removed []*AddFile) error) { t.guard = f }

// Revalidate lets the transaction go on after another writer changed metadata or
// protocol: f is called with the snapshot that has the change, and says whether
// the transaction's files and actions are still right. Without it such a change
// is a conflict, always.
func (t *Transaction) Revalidate(f func(*Snapshot) error) { t.revalidate = f }

// NameFirst names the commit in commitInfo if it is the table's version 0, in
// place of TxnOptions.Operation and Parameters; see [NewTable].
func (t *Transaction) NameFirst(operation string, parameters map[string]string) {
	t.first = &firstCommit{operation, parameters}
}

type firstCommit struct {
	operation  string
	parameters map[string]string
}

// Commit makes the transaction the next version of the table.
//
// When other writers have been faster it checks their commits, and goes on at
// the version after them if they do not stand in the way, with jittered back-off
// within the time budget. After an answer of the store that leaves the outcome
// open it reads the log back, and sends the same bytes for the same version
// again, until it knows. The result is filled also when there is an error:
//
//   - nil: State is Committed, AlreadyApplied or NoOp.
//   - [*CommitUnknownError]: State is Unknown.
//   - all else, [*ConflictError], [ErrRetriesExhausted], [*KeyError],
//     [ErrTableExists], [*UnsupportedFeatureError], the context's error and the
//     store's: State is NotCommitted, now and for ever.
//
// Requests: one conditional Put without contention, plus the checksum and now
// and then the checkpoint after it.
func (t *Transaction) Commit(ctx context.Context) (*CommitResult, error) {
	c := &committer{t: t, snap: t.base, res: CommitResult{State: NotCommitted, Version: NoVersion}}
	err := c.run(ctx)
	if err != nil {
		err = fmt.Errorf("txlog: commit to %s: %w", t.store.URL(), err)
	}
	return &c.res, err
}

// Plan does all that Commit does before its first request to write, and says what
// the commit would be: State NotCommitted (or AlreadyApplied, NoOp), the version
// it would try, and the files that it would remove.
func (t *Transaction) Plan(ctx context.Context) (*CommitResult, error) {
	c := &committer{t: t, snap: t.base, res: CommitResult{State: NotCommitted, Version: NoVersion}}
	err := c.plan(ctx)
	if err != nil {
		err = fmt.Errorf("txlog: plan a commit to %s: %w", t.store.URL(), err)
	}
	return &c.res, err
}

// checkUse validates what can be known before the first attempt.
func (t *Transaction) checkUse() error {
	if t.err != nil {
		return t.err
	}
	if k := t.opts.Key; k != nil {
		if err := k.validate(); err != nil {
			return err
		}
	}
	if t.base == nil {
		var p, m bool
		for _, a := range t.actions {
			switch a.(type) {
			case *Protocol:
				p = true
			case *Metadata:
				m = true
			}
		}
		if !p || !m {
			return errors.New("version 0 needs a protocol and a metaData action")
		}
	}
	return nil
}

// empty reports whether there is nothing to commit.
func (t *Transaction) empty() bool {
	if t.base != nil && t.base.version == NoVersion {
		return false // it makes the table
	}
	return len(t.actions) == 0 && len(t.replaced) == 0 && t.opts.Key == nil
}

// commitInfo builds the provenance of an attempt.
func (t *Transaction) commitInfo(now int64, isolation Isolation, snap *Snapshot, m map[string]string) *CommitInfo {
	blind := t.reads.empty() && t.replace == nil && onlyAdds(t.actions)
	ci := &CommitInfo{
		Timestamp:           &now,
		Operation:           t.opts.Operation,
		OperationParameters: t.opts.Parameters,
		IsolationLevel:      string(isolation),
		IsBlindAppend:       &blind,
		OperationMetrics:    maps.Clone(m),
		UserMetadata:        t.opts.UserMetadata,
		Tags:                t.opts.Tags,
		EngineInfo:          t.opts.EngineInfo,
		TxnID:               t.token,
	}
	switch {
	case snap != nil && snap.Version() != NoVersion:
		v := snap.Version()
		ci.ReadVersion = &v
	case t.first != nil:
		ci.Operation, ci.OperationParameters = t.first.operation, t.first.parameters
	}
	return ci
}

// onlyAdds reports whether the file actions among as are adds, and nothing
// changes metadata or protocol.
func onlyAdds(as []Action) bool {
	for _, a := range as {
		switch a.(type) {
		case *AddFile, *SetTransaction:
		default:
			return false
		}
	}
	return true
}

// A readSet is what a transaction depends on.
type readSet struct {
	table   bool
	filters []func(*AddFile) bool
	files   map[string]struct{} // canonical paths; see canonicalIn
	txns    map[string]struct{}
}

func (r *readSet) empty() bool { return !r.table && len(r.filters) == 0 && len(r.files) == 0 }

func (r *readSet) file(path string) {
	if r.files == nil {
		r.files = map[string]struct{}{}
	}
	r.files[path] = struct{}{}
}

func (r *readSet) txn(appID string) {
	if r.txns == nil {
		r.txns = map[string]struct{}{}
	}
	r.txns[appID] = struct{}{}
}

// matches reports whether the transaction depends on what f holds.
func (r *readSet) matches(f *AddFile) bool {
	if r.table {
		return true
	}
	for _, m := range r.filters {
		if m(f) {
			return true
		}
	}
	return false
}
