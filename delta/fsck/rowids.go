package fsck

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/deltalog/deltalog/txlog"
)

// rowIDs are the ranges of row ids of the live files.
//
// PROTOCOL.md, "Row Tracking".
type rowIDs struct{ ranges []idRange }

// An idRange is the ids first … last of one file.
type idRange struct {
	first, last int64
	path        string
}

func (r *rowIDs) add(d *dataCheck, a *txlog.AddFile) {
	if a.BaseRowID == nil || a.DefaultRowCommitVersion == nil {
		d.checker.add(RowIDMissing, d.s.Version(), a.Path, "it has no baseRowId or defaultRowCommitVersion")
		return
	}
	n, err := a.NumRecords()
	if err != nil || n == 0 {
		return
	}
	r.ranges = append(r.ranges, idRange{*a.BaseRowID, *a.BaseRowID + n - 1, a.Path})
}

// check looks for ids that two files have, and for those that the high-water mark
// would give out again.
func (r *rowIDs) check(ctx context.Context, d *dataCheck) error {
	if r == nil || len(r.ranges) == 0 {
		return nil
	}
	v := d.s.Version()
	slices.SortFunc(r.ranges, func(a, b idRange) int { return cmp.Compare(a.first, b.first) })
	top := r.ranges[0]
	for _, x := range r.ranges[1:] {
		if x.first <= top.last {
			d.checker.add(RowIDOverlap, v, x.path, "its row ids begin with %d, and those of %s go to %d", x.first, top.path, top.last)
		}
		if x.last > top.last {
			top = x
		}
	}
	mark, err := d.s.RowIDHighWaterMark(ctx)
	if errors.Is(err, txlog.ErrCorrupt) {
		d.checker.add(RowIDMark, v, "", "%v", err)
		return nil
	}
	if err != nil {
		return err
	}
	if top.last > mark {
		d.checker.add(RowIDMark, v, top.path, "its row ids go to %d, and the high-water mark is %d", top.last, mark)
	}
	return nil
}
