package fsck

import (
	"context"

	"github.com/deltalog/deltalog/txlog"
)

// history looks for the files that older versions need, and for those of changes.
// It reads the log again if one of them was not listed.
func (d *dataCheck) history(ctx context.Context) error {
	gone := false
	for _, n := range d.names.m {
		gone = gone || n&listed == 0
	}
	if !gone {
		return nil
	}
	p := d.s.Properties()
	kept := d.now.Add(-p.TombstoneRetention()).UnixMilli()
	vacuumed := int64(0)
	for st, err := range d.steps(ctx) {
		if err != nil {
			return err
		}
		if st.commit == nil {
			continue
		}
		for _, a := range st.commit.Actions {
			switch a := a.(type) {
			case *txlog.RemoveFile:
				if st.version <= d.r.Oldest || d.isListed(a.Path) {
					continue
				}
				if a.DeletionTimestamp != nil && *a.DeletionTimestamp > kept {
					d.add(HistoryMissing, st.version-1, a.Path, "version %d removed it, less than the retention of %s ago, and it is not there", st.version, p.TombstoneRetention())
				} else {
					vacuumed++
				}
			case *txlog.AddCDCFile:
				if !d.isListed(a.Path) {
					d.add(ChangesMissing, st.version, a.Path, "the changes of version %d cannot be read without it", st.version)
				}
			}
		}
	}
	if vacuumed > 0 {
		d.add(HistoryVacuum, txlog.NoVersion, "", "%s removed by later versions are not there any more", plural(int(vacuumed), "file"))
	}
	return nil
}

func (d *dataCheck) isListed(path string) bool { return d.names.m[keyOf(d.fileName(path))]&listed != 0 }
