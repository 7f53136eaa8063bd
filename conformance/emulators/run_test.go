package emulators

import (
	"context"
	"flag"
	"os/exec"
	"testing"

	"github.com/deltalog/deltalog/conformance/storetest"
	"github.com/deltalog/deltalog/conformance/tabletest"
	"github.com/deltalog/deltalog/txlog/logstore"
)

func TestMain(m *testing.M) {
	tabletest.Worker()
	// Most tests wait for answers that a fault keeps back, not for a processor. The
	// flag on the command line still wins.
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	storetest.Main(m, func(location string) (logstore.Store, error) {
		return logstore.Open(context.Background(), location)
	})
}

// harness judges the stores of a server. Processes reach it as a user's program
// does, by the clouds' own variables.
func harness(s *Server, rounds int) storetest.Harness {
	return storetest.Harness{
		Open: func(t storetest.T) logstore.Store {
			store, err := s.Open(t.Context(), s.Root(), 0)
			if err != nil {
				t.Fatalf("open a store on %s: %v", s.Name, err)
			}
			return store
		},
		Command: func(_ storetest.T, store logstore.Store) *exec.Cmd {
			cmd := storetest.Self(store.URL())
			cmd.Env = append(cmd.Env, s.Env()...)
			return cmd
		},
		Writers: 32, Rounds: rounds,
	}
}

func TestGoFakeS3(t *testing.T)  { storetest.Run(t, harness(GoFakeS3(t), 200)) }
func TestVersityGW(t *testing.T) { storetest.Run(t, harness(VersityGW(t), 200)) }
func TestFakeGCS(t *testing.T)   { storetest.Run(t, harness(FakeGCS(t), 60)) }
