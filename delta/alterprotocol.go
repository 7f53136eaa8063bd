package delta

import (
	"maps"
	"slices"

	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/schema"
)

// neededFeatures are the table features that a schema and properties need.
func neededFeatures(s *schema.Struct, properties map[string]string) []txlog.Feature {
	need := promisedFeatures(s, properties)
	for _, f := range featureFor {
		if f.on(properties[f.property]) {
			need = append(need, f.features...)
		}
	}
	if usesNTZ(s) {
		need = append(need, txlog.FeatureTimestampNTZ)
	}
	return need
}

// upgraded returns p with more features; p itself if it has them all.
//
// Features never go away: what an old version number implies is spelt out where the
// new protocol lists its features, whether or not the table makes use of it. The old
// numbers stay as long as one of them means exactly what is needed, because more
// engines know them.
//
// PROTOCOL.md, "Table Features for New and Existing Tables".
func upgraded(p *txlog.Protocol, need []txlog.Feature) *txlog.Protocol {
	missing := false
	for _, f := range need {
		missing = missing || !has(p, f)
	}
	if !missing {
		return p
	}
	all := map[txlog.Feature]bool{}
	for _, f := range append(p.Features(), need...) {
		all[f] = true
	}
	if p.MinWriterVersion < 7 {
		all[txlog.FeatureAppendOnly], all[txlog.FeatureInvariants] = true, true // as every table since version 2
		if old := legacyProtocol(p, all); old != nil {
			return old
		}
	}
	// Names that this release does not know stay as they are, on the same lists.
	up := &txlog.Protocol{MinReaderVersion: p.MinReaderVersion, MinWriterVersion: 7}
	for _, f := range slices.Sorted(maps.Keys(all)) {
		up.WriterFeatures = append(up.WriterFeatures, spelling(p.WriterFeatures, f))
	}
	for f := range all {
		if readerFeatures[f] && !(f == txlog.FeatureColumnMapping && p.MinReaderVersion == 2) {
			up.MinReaderVersion = 3
		}
	}
	if up.MinReaderVersion < 3 {
		return up
	}
	for _, f := range slices.Sorted(maps.Keys(all)) {
		if readerFeatures[f] || slices.Contains(p.ReaderFeatures, spelling(p.ReaderFeatures, f)) {
			up.ReaderFeatures = append(up.ReaderFeatures, spelling(p.ReaderFeatures, f))
		}
	}
	return up
}

// has reports whether the table has the feature, for readers too if it is theirs.
func has(p *txlog.Protocol, f txlog.Feature) bool {
	if readerFeatures[f] && !p.HasReaderFeature(f) {
		// Reader version 2 with writer version 7 says so for column mapping.
		return f == txlog.FeatureColumnMapping && p.MinReaderVersion == 2 && p.HasWriterFeature(f)
	}
	return p.HasWriterFeature(f)
}

// spelling returns the name that a list has for the feature, which may be a former
// one; f itself if it has none.
func spelling(list []txlog.Feature, f txlog.Feature) txlog.Feature {
	for _, g := range list {
		if (&txlog.Protocol{MinWriterVersion: 7, WriterFeatures: []txlog.Feature{g}}).HasWriterFeature(f) {
			return g
		}
	}
	return f
}

// legacyProtocol returns the protocol by old numbers that has exactly the features
// of all; nil if there is none.
func legacyProtocol(p *txlog.Protocol, all map[txlog.Feature]bool) *txlog.Protocol {
	for writer := p.MinWriterVersion; writer < 7; writer++ {
		for reader := p.MinReaderVersion; reader <= 2; reader++ {
			if reader == 2 && writer < 5 || reader == 1 && all[txlog.FeatureColumnMapping] {
				continue
			}
			old := &txlog.Protocol{MinReaderVersion: reader, MinWriterVersion: writer}
			fs := old.Features()
			if len(fs) == len(all) && !slices.ContainsFunc(fs, func(f txlog.Feature) bool { return !all[f] }) {
				return old
			}
		}
	}
	return nil
}
