package txlog

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// A snapshot is used by many goroutines at once; its lazy parts are filled once.
func TestSnapshotIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t).table(30)
	log.checkpoint(20)
	s := log.load(nil)
	want := names("f", 0, 30)
	for i := range 8 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			require.Equal(t, want, paths(t, s, &FilesOptions{NoStats: i%2 == 0, Partitions: func(map[string]*string) bool { return true }}))
			n, bytes, err := s.NumFiles(t.Context())
			require.NoError(t, err)
			require.Equal(t, [2]int64{31, 310}, [2]int64{n, bytes})
			_, err = s.Schema()
			require.NoError(t, err)
			next, err := s.Advance(&Commit{Version: 31, Actions: []Action{&AddFile{Path: fmt.Sprint("mine", i), Size: 1}}})
			require.NoError(t, err)
			require.Len(t, paths(t, next, nil), 32)
			_, err = s.Update(t.Context())
			require.NoError(t, err)
			_, err = s.Checksum(t.Context())
			require.NoError(t, err)
		})
	}
}

// Many writers of one checkpoint: all succeed, and there is one.
func TestConcurrentCheckpoints(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t).table(30)
	for i := range 8 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			s, err := Load(t.Context(), log.Store, nil)
			require.NoError(t, err)
			after, err := s.WriteCheckpoint(t.Context(), nil)
			require.NoError(t, err)
			require.Equal(t, names("f", 0, 30), paths(t, after, nil))
		})
	}
}
