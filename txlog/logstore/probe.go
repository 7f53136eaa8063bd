package logstore

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	probeWriters = 16
	// probeCleanup bounds the deletes after a probe whose context is over.
	probeCleanup = 15 * time.Second
)

// Probe tests whether the store keeps the promise that commits rest on, before
// the first write to it. Stores exist that accept If-None-Match and ignore it,
// and others that honour it only while nobody else is writing.
//
// It puts a fresh name twice with [IfAbsent], where the second must fail and
// change nothing; lets 16 writers race for another, where exactly one may win
// and every loser must be told; and reads and lists what was written. Then it
// deletes the two objects, which are in _delta_log because permissions and
// policies often differ by prefix. random makes their names; at least 16 bytes
// are read from it.
//
// An error that matches [ErrUnsafe] is a verdict: it names the store and what it
// did wrong. Any other error means that the probe could not be completed. It
// costs about 25 requests and remembers nothing: callers cache the verdict for
// each bucket or file system.
func Probe(ctx context.Context, s Store, random io.Reader) (err error) {
	var id [16]byte
	if _, err := io.ReadFull(random, id[:]); err != nil {
		return fmt.Errorf("logstore: probe %s: read random bytes for a name: %w", s.URL(), err)
	}
	p := prober{store: s, prefix: "_delta_log/_probe_" + hex.EncodeToString(id[:]) + "_"}
	defer func() { err = errors.Join(err, p.cleanUp(ctx)) }()
	if err := p.twice(ctx); err != nil {
		return err
	}
	if err := p.race(ctx); err != nil {
		return err
	}
	return p.list(ctx)
}

// A prober holds what one probe has made: names under prefix, each listed in
// names before it is first written.
type prober struct {
	store  Store
	prefix string
	names  []string
}

func (p *prober) name(suffix string) string {
	n := p.prefix + suffix
	p.names = append(p.names, n)
	return n
}

func (p *prober) unsafe(format string, args ...any) error {
	return fmt.Errorf("logstore: probe %s: %s: %w; concurrent commits could be lost, so nothing is written to it",
		p.store.URL(), fmt.Sprintf(format, args...), ErrUnsafe)
}

func (p *prober) failed(what string, err error) error {
	return fmt.Errorf("logstore: probe %s: %s: %w", p.store.URL(), what, err)
}

// twice puts one name two times in sequence.
func (p *prober) twice(ctx context.Context) error {
	name := p.name("twice")
	first, second := []byte("first"), []byte("second")
	if err := p.store.Put(ctx, name, first, IfAbsent); err != nil {
		if errors.Is(err, ErrExist) {
			// Nobody else has this name: our own request was delivered twice or the store is wrong.
			return p.failed("put a fresh name", err)
		}
		return p.failed("put if absent", err)
	}
	if err := p.holds(ctx, name, [][]byte{first}); err != nil {
		return err
	}
	err := p.store.Put(ctx, name, second, IfAbsent)
	switch {
	case err == nil:
		return p.unsafe("a second put-if-absent of %s succeeded", name)
	case !errors.Is(err, ErrExist):
		return p.failed("second put if absent, where the answer must be that the object exists", err)
	}
	return p.holds(ctx, name, [][]byte{first})
}

// race lets many writers put one name at once.
func (p *prober) race(ctx context.Context) error {
	name := p.name("race")
	var (
		bodies [probeWriters][]byte
		errs   [probeWriters]error
		start  = make(chan struct{})
		wg     sync.WaitGroup
	)
	for i := range probeWriters {
		bodies[i] = fmt.Appendf(nil, "writer %d", i)
		wg.Go(func() {
			<-start
			errs[i] = p.store.Put(ctx, name, bodies[i], IfAbsent)
		})
	}
	close(start)
	wg.Wait()

	var winners [][]byte
	var unclear error
	for i, err := range errs {
		switch {
		case err == nil:
			winners = append(winners, bodies[i])
		case !errors.Is(err, ErrExist):
			unclear = err
		}
	}
	switch {
	case len(winners) > 1:
		return p.unsafe("%d of %d concurrent writers were told that their put-if-absent of %s succeeded", len(winners), probeWriters, name)
	case len(winners) == 1:
		return p.holds(ctx, name, winners)
	case unclear != nil:
		return p.failed("concurrent put if absent", unclear)
	}
	// Everybody lost. An answer that was lost and repeated below us looks like
	// this, and is safe: commits resolve it by reading. An absent object is not.
	return p.holds(ctx, name, bodies[:])
}

// holds checks that the object is one of want, now.
func (p *prober) holds(ctx context.Context, name string, want [][]byte) error {
	got, err := p.store.Read(ctx, name, 1<<10)
	switch {
	case errors.Is(err, ErrNotExist):
		return p.unsafe("%s was written and cannot be read", name)
	case err != nil:
		return p.failed("read back", err)
	}
	for _, w := range want {
		if bytes.Equal(got, w) {
			return nil
		}
	}
	return p.unsafe("%s holds the bytes of a writer that was told it had lost (%q)", name, got)
}

// list checks that a listing has both objects, in order.
func (p *prober) list(ctx context.Context) error {
	var got []string
	for o, err := range p.store.List(ctx, ListOptions{Prefix: p.prefix}) {
		if err != nil {
			return p.failed("list", err)
		}
		got = append(got, o.Name)
		if len(got) > len(p.names) {
			break
		}
	}
	if len(got) != 2 || got[0] != p.prefix+"race" || got[1] != p.prefix+"twice" {
		return p.unsafe("after two objects were written, a listing of %s has %q", p.prefix, got)
	}
	return nil
}

func (p *prober) cleanUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeCleanup)
	defer cancel()
	var errs []error
	for _, name := range p.names {
		if err := p.store.Delete(ctx, name); err != nil {
			errs = append(errs, p.failed("clean up", err))
		}
	}
	return errors.Join(errs...)
}
