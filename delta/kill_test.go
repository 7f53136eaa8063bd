//go:build unix

package delta_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore/localstore"
)

// killEnv tells a process which operation to do on which table, and before which
// storage call to die: DIR|OPERATION|N.
const killEnv = "DELTALOG_KILL"

func TestMain(m *testing.M) {
	if job := os.Getenv(killEnv); job != "" {
		if err := doomed(job); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// doomed does the operation and dies before call n, as a process that is killed
// does: no deferred function runs, nothing is cleaned up.
func doomed(job string) error {
	f := strings.Split(job, "|")
	n, err := strconv.Atoi(f[2])
	if err != nil {
		return err
	}
	disk, err := localstore.Open(f[0], nil)
	if err != nil {
		return err
	}
	fs := faultstore.New(disk, func(c faultstore.Call) faultstore.Fault {
		if c.N == n {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		return faultstore.Pass
	})
	op := jobNamed(f[1])
	open := func() (*delta.Table, error) {
		return delta.Open(context.Background(), f[0], &delta.Options{Store: fs})
	}
	if op.first {
		open = func() (*delta.Table, error) { return openOrCreate(fs, "doomed") }
	}
	tbl, err := open()
	if err != nil {
		return err
	}
	_, err = op.run(context.Background(), tbl)
	return err
}

func operationNamed(name string) operation {
	for _, op := range operations() {
		if op.name == name {
			return op
		}
	}
	panic("no operation " + name)
}

// jobNamed is operationNamed, for operations on rows too.
func jobNamed(name string) operation {
	for _, op := range changeOps() {
		if op.name == name {
			return op.operation
		}
	}
	return operationNamed(name)
}

// Real processes on local disk, killed before every storage call, and so after
// every one; then the same work under the same key.
func TestKilledProcesses(t *testing.T) {
	for _, name := range []string{"append", "replace-dynamic", "replace-declared", "reload", "first-append", "first-reload", "first-prepared"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			op := operationNamed(name)
			for n := 0; ; n++ {
				if killed := killOne(t, op, n); !killed {
					require.Greater(t, n, 8, "the sweep ended too early")
					return
				}
			}
		})
	}
}

// killBase makes the table, unless it is the operation that makes it, and returns
// the version that the operation is to write.
func killBase(t *testing.T, op operation, dir string) delta.Version {
	if op.first {
		return 0
	}
	tbl, err := delta.Create(t.Context(), dir, ordersSchema, &delta.CreateOptions{
		PartitionBy: []string{"ds", "region"}, Properties: map[string]string{"delta.checkpointInterval": "3"},
	})
	require.NoError(t, err)
	for _, row := range []string{"2026-01-05 eu 1 x", "2026-01-06 eu 100 old"} {
		_, err := tbl.Append(t.Context(), orders(row), nil)
		require.NoError(t, err)
	}
	require.NoError(t, tbl.Close())
	return 3
}

// die does the operation in a process that is killed before call n, and reports
// whether it came to that.
func die(t *testing.T, dir, op string, n int) (killed bool) {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^$")
	c.Env = append(os.Environ(), fmt.Sprintf("%s=%s|%s|%d", killEnv, dir, op, n))
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		killed = exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
		require.True(t, killed, string(out))
	} else {
		require.NoError(t, err)
	}
	return killed
}

func killOne(t *testing.T, op operation, n int) (killed bool) {
	dir := filepath.Join(t.TempDir(), "table")
	next := killBase(t, op, dir)
	killed = die(t, dir, op.name, n)
	disk, err := localstore.Open(dir, nil)
	require.NoError(t, err)
	msg := fmt.Sprintf("killed before call %d", n)
	at := landed(t, disk)
	again, err := attempt(t.Context(), op, disk, "second")
	require.NoError(t, err, msg)
	if len(at) > 0 {
		require.Equal(t, delta.AlreadyApplied, again.State, msg)
		require.Equal(t, at[0], again.Version, msg)
	}
	require.Len(t, landed(t, disk), 1, msg)
	want := map[string]int64{}
	for k, v := range op.want {
		if k == "/2026-01-05/eu" {
			v = 1
		}
		want[k] = v
	}
	require.Equal(t, want, partitions(t, disk), msg)
	s, err := txlog.Load(t.Context(), disk, nil)
	require.NoError(t, err, msg)
	require.Equal(t, next, s.Version(), msg)
	return killed
}

// Operations on rows, killed in the same way: what is in the table afterwards is
// what one run of them leaves, and no row was updated twice.
func TestKilledChanges(t *testing.T) {
	for _, op := range changeOps() {
		switch op.name {
		case "update-plus-one", "merge-upsert", "delete-vectors":
		default:
			continue
		}
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			st := op.memory(t)
			_, err := attempt(t.Context(), op.operation, st, "alone")
			require.NoError(t, err)
			want := rowsIn(t, st)
			for n := 0; killChange(t, op, n, want); n++ {
				require.Less(t, n, 100)
			}
		})
	}
}

func killChange(t *testing.T, op changeOp, n int, want []string) (killed bool) {
	dir := filepath.Join(t.TempDir(), "table")
	disk, err := localstore.Open(dir, nil)
	require.NoError(t, err)
	op.base(t, disk, dir)
	killed = die(t, dir, op.name, n)
	msg := fmt.Sprintf("killed before call %d", n)
	at := landed(t, disk)
	again, err := attempt(t.Context(), op.operation, disk, "second")
	require.NoError(t, err, msg)
	if len(at) > 0 {
		require.Equal(t, delta.AlreadyApplied, again.State, msg)
	}
	require.Equal(t, want, rowsIn(t, disk), msg)
	require.Equal(t, []delta.Version{4}, landed(t, disk), msg)
	require.Equal(t, delta.Version(4), again.Version, msg)
	if !killed {
		require.Greater(t, n, 8, "the sweep ended too early")
	}
	return killed
}
