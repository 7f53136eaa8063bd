package crash

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/deltalog/deltalog/internal/diskcall"
)

// Damage says how much of what was not flushed a power cut leaves.
type Damage struct {
	// Percent is the chance of each entry and each file's content that was not
	// flushed to be there all the same.
	Percent int
	// Unordered lets an entry survive that was made after one of the same directory
	// that does not, which journaling file systems do not do. It is only fair to
	// one writer alone: of two, the second builds on what the first has made.
	Unordered bool
	// Seed chooses.
	Seed uint64
}

// Unordered is the worst of file systems.
func Unordered(percent int, seed uint64) Damage { return Damage{percent, true, seed} }

// String names the damage so that it can be done again.
func (g Damage) String() string {
	order := "ordered"
	if g.Unordered {
		order = "unordered"
	}
	return fmt.Sprintf("%d %% of what was not flushed survived, %s, seed %d", g.Percent, order, g.Seed)
}

// An Image is what a file system holds when it comes back.
type Image struct {
	Dirs  []string          // parents first
	Files map[string][]byte // by path
	// Torn are the files that have a name of their own, not a temporary one, and
	// not the content that they were given.
	Torn []string
}

// A file while the record is replayed.
type file struct {
	data    []byte
	flushed int
	whole   int // how long it was when it got its name; -1: it has had none
}

// A dir while the record is replayed.
type dir struct {
	changes [][]set
	flushed int
}

// Crash returns a state in which the file system may come back if the power goes
// at moment k.
func (d *Disk) Crash(k int, g Damage) *Image {
	d.mu.Lock()
	defer d.mu.Unlock()
	files, dirs := map[int]*file{}, map[string]*dir{".": {}}
	for _, e := range d.events[:k] {
		f := files[e.file]
		if f == nil {
			f = &file{whole: -1}
			files[e.file] = f
		}
		switch e.op {
		case noted:
			continue
		case diskcall.Write:
			f.data = append(f.data, e.data...)
		case diskcall.SyncFile:
			f.flushed = len(f.data)
		case diskcall.SyncDir:
			if in := dirs[e.dir]; in != nil {
				in.flushed = len(in.changes)
			}
			continue
		case diskcall.Mkdir:
			dirs[path.Join(e.dir, e.sets[0].name)] = &dir{}
		case diskcall.Link, diskcall.Rename, diskcall.Replace:
			f.whole = len(f.data)
		}
		if len(e.sets) > 0 {
			dirs[e.dir].changes = append(dirs[e.dir].changes, e.sets)
		}
	}
	return survive(files, dirs, g)
}

// survive chooses what is left.
func survive(files map[int]*file, dirs map[string]*dir, g Damage) *Image {
	random := rand.New(rand.NewPCG(g.Seed, uint64(g.Percent)))
	img := &Image{Files: map[string][]byte{}}
	there := map[string]bool{".": true} // a directory whose own entry is lost is lost
	left := map[int][]byte{}
	for _, n := range slices.Sorted(maps.Keys(files)) {
		left[n] = files[n].survive(random, g)
	}
	for _, name := range slices.SortedFunc(maps.Keys(dirs), parentsFirst) {
		entries := dirs[name].survive(random, g)
		if !there[name] {
			continue
		}
		if name != "." {
			img.Dirs = append(img.Dirs, name)
		}
		for _, base := range slices.Sorted(maps.Keys(entries)) {
			full, n := path.Join(name, base), entries[base]
			switch n {
			case 0:
			case isDir:
				there[full] = true
			default:
				img.Files[full] = left[n]
				if whole := files[n].whole; !isTemp(base) && (whole < 0 || string(left[n]) != string(files[n].data[:whole])) {
					img.Torn = append(img.Torn, full)
				}
			}
		}
	}
	return img
}

func parentsFirst(a, b string) int {
	return cmp.Or(cmp.Compare(depth(a), depth(b)), cmp.Compare(a, b))
}

func depth(name string) int {
	if name == "." {
		return 0
	}
	return 1 + strings.Count(name, "/")
}

// isTemp reports whether a name is one that nobody takes for an object's.
func isTemp(base string) bool { return strings.HasPrefix(base, ".") && strings.HasSuffix(base, ".tmp") }

// survive returns a file's content. What was written since the last flush is there,
// or not, or as far as some byte, or with blocks of zeros, since a file's length
// can reach the disk before its content.
func (f *file) survive(random *rand.Rand, g Damage) []byte {
	unflushed := len(f.data) - f.flushed
	if unflushed == 0 || random.IntN(100) < g.Percent {
		return f.data
	}
	data := slices.Clone(f.data)
	switch random.IntN(3) {
	case 0:
		return data[:f.flushed]
	case 1:
		return data[:f.flushed+random.IntN(unflushed)]
	}
	const block = 512
	for at := f.flushed; at < len(data); at += block {
		if random.IntN(2) == 0 || at == f.flushed {
			clear(data[at:min(at+block, len(data))])
		}
	}
	return data
}

// survive returns a directory's entries.
func (d *dir) survive(random *rand.Rand, g Damage) map[string]int {
	entries := map[string]int{}
	apply := func(sets []set) {
		for _, s := range sets {
			entries[s.name] = s.file
		}
	}
	for _, sets := range d.changes[:d.flushed] {
		apply(sets)
	}
	for _, sets := range d.changes[d.flushed:] {
		survives := random.IntN(100) < g.Percent
		if !survives && !g.Unordered {
			break
		}
		if survives {
			apply(sets)
		}
	}
	return entries
}

// Hash tells images apart.
func (img *Image) Hash() [sha256.Size]byte {
	h := sha256.New()
	for _, name := range img.Dirs {
		fmt.Fprintf(h, "%q\n", name)
	}
	for _, name := range slices.Sorted(maps.Keys(img.Files)) {
		fmt.Fprintf(h, "%q %d\n", name, len(img.Files[name]))
		h.Write(img.Files[name])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// Write makes the image in a directory.
func (img *Image) Write(top string) error {
	for _, name := range img.Dirs {
		if err := os.Mkdir(filepath.Join(top, filepath.FromSlash(name)), 0o750); err != nil {
			return err
		}
	}
	for name, data := range img.Files {
		if err := os.WriteFile(filepath.Join(top, filepath.FromSlash(name)), data, 0o640); err != nil {
			return err
		}
	}
	return nil
}
