package writer_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/writer"
)

// BenchmarkWrite splits, encodes and publishes 64 Ki rows in batches that mix the
// partitions.
func BenchmarkWrite(b *testing.B) {
	for _, parts := range []int{1, 30, 2000} {
		rec := events(b, 1, 1<<16, parts, 24)
		b.Run(fmt.Sprintf("partitions=%d", parts), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(1 << 16 * 40)
			for b.Loop() {
				w, err := writer.New(config(memstore.New(nil), eventSchema, "p"))
				require.NoError(b, err)
				require.NoError(b, w.Write(b.Context(), rec))
				_, err = w.Close(b.Context())
				require.NoError(b, err)
			}
		})
	}
}
