package writer

import (
	"context"
	"sync"
)

// minFinishing is how many files may be on their way to the store at once at
// least: they wait for it more than they compute.
const minFinishing = 4

// A finisher completes files in the background.
type finisher struct {
	wg    sync.WaitGroup
	slots chan struct{} // bounds how many at once

	mu        sync.Mutex
	ended     *sync.Cond // a file is no longer under way
	underWay  []*dataFile
	held      int64 // bytes of underWay
	files     []orderedFile
	published []string // names of objects that may exist
	bytes     int64    // of files, and of underWay about
	err       error    // the first; the others follow from it
}

type orderedFile struct {
	partition, seq int
	DataFile
}

// add waits while enough are under way.
func (d *finisher) add(ctx context.Context, f *dataFile) {
	d.slots <- struct{}{}
	f.held += f.t.uploadCost
	size := f.pq.Size()
	d.mu.Lock()
	d.underWay = append(d.underWay, f)
	d.held += f.held
	d.bytes += size
	d.published = append(d.published, f.name)
	d.mu.Unlock()
	d.wg.Go(func() {
		defer func() { <-d.slots }()
		file, err := f.finish(ctx)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.end(f)
		d.bytes -= size
		switch {
		case err == nil:
			d.files = append(d.files, orderedFile{f.part.number, f.seq, *file})
			d.bytes += file.Size
		case d.err == nil:
			d.err = err
			for _, g := range d.underWay { // in vain now
				g.cancel()
			}
		}
	})
}

// end takes f off the files under way.
func (d *finisher) end(f *dataFile) {
	for i, g := range d.underWay {
		if g == f {
			last := len(d.underWay) - 1
			d.underWay[i], d.underWay[last] = d.underWay[last], nil
			d.underWay = d.underWay[:last]
			break
		}
	}
	d.held -= f.held
	d.ended.Broadcast()
}

// wait waits until a file is no longer under way; false if none was.
func (d *finisher) wait() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := len(d.underWay)
	for n > 0 && len(d.underWay) >= n {
		d.ended.Wait()
	}
	return n > 0
}

// cancel ends the uploads under way; who waits finds them failed.
func (d *finisher) cancel() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.underWay {
		f.cancel()
	}
}

func (d *finisher) holding() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.held
}

func (d *finisher) failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}
