package localstore

import (
	"context"
	"sync"
)

// Turns let the writers of one name in one process go one after another. Nothing
// rests on it: link decides, also between processes. But of many goroutines that
// race to commit one version, all but the first then find the name taken before
// they have flushed anything to the disk, which is most of what a commit costs.
type turns struct {
	mu    sync.Mutex
	names map[string]*turn
}

// A turn is the right to write a name.
type turn struct {
	free  chan struct{} // holds one value while nobody has it
	users int           // who have it or wait for it
}

// take waits for the name's turn, or for the end of ctx. The caller calls done.
func (t *turns) take(ctx context.Context, name string) (done func(), err error) {
	t.mu.Lock()
	n := t.names[name]
	if n == nil {
		n = &turn{free: make(chan struct{}, 1)}
		n.free <- struct{}{}
		if t.names == nil {
			t.names = make(map[string]*turn)
		}
		t.names[name] = n
	}
	n.users++
	t.mu.Unlock()

	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if n.users--; n.users == 0 {
			delete(t.names, name)
		}
	}
	select {
	case <-n.free:
		return func() { n.free <- struct{}{}; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
