package fsck

import (
	"hash/maphash"
	"strconv"

	"github.com/deltalog/deltalog/txlog"
)

// A key stands for a name, or for a name and a deletion vector, in 16 bytes: of
// millions of files only the keys are kept.
type key [2]uint64

var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

func keyOf(name string) key {
	return key{maphash.String(seeds[0], name), maphash.String(seeds[1], name)}
}

// with returns the key of the file with a deletion vector.
func (k key) with(d *txlog.DVDescriptor) key {
	if d == nil {
		return k
	}
	v := keyOf(d.ID())
	return key{k[0] ^ v[0], k[1] ^ v[1]}
}

// fileName returns the name in the store of a path of the log. Of a path that has
// none it returns something else that stands for it.
func (c *checker) fileName(path string) string {
	if name, err := txlog.ObjectName(c.url, path); err == nil {
		return name
	}
	return "\x00" + txlog.CanonicalPath(path)
}

// A liveFile is what is remembered of a live file.
type liveFile struct {
	size, rows int64  // rows: -1 if the statistics do not say
	sum        uint64 // of what else a checkpoint must have
	pass       uint32 // the last comparison that met it
}

// A tombstone is what is remembered of a removed file.
type tombstone struct {
	deleted int64 // milliseconds since 1970
	pass    uint32
}

// A state is the table after a version, by keys.
type state struct {
	live  map[key]liveFile
	tombs map[key]tombstone
	bytes int64
	// vectors counts the live files with a deletion vector, by the key of the name.
	vectors map[key]int32
	txns    map[string]*txlog.SetTransaction
	domains map[string]*txlog.DomainMetadata

	protocol *txlog.Protocol
	metadata *txlog.Metadata
	time     int64 // the last in-commit timestamp; 0: none
}

func newState() *state {
	return &state{
		live: map[key]liveFile{}, tombs: map[key]tombstone{}, vectors: map[key]int32{},
		txns: map[string]*txlog.SetTransaction{}, domains: map[string]*txlog.DomainMetadata{},
	}
}

func (c *checker) liveOf(a *txlog.AddFile) liveFile {
	n, err := a.NumRecords()
	if err != nil {
		n = -1
	}
	return liveFile{size: a.Size, rows: n, sum: sumOf(a)}
}

// sumOf is of what a checkpoint must have of a file, beside its size and its rows.
func sumOf(a *txlog.AddFile) uint64 {
	var h maphash.Hash
	h.SetSeed(seeds[0])
	number := func(n int64) { h.WriteString(strconv.FormatInt(n, 10)); h.WriteByte(0) }
	pointer := func(n *int64) {
		if n != nil {
			number(*n)
		}
		h.WriteByte(1)
	}
	number(a.ModificationTime)
	pointer(a.BaseRowID)
	pointer(a.DefaultRowCommitVersion)
	if d := a.DeletionVector; d != nil {
		number(d.Cardinality)
		number(int64(d.SizeInBytes))
	}
	sum := h.Sum64()
	for k, v := range a.PartitionValues {
		if v != nil && *v != "" { // the empty text is null
			sum ^= maphash.String(seeds[1], k+"\x00"+*v) // in any order
		}
	}
	return sum
}

// add puts a file in. name is the key of its name.
func (s *state) add(name key, d *txlog.DVDescriptor, f liveFile) {
	k := name.with(d)
	if old, was := s.live[k]; was {
		s.bytes -= old.size
	} else if d != nil {
		s.vectors[name]++
	}
	s.bytes += f.size
	s.live[k] = f
	delete(s.tombs, k)
}

// remove takes a file out, and reports whether it was there.
func (s *state) remove(name key, d *txlog.DVDescriptor, deleted int64) bool {
	k := name.with(d)
	old, was := s.live[k]
	if was {
		s.bytes -= old.size
		delete(s.live, k)
		if d != nil {
			if s.vectors[name]--; s.vectors[name] == 0 {
				delete(s.vectors, name)
			}
		}
	}
	s.tombs[k] = tombstone{deleted: deleted}
	return was
}

// times returns how often the file of a name is live.
func (s *state) times(name key) int {
	n := int(s.vectors[name])
	if _, plain := s.live[name]; plain {
		n++
	}
	return n
}

// names are all objects that the log names.
type names struct {
	m map[key]nameState
}

// A nameState says what a named object is for, and whether it was listed.
type nameState uint8

const (
	named  nameState = 1 << iota // by any action
	listed                       // the listing shows it
)

func (n *names) add(k key) { n.m[k] |= named }
