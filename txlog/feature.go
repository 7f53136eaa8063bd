package txlog

import "strings"

// The table features that this package knows by name. PROTOCOL.md, "Valid
// Feature Names in Table Features", and the RFCs that are in use.
const (
	FeatureAppendOnly           Feature = "appendOnly"
	FeatureInvariants           Feature = "invariants"
	FeatureCheckConstraints     Feature = "checkConstraints"
	FeatureChangeDataFeed       Feature = "changeDataFeed"
	FeatureGeneratedColumns     Feature = "generatedColumns"
	FeatureColumnMapping        Feature = "columnMapping"
	FeatureIdentityColumns      Feature = "identityColumns"
	FeatureDeletionVectors      Feature = "deletionVectors"
	FeatureTimestampNTZ         Feature = "timestampNtz"
	FeatureDomainMetadata       Feature = "domainMetadata"
	FeatureV2Checkpoint         Feature = "v2Checkpoint"
	FeatureRowTracking          Feature = "rowTracking"
	FeatureClustering           Feature = "clustering"
	FeatureAllowColumnDefaults  Feature = "allowColumnDefaults"
	FeatureInCommitTimestamp    Feature = "inCommitTimestamp"
	FeatureVacuumProtocolCheck  Feature = "vacuumProtocolCheck"
	FeatureTypeWidening         Feature = "typeWidening"
	FeatureVariantType          Feature = "variantType"
	FeatureVariantShredding     Feature = "variantShredding"
	FeatureIcebergCompatV1      Feature = "icebergCompatV1"
	FeatureIcebergCompatV2      Feature = "icebergCompatV2"
	FeatureIcebergCompatV3      Feature = "icebergCompatV3"
	FeatureCatalogManaged       Feature = "catalogManaged"
	FeatureCheckpointProtection Feature = "checkpointProtection"
	FeatureMaterializePartition Feature = "materializePartitionColumns"
	FeatureCollations           Feature = "collations"
)

// A support says what this package can do with tables of a feature.
type support uint8

const (
	supportNone support = iota // of a reader-writer feature: refuse to read and to write
	supportRead                // refuse to write
	supportFull
)

// A featureInfo is one row of the table of features.
type featureInfo struct {
	name    Feature
	reader  bool // readers have to know it as well
	support support
	// legacyWriter is the writer version that implies the feature; 0: none.
	legacyWriter int
	// legacyReader is the reader version that implies it; 0: none.
	legacyReader int
	aliases      []Feature
}

// features is what this package knows, in the order of the protocol.
//
// Why some features that ask a writer for work can be written: what rows must be
// (constraints, generated columns, defaults, identities) is the work of package
// writer, which this one has no rows for; row ids, commit timestamps and domains
// are the transaction's; inserts and whole-file removes
// need no change data files; new data files never need deletion vectors; what a
// V2 checkpoint holds, a classic one does as well; unclustered files are legal in
// a clustered table; and this package never changes a column's type nor deletes
// checkpoints.
var features = []featureInfo{
	{name: FeatureAppendOnly, support: supportFull, legacyWriter: 2},
	{name: FeatureInvariants, support: supportFull, legacyWriter: 2},
	{name: FeatureCheckConstraints, support: supportFull, legacyWriter: 3},
	{name: FeatureChangeDataFeed, support: supportFull, legacyWriter: 4},
	{name: FeatureGeneratedColumns, support: supportFull, legacyWriter: 4},
	{name: FeatureColumnMapping, reader: true, support: supportFull, legacyWriter: 5, legacyReader: 2},
	{name: FeatureIdentityColumns, support: supportFull, legacyWriter: 6},
	{name: FeatureDeletionVectors, reader: true, support: supportFull},
	{name: FeatureTimestampNTZ, reader: true, support: supportFull, aliases: []Feature{"timestampWithoutTimezone"}},
	{name: FeatureDomainMetadata, support: supportFull},
	{name: FeatureV2Checkpoint, reader: true, support: supportFull},
	{name: FeatureRowTracking, support: supportFull},
	{name: FeatureClustering, support: supportFull, aliases: []Feature{"liquid"}},
	{name: FeatureAllowColumnDefaults, support: supportFull},
	{name: FeatureInCommitTimestamp, support: supportFull, aliases: []Feature{"inCommitTimestamp-preview"}},
	{name: FeatureVacuumProtocolCheck, reader: true, support: supportFull},
	{name: FeatureTypeWidening, reader: true, support: supportFull, aliases: []Feature{"typeWidening-preview"}},
	{name: FeatureVariantType, reader: true, support: supportNone, aliases: []Feature{"variantType-preview"}},
	{name: FeatureVariantShredding, reader: true, support: supportNone, aliases: []Feature{"variantShredding-preview"}},
	{name: FeatureIcebergCompatV1, support: supportRead},
	{name: FeatureIcebergCompatV2, support: supportRead},
	{name: FeatureIcebergCompatV3, support: supportRead},
	{name: FeatureCatalogManaged, reader: true, support: supportNone, aliases: []Feature{"catalogOwned", "catalogOwned-preview"}},
	{name: FeatureCheckpointProtection, support: supportFull},
	{name: FeatureMaterializePartition, support: supportRead},
	{name: FeatureCollations, support: supportRead, aliases: []Feature{"collations-preview"}},
}

var featureIndex = func() map[string]*featureInfo {
	m := map[string]*featureInfo{}
	for i := range features {
		f := &features[i]
		m[strings.ToLower(string(f.name))] = f
		for _, a := range f.aliases {
			m[strings.ToLower(string(a))] = f
		}
	}
	return m
}()

// featureOf returns what is known of a feature, nil if nothing is. Case does not
// matter, as in Spark, and neither do former names.
func featureOf(name Feature) *featureInfo { return featureIndex[strings.ToLower(string(name))] }
