package join

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// preferHugePages asks for a large table to be mapped in large pages: a lookup
// goes to a place that no one went to lately, and with small pages it would wait
// for the page tables as well as for the slot.
func preferHugePages(b []byte) {
	const page = 2 << 20
	start := (uintptr(unsafe.Pointer(unsafe.SliceData(b))) + page - 1) &^ (page - 1)
	skip := int(start - uintptr(unsafe.Pointer(unsafe.SliceData(b))))
	if len(b) < skip+page {
		return
	}
	b = b[skip : skip+(len(b)-skip)&^(page-1)]
	// It is only advice, so errors change nothing. The second one is for memory that
	// has been used before and is in small pages already.
	_ = unix.Madvise(b, unix.MADV_HUGEPAGE)
	_ = unix.Madvise(b, unix.MADV_COLLAPSE)
}
