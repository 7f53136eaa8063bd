package storecheck

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/deltalog/deltalog/txlog/logstore"
)

func names(objects []logstore.Object) []string {
	out := make([]string, len(objects))
	for i, o := range objects {
		out[i] = o.Name
	}
	return out
}

func sorted(names []string) []string { return slices.Sorted(slices.Values(names)) }

// below is what a listing with these options must have, of all names in order.
func below(all []string, o logstore.ListOptions) []string {
	var out []string
	for _, name := range all {
		rest, ok := strings.CutPrefix(name, o.Prefix)
		if ok && name > o.StartAfter && !(o.Shallow && strings.Contains(rest, "/")) {
			out = append(out, name)
		}
	}
	return out
}

// sameNames compares a listing with what it must be, and says how they differ.
func (c suite) sameNames(got, want []string, of string) {
	c.Helper()
	if slices.Equal(got, want) {
		return
	}
	have := make(map[string]int)
	for _, n := range got {
		have[n]++
	}
	for _, n := range want {
		if have[n] == 0 {
			c.Errorf("a listing of %s lacks %q, which was written before (%d of %d names)", of, n, len(got), len(want))
			return
		}
	}
	wanted := make(map[string]bool)
	for _, n := range want {
		wanted[n] = true
	}
	for _, n := range got {
		if !wanted[n] {
			c.Errorf("a listing of %s has %q, which it should not", of, n)
			return
		}
		if have[n] > 1 {
			c.Errorf("a listing of %s has %q %d times", of, n, have[n])
			return
		}
	}
	for i := range got {
		if got[i] != want[i] {
			c.Errorf("a listing of %s is not in order of the names' bytes: %q comes where %q belongs", of, got[i], want[i])
			return
		}
	}
}

func checkListEmpty(t T, h *Harness) {
	c := begin(t, h)
	for _, o := range []logstore.ListOptions{
		{},
		{Prefix: "_delta_log/"},
		{Prefix: "a/b/c"},
		{Shallow: true},
		{StartAfter: "a"},
	} {
		if all := c.list(o); len(all) != 0 {
			c.Errorf("List(%+v) of an empty root has %q", o, names(all))
		}
	}
	c.put("dir/a", []byte("a"))
	for _, prefix := range []string{"dir/a/", "dir/b", "di/", "dir/aa", "e"} {
		if all := c.list(logstore.ListOptions{Prefix: prefix}); len(all) != 0 {
			c.Errorf("List of the prefix %q, which nothing has, has %q", prefix, names(all))
		}
	}
}

// checkListOptions compares every combination of options with a filter over all
// names.
func checkListOptions(t T, h *Harness) {
	c := begin(t, h)
	all := sorted([]string{
		"_delta_log/00000000000000000000.json", "_delta_log/00000000000000000001.json",
		"_delta_log/00000000000000000001.checkpoint.parquet", "_delta_log/00000000000000000010.json",
		"_delta_log/_last_checkpoint", "_delta_log/_sidecars/a.parquet", "_delta_log/_sidecars/b.parquet",
		"_delta_log_not/x", "_delta_lo",
		"a", "a-b", "a.b", "a0", "aa/a", "aa/b", "aa-/a", "aa0", "b/c/d/e", "b/c/d-e", "b/c-d", "b/c/d0", "z",
	})
	for _, name := range all {
		c.put(name, content(strings.ReplaceAll(name, "/", "_"), len(name)))
	}
	starts := append([]string{
		"", "!", "_delta_log/", "_delta_log/0", "_delta_log/00000000000000000001", "a/", "aa", "aa/", "aa/z",
		"aaa", "b", "b/c", "b/c/", "b/c/d/", "b/c/d", "b/c0", "zz", "_delta_log0", "_delta_log/00000000000000000001.json\x01",
	}, all...)
	prefixes := []string{
		"", "_", "_delta_log", "_delta_log/", "_delta_log/0", "_delta_log/00000000000000000001", "_delta_log/_sidecars/",
		"a", "aa", "aa/", "a-", "b/", "b/c", "b/c/", "b/c/d", "b/c/d/", "z", "zz", "a/",
	}
	n := 0
	for _, prefix := range prefixes {
		for _, start := range starts {
			for _, shallow := range []bool{false, true} {
				if n++; n%h.Sample != 0 {
					continue
				}
				o := logstore.ListOptions{Prefix: prefix, StartAfter: start, Shallow: shallow}
				c.sameNames(names(c.list(o)), below(all, o), fmt.Sprintf("%+v", o))
				if c.Failed() {
					return
				}
			}
		}
	}
	for _, o := range c.list(logstore.ListOptions{}) {
		if want := int64(len(content(strings.ReplaceAll(o.Name, "/", "_"), len(o.Name)))); o.Size != want {
			c.Errorf("a listing says that %q has %d bytes, want %d", o.Name, o.Size, want)
		}
		if o.Modified.IsZero() {
			c.Errorf("a listing gives no modification time for %q", o.Name)
		}
	}
}

// checkListAwkward has directories whose order as directories is not that of the
// names below them.
func checkListAwkward(t T, h *Harness) {
	c := begin(t, h)
	var all []string
	for _, dir := range []string{
		"city=New", "city=New York", "city=New%20Orleans", "city=New-Haven", "city=New.Jersey", "city=New+", "city=New!", "city=New0", "city=NewYork", "city=Ne",
	} {
		for i := range 3 {
			all = append(all, fmt.Sprintf("%s/part-%05d.parquet", dir, i), fmt.Sprintf("%s/hour=0%d/x", dir, i))
		}
	}
	for _, name := range all {
		c.put(name, []byte(name))
	}
	all = sorted(all)
	c.sameNames(names(c.list(logstore.ListOptions{})), all, "directories that sort awkwardly")
	for i, after := range all {
		c.sameNames(names(c.list(logstore.ListOptions{StartAfter: after})), all[i+1:], fmt.Sprintf("what comes after %q", after))
	}
	o := logstore.ListOptions{Prefix: "city=New", StartAfter: "city=New York"}
	c.sameNames(names(c.list(o)), below(all, o), fmt.Sprintf("%+v", o))
}

// checkListMany has more objects than a page of any store, and one page's edge in
// the middle of a directory.
func checkListMany(t T, h *Harness) {
	const logs, perDir, dirs = 1030, 60, 8
	c := begin(t, h)
	var all []string
	for i := range logs {
		all = append(all, fmt.Sprintf("_delta_log/%020d.json", i))
	}
	for d := range dirs {
		for i := range perDir {
			all = append(all, fmt.Sprintf("d=%d/part-%05d.parquet", d, i), fmt.Sprintf("d=%d-/part-%05d.parquet", d, i))
		}
	}
	c.parallel(len(all), func(i int) {
		if err := c.s.Put(c.Context(), all[i], []byte(all[i]), logstore.IfAbsent); err != nil {
			c.Errorf("Put of the new name %q with IfAbsent failed: %v", all[i], err)
		}
	})
	if c.Failed() {
		return
	}
	all = sorted(all)
	c.sameNames(names(c.list(logstore.ListOptions{})), all, fmt.Sprintf("%d objects", len(all)))
	for _, o := range []logstore.ListOptions{
		{Prefix: "_delta_log/"},
		{Prefix: "_delta_log/", Shallow: true},
		{Prefix: "_delta_log/", StartAfter: all[7]},
		{Prefix: "_delta_log/", StartAfter: all[logs-3]},
		{StartAfter: all[logs-3]},
		{StartAfter: all[999]},
		{Prefix: "d=3"},
	} {
		c.sameNames(names(c.list(o)), below(all, o), fmt.Sprintf("%+v", o))
	}
}

// parallel calls f for each number below n from a few goroutines, in which f may
// not call Fatalf.
func (c suite) parallel(n int, f func(i int)) {
	const workers = 16
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && !c.Failed(); i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}

// checkListWhileWritten lists while a writer goes on: what was written before a
// listing began is in it.
func checkListWhileWritten(t T, h *Harness) {
	const total = 300
	c := begin(t, h)
	name := func(i int) string { return fmt.Sprintf("_delta_log/%020d.json", i) }
	var written atomic.Int64
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range total {
			if err := c.s.Put(c.Context(), name(i), []byte("x"), logstore.IfAbsent); err != nil {
				c.Errorf("Put while others list failed: %v", err)
				break
			}
			written.Add(1)
		}
		written.Add(total) // the end
	})
	for before := int64(0); before < total && !c.Failed(); h.pace(c) {
		before = written.Load()
		got := names(c.list(logstore.ListOptions{Prefix: "_delta_log/"}))
		for i := range min(before, total) {
			if int(i) >= len(got) || got[i] != name(int(i)) {
				c.Errorf("%d objects were written, one after another, before a listing began; it has %d and lacks %q or has it out of place",
					min(before, total), len(got), name(int(i)))
				break
			}
		}
	}
	wg.Wait()
}

func checkListBreak(t T, h *Harness) {
	c := begin(t, h)
	for i := range 20 {
		c.put(fmt.Sprintf("d=%d/x", i), nil)
	}
	for stop := range 5 {
		seen := 0
		for _, err := range c.s.List(c.Context(), logstore.ListOptions{}) {
			if err != nil {
				c.Fatalf("List failed: %v", err)
			}
			if seen++; seen > stop {
				break
			}
		}
	}
	// A listing can be ranged over again, and sees what came meanwhile.
	seq := c.s.List(c.Context(), logstore.ListOptions{Prefix: "d=1"})
	count := func() (n int) {
		for _, err := range seq {
			if err != nil {
				c.Fatalf("List failed: %v", err)
			}
			n++
		}
		return n
	}
	if first, again := count(), count(); first != 11 || again != 11 {
		c.Errorf("ranging twice over one listing of 11 objects gave %d and %d", first, again)
	}
}
