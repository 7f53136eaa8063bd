package model

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func rows(part string, ids ...int64) (rs []Row) {
	for _, id := range ids {
		rs = append(rs, Row{part, id, 10 * id, "x"})
	}
	return rs
}

func ids(t *Table) (all []string) {
	for _, r := range t.Rows {
		all = append(all, fmt.Sprintf("%s%d=%d", r.Part, r.ID, r.Qty))
	}
	return all
}

// What each operation does to a1 a2 b3, and what the caller is told.
func TestOperations(t *testing.T) {
	start := &Table{Version: 4, Rows: slices.Concat(rows("a", 1, 2), rows("b", 3))}
	for _, c := range []struct {
		name    string
		op      Op
		want    []string // nil: as before
		ins     int64
		upd     int64
		del     int64
		outcome Outcome
		err     error
	}{
		{name: "append", op: Op{Kind: Append, Rows: rows("a", 1)}, want: []string{"a1=10", "a1=10", "a2=20", "b3=30"}, ins: 1},
		{name: "append of nothing", op: Op{Kind: Append}, outcome: Refused, err: ErrEmpty},
		{name: "insert-new", op: Op{Kind: InsertNew, Rows: rows("b", 1, 4)}, want: []string{"a1=10", "a2=20", "b3=30", "b4=40"}, ins: 1},
		{name: "insert-new by part", op: Op{Kind: InsertNew, ByPart: true, Rows: rows("b", 1, 3)}, want: []string{"a1=10", "a2=20", "b1=10", "b3=30"}, ins: 1},
		{name: "insert-new of old", op: Op{Kind: InsertNew, Rows: rows("b", 1)}, outcome: NoOp},
		{name: "insert-new twice", op: Op{Kind: InsertNew, Rows: rows("b", 1, 1)}, outcome: Refused, err: ErrTwice},
		{name: "insert-new without a key", op: Op{Kind: InsertNew, ByPart: true, Rows: rows(Null, 1)}, outcome: Refused, err: ErrNullKey},
		{name: "replace-dynamic", op: Op{Kind: ReplaceDynamic, Rows: rows("a", 9)}, want: []string{"a9=90", "b3=30"}, ins: 1, del: 2},
		{name: "replace-static", op: Op{Kind: ReplaceStatic, Parts: []string{"a", "b"}, Rows: rows("a", 9)}, want: []string{"a9=90"}, ins: 1, del: 3},
		{name: "replace-static outside", op: Op{Kind: ReplaceStatic, Parts: []string{"b"}, Rows: rows("a", 9)}, outcome: Refused, err: ErrOutside},
		{name: "replace-where", op: Op{Kind: ReplaceWhere, Where: Range{ByID: true, MinID: 2, MaxID: 10}, Rows: rows("a", 9)}, want: []string{"a1=10", "a9=90"}, ins: 1, del: 2},
		{name: "replace-where outside", op: Op{Kind: ReplaceWhere, Where: Range{Parts: []string{"a"}}, Rows: rows(Null, 9)}, outcome: Refused, err: ErrOutside},
		{name: "merge", op: Op{Kind: Merge, Rows: rows("c", 1, 7)}, want: []string{"a2=20", "b3=30", "c1=10", "c7=70"}, ins: 1, upd: 1},
		{name: "merge of the same", op: Op{Kind: Merge, Rows: rows("a", 1)}, outcome: NoOp},
		{name: "update", op: Op{Kind: Update, Add: 1, Where: Range{Parts: []string{"a"}}}, want: []string{"a1=11", "a2=21", "b3=30"}, upd: 2},
		{name: "update of nothing", op: Op{Kind: Update, Add: 1, Where: Range{Parts: []string{"z"}}}, outcome: NoOp},
		{name: "delete", op: Op{Kind: Delete, Where: Range{ByID: true, MinID: 1, MaxID: 3}}, want: []string{"b3=30"}, del: 2},
		{name: "reload", op: Op{Kind: Reload, Rows: rows("z", 1)}, want: []string{"z1=10"}, ins: 1, del: 3},
		{name: "add-column", op: Op{Kind: AddColumn, Column: "c"}, want: []string{"a1=10", "a2=20", "b3=30"}},
		{name: "optimize", op: Op{Kind: Optimize}, want: []string{"a1=10", "a2=20", "b3=30"}},
		{name: "checkpoint", op: Op{Kind: Checkpoint, Key: "k"}, outcome: NoOp},
		{name: "create", op: Op{Kind: Create}, outcome: Refused, err: ErrExists},
		{name: "a key and nothing to do", op: Op{Kind: Delete, Key: "k", Where: Range{Parts: []string{"z"}}}, want: []string{"a1=10", "a2=20", "b3=30"}},
		{name: "a key alone", op: Op{Kind: KeyOnly, Key: "k", Seq: 3}, want: []string{"a1=10", "a2=20", "b3=30"}},
	} {
		before := ids(start)
		after, e, err := start.Apply(c.op)
		require.Equal(t, before, ids(start), "%s: a table is a value", c.name)
		require.ErrorIs(t, err, c.err, c.name)
		want := Effect{Outcome: c.outcome, Version: 4, Inserted: c.ins, Updated: c.upd, Deleted: c.del}
		if c.want == nil {
			require.Same(t, start, after, c.name)
			require.NotEmpty(t, c.outcome, c.name)
		} else {
			want.Outcome, want.Version = Applied, 5
			require.Equal(t, c.want, ids(after), c.name)
			require.EqualValues(t, 5, after.Version, c.name)
		}
		require.Equal(t, want, e, c.name)
	}
	_, e, err := Absent().Apply(Op{Kind: Delete})
	require.ErrorIs(t, err, ErrNoTable)
	require.Equal(t, Refused, e.Outcome)
	made, e, err := Absent().Apply(Op{Kind: ReplaceDynamic, Rows: rows("a", 1)})
	require.NoError(t, err)
	require.Equal(t, Effect{Outcome: Applied, Inserted: 1}, e)
	require.Equal(t, []string{"a1=10"}, ids(made))
}

// What a key promises: the table of the README.
func TestKeys(t *testing.T) {
	one, two := rows("a", 1), rows("a", 2)
	use := func(k Kind, rs []Row) Op { return Op{Kind: k, Key: "k", Rows: rs, Where: Range{Parts: []string{"a"}}} }
	for _, k := range []Kind{Append, InsertNew, ReplaceDynamic, ReplaceWhere, Merge, Reload} {
		var f Fake
		_, err := f.Commit(Op{Kind: Create})
		require.NoError(t, err)
		for _, c := range []struct {
			what    string
			op      Op
			saw     int64
			outcome Outcome
			version int64
			err     error
		}{
			{"first", use(k, one), 0, Applied, 1, nil},
			{"retried", use(k, one), 1, AlreadyApplied, 1, nil},
			{"twice at once", use(k, one), 0, AlreadyApplied, 1, nil},
			{"other rows, overtaken", use(k, two), 0, Refused, 1, ErrFenced},
			{"new data", use(k, two), 1, Applied, 2, nil},
			{"the first again, on its way since it began", use(k, one), 0, AlreadyApplied, 1, nil},
			{"the first again, on purpose", use(k, one), 2, Applied, 3, nil},
		} {
			if k == Append { // other content is refused
				if c.err = ErrKeyUsed; c.outcome == AlreadyApplied || c.what == "first" {
					c.err = nil
				}
				if c.err != nil {
					c.outcome, c.version = Refused, 1
				}
				if c.what == "the first again, on purpose" {
					c.outcome, c.version, c.err = AlreadyApplied, 1, nil
				}
			}
			e, err := f.CommitSince(c.op, c.saw)
			require.ErrorIs(t, err, c.err, "%s, %s", k, c.what)
			require.Equal(t, c.outcome, e.Outcome, "%s, %s", k, c.what)
			require.Equal(t, c.version, e.Version, "%s, %s", k, c.what)
		}
	}
	var f Fake
	for _, c := range []struct {
		seq     int64
		outcome Outcome
		version int64
	}{{2, Applied, 0}, {2, AlreadyApplied, 0}, {1, AlreadyApplied, 0}, {3, Applied, 1}, {2, AlreadyApplied, 1}} {
		e, err := f.Commit(Op{Kind: Append, Key: "s", Seq: c.seq, Rows: one})
		require.NoError(t, err)
		require.Equal(t, c.outcome, e.Outcome)
		require.Equal(t, c.version, e.Version)
	}
	for policy, want := range map[Policy]Outcome{Skip: AlreadyApplied, Fail: Refused, Replace: Applied, Verify: Refused} {
		for _, k := range []Kind{Append, Reload} {
			var f Fake
			_, err := f.Commit(Op{Kind: k, Key: "k", Rows: one})
			require.NoError(t, err)
			e, err := f.Commit(Op{Kind: k, Key: "k", Rows: two, OnReplay: policy})
			require.Equal(t, want, e.Outcome, "%s, %s", policy, k)
			require.Equal(t, want == Refused, err != nil)
		}
	}
}

// Every operation twice under one key has one effect, whatever was before.
func TestTwiceIsOnce(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 1))
	for range 2000 {
		var f Fake
		for range 1 + rnd.IntN(6) {
			_, _ = f.Commit(randomOp(rnd))
		}
		op := randomOp(rnd)
		op.Key = "twice"
		e, err := f.Commit(op)
		before := f.Latest()
		again, errAgain := f.Commit(op)
		if !op.keyed() {
			continue
		}
		require.Equal(t, err, errAgain, op)
		require.Same(t, before, f.Latest(), op)
		if e.Outcome == Applied {
			require.Equal(t, Effect{Outcome: AlreadyApplied, Version: e.Version}, again, op)
			require.Equal(t, op, f.Op(e.Version))
			require.Same(t, before, f.At(e.Version))
			require.Nil(t, f.At(e.Version+1))
		}
	}
}

func randomOp(r *rand.Rand) Op {
	kinds := []Kind{Create, Append, InsertNew, ReplaceDynamic, ReplaceStatic, ReplaceWhere, Merge, Update, Delete, Reload, AddColumn, Checkpoint, Optimize, KeyOnly}
	part := string(rune('a' + r.IntN(3)))
	op := Op{Kind: kinds[r.IntN(len(kinds))], Parts: []string{part}, Where: Range{Parts: []string{part}}, Add: 1, Column: "c"}
	for range 1 + r.IntN(3) {
		op.Rows = append(op.Rows, Row{part, r.Int64N(9), 1, "x"})
	}
	return op
}

func TestDiff(t *testing.T) {
	require.Empty(t, Diff(rows("a", 1, 2), rows("a", 2, 1)))
	require.Equal(t, "missing 1 × {a 1 10 x}\ntoo many 1 × {a 2 20 x}\n", Diff(rows("a", 1), rows("a", 2)))
	require.Equal(t, "too many 1 × {a 1 10 x}\n", Diff(rows("a", 1), rows("a", 1, 1)))
}
