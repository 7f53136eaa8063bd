package mutants

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/deltalog/deltalog/internal/effort"
)

// How long one test may take. A test that takes longer has noticed nothing, unless
// its mutant is known to hang.
const (
	patience = 60 * time.Second
	patient  = 10 * time.Minute // for all tests of a package
	hanging  = 5 * time.Second
)

// Binaries are the instrumented test binaries, by package.
type Binaries struct {
	root string
	bins map[string]string
}

// Build compiles the tests of the packages that the mutants name, with every
// mutant in place. dir takes the overlay and the binaries.
func Build(ctx context.Context, root, dir string, all []Mutant) (*Binaries, error) {
	overlay, err := Overlay(root, dir, all)
	if err != nil {
		return nil, err
	}
	b := &Binaries{root: root, bins: map[string]string{}}
	for _, m := range all {
		b.bins[m.Killer.Package] = ""
	}
	args := []string{"test", "-c", "-vet=off", "-overlay", overlay, "-o", dir + string(filepath.Separator)}
	names := map[string]string{}
	for _, p := range slices.Sorted(maps.Keys(b.bins)) {
		name := path.Base(p) + ".test" + exe()
		if other := names[name]; other != "" {
			return nil, fmt.Errorf("mutants: the test binaries of %s and %s would have one name", other, p)
		}
		names[name] = p
		b.bins[p] = filepath.Join(dir, name)
		args = append(args, module+"/"+p)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mutants: the instrumented code does not compile: %w\n%s", err, out)
	}
	return b, nil
}

func exe() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}

// Root returns the root of the repository that the working directory is in.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir) // as the go command names its files
	}
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, serr := os.Stat(filepath.Join(dir, "go.mod")); serr == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			err = errors.New("mutants: not inside the repository")
		}
	}
	return "", err
}

// A Verdict is what one run of a killer showed.
type Verdict struct {
	Mutant *Mutant
	Killed bool
	Took   time.Duration
	Why    string // the first line of the failure, or why it counts for nothing
}

// run runs a killer with a mutant switched on, or with none.
func (b *Binaries) run(ctx context.Context, k Killer, mutant string, limit time.Duration) (out []byte, timedOut bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit+10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.bins[k.Package], "-test.v", "-test.failfast", "-test.run", k.pattern(), "-test.timeout", limit.String())
	cmd.Dir = filepath.Join(b.root, filepath.FromSlash(k.Package))
	cmd.Env = append(os.Environ(), Env+"="+mutant, effort.Env+"=", effort.SoakEnv+"=")
	out, err = cmd.CombinedOutput()
	timedOut = ctx.Err() != nil || bytes.Contains(out, []byte("panic: test timed out after"))
	return out, timedOut, err
}

// Judge runs the mutant's killer with the mutant switched on.
func (b *Binaries) Judge(ctx context.Context, m *Mutant) Verdict {
	limit := patience
	switch {
	case m.Killer.Test == "":
		limit = patient
	case m.Hangs:
		limit = hanging
	}
	start := time.Now()
	out, timedOut, err := b.run(ctx, m.Killer, m.Name, limit)
	v := Verdict{Mutant: m, Took: time.Since(start)}
	var exit *exec.ExitError
	failure := failureOf(out)
	switch {
	case err == nil:
		v.Why = "survived: the test passes"
	case timedOut && m.Hangs:
		v.Killed, v.Why = true, "does not end"
	case timedOut:
		v.Why = fmt.Sprintf("did not end within %s, which counts for nothing", limit)
	case !errors.As(err, &exit) || failure == "":
		v.Why = fmt.Sprintf("no test failed, but: %v\n%s", err, out)
	default:
		v.Killed, v.Why = true, failure
	}
	return v
}

// failureOf returns the first line that says that a test failed by its own judgement.
func failureOf(out []byte) string {
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		for _, mark := range []string{"--- FAIL: ", "panic: ", "fatal error: all goroutines are asleep"} {
			if strings.HasPrefix(line, mark) {
				return line
			}
		}
	}
	return ""
}

// Neutral runs every killer with no mutant switched on: the instrumented code is
// the product's.
func (b *Binaries) Neutral(ctx context.Context, all []Mutant) error {
	killers := map[Killer]bool{}
	for _, m := range all {
		killers[m.Killer] = true
	}
	list := slices.SortedFunc(maps.Keys(killers), func(a, b Killer) int { return strings.Compare(a.String(), b.String()) })
	return each(list, func(k Killer) error {
		out, _, err := b.run(ctx, k, "", patience)
		switch {
		case err != nil:
			return fmt.Errorf("%s fails with no mutant switched on: %w\n%s", k, err, out)
		case k.Test != "" && !bytes.Contains(out, []byte("--- PASS: "+k.Test+" (")):
			return fmt.Errorf("%s: there is no test of that name", k)
		}
		return nil
	})
}

// Run judges mutants, as many at once as there are cores. done is called with
// each verdict, one at a time.
func (b *Binaries) Run(ctx context.Context, ms []Mutant, done func(Verdict)) {
	var mu sync.Mutex
	_ = each(ms, func(m Mutant) error {
		v := b.Judge(ctx, &m)
		mu.Lock()
		defer mu.Unlock()
		done(v)
		return nil
	})
}

// each calls f for each of list, as many at once as there are cores.
func each[T any](list []T, f func(T) error) error {
	errs := make([]error, len(list))
	var wg sync.WaitGroup
	turn := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, x := range list {
		turn <- struct{}{}
		wg.Go(func() {
			defer func() { <-turn }()
			errs[i] = f(x)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
