package fsck_test

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta/fsck"
	"github.com/deltalog/deltalog/internal/effort"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// fuzzKinds are the tables whose bytes are changed.
var fuzzKinds = []string{"row tracking", "changes", "timestamps", "mapped by name"}

// FuzzDamagedBytes changes bytes of one object of a small table: a run ends with a
// report or an error, and no panic.
//
// Of the input the first byte chooses the table, the next two the object, and each
// three that follow a place in it and what is XORed there. A place beyond the end
// cuts the object.
func FuzzDamagedBytes(f *testing.F) {
	var tables []*memstore.Store
	for _, kind := range fuzzKinds {
		tables = append(tables, good(f, kind))
	}
	f.Add([]byte{0, 0, 0, 0, 0, 1})
	f.Add([]byte{1, 0, 9, 0xff, 0xff, 1})
	f.Add([]byte{2, 0, 3, 0, 40, 0x20, 0, 41, 0x20})
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) < 6 || len(input) > 100 {
			return
		}
		st := tables[int(input[0])%len(tables)].Clone()
		all := st.Names()
		damageBytes(t, st, all[int(binary.BigEndian.Uint16(input[1:]))%len(all)], input[3:])
		_, _ = fsck.Run(t.Context(), st, &fsck.Options{Depth: fsck.Rows, History: true, Env: env()})
	})
}

func damageBytes(t testing.TB, st *memstore.Store, name string, changes []byte) {
	t.Helper()
	b := []byte(read(t, st, name))
	for ; len(changes) >= 3; changes = changes[3:] {
		at := int(binary.BigEndian.Uint16(changes))
		if at >= len(b) {
			b = b[:len(b)/2]
			continue
		}
		b[at] ^= changes[2]
	}
	write(t, st, name, string(b))
}

// One bit of a table is turned over: a run ends without a panic. Most bits of
// deletion vectors and of data matter: most are found, when all rows are read.
func TestFlippedBits(t *testing.T) {
	t.Parallel()
	tables := map[string]*memstore.Store{}
	for _, kind := range fuzzKinds {
		tables[kind] = good(t, kind)
	}
	found, tried := map[string]int{}, map[string]int{}
	for seed := range uint64(effort.Pick(200, 6000)) {
		r := rand.New(rand.NewPCG(seed, 7))
		kind := fuzzKinds[r.IntN(len(fuzzKinds))]
		st := tables[kind].Clone()
		all := st.Names()
		name := all[r.IntN(len(all))]
		b := []byte(read(t, st, name))
		at := r.IntN(len(b))
		b[at] ^= 1 << r.IntN(8)
		write(t, st, name, string(b))
		rep, err := fsck.Run(t.Context(), st, &fsck.Options{Depth: fsck.Rows, History: true, Env: env()})
		class := classOf(name)
		tried[class]++
		if err != nil || len(rep.Findings) > 0 {
			found[class]++
		}
	}
	for class, n := range tried {
		t.Logf("%s: %d of %d found", class, found[class], n)
	}
	for class, percent := range map[string]int{"commit": 40, "checkpoint": 30, "checksum": 40, "hint": 60, "data": 20, "vector": 90} {
		require.GreaterOrEqual(t, 100*found[class], percent*tried[class], class)
	}
}

// classOf says what an object is.
func classOf(name string) string {
	switch {
	case strings.HasSuffix(name, ".bin"):
		return "vector"
	case strings.HasSuffix(name, ".crc"):
		return "checksum"
	case strings.HasSuffix(name, "_last_checkpoint"):
		return "hint"
	case strings.HasSuffix(name, ".checkpoint.parquet"):
		return "checkpoint"
	case strings.HasPrefix(name, "_delta_log/"):
		return "commit"
	}
	return "data"
}
