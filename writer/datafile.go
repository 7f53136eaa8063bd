package writer

import "github.com/deltalog/deltalog/txlog"

// A DataFile is a complete Parquet file below the table's root that no commit
// names yet. It is plain data, and its JSON form is stable: one process may write
// files, and another may commit them.
type DataFile struct {
	// Path is as it will stand in the log: relative, percent-encoded.
	Path string `json:"path"`
	// PartitionValues holds a serialised value, or null, for each partition column
	// by its physical name.
	PartitionValues  map[string]*string `json:"partitionValues"`
	Size             int64              `json:"size"`             // bytes
	Rows             int64              `json:"rows"`             // rows
	ModificationTime int64              `json:"modificationTime"` // milliseconds since 1970
	Stats            string             `json:"stats"`            // add.stats
}

// AddFile returns the action that makes d part of the table.
func (d *DataFile) AddFile() *txlog.AddFile {
	return &txlog.AddFile{
		Path: d.Path, PartitionValues: d.PartitionValues, Size: d.Size,
		ModificationTime: d.ModificationTime, DataChange: true, Stats: d.Stats,
	}
}

// AddCDCFile returns the action that makes d change data of a commit.
func (d *DataFile) AddCDCFile() *txlog.AddCDCFile {
	return &txlog.AddCDCFile{Path: d.Path, PartitionValues: d.PartitionValues, Size: d.Size}
}
