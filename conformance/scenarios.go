package conformance

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// base is what most tables begin with: one file in each of two partitions.
var base = Op{Verb: Append, Rows: []Row{{1, "a", 10}, {2, "a", 20}, {3, "b", 30}}}

func (s *stage) begin() {
	s.must("the first writer", Op{Verb: Create})
	s.must("the first writer", base)
}

var (
	lost    = Fault{Answer: AnswerLost}
	ownLoss = Fault{Deliver: 2}
	busy    = Fault{Deliver: -1, Answer: Answer409}
	died    = Fault{Deliver: -1, Answer: AnswerLost, Then: ThenDie}
)

// Operations that several scenarios do.
var (
	appended   = Op{Verb: Append, Rows: []Row{{4, "b", 40}, {5, "c", 50}}}
	keyed      = Op{Verb: Append, Rows: appended.Rows, App: "orders", Version: 7}
	replaced   = Op{Verb: Replace, Parts: []string{"a"}, Rows: []Row{{6, "a", 60}}}
	reloaded   = Op{Verb: Reload, Rows: []Row{{7, "d", 70}}}
	merged     = Op{Verb: Merge, Rows: []Row{{1, "a", 11}, {8, "b", 80}}}
	deleted    = Op{Verb: Delete, IDs: []int64{1}}
	updated    = Op{Verb: Update, IDs: []int64{2}, Value: 21}
	deletedTwo = Op{Verb: Delete, IDs: []int64{2}}
)

var scenarios = concat(
	commitFaults("lost answer", "whose commit lands and whose answer is lost, if run again after an error,", []string{"A1", "T4", "T5"}, LostAnswer, lost),
	commitFaults("own 412", "whose commit a proxy delivers twice, so that the answer is 412 for its own object,", []string{"A5", "A6", "T4"}, Duplicate, ownLoss, appended, keyed, merged),
	commitFaults("409", "that is answered 409 ConditionalRequestConflict, with nothing written,", []string{"A12", "T4", "L1"}, Conflict409, busy, appended, replaced),
	commitFaults("killed before the commit", "whose process is killed between its data and its commit, and that is run again,", []string{"F1", "T12", "D2"}, Death, died, appended, keyed, replaced),
	[]Scenario{
		{
			"resurrection", "Rows that a competitor deleted between a landed commit and its writer's next try stay deleted.",
			[]string{"A1b", "T1", "S4"},
			[]Feature{LostAnswer, Interleave, Append, Delete},
			resurrection,
		},
		{
			"failure after the commit", "A failure of what comes after the commit (checkpoint, clean-up) does not make a job that is run again double its rows.",
			[]string{"A1c", "T4"},
			[]Feature{FailLater, Append},
			afterCommit,
		},
		{
			"second attempt under a key", "Work under a key that an earlier attempt has committed is not applied again.",
			[]string{"A1d", "A15", "T5", "T8"},
			[]Feature{Keys, Append},
			secondAttempt,
		},
		{
			"attempts at once under a key", "Of two attempts at work under one key, of which the second commits while the first one's commit is on its way, one is applied.",
			[]string{"F-2", "H9", "T5"},
			[]Feature{Keys, Append, Interleave},
			attemptsAtOnce,
		},
		{
			"older number, other rows", "Work under a sequence number that is not greater than the recorded one is applied, refused, or said to be taken for a replay, and never lost in silence.",
			[]string{"F-3", "F-4", "T5"},
			[]Feature{Keys, Append},
			olderNumber,
		},
		{
			"two replacements of an absent partition", "Two replacements of a partition that was not there leave the rows of one of them.",
			[]string{"H7", "B5", "B14", "T6"},
			[]Feature{Replace, Interleave},
			at(Op{Verb: Replace, Parts: []string{"x"}, Rows: []Row{{10, "x", 1}}}, Op{Verb: Replace, Parts: []string{"x"}, Rows: []Row{{11, "x", 2}}}),
		},
		{
			"two replacements of a partition", "Two replacements of a partition leave the rows of one of them.",
			[]string{"B4", "T6"},
			[]Feature{Replace, Interleave},
			at(replaced, Op{Verb: Replace, Parts: []string{"a"}, Rows: []Row{{11, "a", 2}}}),
		},
		{
			"two overwrites", "Two overwrites of the whole table leave the rows of one of them.",
			[]string{"B4", "T7"},
			[]Feature{Reload, Interleave},
			at(reloaded, Op{Verb: Reload, Rows: []Row{{12, "a", 3}}}),
		},
		{
			"two overwrites of an empty table", "Two overwrites of an empty table leave the rows of one of them.",
			[]string{"H7", "T6"},
			[]Feature{Reload, Interleave},
			overwriteEmpty,
		},
		{
			"append beside a replacement", "Rows appended to a partition while it is replaced are all there or all gone.",
			[]string{"B6", "T6"},
			[]Feature{Replace, Append, Interleave},
			at(replaced, Op{Verb: Append, Rows: []Row{{13, "a", 4}}}),
		},
		{
			"two deletes of rows of one file", "Two deletes of different rows of one file both happen, or one is refused.",
			[]string{"B1", "B8", "T7", "D3"},
			[]Feature{Delete, Interleave},
			at(deleted, deletedTwo),
		},
		{
			"delete beside an update", "A delete and an update of different rows of one file both happen, or one is refused.",
			[]string{"B1", "B8", "T7"},
			[]Feature{Delete, Update, Interleave},
			at(deleted, updated),
		},
		{
			"update beside a delete", "An update and a delete of one row leave what one of the two orders gives.",
			[]string{"B8", "T7"},
			[]Feature{Delete, Update, Interleave},
			at(updated, deletedTwo),
		},
		{
			"two merges of one new key", "Two merges that insert the same key insert it once.",
			[]string{"C-5", "T9"},
			[]Feature{Merge, Interleave},
			at(Op{Verb: Merge, Rows: []Row{{20, "a", 1}}}, Op{Verb: Merge, Rows: []Row{{20, "a", 2}}}),
		},
		{
			"two merges of one row", "Two merges that update one row update it one after the other, or one is refused.",
			[]string{"B10", "T7"},
			[]Feature{Merge, Interleave},
			at(Op{Verb: Merge, Rows: []Row{{1, "a", 1}}}, Op{Verb: Merge, Rows: []Row{{1, "a", 2}}}),
		},
		{
			"concurrent first writes", "Two writers that both find no table end with one table that has the rows of both.",
			[]string{"A14", "S1", "L1"},
			[]Feature{Append, Interleave},
			firstWrites,
		},
		{
			"merge twice over odd partition values", "A merge that is run again over partition values with spaces, slashes, percent signs and other letters changes nothing.",
			[]string{"C-3", "H-7", "T12"},
			[]Feature{Merge, Append},
			oddValues,
		},
		{
			"two processes on local disk", "What two processes append to a table on local disk at once, and were told is committed, is there once.",
			[]string{"G1", "G7", "S1"},
			[]Feature{SharedDisk, ManyProcesses, Append},
			sharedDisk,
		},
		hints("_last_checkpoint cut off", "A pointer to the last checkpoint that was cut off while written makes no difference.", "D-6", torn),
		hints("_last_checkpoint to nothing", "A pointer to a checkpoint that is gone makes no difference.", "D-13", dangling),
		hints("_last_checkpoint too old", "A pointer to an older checkpoint makes no difference.", "D-18", stale),
		hints("checkpoint cut off", "A checkpoint that was cut off makes no difference while the log has every commit.", "D-8", cutCheckpoint),
	},
)

func concat(all ...[]Scenario) (out []Scenario) {
	for _, some := range all {
		out = append(out, some...)
	}
	return out
}

// commitFaults is one scenario for each operation, all of them if there is none.
func commitFaults(name, what string, ids []string, needs Feature, f Fault, ops ...Op) (out []Scenario) {
	if len(ops) == 0 {
		ops = []Op{appended, keyed, replaced, reloaded, merged, updated, deleted}
	}
	for _, op := range ops {
		kind, features := string(op.Verb), []Feature{needs, op.Verb}
		if op.App != "" {
			kind, features = kind+" under a key", append(features, Keys)
		}
		out = append(out, Scenario{
			Name: name + ", " + kind, Promise: fmt.Sprintf("The work of a job (%s) %s is done once, and what landed is not said to be refused.", kind, what),
			IDs: ids, Needs: features,
			run: func(s *stage) {
				s.begin()
				s.job("the job", op, &f)
			},
		})
	}
	return out
}

// at lets b commit when a is about to.
func at(a, b Op) func(s *stage) {
	return func(s *stage) {
		s.begin()
		s.job("writer A", a, &Fault{Before: func() { s.do("writer B", b, nil) }})
	}
}

// resurrection: the competitor deletes what it sees of the landed commit. That a
// serial order without it would give the same rows does not count: it has seen them.
func resurrection(s *stage) {
	s.begin()
	seen := false
	a := s.job("the job", appended, &Fault{Answer: AnswerLost, After: func() {
		rows, err := ReadRows(s.ctx, s.store)
		if err != nil {
			s.wrong("read the landed commit: %v", err)
			return
		}
		seen = bagOf(rows)[appended.Rows[0]] > 0
		if d := s.do("the competitor", Op{Verb: Delete, IDs: []int64{4, 5}}, nil); d.Said != Done {
			s.wrong("the competitor was told %s", d)
		}
	}})
	if s.over() {
		return
	}
	rows, err := ReadRows(s.ctx, s.store)
	if err != nil {
		s.fail("the table cannot be read: %v", err)
		return
	}
	if !seen {
		s.wrong("the commit had not landed when the competitor looked")
	}
	for _, r := range appended.Rows {
		if n := bagOf(rows)[r]; n > 0 {
			why := fmt.Sprintf("after the job was told %s", a)
			if len(s.notes) > 0 {
				why = "by the second run of the job, as its first one, which had landed, ended with an error"
			}
			s.fail("row %s, which was there and was deleted, is back, %s (versions: %s)", r, why, operations(s.ctx, s.store))
		}
	}
}

func afterCommit(s *stage) {
	s.must("the first writer", Op{Verb: Create, Properties: map[string]string{"delta.checkpointInterval": "1"}})
	s.must("the first writer", base)
	s.job("the job", appended, &Fault{Then: ThenFailWrites})
	s.settle()
	s.reads("after that")
}

func secondAttempt(s *stage) {
	s.begin()
	s.do("the first attempt", keyed, nil)
	s.do("the second attempt", keyed, nil)
}

func attemptsAtOnce(s *stage) {
	s.begin()
	s.job("the first attempt", keyed, &Fault{Before: func() { s.do("the second attempt", keyed, nil) }})
}

func olderNumber(s *stage) {
	s.begin()
	s.do("the job of today", keyed, nil)
	s.do("the job of yesterday", Op{Verb: Append, Rows: []Row{{9, "c", 90}}, App: keyed.App, Version: keyed.Version - 1}, nil)
}

func overwriteEmpty(s *stage) {
	s.must("the first writer", Op{Verb: Create})
	s.job("writer A", reloaded, &Fault{Before: func() { s.do("writer B", Op{Verb: Reload, Rows: []Row{{12, "a", 3}}}, nil) }})
}

func firstWrites(s *stage) {
	s.job("writer A", base, &Fault{Before: func() { s.do("writer B", appended, nil) }})
}

func oddValues(s *stage) {
	var rows, changed []Row
	for i, p := range []string{"a b", " lead", "a%b", "a%20b", "a/b", "a=b", "a:b", "a+b", "ü", "日本", "2026-01-05 10:00:00", "'quoted'"} {
		rows = append(rows, Row{int64(i), p, 1})
		changed = append(changed, Row{int64(i), p, 2})
	}
	s.must("the first writer", Op{Verb: Create})
	s.must("the first writer", Op{Verb: Append, Rows: rows})
	for _, name := range []string{"the job", "the job, run again"} {
		s.do(name, Op{Verb: Merge, Rows: changed}, nil)
		s.settle()
	}
}

// sharedDisk lets two processes append at the same time, and counts.
func sharedDisk(s *stage) {
	const each = 6
	s.must("the first writer", Op{Verb: Create})
	answers := make([]Answer, 2*each)
	row := func(i int) Row { return Row{int64(i), "a", int64(i)} }
	var wg sync.WaitGroup
	for w := range 2 {
		c := s.client()
		wg.Go(func() {
			for i := w * each; c != nil && i < (w+1)*each; i++ {
				var err error
				if answers[i], err = c.Do(s.ctx, Op{Verb: Append, Rows: []Row{row(i)}}); err != nil {
					s.wrong("append in a process: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if s.over() {
		return
	}
	got, err := ReadRows(s.ctx, s.store)
	if err != nil {
		s.fail("the table cannot be read: %v", err)
		return
	}
	have, acknowledged := bagOf(got), 0
	for i, a := range answers {
		n := have[row(i)]
		switch {
		case a.Said == Done && n != 1:
			s.fail("the append of %s was told %s, and the row is there %d times", row(i), a, n)
		case a.Said == Refused && n != 0:
			s.fail("the append of %s was told %s, and the row is there", row(i), a)
		case n > 1:
			s.fail("the row %s is there %d times", row(i), n)
		}
		if a.Said == Done {
			acknowledged++
		}
	}
	s.note("%d of %d appends were acknowledged", acknowledged, len(answers))
	s.before = have
}

// hints makes a table with a checkpoint, lets spoil change what leads to it, and
// has the engine read and write.
func hints(name, promise, id string, spoil func(ctx context.Context, store logstore.Store) error) Scenario {
	return Scenario{name, promise, []string{id, "C2"}, []Feature{Reads, Append}, func(s *stage) {
		s.begin()
		for i := range 3 {
			s.must("the first writer", Op{Verb: Append, Rows: []Row{{int64(100 + i), "c", 1}}})
		}
		if s.over() {
			return
		}
		s.spoilt = true
		if err := spoil(s.ctx, s.store); err != nil {
			s.wrong("change the log: %v", err)
			return
		}
		s.reads("then")
		s.do("a writer", appended, nil)
		s.settle()
		s.reads("after another write")
	}}
}

const lastCheckpoint = "_delta_log/_last_checkpoint"

// checkpoint writes a checkpoint of the newest version with this project's writer.
func checkpoint(ctx context.Context, store logstore.Store) (name string, err error) {
	snap, err := txlog.Load(ctx, store, nil)
	if err != nil {
		return "", err
	}
	if _, err := snap.WriteCheckpoint(ctx, nil); err != nil {
		return "", err
	}
	return fmt.Sprintf("_delta_log/%020d.checkpoint.parquet", snap.Version()), nil
}

func torn(ctx context.Context, store logstore.Store) error {
	if _, err := checkpoint(ctx, store); err != nil {
		return err
	}
	data, err := store.Read(ctx, lastCheckpoint, 0)
	if err != nil {
		return err
	}
	return store.Put(ctx, lastCheckpoint, data[:len(data)/2], logstore.Overwrite)
}

func dangling(ctx context.Context, store logstore.Store) error {
	name, err := checkpoint(ctx, store)
	if err != nil {
		return err
	}
	return store.Delete(ctx, name)
}

// stale points to a checkpoint of version 1, which has none: so it is both too old
// and right, as after a process that was killed before it moved the pointer.
func stale(ctx context.Context, store logstore.Store) error {
	old, err := txlog.Load(ctx, store, &txlog.LoadOptions{Version: new(txlog.Version(1))})
	if err != nil {
		return err
	}
	if _, err := old.WriteCheckpoint(ctx, nil); err != nil {
		return err
	}
	pointer, err := store.Read(ctx, lastCheckpoint, 0)
	if err != nil {
		return err
	}
	if _, err := checkpoint(ctx, store); err != nil {
		return err
	}
	return store.Put(ctx, lastCheckpoint, pointer, logstore.Overwrite)
}

func cutCheckpoint(ctx context.Context, store logstore.Store) error {
	name, err := checkpoint(ctx, store)
	if err != nil {
		return err
	}
	data, err := store.Read(ctx, name, 0)
	if err != nil {
		return err
	}
	if len(data) < 100 {
		return errors.New("the checkpoint is too small to be cut")
	}
	return store.Put(ctx, name, data[:len(data)-60], logstore.Overwrite)
}
