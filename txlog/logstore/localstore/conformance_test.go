package localstore_test

import (
	"os/exec"
	"testing"

	"github.com/deltalog/deltalog/conformance/storetest"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/localstore"
)

func TestMain(m *testing.M) {
	storetest.Main(m, func(dir string) (logstore.Store, error) { return localstore.Open(dir, nil) })
}

func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Harness{
		Open: func(c storetest.T) logstore.Store {
			s, err := localstore.Open(t.TempDir()+"/table", nil)
			if err != nil {
				c.Fatalf("open: %v", err)
			}
			return s
		},
		Command: func(_ storetest.T, s logstore.Store) *exec.Cmd {
			return storetest.Self(s.(*localstore.Store).Dir())
		},
	})
}
