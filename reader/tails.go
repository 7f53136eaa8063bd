package reader

import "sync"

// Tails keeps the ends of data files, where their footers are, for scans that look
// at the same files one after the other: each then reads a footer from the store
// once. Objects are known by name, and never change. It is safe for concurrent use.
type Tails struct {
	mu   sync.Mutex
	left int64
	tail map[string]tail
}

type tail struct {
	off  int64
	data []byte
}

// NewTails returns an empty Tails that keeps what it is given first, up to maxBytes.
func NewTails(maxBytes int64) *Tails { return &Tails{left: maxBytes, tail: map[string]tail{}} }

// find returns bytes off to off+n of an object, nil if they are not kept.
func (t *Tails) find(name string, off, n int64) []byte {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	k, ok := t.tail[name]
	if !ok || off < k.off || off+n > k.off+int64(len(k.data)) {
		return nil
	}
	return k.data[off-k.off:][:n:n]
}

// keep takes the bytes from off to the end of an object.
func (t *Tails) keep(name string, off int64, data []byte) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	more := int64(len(data) - len(t.tail[name].data))
	if more <= 0 || more > t.left {
		return
	}
	t.left -= more
	t.tail[name] = tail{off, data}
}
