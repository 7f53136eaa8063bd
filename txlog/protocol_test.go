package txlog

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func listed(reader, writer []Feature) *Protocol {
	return &Protocol{MinReaderVersion: 3, MinWriterVersion: 7, ReaderFeatures: reader, WriterFeatures: append(append([]Feature{}, reader...), writer...)}
}

func TestEveryUnsupportedFeatureIsNamed(t *testing.T) {
	t.Parallel()
	p := listed([]Feature{"deletionVectors", "variantType-preview", "zeta"}, []Feature{"icebergCompatV2", "alpha", "appendOnly"})
	var e *UnsupportedFeatureError
	require.ErrorAs(t, CheckRead(p), &e)
	require.Equal(t, []Feature{"variantType-preview", "zeta"}, e.Features)
	require.False(t, e.Write)
	require.ErrorAs(t, CheckWrite(p, nil), &e)
	require.Equal(t, []Feature{"alpha", "icebergCompatV2", "variantType-preview", "zeta"}, e.Features)
	require.True(t, e.Write)
	require.EqualError(t, e, "cannot write to this table: it needs alpha, icebergCompatV2, variantType-preview, zeta, which this version of deltalog does not support")
}

func TestVersionsOutOfRange(t *testing.T) {
	t.Parallel()
	for _, p := range []*Protocol{{MinReaderVersion: 4, MinWriterVersion: 7}, {MinReaderVersion: 0, MinWriterVersion: 2}, {MinReaderVersion: -1, MinWriterVersion: 2}, {MinReaderVersion: 5, MinWriterVersion: 2}} {
		require.ErrorContains(t, CheckRead(p), "minReaderVersion", "%v", p)
	}
	for _, p := range []*Protocol{{MinReaderVersion: 1, MinWriterVersion: 8}, {MinReaderVersion: 1, MinWriterVersion: 0}} {
		require.NoError(t, CheckRead(p))
		require.ErrorContains(t, CheckWrite(p, nil), "minWriterVersion", "%v", p)
	}
}

func TestLegacyVersionsImplyFeatures(t *testing.T) {
	t.Parallel()
	for writer, want := range map[int][]Feature{
		1: nil,
		2: {"appendOnly", "invariants"},
		3: {"appendOnly", "checkConstraints", "invariants"},
		4: {"appendOnly", "changeDataFeed", "checkConstraints", "generatedColumns", "invariants"},
		5: {"appendOnly", "changeDataFeed", "checkConstraints", "columnMapping", "generatedColumns", "invariants"},
		6: {"appendOnly", "changeDataFeed", "checkConstraints", "columnMapping", "generatedColumns", "identityColumns", "invariants"},
	} {
		require.Equal(t, want, (&Protocol{MinReaderVersion: 1, MinWriterVersion: writer}).Features(), writer)
	}
	require.True(t, (&Protocol{MinReaderVersion: 2, MinWriterVersion: 5}).HasReaderFeature(FeatureColumnMapping))
	require.False(t, (&Protocol{MinReaderVersion: 1, MinWriterVersion: 5}).HasReaderFeature(FeatureColumnMapping))
	p := &Protocol{MinReaderVersion: 1, MinWriterVersion: 7, WriterFeatures: []Feature{}}
	require.False(t, p.HasWriterFeature(FeatureAppendOnly), "version 7 implies nothing")
	require.False(t, (*Protocol)(nil).HasWriterFeature(FeatureAppendOnly))
}

func TestFormerNamesAndCaseOfFeatures(t *testing.T) {
	t.Parallel()
	for _, f := range []Feature{"typeWidening-preview", "TYPEWIDENING", "timestampWithoutTimezone", "timestampNTZ", "v2checkpoint"} {
		require.NoError(t, CheckRead(listed([]Feature{f}, nil)), f)
		require.NoError(t, CheckWrite(listed([]Feature{f}, nil), nil), f)
	}
	require.True(t, listed([]Feature{"typeWidening-preview"}, nil).HasWriterFeature(FeatureTypeWidening))
}

func TestCatalogManagedTablesAreRefused(t *testing.T) {
	t.Parallel()
	for _, f := range []Feature{"catalogManaged", "catalogOwned", "catalogOwned-preview"} {
		require.ErrorContains(t, CheckRead(listed([]Feature{f}, nil)), "catalog", f)
		require.Error(t, CheckRead(listed(nil, []Feature{f})), "as a writer feature only: %s", f)
	}
}

func metadataWith(columnMetadata string, config map[string]string) *Metadata {
	return &Metadata{
		ID: "m", Format: Format{Provider: "parquet"}, Configuration: config,
		SchemaString: `{"type":"struct","fields":[{"name":"s","type":{"type":"struct","fields":[{"name":"c","type":"long","nullable":true,"metadata":{` + columnMetadata + `}}]},"nullable":true,"metadata":{}}]}`,
	}
}

// What rows must be is for package writer to keep, and to refuse if it cannot.
func TestPromisesAboutRowsDoNotStandInTheWay(t *testing.T) {
	t.Parallel()
	all := listed(nil, []Feature{"invariants", "checkConstraints", "generatedColumns", "identityColumns", "allowColumnDefaults"})
	for _, m := range []*Metadata{
		metadataWith("", nil),
		metadataWith(`"delta.invariants":"{\"expression\":{\"expression\":\"c > 3\"}}"`, nil),
		metadataWith("", map[string]string{"delta.constraints.positive": "c > 0"}),
		metadataWith(`"delta.generationExpression":"d + 1"`, nil),
		metadataWith(`"delta.identity.start":1,"delta.identity.step":1`, nil),
		metadataWith(`"CURRENT_DEFAULT":"1"`, nil),
	} {
		require.NoError(t, CheckWrite(all, m))
		require.NoError(t, CheckWrite(&Protocol{MinReaderVersion: 1, MinWriterVersion: 6}, m))
	}
	orc := metadataWith("", nil)
	orc.Format.Provider = "orc"
	require.ErrorContains(t, CheckWrite(all, orc), "not parquet")
}

func TestWritersRefusePropertiesThatTheyCannotRead(t *testing.T) {
	t.Parallel()
	p := &Protocol{MinReaderVersion: 1, MinWriterVersion: 2}
	for k, v := range map[string]string{
		"delta.appendOnly": "yes", "delta.isolationLevel": "ReadCommitted", "delta.columnMapping.mode": "index",
		"delta.setTransactionRetentionDuration": "interval 1 month", "delta.enableRowTracking": "1",
	} {
		require.ErrorContains(t, CheckWrite(p, metadataWith("", map[string]string{k: v})), k)
	}
	require.ErrorContains(t, CheckWrite(p, &Metadata{SchemaString: "{"}), "schema")
}
