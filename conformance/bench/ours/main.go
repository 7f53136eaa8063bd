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

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/delta/files"
	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/reader"
)

func main() {
	ctx, args := context.Background(), os.Args[1:]
	run := map[string]func(context.Context, []string) (map[string]any, error){
		"append": appendRows, "replace": replace, "merge": merge, "delete": deleteRows, "vectors": vectors, "commits": commits, "open": open, "list": list, "prune": prune,
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
