package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
)

// look is a command that reads a table's log and prints.
func (a *app) look(use, short, example string, run func(ctx context.Context, t *delta.Table, s *txlog.Snapshot) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Example: example, GroupID: "look", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, cancel := a.withDeadline(c.Context())
			defer cancel()
			tbl, snap, err := a.open(ctx, args[0])
			if err != nil {
				return cause(ctx, err)
			}
			defer tbl.Close()
			return cause(ctx, run(ctx, tbl, snap))
		},
	}
}

func (a *app) historyCmd() *cobra.Command {
	n := 20
	c := a.look("history TABLE", "List commits, the newest first", "  deltactl history ./orders -n 5", func(ctx context.Context, _ *delta.Table, s *txlog.Snapshot) error {
		l := a.list("version", "time", "operation", "rows", "files", "engine", "message")
		for e, err := range s.History(ctx, &txlog.HistoryOptions{Limit: n}) {
			if err != nil {
				return err
			}
			h := historyOf(e)
			l.add(h, h.Version, h.Timestamp, h.Operation, h.metric("numOutputRows"), h.files(), h.Engine, h.Message)
		}
		l.end()
		return nil
	})
	c.Flags().IntVarP(&n, "limit", "n", 20, "how many commits; 0: all")
	return c
}

type historyEntry struct {
	Version    txlog.Version     `json:"version"`
	Timestamp  string            `json:"timestamp"`
	Operation  string            `json:"operation"`
	Parameters map[string]string `json:"parameters,omitempty"`
	Metrics    map[string]string `json:"metrics,omitempty"`
	Engine     string            `json:"engine,omitempty"`
	Message    string            `json:"message,omitempty"`
	Isolation  string            `json:"isolation,omitempty"`
	TxnID      string            `json:"txn_id,omitempty"`
}

func historyOf(e *txlog.HistoryEntry) *historyEntry {
	h := &historyEntry{Version: e.Version, Timestamp: stamp(e.Timestamp)}
	if i := e.Info; i != nil {
		h.Operation, h.Parameters, h.Metrics = i.Operation, i.OperationParameters, i.OperationMetrics
		h.Engine, h.Message, h.Isolation, h.TxnID = i.EngineInfo, i.UserMetadata, i.IsolationLevel, i.TxnID
	}
	return h
}

func (h *historyEntry) metric(name string) string { return h.Metrics[name] }

func (h *historyEntry) files() string {
	added, removed := h.Metrics["numFiles"], h.Metrics["numRemovedFiles"]
	if removed == "" || removed == "0" {
		return added
	}
	return added + " -" + removed
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

func (a *app) schemaCmd() *cobra.Command {
	c := a.look("schema TABLE", "Print the columns", "  deltactl schema ./orders\n  deltactl schema ./orders -o json > orders.json", func(_ context.Context, _ *delta.Table, s *txlog.Snapshot) error {
		table, err := s.Schema()
		if err != nil {
			return err
		}
		if a.json() {
			fmt.Fprintln(a.stdout, table.JSON())
			return nil
		}
		l := a.list("column", "type", "nullable", "partition")
		for i := range table.Fields {
			f := &table.Fields[i]
			part := ""
			if k := slices.Index(s.Metadata().PartitionColumns, f.Name); k >= 0 {
				part = fmt.Sprint(k + 1)
			}
			l.add(nil, f.Name, f.Type.String(), f.Nullable, part)
		}
		l.end()
		return nil
	})
	c.Short = "Print the columns; below it: change them"
	c.AddCommand(a.schemaChanges()...)
	return c
}

type fileEntry struct {
	Path       string             `json:"path"`
	Partition  map[string]*string `json:"partition"`
	Size       int64              `json:"size"`
	Rows       *int64             `json:"rows"`
	Deleted    int64              `json:"deleted_rows"`
	ModifiedMS int64              `json:"modification_time"`
	Stats      string             `json:"stats,omitempty"`
}

func (a *app) filesCmd() *cobra.Command {
	return a.look("files TABLE", "List live data files", "  deltactl files ./orders -o json", func(ctx context.Context, _ *delta.Table, s *txlog.Snapshot) error {
		l := a.list("path", "size", "rows", "deleted")
		for f, err := range s.Files(ctx, nil) {
			if err != nil {
				return err
			}
			e := fileEntry{Path: f.Path, Partition: f.PartitionValues, Size: f.Size, ModifiedMS: f.ModificationTime, Stats: f.Stats}
			rows := "?"
			if n, err := f.NumRecords(); err == nil {
				e.Rows, rows = &n, count(n)
			}
			if f.DeletionVector != nil {
				e.Deleted = f.DeletionVector.Cardinality
			}
			l.add(e, f.Path, size(f.Size), rows, count(e.Deleted))
		}
		l.end()
		return nil
	})
}

type partitionEntry struct {
	Partition string             `json:"partition"`
	Values    map[string]*string `json:"values"`
	Files     int64              `json:"files"`
	Bytes     int64              `json:"bytes"`
	Rows      *int64             `json:"rows"`
}

func (a *app) partitionsCmd() *cobra.Command {
	return a.look("partitions TABLE", "List partitions with files, bytes and rows", "  deltactl partitions ./orders", func(ctx context.Context, _ *delta.Table, s *txlog.Snapshot) error {
		entries := map[string]*partitionEntry{}
		for f, err := range s.Files(ctx, nil) {
			if err != nil {
				return err
			}
			name := delta.Partition(f.PartitionValues).String()
			e := entries[name]
			if e == nil {
				zero := int64(0)
				e = &partitionEntry{Partition: name, Values: f.PartitionValues, Rows: &zero}
				entries[name] = e
			}
			e.Files++
			e.Bytes += f.Size
			n, err := f.NumRecords()
			switch {
			case err != nil || e.Rows == nil:
				e.Rows = nil
			case f.DeletionVector != nil:
				*e.Rows += n - f.DeletionVector.Cardinality
			default:
				*e.Rows += n
			}
		}
		l := a.list("partition", "files", "size", "rows")
		for _, name := range slices.Sorted(maps.Keys(entries)) {
			e := entries[name]
			rows := "?"
			if e.Rows != nil {
				rows = count(*e.Rows)
			}
			l.add(e, e.Partition, e.Files, size(e.Bytes), rows)
		}
		l.end()
		return nil
	})
}

type txnEntry struct {
	Key         string `json:"key"`
	Recorded    int64  `json:"recorded"`
	LastUpdated string `json:"last_updated,omitempty"`
}

func (a *app) txnsCmd() *cobra.Command {
	return a.look("txns TABLE", "List idempotency keys and application versions", "  deltactl txns ./orders", func(ctx context.Context, _ *delta.Table, s *txlog.Snapshot) error {
		txns, err := s.Txns(ctx)
		if err != nil {
			return err
		}
		l := a.list("key", "recorded", "last updated")
		for _, t := range txns {
			e := txnEntry{Key: t.AppID, Recorded: t.Version}
			if t.LastUpdated != nil {
				e.LastUpdated = stamp(time.UnixMilli(*t.LastUpdated))
			}
			l.add(e, e.Key, e.Recorded, e.LastUpdated)
		}
		l.end()
		return nil
	})
}

func (a *app) statusCmd() *cobra.Command {
	var key string
	c := a.look("status TABLE --key KEY", "Tell whether work under a key is in the table", `  deltactl status s3://lake/orders --key orders/2026-01-05; echo $?`, func(ctx context.Context, t *delta.Table, _ *txlog.Snapshot) error {
		applied, err := t.Lookup(ctx, key)
		if err != nil {
			return err
		}
		out := map[string]any{"key": key, "applied": applied != nil, "version": nil}
		line := fmt.Sprintf("key %q is not in the table", key)
		if applied != nil {
			line = fmt.Sprintf("key %q landed", key)
			if applied.Version != delta.NoVersion {
				out["version"] = applied.Version
				line += fmt.Sprintf(" as version %d", applied.Version)
			}
			out["recorded"] = applied.Recorded
			if !applied.At.IsZero() {
				out["at"] = stamp(applied.At)
				line += " at " + stamp(applied.At)
			}
		} else {
			a.exit = exitCheck
		}
		if a.json() {
			a.printJSON(out)
		} else {
			fmt.Fprintln(a.stdout, line)
		}
		return nil
	})
	c.Flags().StringVar(&key, "key", "", "the key, or the APP of --txn")
	c.PreRunE = func(*cobra.Command, []string) error {
		if key == "" {
			return usagef("give the key with --key")
		}
		a.asks, a.key = true, key
		return nil
	}
	return c
}

func (a *app) inspectCmd() *cobra.Command {
	return a.look("inspect TABLE", "Show a table on one screen", "  deltactl inspect s3://lake/orders", func(ctx context.Context, t *delta.Table, s *txlog.Snapshot) error {
		i, err := inspect(ctx, t, s)
		if err != nil {
			return err
		}
		if a.json() {
			a.printJSON(i)
			return nil
		}
		i.print(a)
		return nil
	})
}

type inspection struct {
	URL            string            `json:"url"`
	ID             string            `json:"id"`
	Name           string            `json:"name,omitempty"`
	Version        txlog.Version     `json:"version"`
	Timestamp      string            `json:"timestamp"`
	ReaderVersion  int               `json:"min_reader_version"`
	WriterVersion  int               `json:"min_writer_version"`
	Features       []txlog.Feature   `json:"features"`
	Writable       bool              `json:"writable"`
	WhyNot         string            `json:"why_not_writable,omitempty"`
	PartitionBy    []string          `json:"partition_by"`
	Properties     map[string]string `json:"properties"`
	Files          int64             `json:"files"`
	Bytes          int64             `json:"bytes"`
	Rows           *int64            `json:"rows"`
	Keys           int               `json:"keys"`
	KeyRetention   string            `json:"key_retention"`
	LastOperations []*historyEntry   `json:"last_operations"`
	Notes          []string          `json:"notes"`
}

func inspect(ctx context.Context, t *delta.Table, s *txlog.Snapshot) (*inspection, error) {
	m, p := s.Metadata(), s.Protocol()
	i := &inspection{
		URL: t.URL(), ID: m.ID, Name: m.Name, Version: s.Version(), ReaderVersion: p.MinReaderVersion, WriterVersion: p.MinWriterVersion,
		Features: p.Features(), Writable: true, PartitionBy: m.PartitionColumns, Properties: m.Configuration,
		KeyRetention: "for ever", Notes: []string{},
	}
	if at, err := s.Timestamp(ctx); err == nil {
		i.Timestamp = stamp(at)
	}
	if err := txlog.CheckWrite(p, m); err != nil {
		i.Writable, i.WhyNot = false, err.Error()
	}
	if d := s.Properties().TxnRetention(); d > 0 {
		i.KeyRetention = d.String()
		i.Notes = append(i.Notes, "keys are forgotten after "+d.String()+": a replay later than that is applied again")
	}
	var err error
	if i.Files, i.Bytes, err = s.NumFiles(ctx); err != nil {
		return nil, err
	}
	if sc, err := reader.New(s, nil); err == nil {
		if n, known, err := sc.KnownCount(ctx); err == nil && known {
			i.Rows = &n
		}
	}
	txns, err := s.Txns(ctx)
	if err != nil {
		return nil, err
	}
	i.Keys = len(txns)
	for e, err := range s.History(ctx, &txlog.HistoryOptions{Limit: 3}) {
		if err != nil {
			return nil, err
		}
		i.LastOperations = append(i.LastOperations, historyOf(e))
	}
	if strings.HasPrefix(t.URL(), "s3") {
		i.Notes = append(i.Notes, "Spark on s3a:// does not write commits conditionally: a Spark writer beside deltactl can overwrite a commit; Spark readers are fine")
	}
	if n := s.CommitsSinceCheckpoint(); n > 100 {
		i.Notes = append(i.Notes, fmt.Sprintf("%d commits since the last checkpoint: deltactl checkpoint makes opening cheaper", n))
	}
	if i.Files > 100 && i.Bytes/i.Files < 1<<20 {
		i.Notes = append(i.Notes, fmt.Sprintf("files are small (%s on average): larger loads, or a compaction, make reading cheaper", size(i.Bytes/i.Files)))
	}
	return i, nil
}

func (i *inspection) print(a *app) {
	line := func(k, format string, args ...any) {
		fmt.Fprintf(a.stdout, "%-14s %s\n", k, fmt.Sprintf(format, args...))
	}
	line("table", "%s", i.URL)
	line("version", "%d  %s", i.Version, i.Timestamp)
	line("id", "%s %s", i.ID, i.Name)
	line("protocol", "reader %d, writer %d", i.ReaderVersion, i.WriterVersion)
	if len(i.Features) > 0 {
		line("features", "%v", i.Features)
	}
	if i.Writable {
		line("writable", "yes")
	} else {
		line("writable", "no: %s", i.WhyNot)
	}
	line("partitioned by", "%s", strings.Join(i.PartitionBy, ", "))
	rows := "unknown"
	if i.Rows != nil {
		rows = count(*i.Rows)
	}
	line("content", "%s rows, %s files, %s", rows, count(i.Files), size(i.Bytes))
	line("keys", "%d, kept %s", i.Keys, i.KeyRetention)
	for _, k := range slices.Sorted(maps.Keys(i.Properties)) {
		line("property", "%s = %s", k, i.Properties[k])
	}
	for _, h := range i.LastOperations {
		line("last", "version %d  %s  %s  %s", h.Version, h.Timestamp, h.Operation, h.Engine)
	}
	for _, n := range i.Notes {
		line("note", "%s", n)
	}
}
