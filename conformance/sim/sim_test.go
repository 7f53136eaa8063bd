package sim_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/sim"
	"github.com/deltalog/deltalog/internal/effort"
)

// Variables of these tests.
const (
	// replayEnv names an artefact for TestReplay.
	replayEnv = "DELTALOG_REPLAY"
	// seedEnv is the first seed. Default: 1, so that every run plays the same
	// histories; a soak goes on from it.
	seedEnv = "DELTALOG_SEED"
	// reportEnv names the file for the counts of a soak.
	reportEnv = "DELTALOG_SOAK_REPORT"
	// artefactsEnv names the directory for failing histories. Default: one in the
	// system's directory for temporary files.
	artefactsEnv = "DELTALOG_ARTEFACTS"
)

func firstSeed(t *testing.T) uint64 {
	v := os.Getenv(seedEnv)
	if v == "" {
		return 1
	}
	seed, err := strconv.ParseUint(v, 10, 64)
	require.NoError(t, err, seedEnv)
	return seed
}

func artefacts() string {
	if dir := os.Getenv(artefactsEnv); dir != "" {
		return dir
	}
	return filepath.Join(os.TempDir(), "deltalog-sim")
}

// TestHistories plays histories of the log-only tier, and checks each of them and
// that every fault and outcome was met.
func TestHistories(t *testing.T) {
	n := effort.Pick(300, 20_000)
	start := time.Now()
	c := many(t, sim.Log, func(i int) bool { return i < n })
	report(t, sim.Log, &c, time.Since(start))
	require.Empty(t, c.Unreached(sim.Log), "these were never met")
}

// TestRowHistories does the same with rows in Parquet files.
func TestRowHistories(t *testing.T) {
	n := effort.Pick(20, 1000)
	start := time.Now()
	c := many(t, sim.Parquet, func(i int) bool { return i < n })
	report(t, sim.Parquet, &c, time.Since(start))
	require.Empty(t, c.Unreached(sim.Parquet), "these were never met")
}

// report prints what a run came to, also when it succeeds.
func report(t *testing.T, tier sim.Tier, c *sim.Counts, took time.Duration) {
	perCore := float64(c.Histories) / took.Minutes() / float64(runtime.GOMAXPROCS(0))
	fmt.Fprintf(t.Output(), "%s", c)
	fmt.Printf("sim: %s tier: %d histories in %s, %.0f per minute and core; %d calls, %d commits, %d reads, %d faults, %d violations\n",
		tier, c.Histories, took.Round(time.Millisecond), perCore, c.Calls, c.Commits, c.Reads, c.Total(), c.Violations)
}

// many plays histories on all cores, with seeds that count up, as long as more
// says so of the number of the history.
func many(t *testing.T, tier sim.Tier, more func(i int) bool) (total sim.Counts) {
	first := firstSeed(t)
	var next atomic.Int64
	var mu sync.Mutex
	t.Run("parallel", func(t *testing.T) {
		for core := range runtime.GOMAXPROCS(0) {
			t.Run(strconv.Itoa(core), func(t *testing.T) {
				t.Parallel()
				for {
					i := int(next.Add(1)) - 1
					if !more(i) {
						return
					}
					r := sim.Run(t, sim.Generate(tier, first+uint64(i)), "")
					mu.Lock()
					total.Add(&r.Counts)
					mu.Unlock()
					if len(r.Violations) > 0 {
						fail(t, r)
					}
				}
			})
		}
	})
	return total
}

// fail makes a failing history small, keeps it, and says how to play it again.
func fail(t *testing.T, r *sim.Report) {
	t.Helper()
	small := sim.Shrink(t, &r.Script, r.Violations[0].Rule, "", 2000)
	path, err := sim.Keep(t, artefacts(), small, "")
	require.NoError(t, err)
	t.Errorf("the %s history of seed %d violates %v\nshrunk: %v\nto see it: %s=%s go test ./conformance/sim -run TestReplay -v",
		r.Script.Plan.Tier, r.Script.Plan.Seed, r.Violations, small.Violations, replayEnv, path)
}

// TestMain lets garbage lie longer: histories make much of it, and are short.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	m.Run()
}

// The same seed gives the same history, call by call, and so does its script.
func TestSameSeedSameHistory(t *testing.T) {
	for tier, n := range map[sim.Tier]int{sim.Log: effort.Pick(30, 300), sim.Parquet: effort.Pick(10, 50)} {
		faults := 0
		for seed := range uint64(n) {
			p := sim.Generate(tier, seed)
			r := sim.Run(t, p, "")
			require.Equal(t, r.Hash, sim.Run(t, p, "").Hash, "%s seed %d", tier, seed)
			require.Equal(t, r.Hash, sim.Replay(t, &r.Script, "").Hash, "script of %s seed %d", tier, seed)
			faults += len(r.Script.Faults)
		}
		require.NotZero(t, faults, tier)
	}
	require.NotEqual(t, sim.Run(t, sim.Generate(sim.Log, 1), "").Hash, sim.Run(t, sim.Generate(sim.Log, 2), "").Hash)
}

// Planted defects are found, and shrunk to a history that can be read.
func TestDefectsAreFoundAndShrunk(t *testing.T) {
	for _, d := range []struct {
		tier   sim.Tier
		broken sim.Broken
		rule   string // one that it must break; empty: any
	}{
		{sim.Log, sim.IgnoresCondition, "S1"},
		{sim.Log, sim.NoReadBack, "T4"},
		{sim.Log, sim.NextVersion, ""},
		{sim.Log, sim.KeyBefore, "T5"},
		{sim.Log, sim.StaleReplace, "T1"},
		{sim.Log, sim.StaleListing, "T2"},
		{sim.Log, sim.StaleListing, "registers"},
		{sim.Parquet, sim.NoReadBack, "T4"},
		{sim.Parquet, sim.KeyBefore, "T5"},
		{sim.Parquet, sim.StaleReplace, "T1"},
		{sim.Parquet, sim.StaleListing, "registers"},
		{sim.Parquet, sim.StaleListing, "isolation"},
		{sim.Parquet, sim.StaleReplace, "registers"},
	} {
		if d.tier == sim.Parquet && d.broken != sim.KeyBefore && !effort.Full() {
			continue
		}
		t.Run(fmt.Sprint(d.tier, " ", d.broken, " ", d.rule), func(t *testing.T) {
			t.Parallel()
			broken := d.broken
			r, rule := firstFailure(t, d.tier, broken, d.rule)
			small := sim.Shrink(t, &r.Script, rule, broken, effort.Pick(200, 1000))
			path, err := sim.Keep(t, t.TempDir(), small, broken)
			require.NoError(t, err)
			a, err := sim.ReadArtefact(path)
			require.NoError(t, err)
			t.Logf("seed %d breaks %v; shrunk to %d actors, %d faults, %d switches, %d calls: %v", r.Script.Plan.Seed, rule,
				len(a.Script.Plan.Actors), len(a.Script.Faults), len(a.Script.Switches), len(a.Trace), a.Violations[0])
			require.LessOrEqual(t, len(a.Script.Plan.Actors), 3)
			require.LessOrEqual(t, len(a.Script.Faults), 3)
			require.LessOrEqual(t, len(a.Script.Switches), 4)
			again := sim.Replay(t, &a.Script, broken)
			require.Equal(t, a.Hash, again.Hash)
			require.Equal(t, a.Violations, again.Violations)
			require.Empty(t, sim.Replay(t, &a.Script, "").Violations, "without the defect the same history is fine")
		})
	}
}

// firstFailure plays histories until one breaks a rule.
func firstFailure(t *testing.T, tier sim.Tier, broken sim.Broken, rule string) (*sim.Report, string) {
	for seed := range uint64(1000) {
		r := sim.Run(t, sim.Generate(tier, seed), broken)
		for _, v := range r.Violations {
			if rule == "" || v.Rule == rule {
				return r, v.Rule
			}
		}
	}
	require.Fail(t, "not found")
	return nil, ""
}

// TestReplay plays an artefact again.
func TestReplay(t *testing.T) {
	path := os.Getenv(replayEnv)
	if path == "" {
		return // nothing to play
	}
	a, err := sim.ReadArtefact(path)
	require.NoError(t, err)
	a.Script.Plan.Trace = true
	r := sim.Replay(t, &a.Script, a.Broken)
	for _, line := range r.Trace {
		t.Log(line)
	}
	for _, rec := range r.Records {
		t.Logf("%+v", *rec)
	}
	require.Empty(t, r.Violations)
}

// TestSoak plays histories of both tiers for as long as DELTALOG_SOAK says, and
// writes what it counted once a minute.
func TestSoak(t *testing.T) {
	d := effort.Soak()
	if d == 0 {
		return // no soak was asked for
	}
	s := &soak{start: time.Now(), first: firstSeed(t), Tiers: map[sim.Tier]*sim.Counts{}}
	for _, tier := range []sim.Tier{sim.Log, sim.Parquet} {
		s.Tiers[tier] = &sim.Counts{}
	}
	s.run(t, d)
	for tier, c := range s.Tiers {
		report(t, tier, c, time.Since(s.start))
	}
}

// A soak is a long run and its counts.
type soak struct {
	start time.Time
	first uint64
	next  atomic.Int64

	mu      sync.Mutex
	written time.Time

	Minutes float64                  `json:"minutes"`
	Seeds   [2]uint64                `json:"seeds"` // the first, and the one after the last
	Tiers   map[sim.Tier]*sim.Counts `json:"tiers"`
	Failed  []string                 `json:"failed"` // artefacts
}

func (s *soak) run(t *testing.T, d time.Duration) {
	t.Run("parallel", func(t *testing.T) {
		for core := range runtime.GOMAXPROCS(0) {
			t.Run(strconv.Itoa(core), func(t *testing.T) {
				t.Parallel()
				for time.Since(s.start) < d {
					seed := s.first + uint64(s.next.Add(1)) - 1
					tier := sim.Log
					if seed%8 == 0 { // about half of the time
						tier = sim.Parquet
					}
					s.one(t, tier, seed)
				}
			})
		}
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write(t)
}

func (s *soak) one(t *testing.T, tier sim.Tier, seed uint64) {
	r := sim.Run(t, sim.Generate(tier, seed), "")
	if len(r.Violations) > 0 {
		fail(t, r)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Tiers[tier].Add(&r.Counts)
	if len(r.Violations) > 0 {
		s.Failed = append(s.Failed, fmt.Sprintf("%s seed %d: %v", tier, seed, r.Violations[0]))
	}
	if time.Since(s.written) > time.Minute {
		s.write(t)
	}
}

// write puts the counts where they survive the process.
func (s *soak) write(t *testing.T) {
	s.written = time.Now()
	path := os.Getenv(reportEnv)
	if path == "" {
		return
	}
	s.Minutes = time.Since(s.start).Minutes()
	s.Seeds = [2]uint64{s.first, s.first + uint64(s.next.Load())}
	data, err := json.MarshalIndent(s, "", "  ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path+".new", data, 0o644))
	require.NoError(t, os.Rename(path+".new", path))
}
