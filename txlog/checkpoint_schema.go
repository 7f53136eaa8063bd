package txlog

import "github.com/deltalog/deltalog/txlog/schema"

// The columns of checkpoints. PROTOCOL.md, "Checkpoint Schema".

var (
	typeTexts    = &schema.Map{Key: schema.String, Value: schema.String, ValueContainsNull: true}
	typeTextList = &schema.Array{Element: schema.String, ContainsNull: true}

	typeDV = structOf(
		col("storageType", schema.String), col("pathOrInlineDv", schema.String), col("offset", schema.Integer),
		col("sizeInBytes", schema.Integer), col("cardinality", schema.Long), col("maxRowIndex", schema.Long),
	)
	typeTxn = structOf(col("appId", schema.String), col("version", schema.Long), col("lastUpdated", schema.Long))

	typeDomain = structOf(col("domain", schema.String), col("configuration", schema.String), col("removed", schema.Boolean))

	typeProtocol = structOf(
		col("minReaderVersion", schema.Integer), col("minWriterVersion", schema.Integer),
		col("readerFeatures", typeTextList), col("writerFeatures", typeTextList),
	)
	typeMetadata = structOf(
		col("id", schema.String), col("name", schema.String), col("description", schema.String),
		col("format", structOf(col("provider", schema.String), col("options", typeTexts))),
		col("schemaString", schema.String), col("partitionColumns", typeTextList),
		col("configuration", typeTexts), col("createdTime", schema.Long),
	)
	typeSidecar = structOf(
		col("path", schema.String), col("sizeInBytes", schema.Long), col("modificationTime", schema.Long), col("tags", typeTexts),
	)
	typeCheckpointMetadata = structOf(col("version", schema.Long), col("tags", typeTexts))
)

// stateColumns are the columns that are not about files.
var stateColumns = structOf(
	col("protocol", typeProtocol), col("metaData", typeMetadata), col("txn", typeTxn), col("domainMetadata", typeDomain),
	col("checkpointMetadata", typeCheckpointMetadata), col("sidecar", typeSidecar),
)

func structOf(fields ...schema.Field) *schema.Struct { return &schema.Struct{Fields: fields} }

func col(name string, t schema.DataType) schema.Field {
	return schema.Field{Name: name, Type: t, Nullable: true}
}

// fieldsOf returns the fields of s with these names.
func fieldsOf(s *schema.Struct, names ...string) *schema.Struct {
	out := new(schema.Struct)
	for _, n := range names {
		out.Fields = append(out.Fields, s.Fields[s.Index(n)])
	}
	return out
}

// typeAdd is the add column as far as it is the same for all tables.
var typeAdd = structOf(
	col("path", schema.String), col("partitionValues", typeTexts), col("size", schema.Long),
	col("modificationTime", schema.Long), col("dataChange", schema.Boolean), col("tags", typeTexts),
	col("deletionVector", typeDV), col("baseRowId", schema.Long), col("defaultRowCommitVersion", schema.Long),
	col("clusteringProvider", schema.String), col("stats", schema.String),
)

// typeRemove is the remove column.
var typeRemove = structOf(
	col("path", schema.String), col("deletionTimestamp", schema.Long), col("dataChange", schema.Boolean),
	col("extendedFileMetadata", schema.Boolean), col("partitionValues", typeTexts), col("size", schema.Long),
	col("deletionVector", typeDV), col("baseRowId", schema.Long), col("defaultRowCommitVersion", schema.Long),
)
