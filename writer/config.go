package writer

import (
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/deltalog/deltalog/internal/digest"
	"github.com/deltalog/deltalog/internal/rules"
	"github.com/deltalog/deltalog/internal/stats"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A Config says what a [Writer] writes for. Nothing of it is read from storage.
type Config struct {
	Store            logstore.Store
	Schema           *schema.Struct   // the table's, with logical names
	PartitionColumns []string         // logical names, in the table's order
	Properties       txlog.Properties // codec, statistics, column mapping, prefixes

	// Rules are what the table promises of its rows; see [Rules]. They may be nil if
	// it promises nothing. With NoFiles columns are completed, and nothing is checked
	// but nulls.
	Rules *rules.Rules

	// Hidden are columns of the files beyond those of the table, under these very
	// names: row ids that rows take along, what kind of change a row is. They are
	// nullable, have no statistics, and no field id unless their metadata gives one.
	// Batches have them by their exact names, or else they are null.
	Hidden []schema.Field
	// Directory is where in the table the files go, such as "_change_data"; they are
	// named as change data is then, have no statistics, and need no Rules: their rows
	// are, or were, rows of the table. Default: the table's root.
	Directory string

	// Settings.

	// TargetFileSize is the size at which a file ends, in bytes as encoded.
	// Default: the table's delta.targetFileSize, else 128 MiB.
	TargetFileSize int64
	// MaxMemory bounds the bytes held for pages and uploads, beside one batch.
	// Over it the largest file is written out early. A process takes up to twice
	// as much, since Go's collector lets garbage grow as large as what lives.
	// Default: 256 MiB.
	MaxMemory int64
	// Parallel bounds the goroutines that encode. Default: GOMAXPROCS.
	Parallel int
	// Admit is called once for each partition that the input holds, before any of
	// its rows is accepted, with the number of the first such row (from 0). Its
	// error ends the write.
	Admit func(p Partition, row int64) error
	// Digest counts the rows into Output.Digest.
	Digest bool
	// NoFiles checks, admits, counts and digests the rows, and writes nothing.
	NoFiles bool
	// Progress is called now and then, from the goroutine that calls Write or Close.
	Progress func(Progress)

	// Components.
	Env *txlog.Env
}

// Progress counts what was written so far.
type Progress struct{ Rows, Bytes, Files int64 }

// A Partition is one combination of partition values.
type Partition struct {
	Values []schema.Value     // in the order of Config.PartitionColumns
	Raw    map[string]*string // physical name → serialised value, nil: null
}

// An Output is all that was written.
type Output struct {
	Files      []DataFile // by partition in the order of their first rows, then in row order
	Rows       int64
	Digest     digest.Rows // over what the input gave, not what was completed
	Partitions []Partition // in the order of their first rows
	Assigned   []Assigned  // the values that identity columns gave
}

const (
	defaultTargetFileSize = 128 << 20
	defaultMaxMemory      = 256 << 20
	defaultCodec          = "snappy"
)

// extensions are what other engines call files by their codec.
var extensions = map[string]string{
	"snappy": ".snappy.parquet", "zstd": ".zstd.parquet", "gzip": ".gz.parquet",
	"lz4": ".lz4.parquet", "lz4_raw": ".lz4raw.parquet", "none": ".parquet", "uncompressed": ".parquet",
}

func (c *Config) withDefaults() (*Config, error) {
	d := *c
	if d.Schema == nil || d.Store == nil && !d.NoFiles {
		return nil, errors.New("writer: Config needs a Schema and a Store")
	}
	if d.TargetFileSize < 0 || d.MaxMemory < 0 || d.Parallel < 0 {
		return nil, fmt.Errorf("writer: Config: negative limit; use 0 for the default")
	}
	if err := d.checkDirectory(); err != nil {
		return nil, err
	}
	if d.TargetFileSize == 0 {
		d.TargetFileSize = d.Properties.TargetFileSize()
	}
	if d.TargetFileSize == 0 {
		d.TargetFileSize = defaultTargetFileSize
	}
	if d.MaxMemory == 0 {
		d.MaxMemory = defaultMaxMemory
	}
	if d.Parallel == 0 {
		d.Parallel = runtime.GOMAXPROCS(0)
	}
	d.Env = d.Env.WithDefaults()
	if d.Rules == nil {
		if d.Directory == "" && rules.Any(d.Schema, d.Properties) {
			return nil, errors.New("writer: Config needs Rules: the schema or the properties promise something of rows")
		}
		d.Rules = rules.None(d.Schema)
	}
	if !d.Rules.For(d.Schema) {
		return nil, errors.New("writer: Config.Rules are those of another schema")
	}
	return &d, nil
}

// A target is what follows from a Config for every file.
type target struct {
	*Config
	codec    string
	mode     schema.MappingMode
	data     *schema.Struct // the files' columns, with physical names
	dataCols []int          // their positions in Schema
	partCols []int          // the partition columns' positions in Schema
	physical []string       // the partition columns' physical names
	layout   *stats.Layout
	prefix   int // of strings in statistics

	uploadCost int64 // bytes that an open upload holds
}

func newTarget(c *Config) (*target, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	t := &target{Config: c, codec: c.Properties.Codec(), mode: c.Properties.MappingMode(), prefix: c.Properties.StatsStringPrefix()}
	t.uploadCost = uploadCost(c.Store)
	if t.codec == "" {
		t.codec = defaultCodec
	}
	if _, ok := extensions[t.codec]; !ok {
		return nil, fmt.Errorf("writer: table property delta.parquet.compression.codec is %q, which is not a codec that this library writes", t.codec)
	}
	if err := t.columns(); err != nil {
		return nil, err
	}
	leaves, err := stats.Select(c.Schema, t.mode, c.PartitionColumns, c.Properties.NumIndexedColumns(), c.Properties.StatsColumns())
	if err != nil {
		return nil, fmt.Errorf("writer: statistics: %w", err)
	}
	t.layout = stats.NewLayout(leaves)
	// A schema that no file can have is refused before there are rows.
	if _, err := t.encoder(io.Discard); err != nil {
		return nil, fmt.Errorf("writer: %w", err)
	}
	return t, nil
}

// columns divides the table's columns into those of the partition and those of
// the files.
func (t *target) columns() error {
	physical := schema.Physical(t.Schema, t.mode)
	isPart := map[int]bool{}
	for _, name := range t.PartitionColumns {
		i := t.Schema.Index(name)
		if i < 0 || isPart[i] {
			return fmt.Errorf("writer: partition column %q is not in the schema, or named twice", name)
		}
		if typ := t.Schema.Fields[i].Type; !canPartition(typ) {
			return fmt.Errorf("writer: column %s cannot be a partition column: it is of type %s", name, typ)
		}
		isPart[i] = true
		t.partCols = append(t.partCols, i)
		t.physical = append(t.physical, physical.Fields[i].Name)
	}
	t.data = &schema.Struct{}
	for i := range physical.Fields {
		if !isPart[i] {
			t.data.Fields = append(t.data.Fields, physical.Fields[i])
			t.dataCols = append(t.dataCols, i)
		}
	}
	return t.hide()
}

func canPartition(t schema.DataType) bool {
	switch t.Kind() {
	case schema.KindStruct, schema.KindArray, schema.KindMap, schema.KindVariant, schema.KindVoid:
		return false
	}
	return true
}
