package fsck

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// A Finding is one thing that is wrong.
type Finding struct {
	Code     Code          `json:"code"`
	Severity Severity      `json:"severity"`
	Version  txlog.Version `json:"version"`        // that it is about; txlog.NoVersion: none
	Path     string        `json:"path,omitempty"` // of the object, as the log or the store has it
	Detail   string        `json:"detail"`
	Do       string        `json:"do"` // what to do about it
}

// String is one line, without what to do.
func (f *Finding) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", f.Severity, f.Code)
	if f.Version != txlog.NoVersion {
		fmt.Fprintf(&b, " version %d", f.Version)
	}
	if f.Path != "" {
		fmt.Fprintf(&b, " %s", f.Path)
	}
	return b.String() + ": " + f.Detail
}

// An Orphan is an object that no retained version names: of a writer that was
// killed, of one that is at work now, or left for vacuum.
type Orphan struct {
	Name     string    `json:"name"`
	Bytes    int64     `json:"bytes"`
	Modified time.Time `json:"modified"`
}

// Checked counts what was looked at.
type Checked struct {
	Commits     int64 `json:"commits"`
	Checkpoints int64 `json:"checkpoints"`
	Compactions int64 `json:"compactions"`
	Checksums   int64 `json:"checksums"`
	Files       int64 `json:"files"`   // live files, found by a listing
	Bytes       int64 `json:"bytes"`   // of those, by the log
	Footers     int64 `json:"footers"` // of those, the ones whose footer was read
	Vectors     int64 `json:"deletion_vectors"`
	Rows        int64 `json:"rows"` // that were read
	Requests    int64 `json:"requests"`
}

// A Report says what was looked at and what was found.
type Report struct {
	URL     string        `json:"table"`
	Version txlog.Version `json:"version"` // whose files were checked
	// Oldest and Newest are the versions that the log has.
	Oldest  txlog.Version `json:"oldest_version"`
	Newest  txlog.Version `json:"newest_version"`
	Checked Checked       `json:"checked"`
	// Findings are at most Options.MaxFindings of each code, in the order of [Codes],
	// of versions and of paths; Counts are of all.
	Findings []*Finding     `json:"findings"`
	Counts   map[Code]int64 `json:"counts"`
	Errors   int64          `json:"errors"`
	Warnings int64          `json:"warnings"`
	// Orphans are the oldest Options.MaxOrphans, the oldest first.
	Orphans     []Orphan `json:"orphans"`
	OrphanFiles int64    `json:"orphan_files"`
	OrphanBytes int64    `json:"orphan_bytes"`
	// NotChecked says what was left out, and why. Empty: nothing that was asked for.
	NotChecked []string `json:"not_checked"`
}

// Err returns nil if there is no finding of severity [Error], else an error that
// matches [txlog.ErrCorrupt] and says the first of them.
func (r *Report) Err() error {
	if r.Errors == 0 {
		return nil
	}
	var lines []error
	for _, f := range r.Findings {
		if f.Severity == Error && len(lines) < 10 {
			lines = append(lines, errors.New(f.String()))
		}
	}
	return fmt.Errorf("fsck: %s: %w: %d errors: %w", r.URL, txlog.ErrCorrupt, r.Errors, errors.Join(lines...))
}

// findings collects; it is safe for concurrent use.
type findings struct {
	mu      sync.Mutex
	r       *Report
	max     int64
	orphans orphanHeap
	keep    int // orphans
}

// add records a finding with its code's own severity.
func (s *findings) add(code Code, v txlog.Version, path, format string, args ...any) {
	s.addAs(codeInfo[code].Severity, code, v, path, format, args...)
}

func (s *findings) addAs(sev Severity, code Code, v txlog.Version, path, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.r.Counts[code]++
	if sev == Error {
		s.r.Errors++
	} else {
		s.r.Warnings++
	}
	if s.r.Counts[code] > s.max {
		return
	}
	s.r.Findings = append(s.r.Findings, &Finding{
		Code: code, Severity: sev, Version: v, Path: path, Detail: fmt.Sprintf(format, args...), Do: codeInfo[code].Do,
	})
}

func (s *findings) skip(format string, args ...any) {
	s.r.NotChecked = append(s.r.NotChecked, fmt.Sprintf(format, args...))
}

// orphan records an object that nothing names. The oldest are kept.
func (s *findings) orphan(o logstore.Object) {
	s.r.OrphanFiles++
	s.r.OrphanBytes += o.Size
	heap.Push(&s.orphans, Orphan{Name: o.Name, Bytes: o.Size, Modified: o.Modified})
	if len(s.orphans) > s.keep {
		heap.Pop(&s.orphans)
	}
}

func (s *findings) finish() {
	s.r.Orphans = s.orphans
	slices.SortFunc(s.r.Orphans, compareOrphans)
	// Files are looked at several at a time.
	slices.SortStableFunc(s.r.Findings, func(a, b *Finding) int {
		return cmp.Or(cmp.Compare(rank(a.Code), rank(b.Code)), cmp.Compare(a.Version, b.Version), strings.Compare(a.Path, b.Path))
	})
}

func rank(c Code) int {
	return slices.IndexFunc(codes, func(i CodeInfo) bool { return i.Code == c })
}

func compareOrphans(a, b Orphan) int {
	if c := a.Modified.Compare(b.Modified); c != 0 {
		return c
	}
	return strings.Compare(a.Name, b.Name)
}

// An orphanHeap has the youngest on top.
type orphanHeap []Orphan

func (h orphanHeap) Len() int           { return len(h) }
func (h orphanHeap) Less(i, j int) bool { return compareOrphans(h[i], h[j]) > 0 }
func (h orphanHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *orphanHeap) Push(x any)        { *h = append(*h, x.(Orphan)) }
func (h *orphanHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
