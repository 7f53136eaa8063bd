// Command ours is deltalog's side of the benchmark; see run.sh. It prints one line
// of JSON: the processor and wall-clock seconds of the operation, and facts by
// which the result is checked.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/delta/files"
	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/reader"
)

func main() {
	ctx, args := context.Background(), os.Args[1:]
	run := map[string]func(context.Context, []string) (map[string]any, error){
		"append": appendRows, "replace": replace, "merge": merge, "delete": deleteRows, "vectors": vectors, "many": many, "bigmerge": bigMerge,
		"commits": commits, "open": open, "list": list, "prune": prune,
	}[args[0]]
	wall, before := time.Now(), cpu()
	check, err := run(ctx, args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	out, _ := json.Marshal(map[string]any{"cpu_s": cpu() - before, "wall_s": time.Since(wall).Seconds(), "check": check})
	fmt.Println(string(out))
}

func cpu() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

// target opens the table, or makes it for the source's columns.
func target(ctx context.Context, table string, src *files.Source, by ...string) (*delta.Table, error) {
	s, err := arrowvec.FromArrowSchema(src.Schema())
	if err != nil {
		return nil, err
	}
	for i := range s.Fields {
		s.Fields[i].Nullable = true
	}
	return delta.Create(ctx, table, s, &delta.CreateOptions{PartitionBy: by, IfNotExists: true})
}

func appendRows(ctx context.Context, args []string) (map[string]any, error) {
	src, err := files.Open(ctx, args[1:2], nil)
	if err != nil {
		return nil, err
	}
	t, err := target(ctx, args[0], src, "processing_date")
	if err != nil {
		return nil, err
	}
	_, err = t.Append(ctx, src, nil)
	return map[string]any{}, err
}

func replace(ctx context.Context, args []string) (map[string]any, error) {
	src, err := files.Open(ctx, args[1:2], nil)
	if err != nil {
		return nil, err
	}
	t, err := delta.Open(ctx, args[0], nil)
	if err != nil {
		return nil, err
	}
	_, err = t.ReplacePartitions(ctx, src, &delta.WriteOptions{Partitions: []delta.Partition{delta.Part("processing_date", "2026-01-15")}})
	return map[string]any{}, err
}

func merge(ctx context.Context, args []string) (map[string]any, error) {
	src, err := files.Open(ctx, args[1:2], nil)
	if err != nil {
		return nil, err
	}
	t, err := delta.Open(ctx, args[0], nil)
	if err != nil {
		return nil, err
	}
	_, err = t.Merge(src).OnColumns("order_id").WhenMatched().UpdateAll().WhenNotMatched().InsertAll().Run(ctx, nil)
	return map[string]any{}, err
}

func deleteRows(ctx context.Context, args []string) (map[string]any, error) {
	t, err := delta.Open(ctx, args[0], nil)
	if err != nil {
		return nil, err
	}
	_, err = t.Delete(ctx, "customer_id % 100 = 7", nil)
	return map[string]any{}, err
}

// vectors turns deletion vectors on.
func vectors(ctx context.Context, args []string) (map[string]any, error) {
	t, err := delta.Open(ctx, args[0], nil)
	if err != nil {
		return nil, err
	}
	_, err = t.SetProperties(ctx, map[string]string{"delta.enableDeletionVectors": "true"}, nil)
	return map[string]any{}, err
}

// numbered yields rows first, first+step, … up to last: an id, a number, a text.
func numbered(first, last, step int64, text string) delta.Source {
	s := arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "v", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil)
	return delta.Batches(s, func(yield func(arrow.RecordBatch, error) bool) {
		b := array.NewRecordBuilder(memory.DefaultAllocator, s)
		for i := first; i < last; {
			for rows := 0; rows < 1<<16 && i < last; rows++ {
				b.Field(0).(*array.Int64Builder).Append(scramble(i))
				b.Field(1).(*array.Int64Builder).Append(i)
				b.Field(2).(*array.StringBuilder).Append(text + strconv.FormatInt(i%1000, 10))
				i += step
			}
			if !yield(b.NewRecordBatch(), nil) {
				return
			}
		}
	})
}

// scramble gives each number another, in no order: every step can be undone.
func scramble(i int64) int64 {
	x := uint64(i)
	for range 2 {
		x ^= x >> 31
		x *= 0x9e3779b97f4a7c15
	}
	return int64(x ^ x>>29)
}

// many makes a table of N rows.
func many(ctx context.Context, args []string) (map[string]any, error) {
	n, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return nil, err
	}
	src := numbered(0, n, 1, "row ")
	s, err := arrowvec.FromArrowSchema(src.Schema())
	if err != nil {
		return nil, err
	}
	t, err := delta.Create(ctx, args[0], s, nil)
	if err != nil {
		return nil, err
	}
	_, err = t.Append(ctx, src, &delta.WriteOptions{TargetFileSize: 16 << 20})
	return map[string]any{"rows": n}, err
}

// bigMerge merges N/10 rows into a table of N rows that many made, 9 in 10 of them
// known: TABLE N [BYTES], within so many bytes.
func bigMerge(ctx context.Context, args []string) (map[string]any, error) {
	n, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return nil, err
	}
	o := &delta.ChangeOptions{}
	if len(args) > 2 {
		if o.MaxMemory, err = strconv.ParseInt(args[2], 10, 64); err != nil {
			return nil, err
		}
	}
	t, err := delta.Open(ctx, args[0], nil)
	if err != nil {
		return nil, err
	}
	res, err := t.Merge(numbered(5, n+n/10, 11, "changed ")).OnColumns("id").WhenMatched().UpdateAll().WhenNotMatched().InsertAll().Run(ctx, o)
	if err != nil {
		return nil, err
	}
	return map[string]any{"updated": res.Rows.Updated, "inserted": res.Rows.Inserted, "spilled_megabytes": res.Rows.Spilled / 1e6, "files": res.FilesAdded}, nil
}

func commits(ctx context.Context, args []string) (map[string]any, error) {
	src, err := files.Open(ctx, args[1:2], nil)
	if err != nil {
		return nil, err
	}
	t, err := target(ctx, args[0], src)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return nil, err
	}
	for range n {
		if _, err := t.Append(ctx, src, nil); err != nil {
			return nil, err
		}
	}
	s, err := t.Snapshot(ctx, delta.At{})
	if err != nil {
		return nil, err
	}
	return map[string]any{"version": s.Version()}, nil
}

func open(ctx context.Context, args []string) (map[string]any, error) {
	t, err := delta.Open(ctx, args[0], nil)
	if err != nil {
		return nil, err
	}
	s, err := t.Snapshot(ctx, delta.At{})
	if err != nil {
		return nil, err
	}
	return map[string]any{"version": s.Version()}, nil
}

func list(ctx context.Context, args []string) (map[string]any, error) {
	t, err := delta.Open(ctx, args[0], nil)
	if err != nil {
		return nil, err
	}
	s, err := t.Snapshot(ctx, delta.At{})
	if err != nil {
		return nil, err
	}
	n := 0
	for _, err := range s.Files(ctx, nil) {
		if err != nil {
			return nil, err
		}
		n++
	}
	return map[string]any{"files": n}, nil
}

func prune(ctx context.Context, args []string) (map[string]any, error) {
	t, err := delta.Open(ctx, args[0], nil)
	if err != nil {
		return nil, err
	}
	where, err := reader.Parse("date = '2026-02-10' AND id >= " + args[1])
	if err != nil {
		return nil, err
	}
	sc, err := t.Scan(ctx, &delta.ScanOptions{Where: where})
	if err != nil {
		return nil, err
	}
	n := 0
	for _, err := range sc.Files(ctx) {
		if err != nil {
			return nil, err
		}
		n++
	}
	return map[string]any{"files": n}, nil
}
