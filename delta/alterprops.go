package delta

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/deltalog/deltalog/internal/rules"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/schema"
)

const mappingMode = "delta.columnMapping.mode"

// managed are properties that a program sets, not people: they belong to the files
// that there are.
var managed = []string{
	maxColumnID, "delta.rowTracking.materializedRowIdColumnName", "delta.rowTracking.materializedRowCommitVersionColumnName",
	"delta.inCommitTimestampEnablementVersion", "delta.inCommitTimestampEnablementTimestamp",
}

// SetProperties sets properties of the table, and turns on the table features that
// they need. Values are checked as by [Create]. Refused is what would need more
// than a new property: column mapping by id or none, row ids for rows that are
// there, in-commit timestamps; constraints have methods of their own.
//
// delta.feature.NAME = supported adds a feature, and is not stored. Properties that
// have their value already are no change (NoOp).
func (t *Table) SetProperties(ctx context.Context, set map[string]string, o *AlterOptions) (*Result, error) {
	return t.alter(ctx, opSetProperties, o, func(_ context.Context, snap *txlog.Snapshot) (*alteration, error) {
		a := &alteration{operation: "SET TBLPROPERTIES", properties: cloned(snap.Properties())}
		stored := map[string]string{}
		var errs []error
		for _, k := range slices.Sorted(maps.Keys(set)) {
			if name, ok := strings.CutPrefix(k, featurePrefix); ok {
				if set[k] != "supported" && set[k] != "enabled" {
					errs = append(errs, fmt.Errorf("property %s is %q, want supported", k, set[k]))
				}
				a.need = append(a.need, txlog.Feature(name))
				continue
			}
			if err := settable(snap, k, set[k]); err != nil {
				errs = append(errs, err)
			}
			a.properties[k], stored[k] = set[k], set[k]
		}
		if err := errors.Join(errs...); err != nil {
			return nil, err
		}
		if maps.Equal(a.properties, snap.Properties()) && upgraded(snap.Protocol(), a.need) == snap.Protocol() {
			return nil, nil
		}
		a.parameters = map[string]string{"properties": quote(text(stored))}
		return a, a.mapColumns(snap)
	})
}

// settable says whether the property can be given the value by a commit of nothing
// else.
func settable(snap *txlog.Snapshot, k, v string) error {
	was := snap.Properties()[k]
	switch {
	case v == was:
		return nil
	case strings.HasPrefix(k, rules.ConstraintPrefix):
		return fmt.Errorf("property %s is a constraint: use AddConstraint, which reads the rows that are there", k)
	case slices.Contains(managed, k):
		return fmt.Errorf("property %s is not for setting: it goes with the files that are there", k)
	case k == "delta.enableRowTracking" && isTrue(v):
		return fmt.Errorf("property %s: rows that are there have no ids, and this release gives them none; set it when the table is made", k)
	case k == "delta.enableInCommitTimestamps" && isTrue(v):
		return fmt.Errorf("property %s: this release turns it on only when the table is made", k)
	case k == mappingMode:
		return remappable(snap, v)
	}
	return txlog.CheckProperty(k, v)
}

// remappable allows none → name, which is about names only: the files that are there
// have the columns' present names.
func remappable(snap *txlog.Snapshot, v string) error {
	to, err := schema.ParseMappingMode(strings.ToLower(v))
	if err != nil {
		return err
	}
	from := snap.Properties().MappingMode()
	if from == to || from == schema.MappingNone && to == schema.MappingName {
		return nil
	}
	return fmt.Errorf("property %s: from %s to %s is not possible: the files would have to be written again", mappingMode, from, to)
}

// mapColumns gives the columns ids where column mapping is turned on.
func (a *alteration) mapColumns(snap *txlog.Snapshot) error {
	to := txlog.Properties(a.properties).MappingMode()
	if to == schema.MappingNone || to == snap.Properties().MappingMode() {
		return nil
	}
	s, err := snap.Schema()
	if err != nil {
		return err
	}
	known, _ := strconv.ParseInt(a.properties[maxColumnID], 10, 32)
	s, last := schema.AssignMapping(s, int32(known), func(f *schema.Field) string { return f.Name })
	a.schema, a.properties[maxColumnID] = s, strconv.Itoa(int(last))
	return nil
}

// UnsetProperties takes properties away, so that their defaults hold. Features that
// they turned on stay. A property that the table does not have is an error, unless
// AlterOptions.IfExists is set.
func (t *Table) UnsetProperties(ctx context.Context, keys []string, o *AlterOptions) (*Result, error) {
	return t.alter(ctx, opUnset, o, func(_ context.Context, snap *txlog.Snapshot) (*alteration, error) {
		ifExists := o != nil && o.IfExists
		props := cloned(snap.Properties())
		var errs []error
		for _, k := range keys {
			_, ok := props[k]
			switch {
			case !ok && !ifExists:
				errs = append(errs, fmt.Errorf("the table has no property %s", k))
			case !ok:
			case strings.HasPrefix(k, rules.ConstraintPrefix):
				errs = append(errs, fmt.Errorf("property %s is a constraint: use DropConstraint", k))
			case slices.Contains(managed, k):
				errs = append(errs, fmt.Errorf("property %s is not for taking away: it goes with the files that are there", k))
			case k == mappingMode:
				errs = append(errs, remappable(snap, "none"))
			}
			delete(props, k)
		}
		if err := errors.Join(errs...); err != nil {
			return nil, err
		}
		if maps.Equal(props, snap.Properties()) {
			return nil, nil
		}
		return &alteration{
			operation:  "UNSET TBLPROPERTIES",
			parameters: map[string]string{"properties": quote(text(keys)), "ifExists": strconv.FormatBool(ifExists)},
			properties: props,
		}, nil
	})
}
