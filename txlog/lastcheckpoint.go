package txlog

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// A LastCheckpoint is the content of _last_checkpoint: a hint where to start
// listing, never trusted. PROTOCOL.md, "Last Checkpoint File".
type LastCheckpoint struct {
	Version       Version
	Size          int64 // actions in the checkpoint; −1: not known
	Parts         int   // of a multi-part checkpoint; 0: it is not one
	SizeInBytes   *int64
	NumOfAddFiles *int64
}

// maxHint is the largest _last_checkpoint that is read. Spark's hold whole
// schemas, so it is not small.
const maxHint = 64 << 20

var hintFields = []string{"version", "size", "parts", "sizeInBytes", "numOfAddFiles", "checksum"}

// parseLastCheckpoint decodes the hint, whose bytes it takes over.
func parseLastCheckpoint(data []byte) (*LastCheckpoint, error) {
	c := new(LastCheckpoint)
	if err := c.decode(data); err != nil {
		return nil, &CorruptError{Path: lastCheckpointPath, Err: err}
	}
	return c, nil
}

func (c *LastCheckpoint) decode(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("the text is not UTF-8")
	}
	sum, err := hintChecksum(data)
	if err != nil {
		return err
	}
	s := scanner{b: data}
	var set seen
	var want string
	s.open('{')
	for s.more('}') {
		k := s.field()
		if s.absent(&set, hintFields, k) {
			continue
		}
		switch k {
		case "version":
			s.once(&set, 0)
			c.Version = Version(s.natural())
		case "size":
			s.once(&set, 1)
			c.Size = s.integer()
		case "parts":
			s.once(&set, 2)
			c.Parts = int(s.integer32())
		case "sizeInBytes":
			s.once(&set, 3)
			c.SizeInBytes = s.integerPtr()
		case "numOfAddFiles":
			s.once(&set, 4)
			c.NumOfAddFiles = s.integerPtr()
		case "checksum":
			s.once(&set, 5)
			want = s.text()
		default:
			s.skip(0)
		}
	}
	s.require(set, 0b11, hintFields)
	s.end()
	if s.err != nil {
		return s.err
	}
	if want != "" && want != sum {
		return fmt.Errorf("its checksum is %s and its content has %s", want, sum)
	}
	return nil
}

// readLastCheckpoint reads the hint: nil without an error if there is none. An
// error that matches ErrCorrupt is a reason to do without. Costs one request.
func readLastCheckpoint(ctx context.Context, store logstore.Store) (*LastCheckpoint, error) {
	data, err := store.Read(ctx, lastCheckpointPath, maxHint)
	switch {
	case errors.Is(err, logstore.ErrNotExist):
		return nil, nil
	case errors.Is(err, logstore.ErrTooLarge):
		return nil, &CorruptError{Path: lastCheckpointPath, Err: err}
	case err != nil:
		return nil, fmt.Errorf("txlog: read %s of %s: %w", lastCheckpointPath, store.URL(), err)
	}
	return parseLastCheckpoint(data)
}

// moveLastCheckpoint writes the hint, unless the one that is there points as far
// or farther. Two writers at once may still put the older one last: it is a hint.
func moveLastCheckpoint(ctx context.Context, store logstore.Store, c *LastCheckpoint) error {
	old, err := readLastCheckpoint(ctx, store)
	if err != nil && !errors.Is(err, ErrCorrupt) {
		return err
	}
	if old != nil && err == nil && old.Version >= c.Version {
		return nil
	}
	return store.Put(ctx, lastCheckpointPath, c.encode(), logstore.Overwrite)
}

// encode returns the hint's JSON text, with its checksum.
func (c *LastCheckpoint) encode() []byte {
	body := func(sum string) []byte {
		var e encoder
		e.object(func() {
			e.integer("version", int64(c.Version))
			e.integer("size", c.Size)
			if c.Parts > 0 {
				e.integer("parts", int64(c.Parts))
			}
			e.integerIf("sizeInBytes", c.SizeInBytes)
			e.integerIf("numOfAddFiles", c.NumOfAddFiles)
			e.textIf("checksum", sum)
		})
		return e.b
	}
	sum, err := hintChecksum(body(""))
	if err != nil {
		panic(err) // of JSON that was written a line above
	}
	return body(sum)
}
