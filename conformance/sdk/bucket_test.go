package sdk

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"time"
)

// A bucket is the objects of a server, and the record of all that was done to
// them. Its owner guards it.
type bucket struct {
	objects map[string]*object
	uploads map[string]*upload // of S3 in parts, of GCS resumable
	record  []change
	serial  int64 // of generations, entity tags and upload ids
}

func newBucket() *bucket {
	return &bucket{objects: map[string]*object{}, uploads: map[string]*upload{}}
}

// An object is one version of what is under a key.
type object struct {
	key      string
	data     []byte
	gen      int64
	modified time.Time
	meta     map[string]string
}

func (o *object) etag() string { return fmt.Sprintf(`"%x"`, o.gen) }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (o *object) crc32c() uint32 { return crc32.Checksum(o.data, castagnoli) }

// An upload is an object that arrives in pieces.
type upload struct {
	id, key     string
	process     string
	meta        map[string]string
	conditional bool
	parts       map[int][]byte // S3
	tags        map[int]string
	data        []byte // GCS
	state       uploadState
	final       *object
	excused     string // why it may stay unfinished
}

type uploadState uint8

const (
	uploadOpen uploadState = iota
	uploadDone
	uploadAborted
)

// A change is a line of the record.
type change struct {
	verb        string // "put", "delete"
	key         string
	process     string
	conditional bool
	replaced    bool // there was an object, and other bytes
	body        []byte
}

func (b *bucket) next() int64 { b.serial++; return b.serial }

// put writes an object. It returns nil if the condition is not met.
func (b *bucket) put(process, key string, data []byte, meta map[string]string, ifAbsent bool) *object {
	old := b.objects[key]
	if old != nil && ifAbsent {
		return nil
	}
	o := &object{key: key, data: data, gen: b.next(), modified: time.Now(), meta: meta}
	b.objects[key] = o
	c := change{verb: "put", key: key, process: process, conditional: ifAbsent, replaced: old != nil && !bytes.Equal(old.data, data)}
	if strings.Contains(key, "_delta_log/") {
		c.body = data
	}
	b.record = append(b.record, c)
	return o
}

func (b *bucket) delete(process, key string) bool {
	_, found := b.objects[key]
	if found {
		delete(b.objects, key)
		b.record = append(b.record, change{verb: "delete", key: key, process: process})
	}
	return found
}

// A page of a listing.
type page struct {
	objects  []*object
	prefixes []string
	next     string // the key that the next page starts after; "" at the end
}

// list returns up to limit entries whose keys start with prefix and are greater
// than after, or equal to it if inclusive.
func (b *bucket) list(prefix, after, delimiter string, inclusive bool, limit int) page {
	keys := make([]string, 0, len(b.objects))
	for k := range b.objects {
		if strings.HasPrefix(k, prefix) && (k > after || inclusive && k == after) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	var p page
	last := ""
	for _, k := range keys {
		common := ""
		if delimiter != "" {
			if i := strings.Index(k[len(prefix):], delimiter); i >= 0 {
				common = k[:len(prefix)+i+len(delimiter)]
			}
		}
		if common != "" && (slices.Contains(p.prefixes, common) || strings.HasPrefix(after, common)) {
			last = k
			continue
		}
		if len(p.objects)+len(p.prefixes) == limit {
			p.next = last
			break
		}
		if last = k; common != "" {
			p.prefixes = append(p.prefixes, common)
			continue
		}
		p.objects = append(p.objects, b.objects[k])
	}
	return p
}
