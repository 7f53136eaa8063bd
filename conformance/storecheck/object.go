package storecheck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// classes are the definite errors, of which an error should match what it means
// and no other.
var classes = []error{
	logstore.ErrNotExist, logstore.ErrExist, logstore.ErrPermission, logstore.ErrNoSpace,
	logstore.ErrTooLarge, logstore.ErrBadName, logstore.ErrRefused, logstore.ErrUnavailable, logstore.ErrUnsafe,
}

// is fails unless err matches class, and of the classes only that.
func (c suite) is(err, class error, format string, args ...any) {
	c.Helper()
	what := fmt.Sprintf(format, args...)
	if err == nil {
		c.Errorf("%s returned no error, want one that matches %q", what, class)
		return
	}
	for _, other := range classes {
		if got := errors.Is(err, other); got != (other == class) {
			c.Errorf("%s returned %q: errors.Is(err, %q) is %t, want an error that matches %q and no other class", what, err, other, got, class)
		}
	}
}

func checkPut(t T, h *Harness) {
	c := begin(t, h)
	for _, name := range []string{"top", "_delta_log/00000000000000000000.json", "a=1/b=2/part-00000.parquet"} {
		data := content(strings.ReplaceAll(name, " ", ""), 3000)
		c.put(name, data)
		c.holds(name, data)
	}
	if c.s.URL() == "" {
		c.Errorf("URL is empty: errors could not say which store failed")
	}
}

func checkPutIfAbsent(t T, h *Harness) {
	c := begin(t, h)
	const name = "_delta_log/00000000000000000001.json"
	first := content("first", 500)
	c.put(name, first)
	// The same bytes are refused too: the store cannot know whose they are.
	for _, data := range [][]byte{content("second", 400), content("longer", 5000), first, nil} {
		err := c.s.Put(c.Context(), name, data, logstore.IfAbsent)
		c.is(err, logstore.ErrExist, "Put with IfAbsent of a name that exists")
		c.holds(name, first)
	}
	if err := c.s.Delete(c.Context(), name); err != nil {
		c.Fatalf("Delete failed: %v", err)
	}
	c.put(name, content("after", 10)) // a deleted name is free again
}

func checkOverwrite(t T, h *Harness) {
	c := begin(t, h)
	const name = "_delta_log/_last_checkpoint"
	for i, size := range []int{100, 5000, 0, 1, 70_000, 3} {
		data := content(fmt.Sprintf("v%d", i), size)
		if err := c.s.Put(c.Context(), name, data, logstore.Overwrite); err != nil {
			c.Fatalf("Put with Overwrite failed: %v", err)
		}
		c.holds(name, data)
	}
	if all := c.list(logstore.ListOptions{}); len(all) != 1 {
		c.Errorf("after one name was written many times, the listing has %q", names(all))
	}
}

func checkAliasing(t T, h *Harness) {
	c := begin(t, h)
	want := content("mine", 1000)
	data := append([]byte(nil), want...)
	c.put("put", data)
	clear(data)
	c.holds("put", want)

	got, err := c.s.Read(c.Context(), "put", 0)
	if err != nil {
		c.Fatalf("Read failed: %v", err)
	}
	clear(got)
	c.holds("put", want)

	w, err := c.s.Create(c.Context(), "written")
	if err != nil {
		c.Fatalf("Create failed: %v", err)
	}
	chunk := make([]byte, 100)
	for rest := want; len(rest) > 0; {
		n := copy(chunk, rest)
		if _, err := w.Write(chunk[:n]); err != nil {
			c.Fatalf("Write failed: %v", err)
		}
		clear(chunk)
		rest = rest[n:]
	}
	if err := w.Close(); err != nil {
		c.Fatalf("Close of the Writer failed: %v", err)
	}
	c.holds("written", want)
}

func checkEmpty(t T, h *Harness) {
	c := begin(t, h)
	c.put("dir/empty", nil)
	c.put("dir/empty2", []byte{})
	w, err := c.s.Create(c.Context(), "dir/empty3")
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		c.Fatalf("a Writer that is closed without a Write failed: %v", err)
	}
	for _, name := range []string{"dir/empty", "dir/empty2", "dir/empty3"} {
		c.holds(name, nil)
	}
	c.is(c.s.Put(c.Context(), "dir/empty", []byte("x"), logstore.IfAbsent), logstore.ErrExist, "Put with IfAbsent of an empty object's name")
	if all := c.list(logstore.ListOptions{}); len(all) != 3 {
		c.Errorf("three empty objects were written, the listing has %q", names(all))
	}
}

func checkMissing(t T, h *Harness) {
	c := begin(t, h)
	ctx := c.Context()
	look := func(name, when string) {
		_, err := c.s.Read(ctx, name, 0)
		c.is(err, logstore.ErrNotExist, "Read of %q %s", name, when)
		_, err = c.s.Stat(ctx, name)
		c.is(err, logstore.ErrNotExist, "Stat of %q %s", name, when)
		for _, r := range [][2]int64{{0, -1}, {0, 8}, {100, 8}} {
			body, err := c.s.ReadRange(ctx, name, r[0], r[1])
			if err == nil { // a driver may ask when the body is read
				_, err = io.ReadAll(body)
				body.Close()
			}
			c.is(err, logstore.ErrNotExist, "ReadRange of %q %s", name, when)
		}
	}
	look("dir/name", "in an empty root")
	c.put("dir/name/below", []byte("x"))
	look("dir/name", "where only a name below it exists")
	look("dir/nam", "where only a longer name exists")
	look("dir/name/below/more", "below a name that is an object")
	look("dir/name/belo", "where only a longer name exists")
}

func checkRanges(t T, h *Harness) {
	c := begin(t, h)
	data := content("ranges", 10_000)
	c.put("dir/object", data)
	size := int64(len(data))
	for _, r := range []struct{ off, n int64 }{
		{0, 1},
		{0, size},
		{0, -1},
		{1, 5},
		{size - 8, 8},
		{size - 1, 1},
		{size / 2, -1},
		{0, size + 1},
		{size - 8, 9},
		{size - 1, 1 << 40}, // beyond the end
		{size, 0},
		{size, 1},
		{size, -1}, // at the end
		{size + 1, 1},
		{size + 1000, -1},
		{1 << 40, 10}, // behind it
		{0, 0},
		{17, 0}, // nothing
	} {
		want := data[min(r.off, size):]
		if r.n >= 0 && r.n < int64(len(want)) {
			want = want[:r.n]
		}
		c.rangeHolds("dir/object", r.off, r.n, want)
	}
	if body, err := c.s.ReadRange(c.Context(), "dir/object", -1, 5); err == nil {
		body.Close()
		c.Errorf("ReadRange from offset -1 was accepted")
	}

	body, err := c.s.ReadRange(c.Context(), "dir/object", 0, -1)
	if err != nil {
		c.Fatalf("ReadRange failed: %v", err)
	}
	if _, err := io.ReadFull(body, make([]byte, 10)); err != nil {
		c.Errorf("reading ten bytes of a body failed: %v", err)
	}
	if err := body.Close(); err != nil {
		c.Errorf("Close of a body that was read in part failed: %v", err)
	}
}

func checkLimit(t T, h *Harness) {
	c := begin(t, h)
	data := content("limit", 2000)
	size := int64(len(data))
	c.put("object", data)
	for _, limit := range []int64{size, size + 1, 0, -1} {
		if got, err := c.s.Read(c.Context(), "object", limit); err != nil || len(got) != len(data) {
			c.Errorf("Read of %d bytes with limit %d gave %d bytes and the error %v", size, limit, len(got), err)
		}
	}
	for _, limit := range []int64{size - 1, 1} {
		_, err := c.s.Read(c.Context(), "object", limit)
		c.is(err, logstore.ErrTooLarge, "Read of %d bytes with limit %d", size, limit)
	}
}

func checkStat(t T, h *Harness) {
	c := begin(t, h)
	c.put("dir/object", content("stat", 1234))
	o, err := c.s.Stat(c.Context(), "dir/object")
	if err != nil {
		c.Fatalf("Stat failed: %v", err)
	}
	if o.Modified.IsZero() {
		c.Errorf("Stat gave no modification time")
	}
	all := c.list(logstore.ListOptions{})
	if len(all) != 1 || all[0].Name != o.Name || all[0].Size != o.Size {
		c.Errorf("List says %+v where Stat says %+v", all, o)
		return
	}
	// Some stores keep the fraction of a second in one answer only.
	if d := all[0].Modified.Sub(o.Modified).Abs(); d >= time.Second {
		c.Errorf("List and Stat give modification times that are %v apart", d)
	}
}

func checkDelete(t T, h *Harness) {
	c := begin(t, h)
	c.put("dir/a", []byte("a"))
	c.put("dir/ab", []byte("b"))
	for range 2 {
		if err := c.s.Delete(c.Context(), "dir/a"); err != nil {
			c.Errorf("Delete failed; of an object that does not exist it is no error: %v", err)
		}
		c.absent("dir/a", "it was deleted")
	}
	for _, name := range []string{"dir", "nothing/here", "dir/ab/below"} {
		if err := c.s.Delete(c.Context(), name); err != nil {
			c.Errorf("Delete of %q, which is no object, failed: %v", name, err)
		}
	}
	c.holds("dir/ab", []byte("b"))
}

func checkBadNames(t T, h *Harness) {
	c := begin(t, h)
	ctx := c.Context()
	for _, name := range []string{
		"", "/", "/absolute", "trailing/", "double//slash", ".", "..", "./a", "../a", "a/../b", "a/..", "a/./b", "a/.",
		"../../etc/passwd", "a\x00b", strings.Repeat("x", logstore.MaxNameBytes+1),
	} {
		c.is(c.s.Put(ctx, name, []byte("x"), logstore.IfAbsent), logstore.ErrBadName, "Put of the bad name %.40q", name)
		c.is(c.s.Put(ctx, name, []byte("x"), logstore.Overwrite), logstore.ErrBadName, "Put with Overwrite of the bad name %.40q", name)
		_, err := c.s.Read(ctx, name, 0)
		c.is(err, logstore.ErrBadName, "Read of the bad name %.40q", name)
		_, err = c.s.ReadRange(ctx, name, 0, 1)
		c.is(err, logstore.ErrBadName, "ReadRange of the bad name %.40q", name)
		_, err = c.s.Stat(ctx, name)
		c.is(err, logstore.ErrBadName, "Stat of the bad name %.40q", name)
		c.is(c.s.Delete(ctx, name), logstore.ErrBadName, "Delete of the bad name %.40q", name)
		w, err := c.s.Create(ctx, name)
		if err == nil {
			w.Abort()
		}
		c.is(err, logstore.ErrBadName, "Create of the bad name %.40q", name)
	}
	for _, prefix := range []string{"/", "../", "a/../", "a//b", "./"} {
		var first error
		for _, err := range c.s.List(ctx, logstore.ListOptions{Prefix: prefix}) {
			first = err
			break
		}
		c.is(first, logstore.ErrBadName, "List of the bad prefix %q", prefix)
	}
	if all := c.list(logstore.ListOptions{}); len(all) != 0 {
		c.Errorf("bad names made objects: %q", names(all))
	}
}

// oddNames are names that engines give or once gave to files, and what drivers
// are tempted to encode or to mistake for their own.
var oddNames = []string{
	"city=New York/part.parquet",
	"city=New%20York/part.parquet",
	"city=New%2520York/part.parquet",
	"t=2024-01-01 00%3A00%3A00/x",
	"t=2024-01-01 00:00:00/x",
	"plus=a+b/x", "amp=a&b/x", "hash=a#b/x", "question=a?b/x", "eq==a=b/x", "semi=a;b/x", "at=a@b/x",
	"quote='a'/x", `double="a"/x`, "brackets=[a]{b}(c)/x", "star=*/x", "pipe=a|b/x", "lt=<a>/x", "tick=`a`/x",
	"tilde=~/x", "caret=^/x", "dollar=$a/x", "comma=a,b/x", "bang=!/x",
	"accent=é/x", "accent=e\u0301/x", // the same letter, composed and not
	"emoji=😀/x", "chinese=中文/x", "zwj=a\u200db/x",
	"escape=a__0x2f__b/x",
	"percent=%/x", "percent=%zz/x", "percent=%2F/x", "percent=%2e%2e/x",
	"...", "..a/x", "a../x", "dots=..../x", ".hidden", "_underscore", "-dash", "~",
	" leading", "trailing ", "in  ner",
	"part-00000-c000.snappy.parquet.crc", "x.attrs", "x.tmp", "x#1", "x.json.attrs",
	"_delta_log/00000000000000000010.checkpoint.0000000001.0000000002.parquet",
	"__HIVE_DEFAULT_PARTITION__", "p=__HIVE_DEFAULT_PARTITION__/x",
	"long/" + strings.Repeat("n", 200) + ".parquet",
	"deep/" + strings.Repeat("d/", 100) + "x",
}

func checkOddNames(t T, h *Harness) {
	c := begin(t, h)
	for i, name := range oddNames {
		data := content(fmt.Sprintf("odd%d", i), 64)
		c.put(name, data)
	}
	for i, name := range oddNames {
		c.holds(name, content(fmt.Sprintf("odd%d", i), 64))
	}
	c.sameNames(names(c.list(logstore.ListOptions{})), sorted(oddNames), "the whole root")
	for _, name := range oddNames {
		c.sameNames(names(c.list(logstore.ListOptions{Prefix: name})), below(sorted(oddNames), logstore.ListOptions{Prefix: name}), "the prefix "+name)
	}
	w, err := c.s.Create(c.Context(), "made=%25 +é/x")
	if err == nil {
		if _, err = w.Write([]byte("made")); err == nil {
			err = w.Close()
		}
	}
	if err != nil {
		c.Fatalf("a Writer of an odd name failed: %v", err)
	}
	c.holds("made=%25 +é/x", []byte("made"))
	for _, name := range oddNames {
		if err := c.s.Delete(c.Context(), name); err != nil {
			c.Errorf("Delete of %q failed: %v", name, err)
		}
	}
	c.sameNames(names(c.list(logstore.ListOptions{})), []string{"made=%25 +é/x"}, "the root after all others were deleted")
}

func checkCancelled(t T, h *Harness) {
	c := begin(t, h)
	c.put("dir/there", content("there", 100))
	ctx, cancel := context.WithCancel(c.Context())
	cancel()
	failed := func(err error, what string) {
		if !errors.Is(err, context.Canceled) {
			c.Errorf("%s with a context that is over returned %v, want an error that matches context.Canceled", what, err)
		}
	}
	_, err := c.s.Read(ctx, "dir/there", 0)
	failed(err, "Read")
	body, err := c.s.ReadRange(ctx, "dir/there", 0, -1)
	if err == nil {
		_, err = io.ReadAll(body)
		body.Close()
	}
	failed(err, "ReadRange")
	_, err = c.s.Stat(ctx, "dir/there")
	failed(err, "Stat")
	failed(c.s.Put(ctx, "dir/new", []byte("x"), logstore.IfAbsent), "Put")
	failed(c.s.Put(ctx, "dir/there", []byte("x"), logstore.Overwrite), "Put with Overwrite")
	failed(c.s.Delete(ctx, "dir/there"), "Delete")
	err = nil
	for _, e := range c.s.List(ctx, logstore.ListOptions{}) {
		err = e
	}
	failed(err, "List")
	c.absent("dir/new", "it was only put with a context that was over")
	c.holds("dir/there", content("there", 100))

	// A body too large to be on its way as a whole ends with its context.
	large := make([]byte, h.LargeBytes)
	c.put("dir/large", large)
	ctx, cancel = context.WithCancel(c.Context())
	defer cancel()
	body, err = c.s.ReadRange(ctx, "dir/large", 0, -1)
	if err != nil {
		c.Fatalf("ReadRange failed: %v", err)
	}
	defer body.Close()
	if _, err := io.ReadFull(body, make([]byte, 1)); err != nil {
		c.Fatalf("reading a body failed: %v", err)
	}
	cancel()
	_, err = io.Copy(io.Discard, body)
	failed(err, "reading on in a body")
}
