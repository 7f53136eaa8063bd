package pqwrite

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRandomTablesReadBackAsTheyWere shreds random tables one value at a time and
// compares with what parquet-go reads from the file, levels and all.
func TestRandomTablesReadBackAsTheyWere(t *testing.T) {
	t.Parallel()
	codecs := []string{"", "ZSTD", "gzip", "none", "Uncompressed"}
	for seed := range uint64(300) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			g := &gen{Rand: r, nulls: []float64{0, 0.05, 0.5, 1}[r.IntN(4)], few: []int{0, 3, 40}[r.IntN(3)], long: r.IntN(6)}
			s := g.structType(3, 1+r.IntN(4))
			rows := r.IntN(700)
			cols := g.rows(s, rows)
			o := &Options{
				Codec: codecs[r.IntN(len(codecs))], Compat: r.IntN(3) == 0, DataPageV2: r.IntN(2) == 0,
				PageRows: 1 + r.IntN(300), PageBytes: 1 + r.IntN(4000), DictionaryBytes: 1 + r.IntN(2000),
				RowGroupRows: 1 + r.IntN(1000), Parallel: 1 + r.IntN(4),
			}
			file, _ := writeFile(t, s, o, cols, 1+r.IntN(400), r)
			f, got := readFile(t, file)
			want := shredRows(s, cols)
			require.Equal(t, int64(rows), f.NumRows())
			for i := range want {
				require.Equal(t, len(want[i]), len(got[i]), "column %d of %s", i, s)
				for k := range want[i] {
					if want[i][k] != got[i][k] {
						require.Equal(t, want[i][k], got[i][k], "column %d of %s, entry %d, %+v", i, s, k, o)
					}
				}
			}
		})
	}
}
