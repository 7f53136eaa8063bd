package crash_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/diskcall"
	"github.com/deltalog/deltalog/internal/effort"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/localstore"
)

// raceEnv tells a process to race: its name, the kind of file system, and the table's
// directory, with vertical bars between.
const raceEnv = "DELTALOG_CRASH_RACE"

func init() {
	if text, ok := os.LookupEnv(raceEnv); ok {
		part := strings.SplitN(text, "|", 3)
		race(part[0], part[1], part[2])
		os.Exit(0)
	}
}

// race opens the table once, and then, on each line of its input, tries to write the
// version that it knows to be the next: a put of the object, and then a whole write.
func race(name, system, dir string) {
	ctx := context.Background()
	st := must(localstore.Open(dir, nil))
	st.Intercept(systems[system](func(_ diskcall.Call, do func() error) error { return do() }))
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		round := in.Text()
		t := must(delta.Open(ctx, dir, &delta.Options{Store: st}))
		fmt.Println("ready")
		in.Scan() // now both go
		err := st.Put(ctx, "races/"+round, []byte(name), logstore.IfAbsent)
		res, werr := t.Append(ctx, source(item{int64(len(name)), round, 1}), &delta.WriteOptions{Key: name + "/" + round, Parallel: 1})
		fmt.Println(err == nil, res.State, res.Version, werr)
	}
}

// A racer is a process under way.
type racer struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func startRacer(t *testing.T, name, system, dir string) *racer {
	t.Helper()
	r := &racer{cmd: exec.Command(os.Args[0], "-test.run=^$")}
	r.cmd.Env = append(os.Environ(), raceEnv+"="+name+"|"+system+"|"+dir)
	r.cmd.Stderr = os.Stderr
	var err error
	r.in, err = r.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := r.cmd.StdoutPipe()
	require.NoError(t, err)
	r.out = bufio.NewScanner(out)
	require.NoError(t, r.cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, r.in.Close())
		require.NoError(t, r.cmd.Wait())
	})
	return r
}

func (r *racer) tell(t *testing.T, line string) {
	t.Helper()
	_, err := fmt.Fprintln(r.in, line)
	require.NoError(t, err)
}

func (r *racer) hear(t *testing.T) string {
	t.Helper()
	require.True(t, r.out.Scan(), "the process has ended")
	return r.out.Text()
}

// G1 of the catalogue, ClickHouse#112077: two processes write the same version of a
// table on local disk. One has it, the other the next, and both are told the truth;
// of two that put one object one is told that it has won.
func TestG1TwoProcessesSameVersion(t *testing.T) {
	for system := range systems {
		t.Run(system, func(t *testing.T) { twoProcesses(t, system) })
	}
}

func twoProcesses(t *testing.T, system string) {
	ctx, dir := t.Context(), filepath.Join(t.TempDir(), "table")
	tbl, err := delta.Create(ctx, dir, itemSchema, itemTable(delta.Options{}))
	require.NoError(t, err)
	defer tbl.Close()
	names := []string{"first", "second"}
	racers := []*racer{startRacer(t, names[0], system, dir), startRacer(t, names[1], system, dir)}
	for round := range effort.Pick(20, 40) {
		for _, r := range racers {
			r.tell(t, fmt.Sprint("round-", round))
		}
		for _, r := range racers {
			require.Equal(t, "ready", r.hear(t))
		}
		for _, r := range racers {
			r.tell(t, "go")
		}
		won, versions := 0, []delta.Version{}
		for i, r := range racers {
			var put bool
			var state, werr string
			var v delta.Version
			_, err := fmt.Sscan(r.hear(t), &put, &state, &v, &werr)
			require.NoError(t, err)
			require.Equal(t, "<nil>", werr)
			require.Equal(t, "committed", state)
			versions = append(versions, v)
			if put {
				won++
				data, err := tbl.Store().Read(ctx, fmt.Sprint("races/round-", round), 0)
				require.NoError(t, err)
				require.Equal(t, names[i], string(data), "the winner's bytes")
			}
			s, err := txlog.Load(ctx, tbl.Store(), nil)
			require.NoError(t, err)
			at, err := keyed(ctx, s)
			require.NoError(t, err)
			require.Equal(t, []delta.Version{v}, at[fmt.Sprintf("%s/round-%d", names[i], round)])
		}
		require.Equal(t, 1, won, "round %d", round)
		slices.Sort(versions)
		require.Equal(t, []delta.Version{delta.Version(2*round + 1), delta.Version(2*round + 2)}, versions)
	}
}
