package delta

import (
	"context"
	"errors"
	"fmt"

	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/schema"
)

// The operations that change what a table is, not its rows.
const (
	opAddConstraint  operation = "add-constraint"
	opDropConstraint operation = "drop-constraint"
	opSetProperties  operation = "set-properties"
	opUnset          operation = "unset-properties"
	opAddColumns     operation = "add-columns"
	opRenameColumn   operation = "rename-column"
	opDropColumn     operation = "drop-column"
	opWidenColumn    operation = "widen-column"
	opSetDefault     operation = "set-default"
	opDropDefault    operation = "drop-default"
)

// AlterOptions belong to one change of a table. Nil means defaults.
type AlterOptions struct {
	// IfExists makes it no error to drop or unset what is not there.
	IfExists bool
	// DryRun checks all that the change needs, and commits nothing.
	DryRun bool
	// UserMetadata is free text for the commit.
	UserMetadata string
}

// alterTries bounds how often a change is made again on a newer version, because
// another writer stood in the way of its commit.
const alterTries = 32

// An alteration is a change as it is to be committed on one version.
type alteration struct {
	operation  string // as Spark calls it
	parameters map[string]string
	schema     *schema.Struct    // nil: unchanged
	properties map[string]string // nil: unchanged
	need       []txlog.Feature   // that the protocol gets if it has not
	// reads says that the change depends on the rows of the table: no file with new
	// rows may come between.
	reads bool
}

// alter plans a change on the newest version, and commits it. A nil alteration says
// that there is nothing to do. When another writer was faster, the change is planned
// again on the version after.
func (t *Table) alter(ctx context.Context, op operation, o *AlterOptions, plan func(context.Context, *txlog.Snapshot) (*alteration, error)) (*Result, error) {
	if o == nil {
		o = &AlterOptions{}
	}
	res := &Result{Operation: string(op), State: NotCommitted, Version: NoVersion, DryRun: o.DryRun}
	err := t.alterOnce(ctx, op, o, res, plan)
	for try := 1; errors.Is(err, ErrConflict) && try < alterTries; try++ {
		err = t.alterOnce(ctx, op, o, res, plan)
	}
	if err != nil {
		res.Retryable = retryable(res.State, err, true) // a second time is no change, or refused
		err = fmt.Errorf("delta: %s on %s: %w", op, t.URL(), err)
	}
	return res, err
}

func (t *Table) alterOnce(ctx context.Context, op operation, o *AlterOptions, res *Result, plan func(context.Context, *txlog.Snapshot) (*alteration, error)) error {
	snap, err := t.refresh(ctx)
	if err != nil {
		return err
	}
	if err := txlog.CheckWrite(snap.Protocol(), snap.Metadata()); err != nil {
		return err
	}
	a, err := plan(ctx, snap)
	if err != nil && op != opAddConstraint { // which reads rows
		return refused(err)
	}
	if err != nil {
		return err
	}
	if a == nil {
		if err := snap.Flush(ctx); err != nil {
			return err
		}
		res.State, res.Version = NoOp, snap.Version()
		return nil
	}
	txn, err := t.alteration(snap, a, o)
	if err != nil {
		return refused(err)
	}
	var c *txlog.CommitResult
	if o.DryRun {
		c, err = txn.Plan(ctx)
	} else if err = t.probe(ctx); err == nil {
		c, err = txn.Commit(ctx)
	}
	if c != nil {
		res.commit(c, err)
		t.saw(c.Snapshot)
	}
	return err
}

// alteration checks that the table would still be one that can be written to, and
// makes the transaction.
func (t *Table) alteration(snap *txlog.Snapshot, a *alteration, o *AlterOptions) (*txlog.Transaction, error) {
	meta := *snap.Metadata()
	s, err := snap.Schema()
	if err != nil {
		return nil, err
	}
	if a.schema != nil {
		s, meta.SchemaString = a.schema, a.schema.JSON()
	}
	if a.properties != nil {
		meta.Configuration = a.properties
	}
	if err := s.Validate(txlog.PropertiesOf(&meta).MappingMode()); err != nil {
		return nil, err
	}
	if err := s.ValidateData(); err != nil {
		return nil, err
	}
	proto := upgraded(snap.Protocol(), append(a.need, neededFeatures(s, meta.Configuration)...))
	if err := txlog.CheckWrite(proto, &meta); err != nil {
		return nil, err
	}
	if err := t.writable(s, proto, &meta); err != nil {
		return nil, err
	}
	txn := snap.Begin(&txlog.TxnOptions{
		Operation: a.operation, Parameters: a.parameters, UserMetadata: o.UserMetadata,
		EngineInfo: t.opts.EngineInfo, MaxElapsed: t.opts.CommitTimeout, Env: t.opts.Env,
	})
	if proto != snap.Protocol() {
		txn.Add(proto)
	}
	txn.Add(&meta)
	if a.reads {
		txn.ReadWhere(func(*txlog.AddFile) bool { return true })
	}
	return txn, nil
}
