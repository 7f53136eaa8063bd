package txlog

import (
	"fmt"
	"slices"
	"strings"
)

// The newest protocol versions: those that list their features.
const (
	maxReaderVersion = 3
	maxWriterVersion = 7
)

// HasReaderFeature reports whether readers of the table must support f, listed
// or implied by the version.
func (p *Protocol) HasReaderFeature(f Feature) bool {
	info := featureOf(f)
	if p.MinReaderVersion < maxReaderVersion {
		// Reader version 2 together with writer version 7 lists columnMapping, if
		// at all, among the writer features.
		return info != nil && info.legacyReader > 0 && p.MinReaderVersion >= info.legacyReader
	}
	return hasFeature(p.ReaderFeatures, f, info)
}

// HasWriterFeature reports whether writers to the table must support f, listed
// or implied by the version. A nil Protocol has none.
func (p *Protocol) HasWriterFeature(f Feature) bool {
	if p == nil {
		return false
	}
	info := featureOf(f)
	if p.MinWriterVersion < maxWriterVersion {
		return info != nil && info.legacyWriter > 0 && p.MinWriterVersion >= info.legacyWriter
	}
	return hasFeature(p.WriterFeatures, f, info)
}

func hasFeature(list []Feature, f Feature, info *featureInfo) bool {
	return slices.ContainsFunc(list, func(g Feature) bool {
		return strings.EqualFold(string(f), string(g)) || info != nil && featureOf(g) == info
	})
}

// Features returns all features that the table supports, listed or implied by
// its versions, in order and under their present names.
func (p *Protocol) Features() []Feature {
	var fs []Feature
	for i := range features {
		if f := features[i].name; p.HasWriterFeature(f) || p.HasReaderFeature(f) {
			fs = append(fs, f)
		}
	}
	for _, l := range [][]Feature{p.ReaderFeatures, p.WriterFeatures} {
		for _, f := range l {
			if featureOf(f) == nil && !slices.Contains(fs, f) {
				fs = append(fs, f)
			}
		}
	}
	slices.Sort(fs)
	return fs
}

// CheckRead says whether this package can read a table of protocol p: nil, or an
// [*UnsupportedFeatureError] that lists all that it cannot.
func CheckRead(p *Protocol) error {
	e := &UnsupportedFeatureError{}
	checkRead(p, e)
	return e.orNil()
}

func checkRead(p *Protocol, e *UnsupportedFeatureError) {
	if p.MinReaderVersion > maxReaderVersion || p.MinReaderVersion < 1 {
		e.add("", fmt.Sprintf("its minReaderVersion is %d, and this version of deltalog knows 1 to %d", p.MinReaderVersion, maxReaderVersion))
	}
	for _, f := range p.ReaderFeatures {
		if info := featureOf(f); info == nil || info.reader && info.support == supportNone {
			e.add(f, reasonFor(info))
		}
	}
	// A catalog's table is not readable by path, in whatever list it says so.
	for _, f := range p.WriterFeatures {
		if info := featureOf(f); info != nil && info.name == FeatureCatalogManaged {
			e.add(f, "")
		}
	}
}

// reasonFor gives a hint for features that people meet.
func reasonFor(info *featureInfo) string {
	if info != nil && info.name == FeatureCatalogManaged {
		return "its commits are decided by a catalog, so its path does not show all of them"
	}
	return ""
}

// CheckWrite says whether this package can write to a table of protocol p and
// metadata m: nil, or an [*UnsupportedFeatureError] that lists all that it cannot.
//
// It does not look at the SQL of constraints, generated columns and defaults:
// whoever writes rows compiles those first (package writer), and refuses in the
// same way what cannot be evaluated. m may be nil to ask for the protocol only.
func CheckWrite(p *Protocol, m *Metadata) error {
	e := &UnsupportedFeatureError{Write: true}
	checkRead(p, e)
	if p.MinWriterVersion > maxWriterVersion || p.MinWriterVersion < 1 {
		e.add("", fmt.Sprintf("its minWriterVersion is %d, and this version of deltalog knows 1 to %d", p.MinWriterVersion, maxWriterVersion))
	}
	for _, f := range p.WriterFeatures {
		if info := featureOf(f); info == nil || info.support < supportFull {
			e.add(f, "")
		}
	}
	if m != nil {
		checkMetadata(m, e)
		if err := PropertiesOf(m).check(); err != nil {
			e.add("", err.Error())
		}
	}
	return e.orNil()
}

// constraintPrefix starts the names of properties that are CHECK constraints.
const constraintPrefix = "delta.constraints."

// checkMetadata refuses what no writer could write for.
func checkMetadata(m *Metadata, e *UnsupportedFeatureError) {
	if m.Format.Provider != "" && m.Format.Provider != "parquet" {
		e.add("", fmt.Sprintf("its files are %s, not parquet", m.Format.Provider))
	}
	if _, err := parseSchema(m); err != nil {
		e.add("", fmt.Sprintf("its schema cannot be read: %v", err))
	}
}
