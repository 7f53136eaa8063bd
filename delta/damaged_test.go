package delta_test

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/faultstore"
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
				err = scanAll(t, tbl)
				require.ErrorIs(t, err, delta.ErrCorrupt)
				require.ErrorContains(t, err, kind)
				_, err = tbl.Delete(t.Context(), "qty = 5", nil)
				require.ErrorIs(t, err, delta.ErrCorrupt)
			})
		}
	}
}

// scanAll reads the table and returns what that ended with.
func scanAll(t *testing.T, tbl *delta.Table) error {
	t.Helper()
	scan, err := tbl.Scan(t.Context(), nil)
	if err != nil {
		return err
	}
	for _, err := range scan.Batches(t.Context()) {
		if err != nil {
			return err
		}
	}
	return nil
}

// A connection that breaks says nothing about the bytes, whatever error it breaks
// with; nothing of the table is called corrupt then.
func TestBrokenConnectionsAreNotCorruption(t *testing.T) {
	st := memstore.New(nil)
	changeBase(t, st, "mem://", sweptDV)
	_, err := must(delta.Open(t.Context(), "mem://", &delta.Options{Store: st})).Checkpoint(t.Context())
	require.NoError(t, err)
	broken := 0
	for n := 0; ; n++ {
		struck := false
		fs := faultstore.New(st, func(c faultstore.Call) faultstore.Fault {
			if c.N != n {
				return faultstore.Pass
			}
			struck = true
			return faultstore.Cut(7, io.ErrUnexpectedEOF)
		})
		tbl, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: fs, Env: virtual("reader")})
		if err == nil {
			err = scanAll(t, tbl)
		}
		if !struck {
			break
		}
		if err != nil {
			broken++
			require.NotErrorIs(t, err, delta.ErrCorrupt, "call %d: %s", n, fs.Trace()[n])
		}
	}
	require.GreaterOrEqual(t, broken, 3, "data files and a deletion vector were read")
}
