package pqwrite

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/deltalog/deltalog/internal/vec"
)

// A task is what one encoder does with one column before it takes another task.
// Tasks of one round touch different state and may run in any order.
type task struct {
	col  *column
	do   taskKind
	from int
	n    int
	page int     // taskPage: its place among the column's pages
	held *values // taskPage: rows that begin the page, or nil
}

type taskKind uint8

const (
	taskPrime  taskKind = iota // begin a chunk: see column.prime
	taskFollow                 // encode rows in order: see column.follow
	taskPage                   // encode one page
	taskHold                   // keep rows for a page not yet full
	taskFinish                 // encode what is held
)

// inlineValues is how many values of a batch are not worth starting goroutines for.
const inlineValues = 16 << 10

// encode takes n rows of cols from row from on.
func (w *Writer) encode(ctx context.Context, cols []*vec.Vec, from, n int) error {
	// First come columns at the beginning of a row group, up to the point where
	// they know how to go on: most then fall apart into independent pages.
	done := make([]int, len(w.cols))
	w.tasks = w.tasks[:0]
	for i, c := range w.cols {
		if !c.decided {
			w.tasks = append(w.tasks, task{col: c, do: taskPrime, from: from, n: n, page: i})
		}
	}
	if err := w.run(ctx, cols, done); err != nil {
		return err
	}
	w.tasks = w.tasks[:0]
	for i, c := range w.cols {
		if rest := n - done[i]; rest > 0 && c.dictOK {
			w.tasks = append(w.tasks, task{col: c, do: taskFollow, from: from + done[i], n: rest})
		}
	}
	for i, c := range w.cols {
		if rest := n - done[i]; rest > 0 && !c.dictOK {
			w.plan(c, cols, from+done[i], rest)
		}
	}
	return w.run(ctx, cols, nil)
}

// plan cuts n rows of a column without a dictionary into pages.
func (w *Writer) plan(c *column, cols []*vec.Vec, from, n int) {
	for end := from + n; from < end; {
		k, full := c.cut(cols, from, end-from, c.held(), c.size)
		if !full {
			w.tasks = append(w.tasks, task{col: c, do: taskHold, from: from, n: k})
			return
		}
		t := task{col: c, do: taskPage, from: from, n: k, page: len(c.pages)}
		t.held, c.pend, c.size = c.pend, nil, 0
		c.pages = append(c.pages, page{})
		w.tasks = append(w.tasks, t)
		from += k
	}
}

// finish encodes what the columns hold.
func (w *Writer) finish(ctx context.Context) error {
	w.tasks = w.tasks[:0]
	for _, c := range w.cols {
		w.tasks = append(w.tasks, task{col: c, do: taskFinish, n: c.held()})
	}
	return w.run(ctx, nil, nil)
}

// run carries out w.tasks on up to Parallel goroutines and waits for them. done
// takes how many rows each priming task took.
func (w *Writer) run(ctx context.Context, cols []*vec.Vec, done []int) error {
	n := 0
	for i := range w.tasks {
		n += w.tasks[i].n
	}
	encoders := min(w.opts.Parallel, len(w.tasks))
	if n < inlineValues {
		encoders = min(encoders, 1)
	}
	var next atomic.Int64
	errs := make([]error, encoders)
	work := func(k int) {
		e := getEncoder(w, k)
		defer putEncoder(e)
		for {
			i := int(next.Add(1)) - 1
			if i >= len(w.tasks) {
				return
			}
			err := ctx.Err()
			if err == nil {
				err = e.run(&w.tasks[i], cols, done)
			}
			if err != nil {
				errs[k] = fmt.Errorf("pqwrite: encode column %s: %w", w.tasks[i].col.name, err)
				next.Store(int64(len(w.tasks)))
				return
			}
		}
	}
	if encoders == 1 {
		work(0)
		return errs[0]
	}
	var wg sync.WaitGroup
	for k := range encoders {
		wg.Go(func() { work(k) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *encoder) run(t *task, cols []*vec.Vec, done []int) (err error) {
	c := t.col
	switch t.do {
	case taskPrime:
		done[t.page], err = c.prime(e, cols, t.from, t.n)
	case taskFollow:
		err = c.follow(e, cols, t.from, t.n)
	case taskHold:
		c.hold(&e.shred, cols, t.from, t.n)
	case taskFinish:
		err = c.finish(e)
	case taskPage:
		p := t.held
		if p == nil {
			p = &e.direct
			p.reset()
		}
		if t.n > 0 {
			p.add(c, &e.shred, cols, t.from, t.n, t.held == nil)
		}
		c.pages[t.page], err = e.encode(c, p, nil)
		if t.held != nil {
			t.held.recycle()
		}
	}
	return err
}
