package storecheck

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// content returns size bytes, or a few more, that say who wrote them and can be
// checked whole: a line with the author, the length and a checksum of the rest.
func content(author string, size int) []byte {
	body := make([]byte, size)
	x := uint64(crc32.ChecksumIEEE([]byte(author)))<<32 | uint64(size)
	for i := range body {
		x = x*6364136223846793005 + 1442695040888963407
		body[i] = byte(x >> 56)
	}
	head := fmt.Sprintf("%s %d %08x\n", author, size, crc32.ChecksumIEEE(body))
	return append([]byte(head), body...)
}

// whole returns the author of what content made, or what is wrong with it.
func whole(data []byte) (author string, err error) {
	head, body, ok := bytes.Cut(data, []byte("\n"))
	var size int
	var sum uint32
	if ok {
		_, err = fmt.Sscanf(string(head), "%s %d %x", &author, &size, &sum)
	}
	switch {
	case len(data) == 0:
		return "", fmt.Errorf("it is empty")
	case !ok || err != nil:
		return "", fmt.Errorf("its beginning is not what any writer wrote (%.60q)", head)
	case len(body) < size:
		return "", fmt.Errorf("it is cut off: %d of %s's %d bytes", len(body), author, size)
	case len(body) > size || crc32.ChecksumIEEE(body) != sum:
		return "", fmt.Errorf("it is a mixture: %s's beginning with bytes that are not %s's", author, author)
	}
	return author, nil
}

// A suite is one check's store with helpers that fail in a store author's words.
type suite struct {
	T
	s logstore.Store
}

func begin(t T, h *Harness) suite {
	t.Helper()
	return suite{t, h.open(t)}
}

func (c suite) put(name string, data []byte) {
	c.Helper()
	if err := c.s.Put(c.Context(), name, data, logstore.IfAbsent); err != nil {
		c.Fatalf("Put of the new name %q with IfAbsent failed: %v", name, err)
	}
}

// holds fails unless every way of reading the object gives want.
func (c suite) holds(name string, want []byte) {
	c.Helper()
	got, err := c.s.Read(c.Context(), name, 0)
	switch {
	case err != nil:
		c.Errorf("Read of %q, which was written, failed: %v", name, err)
	case !bytes.Equal(got, want):
		c.Errorf("Read of %q gave %s, want %s", name, brief(got), brief(want))
	}
	c.rangeHolds(name, 0, -1, want)
	o, err := c.s.Stat(c.Context(), name)
	switch {
	case err != nil:
		c.Errorf("Stat of %q, which was written, failed: %v", name, err)
	case o.Name != name || o.Size != int64(len(want)):
		c.Errorf("Stat of %q said name %q and %d bytes, want %d bytes", name, o.Name, o.Size, len(want))
	}
}

func (c suite) rangeHolds(name string, off, n int64, want []byte) {
	c.Helper()
	body, err := c.s.ReadRange(c.Context(), name, off, n)
	if err != nil {
		c.Errorf("ReadRange(%q, off %d, n %d) failed: %v", name, off, n, err)
		return
	}
	got, err := io.ReadAll(body)
	if err != nil {
		c.Errorf("the body of ReadRange(%q, off %d, n %d) failed after %d bytes: %v", name, off, n, len(got), err)
	} else if !bytes.Equal(got, want) {
		c.Errorf("ReadRange(%q, off %d, n %d) gave %s, want %s", name, off, n, brief(got), brief(want))
	}
	if err := body.Close(); err != nil {
		c.Errorf("Close of the body of ReadRange(%q) failed: %v", name, err)
	}
}

// absent fails if there is any sign of the object.
func (c suite) absent(name, why string) {
	c.Helper()
	if data, err := c.s.Read(c.Context(), name, 0); err == nil {
		c.Errorf("%q can be read (%s), but %s", name, brief(data), why)
	} else {
		c.is(err, logstore.ErrNotExist, "Read of %q, since %s", name, why)
	}
	for _, o := range c.list(logstore.ListOptions{Prefix: name}) {
		if o.Name == name {
			c.Errorf("%q is listed, but %s", name, why)
		}
	}
}

// list returns all of a listing.
func (c suite) list(o logstore.ListOptions) []logstore.Object {
	c.Helper()
	var all []logstore.Object
	for obj, err := range c.s.List(c.Context(), o) {
		if err != nil {
			c.Errorf("List(%+v) failed after %d objects: %v", o, len(all), err)
			break
		}
		all = append(all, obj)
	}
	return all
}

func brief(data []byte) string {
	if len(data) <= 40 {
		return fmt.Sprintf("%q", data)
	}
	return fmt.Sprintf("%d bytes beginning %.24q", len(data), data)
}
