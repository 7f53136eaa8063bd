package delta_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// Bytes that are wrong, wherever they are, are told from a store that does not
// answer: the error matches ErrCorrupt.
func TestDamagedFilesAreCorrupt(t *testing.T) {
	for _, kind := range []string{".parquet", ".bin"} {
		for name, damage := range map[string]func([]byte) []byte{
			"cut":     func(b []byte) []byte { return b[:len(b)/2] },
			"flipped": func(b []byte) []byte { b[len(b)-5] ^= 0x40; b[len(b)/2] ^= 0x40; return b },
			"empty":   func([]byte) []byte { return nil },
		} {
			t.Run(kind+" "+name, func(t *testing.T) {
				st := memstore.New(nil)
				tbl, err := delta.Create(t.Context(), "mem://", stockSchema, &delta.CreateOptions{
					Options:    delta.Options{Store: st, Env: virtual("damaged")},
					Properties: map[string]string{"delta.enableDeletionVectors": "true"},
				})
				require.NoError(t, err)
				_, err = tbl.Append(t.Context(), stocks(t, changeRows("a")), nil)
				require.NoError(t, err)
				_, err = tbl.Delete(t.Context(), "id = 3", nil)
				require.NoError(t, err)
				damaged := 0
				for o, err := range st.List(t.Context(), logstore.ListOptions{}) {
					require.NoError(t, err)
					if strings.HasPrefix(o.Name, "_") || !strings.HasSuffix(o.Name, kind) {
						continue
					}
					data, err := st.Read(t.Context(), o.Name, 0)
					require.NoError(t, err)
					require.NoError(t, st.Put(t.Context(), o.Name, damage(data), logstore.Overwrite))
					damaged++
				}
				require.Equal(t, 1, damaged)
				scan, err := tbl.Scan(t.Context(), nil)
				require.NoError(t, err)
				for _, rerr := range scan.Batches(t.Context()) {
					if err = rerr; err != nil {
						break
					}
				}
				require.ErrorIs(t, err, delta.ErrCorrupt)
				require.ErrorContains(t, err, kind)
				_, err = tbl.Delete(t.Context(), "qty = 5", nil)
				require.ErrorIs(t, err, delta.ErrCorrupt)
			})
		}
	}
}
