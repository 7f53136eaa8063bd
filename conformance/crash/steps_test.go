package crash_test

import (
	"context"
	"errors"
	"slices"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// A step is one task of a pipeline, as one process does it: with a key that is its
// name, unless it makes no commit.
type step struct {
	name string
	// run does it. Kept is what earlier steps left outside of the table.
	run func(ctx context.Context, st logstore.Store, process string, kept *kept) (*delta.Result, error)
	// then is what becomes of the table's rows.
	then func(rows []item) []item
	// silent steps make no commit.
	silent bool
	makes  bool // the table may not be there before
}

// kept is what a task hands to the next one: not part of the table's directory.
type kept struct{ prepared *delta.Prepared }

func (s step) String() string { return s.name }

// onTable makes a step of what is done with an open table.
func onTable(name string, do func(ctx context.Context, t *delta.Table, o delta.WriteOptions) (*delta.Result, error), then func([]item) []item) step {
	return step{name: name, then: then, run: func(ctx context.Context, st logstore.Store, process string, _ *kept) (*delta.Result, error) {
		o := options(st, process)
		t, err := delta.Open(ctx, st.URL(), &o)
		if err != nil {
			return nil, err
		}
		return do(ctx, t, delta.WriteOptions{Key: name, Parallel: 1})
	}}
}

func without(rows []item, drop func(item) bool) []item {
	return slices.DeleteFunc(slices.Clone(rows), drop)
}

func same(rows []item) []item { return rows }

var (
	createStep = step{name: "create", makes: true, then: same, run: func(ctx context.Context, st logstore.Store, process string, _ *kept) (*delta.Result, error) {
		o := itemTable(options(st, process))
		o.IfNotExists = true
		_, err := delta.Create(ctx, st.URL(), itemSchema, o)
		return &delta.Result{State: delta.Committed, Version: 0}, err
	}}
	appended   = []item{{1, "a", 10}, {2, "a", 20}, {3, "b", 30}, {4, "b", 40}}
	appendStep = onTable("append", func(ctx context.Context, t *delta.Table, o delta.WriteOptions) (*delta.Result, error) {
		return t.Append(ctx, source(appended...), &o)
	}, func(rows []item) []item { return append(slices.Clone(rows), appended...) })

	replaced    = []item{{5, "b", 50}, {6, "c e", 60}, {7, "b", 70}}
	replaceStep = onTable("replace", func(ctx context.Context, t *delta.Table, o delta.WriteOptions) (*delta.Result, error) {
		return t.ReplacePartitions(ctx, source(replaced...), &o)
	}, func(rows []item) []item {
		return append(without(rows, func(i item) bool { return i.Part == "b" || i.Part == "c e" }), replaced...)
	})

	merged    = []item{{1, "a", 11}, {8, "a", 80}}
	mergeStep = onTable("merge", func(ctx context.Context, t *delta.Table, o delta.WriteOptions) (*delta.Result, error) {
		return t.Merge(source(merged...)).OnColumns("id", "part").Upsert().Run(ctx, &delta.ChangeOptions{WriteOptions: o})
	}, func(rows []item) []item {
		return append(without(rows, func(i item) bool { return i.ID == 1 || i.ID == 8 }), merged...)
	})

	checkpointStep = step{name: "checkpoint", silent: true, then: same, run: func(ctx context.Context, st logstore.Store, process string, _ *kept) (*delta.Result, error) {
		o := options(st, process)
		t, err := delta.Open(ctx, st.URL(), &o)
		if err != nil {
			return nil, err
		}
		v, err := t.Checkpoint(ctx)
		return &delta.Result{State: delta.Committed, Version: v}, err
	}}

	handedOver  = []item{{9, "d", 90}}
	prepareStep = step{name: "prepare", silent: true, then: same, run: func(ctx context.Context, st logstore.Store, process string, k *kept) (*delta.Result, error) {
		o := options(st, process)
		t, err := delta.Open(ctx, st.URL(), &o)
		if err != nil {
			return nil, err
		}
		var res *delta.Result
		k.prepared, res, err = t.Prepare(ctx, "append", "", source(handedOver...), &delta.WriteOptions{Key: "commit", Parallel: 1})
		return res, err
	}}
	commitStep = step{
		name: "commit", then: func(rows []item) []item { return append(slices.Clone(rows), handedOver...) },
		run: func(ctx context.Context, st logstore.Store, process string, k *kept) (*delta.Result, error) {
			if k.prepared == nil {
				return nil, errors.New("nothing was prepared")
			}
			o := options(st, process)
			t, err := delta.OpenPrepared(ctx, st.URL(), k.prepared, &o)
			if err != nil {
				return nil, err
			}
			return t.Commit(ctx, k.prepared)
		},
	}

	updateStep = onTable("update", func(ctx context.Context, t *delta.Table, o delta.WriteOptions) (*delta.Result, error) {
		return t.Update(ctx, delta.Set{"qty": "qty + 1"}, "part = 'a'", &delta.ChangeOptions{WriteOptions: o})
	}, func(rows []item) (out []item) {
		for _, i := range rows {
			if i.Part == "a" {
				i.Qty++
			}
			out = append(out, i)
		}
		return out
	})
	deleteStep = onTable("delete", func(ctx context.Context, t *delta.Table, o delta.WriteOptions) (*delta.Result, error) {
		return t.Delete(ctx, "id = 2 OR id = 7", &delta.ChangeOptions{WriteOptions: o})
	}, func(rows []item) []item { return without(rows, func(i item) bool { return i.ID == 2 || i.ID == 7 }) })

	reloaded   = []item{{1, "a", 1}, {20, "z", 2}}
	reloadStep = onTable("reload", func(ctx context.Context, t *delta.Table, o delta.WriteOptions) (*delta.Result, error) {
		return t.Reload(ctx, source(reloaded...), &o)
	}, func([]item) []item { return reloaded })

	lastStep = onTable("last", func(ctx context.Context, t *delta.Table, o delta.WriteOptions) (*delta.Result, error) {
		return t.Append(ctx, source(item{30, "y", 3}), &o)
	}, func(rows []item) []item { return append(slices.Clone(rows), item{30, "y", 3}) })

	firstStep = step{
		name: "first", makes: true, then: appendStep.then,
		run: func(ctx context.Context, st logstore.Store, process string, _ *kept) (*delta.Result, error) {
			t, err := delta.OpenOrCreate(ctx, st.URL(), itemSchema, itemTable(options(st, process)))
			if err != nil {
				return nil, err
			}
			return t.Append(ctx, source(appended...), &delta.WriteOptions{Key: "first", Parallel: 1})
		},
	}
)

// lives are the lives of tables that are recorded.
var lives = map[string][]step{
	"created": {
		createStep, appendStep, replaceStep, mergeStep, checkpointStep, prepareStep, commitStep,
		updateStep, deleteStep, reloadStep, lastStep,
	},
	"made by its first write": {firstStep, deleteStep, prepareStep, commitStep, updateStep, mergeStep},
}

// outcomes are the rows after each number of steps.
func outcomes(steps []step) [][]item {
	out := [][]item{nil}
	for _, s := range steps {
		out = append(out, s.then(out[len(out)-1]))
	}
	return out
}
