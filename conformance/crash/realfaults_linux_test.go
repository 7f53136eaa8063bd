package crash_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/localstore"
)

// realEnv tells a process which disaster to live through, and where: NAME|DIRECTORY.
const realEnv = "DELTALOG_CRASH_REAL"

// errNotHere: the system does not let this process make the disaster.
var errNotHere = errors.New("cannot be made here")

// A disaster begins and ends in a process of its own.
type disaster struct {
	// attr is what the process needs.
	attr *syscall.SysProcAttr
	// begin makes the disaster, and returns what ends it.
	begin func(dir string) (end func() error, err error)
	// want is what the append is told, and which class its error has.
	want error
}

// disasters are faults of a real kernel.
var disasters = map[string]disaster{
	"a full disk": {
		attr: &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		},
		begin: fillDisk, want: logstore.ErrNoSpace,
	},
	"files may not grow": {
		begin: func(string) (func() error, error) {
			signal.Ignore(syscall.SIGXFSZ)
			return limit(syscall.RLIMIT_FSIZE, 600)
		},
		want: syscall.EFBIG,
	},
	"no more open files": {
		begin: func(string) (func() error, error) {
			open, err := os.ReadDir("/proc/self/fd")
			if err != nil {
				return nil, err
			}
			return limit(syscall.RLIMIT_NOFILE, uint64(len(open)))
		},
		want: syscall.EMFILE,
	},
	"no permission": {
		begin: func(dir string) (func() error, error) {
			if os.Getuid() == 0 { // whom nothing is forbidden
				if err := chownAll(dir, 65534); err != nil {
					return nil, err
				}
				if err := syscall.Setuid(65534); err != nil {
					return nil, fmt.Errorf("%w: %w", errNotHere, err)
				}
			}
			part := filepath.Join(dir, "part=a")
			return func() error { return os.Chmod(part, 0o750) }, os.Chmod(part, 0o500)
		},
		want: logstore.ErrPermission,
	},
}

// fillDisk fills a disk on which only a little was free.
func fillDisk(dir string) (end func() error, err error) {
	ballast := filepath.Join(dir, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 1024))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return nil, err
	}
	return func() error { return os.Remove(ballast) }, nil
}

// limit lowers a limit of the process.
func limit(resource int, to uint64) (end func() error, err error) {
	var was syscall.Rlimit
	if err := syscall.Getrlimit(resource, &was); err != nil {
		return nil, err
	}
	return func() error { return syscall.Setrlimit(resource, &was) }, syscall.Setrlimit(resource, &syscall.Rlimit{Cur: to, Max: was.Max})
}

func chownAll(dir string, uid int) error {
	return filepath.WalkDir(dir, func(name string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Chown(name, uid, uid))
	})
}

func init() {
	if text, ok := os.LookupEnv(realEnv); ok {
		name, dir, _ := strings.Cut(text, "|")
		switch err := disasters[name].live(dir); {
		case errors.Is(err, errNotHere):
			fmt.Println("not here:", err)
		case err != nil:
			fmt.Println("wrong:", err)
		default:
			fmt.Println("lived")
		}
		os.Exit(0)
	}
}

// live lets a table live through the disaster.
func (d disaster) live(dir string) error {
	ctx := context.Background()
	if d.attr != nil {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=128k"); err != nil {
			return fmt.Errorf("%w: %w", errNotHere, err)
		}
	}
	var kept kept
	st := must(localstore.Open(dir, nil))
	for _, s := range []step{createStep, appendStep} {
		if _, err := s.run(ctx, st, s.name, &kept); err != nil {
			return err
		}
	}
	end, err := d.begin(dir)
	if err != nil {
		return err
	}
	last := appendAgain("last")
	res, err := last.run(ctx, st, "first", &kept)
	if err == nil {
		return errors.New("the disaster did not show")
	}
	if !errors.Is(err, d.want) || res != nil && res.State != delta.NotCommitted {
		return fmt.Errorf("told %v, %w; want %w", res, err, d.want)
	}
	if err := end(); err != nil {
		return err
	}
	r := &recording{rows: outcomes([]step{createStep, appendStep, last})}
	if err := r.holds(ctx, st, 2); err != nil {
		return err
	}
	if res, err = last.run(ctx, st, "second", &kept); err != nil || res.State != delta.Committed {
		return fmt.Errorf("done again: %v, %w", res, err)
	}
	return r.holds(ctx, st, 3)
}

// Faults of a real kernel, where it lets us make them; the others are played by
// [TestEveryCallFails] alone, and so are these.
func TestRealDisasters(t *testing.T) {
	for name, d := range disasters {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, open := range []string{dir, filepath.Dir(dir)} { // to another user
				require.NoError(t, os.Chmod(open, 0o755))
			}
			table := filepath.Join(dir, "table")
			require.NoError(t, os.Mkdir(table, 0o755))
			cmd := exec.Command(os.Args[0], "-test.run=^$")
			cmd.Env = append(os.Environ(), realEnv+"="+name+"|"+table)
			cmd.SysProcAttr = d.attr
			out, err := cmd.CombinedOutput()
			if err != nil && d.attr != nil && len(out) == 0 {
				t.Logf("cannot be made here: %v", err) // no user namespaces
				return
			}
			require.NoError(t, err, "%s", out)
			if strings.HasPrefix(string(out), "not here") {
				t.Log(string(out))
				return
			}
			require.Equal(t, "lived\n", string(out))
		})
	}
}
