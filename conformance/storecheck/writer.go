package storecheck

import (
	"context"
	"fmt"

	"github.com/deltalog/deltalog/txlog/logstore"
)

func (c suite) create(ctx context.Context, name string) logstore.Writer {
	c.Helper()
	w, err := c.s.Create(ctx, name)
	if err != nil {
		c.Fatalf("Create of the new name %q failed: %v", name, err)
	}
	return w
}

func (c suite) write(w logstore.Writer, data []byte) {
	c.Helper()
	n, err := w.Write(data)
	if err != nil || n != len(data) {
		c.Fatalf("Write of %d bytes returned %d, %v", len(data), n, err)
	}
}

func checkWriter(t T, h *Harness) {
	c := begin(t, h)
	data := content("writer", 100_000)
	const name = "d=1/part-00000.parquet"
	w := c.create(c.Context(), name)
	c.absent(name, "its Writer was only created")
	for rest := data; len(rest) > 0; {
		n := min(len(rest), 33_333)
		c.write(w, rest[:n])
		rest = rest[n:]
	}
	c.write(w, nil)
	c.absent(name, "its Writer is not closed yet")
	if err := w.Close(); err != nil {
		c.Fatalf("Close of a Writer failed: %v", err)
	}
	w.Abort() // deferred aborts run after Close and do nothing
	c.holds(name, data)
	c.sameNames(names(c.list(logstore.ListOptions{})), []string{name}, "the root after one Writer was closed")

	// Several at once, in turns.
	var ws []logstore.Writer
	for i := range 5 {
		ws = append(ws, c.create(c.Context(), fmt.Sprintf("many/%d", i)))
	}
	for i, w := range ws {
		c.write(w, content(fmt.Sprintf("many%d", i), 1000))
	}
	for i := range ws {
		if err := ws[len(ws)-1-i].Close(); err != nil {
			c.Fatalf("Close of one of several Writers failed: %v", err)
		}
	}
	for i := range ws {
		c.holds(fmt.Sprintf("many/%d", i), content(fmt.Sprintf("many%d", i), 1000))
	}
}

func checkWriterAbort(t T, h *Harness) {
	c := begin(t, h)
	for _, size := range []int64{0, 1000, h.LargeBytes} {
		name := fmt.Sprintf("d=1/aborted-%d", size)
		w := c.create(c.Context(), name)
		for sent := int64(0); sent < size; {
			n := min(size-sent, 1<<20)
			c.write(w, make([]byte, n))
			sent += n
		}
		w.Abort()
		c.absent(name, fmt.Sprintf("its Writer was aborted after %d bytes", size))
		if err := w.Close(); err == nil {
			c.Errorf("Close after Abort returned no error")
		}
		c.absent(name, "its Writer was aborted, then closed")
		if _, err := w.Write([]byte("x")); err == nil {
			c.Errorf("Write after Abort returned no error")
		}
		w.Abort()
		// The name is free, as if nothing had been.
		c.put(name, []byte("x"))
	}
}

func checkWriterCancel(t T, h *Harness) {
	c := begin(t, h)
	for _, size := range []int64{0, 1000, h.LargeBytes} {
		name := fmt.Sprintf("d=1/cancelled-%d", size)
		ctx, cancel := context.WithCancel(c.Context())
		w := c.create(ctx, name)
		for sent := int64(0); sent < size; {
			n := min(size-sent, 1<<20)
			c.write(w, make([]byte, n))
			sent += n
		}
		cancel()
		if err := w.Close(); err == nil {
			c.Errorf("Close of a Writer whose context is over returned no error")
		}
		w.Abort()
		c.absent(name, fmt.Sprintf("its Writer's context was cancelled after %d bytes", size))

		// An error from Write is final, whatever Close is asked to do.
		name += "-write"
		ctx, cancel = context.WithCancel(c.Context())
		w = c.create(ctx, name)
		c.write(w, []byte("beginning"))
		cancel()
		// A driver may only notice when its buffer is full.
		var err error
		for range 64 {
			if _, err = w.Write(make([]byte, 1<<20)); err != nil {
				break
			}
		}
		if err == nil {
			c.Errorf("64 MiB could be written after the Writer's context was over")
		}
		if err := w.Close(); err == nil {
			c.Errorf("Close after a Write that failed returned no error: a part of an object is published as the whole")
		}
		w.Abort()
		c.absent(name, "a Write of its Writer failed")
	}
}

func checkWriterExists(t T, h *Harness) {
	c := begin(t, h)
	const name = "d=1/part-00000.parquet"
	first := content("first", 1000)
	c.put(name, first)
	w, err := c.s.Create(c.Context(), name)
	if err == nil {
		c.write(w, content("second", 500))
		err = w.Close()
	}
	c.is(err, logstore.ErrExist, "a Writer of a name that exists")
	c.holds(name, first)

	// The name is taken while the Writer is open.
	const late = "d=1/part-00001.parquet"
	w = c.create(c.Context(), late)
	c.write(w, content("second", 500))
	c.put(late, first)
	c.is(w.Close(), logstore.ErrExist, "Close of a Writer whose name was put meanwhile")
	c.holds(late, first)
}

func checkLarge(t T, h *Harness) {
	c := begin(t, h)
	data := content("large", int(h.LargeBytes))
	const name = "d=1/large.parquet"
	w := c.create(c.Context(), name)
	for rest, n := data, 1; len(rest) > 0; n = n*3 + 1 {
		n = min(n, len(rest), 3_000_017)
		c.write(w, rest[:n])
		rest = rest[n:]
	}
	if err := w.Close(); err != nil {
		c.Fatalf("Close of a Writer of %d bytes failed: %v", len(data), err)
	}
	c.holds(name, data)
	size := int64(len(data))
	for _, off := range []int64{0, 5<<20 - 7, 8<<20 - 7, size/2 - 7, size - 100} {
		off = max(off, 0)
		c.rangeHolds(name, off, 100, data[min(off, size):min(off+100, size)])
	}

	// A Put of any size is one request and whole.
	c.put("_delta_log/large.json", data)
	c.holds("_delta_log/large.json", data)
}
