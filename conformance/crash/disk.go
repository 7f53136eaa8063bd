package crash

import (
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/deltalog/deltalog/internal/diskcall"
)

// A Disk records what stores ask of a file system below one directory. It is safe
// for concurrent use.
//
// The directory itself, and what is in it when the Disk is made, is taken to be
// durable and is not part of the record.
type Disk struct {
	top string

	mu     sync.Mutex
	events []event
	inodes map[any]int // a file being written → its number
}

// An event is a change of the file system, or a note by the test. Of a crash at
// moment k the first k events have taken place.
type event struct {
	op   string
	dir  string   // of the entries; for SyncDir the directory
	sets []set    // entries of dir that change, at once
	file int      // the number of the file that is written or flushed
	data []byte   // that is appended
	note Note     // when op is noted
	call callName // for people
}

// A set is a directory's entry after a change: a file, a directory, or nothing.
type set struct {
	name string
	file int // > 0: a file; 0: nothing; isDir: a directory
}

const (
	isDir = -1
	noted = "note"
)

// A callName is what a call was, for messages.
type callName struct{ op, path string }

// A Note is a fact that a test puts into the record, such as that a caller was
// told something.
type Note any

// NewDisk returns a Disk for what happens below a directory that is there.
func NewDisk(top string) *Disk {
	return &Disk{top: filepath.ToSlash(top), inodes: map[any]int{}}
}

// Start takes what an image holds to be on the disk, and flushed: the machine came
// back with it.
func (d *Disk) Start(img *Image) {
	d.mu.Lock()
	defer d.mu.Unlock()
	entry := func(op, name string, n int) {
		dir := path.Dir(name)
		d.events = append(d.events,
			event{op: op, dir: dir, sets: []set{{path.Base(name), n}}, file: max(n, 0), call: callName{op, name}},
			event{op: diskcall.SyncDir, dir: dir, call: callName{diskcall.SyncDir, dir}})
	}
	for _, name := range img.Dirs {
		entry(diskcall.Mkdir, name, isDir)
	}
	for _, name := range slices.Sorted(maps.Keys(img.Files)) {
		n := d.inode(new(string))
		d.events = append(d.events,
			event{op: diskcall.Write, file: n, data: img.Files[name], call: callName{diskcall.Write, name}},
			event{op: diskcall.SyncFile, file: n, call: callName{diskcall.SyncFile, name}})
		entry(diskcall.Link, name, n)
	}
}

// Note records a fact at this moment.
func (d *Disk) Note(n Note) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, event{op: noted, note: n})
}

// Len returns how many events there are: the moments of a crash are 0 to Len.
func (d *Disk) Len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.events)
}

// Notes returns the facts that were recorded before moment k.
func (d *Disk) Notes(k int) (notes []Note) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.events[:k] {
		if e.op == noted {
			notes = append(notes, e.note)
		}
	}
	return notes
}

// Moment says what had just happened at moment k.
func (d *Disk) Moment(k int) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if k == 0 {
		return "before everything"
	}
	e := d.events[k-1]
	if e.op == noted {
		return fmt.Sprintf("moment %d, after the note %v", k, e.note)
	}
	return fmt.Sprintf("moment %d, after %s %s", k, e.call.op, e.call.path)
}

// Hook returns the hook of a store in dir, a directory below the Disk's: it makes
// each call and records it if it succeeded. Flushes are only recorded, for time.
// Calls are made one at a time.
func (d *Disk) Hook(dir string) diskcall.Hook {
	root := d.relative(filepath.ToSlash(dir))
	return func(c diskcall.Call, do func() error) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		if c.Op != diskcall.SyncDir && c.Op != diskcall.SyncFile {
			if err := do(); err != nil {
				return err
			}
		}
		d.record(root, c)
		return nil
	}
}

// relative returns a path as the record has it: below the top, which is ".".
func (d *Disk) relative(abs string) string {
	if abs == d.top {
		return "."
	}
	below, ok := strings.CutPrefix(abs, d.top+"/")
	if !ok {
		return abs // above the top: durable, and never asked for
	}
	return below
}

func (d *Disk) record(root string, c diskcall.Call) {
	at := func(name string) string {
		if strings.HasPrefix(name, "/") {
			return d.relative(name)
		}
		return path.Join(root, name)
	}
	full, temp := at(c.Path), at(c.Temp)
	e := event{op: c.Op, dir: path.Dir(full), file: d.inode(c.File), call: callName{c.Op, full}}
	base := path.Base(full)
	switch c.Op {
	case diskcall.Mkdir:
		e.sets = []set{{base, isDir}}
	case diskcall.SyncDir:
		e.dir = full
	case diskcall.OpenAnonymous, diskcall.SyncFile:
	case diskcall.Write:
		e.data = append([]byte(nil), c.Data...)
	case diskcall.OpenTemp:
		e.sets = []set{{path.Base(temp), e.file}}
	case diskcall.Link:
		e.sets = []set{{base, e.file}}
	case diskcall.Rename, diskcall.Replace:
		e.sets = []set{{path.Base(temp), 0}, {base, e.file}}
	case diskcall.RemoveTemp:
		e.sets = []set{{path.Base(temp), 0}}
	case diskcall.Remove:
		e.sets = []set{{base, 0}}
	default:
		panic("crash: unknown call " + c.Op)
	}
	d.events = append(d.events, e)
}

// inode returns the number of a file.
func (d *Disk) inode(file any) int {
	if file == nil {
		return 0
	}
	n, ok := d.inodes[file]
	if !ok {
		n = len(d.inodes) + 1
		d.inodes[file] = n
	}
	return n
}
