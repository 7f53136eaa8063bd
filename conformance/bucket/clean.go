package bucket

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// cleanUp deletes everything below the prefix, also after an interrupt, and says
// what is left. Its requests are beside the limit: what was begun must end.
func (r *run) cleanUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	s, err := r.o.Open(ctx, r.url(""))
	if err != nil {
		return fmt.Errorf("clean up: %w", err)
	}
	defer s.Close()
	var names []string
	// Again until nothing is there: requests that were given up may have landed
	// meanwhile.
	for range 5 {
		if names, err = listAll(ctx, s); err != nil || len(names) == 0 || r.o.Keep {
			break
		}
		if err = deleteAll(ctx, s, names); err != nil {
			break
		}
	}
	r.report.Left = len(names)
	switch {
	case err != nil:
		return fmt.Errorf("clean up: %w; delete what is below %s yourself", err, r.url(""))
	case len(names) > 0 && !r.o.Keep:
		return fmt.Errorf("clean up: after five rounds %d objects are still listed; delete what is below %s yourself", len(names), r.url(""))
	}
	return nil
}

func listAll(ctx context.Context, s logstore.Store) (names []string, err error) {
	for o, err := range s.List(ctx, logstore.ListOptions{}) {
		if err != nil {
			return names, err
		}
		names = append(names, o.Name)
	}
	return names, nil
}

func deleteAll(ctx context.Context, s logstore.Store, names []string) error {
	const parallel = 16
	errs := make([]error, parallel)
	var wg sync.WaitGroup
	for w := range parallel {
		wg.Go(func() {
			for i := w; i < len(names) && errs[w] == nil; i += parallel {
				errs[w] = s.Delete(ctx, names[i])
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
