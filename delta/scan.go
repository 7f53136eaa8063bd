package delta

import (
	"context"
	"iter"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
)

// ScanOptions say what a scan reads: columns, a predicate, a limit.
type ScanOptions = reader.Options

// Where reads a predicate in Spark's SQL, for [ScanOptions].
func Where(sql string) (reader.Predicate, error) { return reader.Parse(sql) }

// Scan reads the newest version of the table. For another version, or to read one
// version twice, give reader.New a [Table.Snapshot].
func (t *Table) Scan(ctx context.Context, o *ScanOptions) (*reader.Scan, error) {
	s, err := t.Snapshot(ctx, At{})
	if err != nil {
		return nil, err
	}
	return reader.New(s, o)
}

// ScanSource returns what a scan reads as a [Source], so that one table can be
// written from another. It can be read more than once.
func ScanSource(s *reader.Scan) Source {
	return &batches{schema: s.Schema(), again: true, seq: func(ctx context.Context) iter.Seq2[arrow.RecordBatch, error] {
		return s.Batches(ctx)
	}}
}

// History yields the table's commits, the newest first. It costs one listing, and
// one request for each commit.
func (t *Table) History(ctx context.Context, o *txlog.HistoryOptions) iter.Seq2[*txlog.HistoryEntry, error] {
	return func(yield func(*txlog.HistoryEntry, error) bool) {
		s, err := t.refresh(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		s.History(ctx, o)(yield)
	}
}
