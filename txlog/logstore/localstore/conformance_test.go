package localstore

import (
	"context"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/storetest"
	"github.com/deltalog/deltalog/internal/diskcall"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// crashJob is set in a process that was started to be killed.
var crashJob func()

func TestMain(m *testing.M) {
	if crashJob != nil {
		crashJob()
	}
	storetest.Main(m, openVariant)
}

// Variants are ways in which file systems differ, played by fault.
const (
	variantPlain  = "plain"
	variantNamed  = "named"  // no anonymous files
	variantRename = "rename" // no anonymous files and no hard links
)

// openVariant opens "variant:directory".
func openVariant(location string) (logstore.Store, error) {
	variant, dir, _ := strings.Cut(location, ":")
	s, err := Open(dir, nil)
	if err != nil {
		return nil, err
	}
	switch variant {
	case variantNamed:
		s.named = true
	case variantRename:
		s.named = true
		s.hook = func(c diskcall.Call, call func() error) error {
			if c.Op == "link" {
				return syscall.EPERM
			}
			return call()
		}
	}
	return s, nil
}

func harness(t *testing.T, variant string, rounds int) storetest.Harness {
	return storetest.Harness{
		Open: func(c storetest.T) logstore.Store {
			s, err := openVariant(variant + ":" + t.TempDir() + "/table")
			if err != nil {
				c.Fatalf("open: %v", err)
			}
			return s
		},
		Command: func(_ storetest.T, s logstore.Store) *exec.Cmd {
			return storetest.Self(variant + ":" + s.(*Store).Dir())
		},
		Rounds: rounds,
	}
}

func TestConformance(t *testing.T) { storetest.Run(t, harness(t, variantPlain, 1000)) }

// Goroutines that share a Store take turns, so that here each has one of many
// Stores on the directory, as processes have.
type several struct {
	*Store
	all  []*Store
	next atomic.Uint32
}

func (s *several) Put(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
	return s.all[int(s.next.Add(1))%len(s.all)].Put(ctx, name, data, mode)
}

func TestRaceOfStores(t *testing.T) {
	h := harness(t, variantPlain, 100)
	open := h.Open
	h.Open = func(c storetest.T) logstore.Store {
		s := &several{Store: open(c).(*Store)}
		for range 16 {
			other, err := Open(s.Dir(), nil)
			if err != nil {
				c.Fatalf("open: %v", err)
			}
			s.all = append(s.all, other)
		}
		return s
	}
	require.Empty(t, storetest.Verify(t.Context(), h, "race of writers"))
}

// Where publishing goes another way, what depends on it is tested again.
func TestConformanceOfVariants(t *testing.T) {
	for _, variant := range []string{variantNamed, variantRename} {
		h := harness(t, variant, 60)
		h.LargeBytes, h.Overwrites = 1<<20, 30
		failures := storetest.Verify(t.Context(), h, "put", "overwrit", "writer", "processes")
		require.Empty(t, failures, variant)
	}
}
