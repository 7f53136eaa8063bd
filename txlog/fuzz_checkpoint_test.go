package txlog

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzCheckpoint: whatever bytes are in a checkpoint, of any kind, loading the
// table and listing its files gives files or an error, and no panic.
func FuzzCheckpoint(f *testing.F) {
	for kind, pattern := range []string{
		"golden-dv-with-columnmapping/_delta_log/*.checkpoint.parquet", "golden-v2-checkpoint-parquet/_delta_log/*.checkpoint.*.parquet",
		"golden-v2-checkpoint-json/_delta_log/*.checkpoint.*.json", "golden-multi-part-checkpoint/_delta_log/*.parquet",
	} {
		files, err := filepath.Glob("testdata/tables/" + pattern)
		require.NoError(f, err)
		require.NotEmpty(f, files)
		data, err := os.ReadFile(files[0])
		require.NoError(f, err)
		f.Add(uint8(kind), data)
	}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		log := newFakeLog(t)
		name := checkpointPath(1)
		switch kind % 4 {
		case 1:
			name = versionPrefix(1) + ".checkpoint." + someUUID + ".parquet"
		case 2:
			name = versionPrefix(1) + ".checkpoint." + someUUID + ".json"
		case 3:
			name = versionPrefix(1) + ".checkpoint.0000000001.0000000001.parquet"
		}
		log.put(name, string(data))
		log.commit(2, lineAdd("x", "1"))
		s, err := Load(t.Context(), log.Store, nil)
		if err != nil {
			return
		}
		for _, o := range []*FilesOptions{nil, {NoStats: true, Partitions: func(map[string]*string) bool { return true }}} {
			n := int64(0)
			for a, err := range s.Files(t.Context(), o) {
				if err != nil {
					n = -1
					break
				}
				require.NotEmpty(t, a.Path)
				require.NotNil(t, a.PartitionValues)
				n++
			}
			if files, _, err := s.NumFiles(t.Context()); err == nil && n >= 0 {
				require.Equal(t, n, files)
			}
		}
		for _, err := range s.Tombstones(t.Context()) {
			if err != nil {
				break
			}
		}
	})
}
