package delta

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/deltalog/deltalog/internal/rules"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/schema"
)

const (
	keyTypeChanges = "delta.typeChanges"
	keyDefault     = "CURRENT_DEFAULT"
)

// A typeChange is an entry of delta.typeChanges.
//
// PROTOCOL.md, "Type Change Metadata".
type typeChange struct {
	From string `json:"fromType"`
	To   string `json:"toType"`
	// FieldPath leads from the field into an array or map: element, key.element.
	FieldPath string `json:"fieldPath,omitempty"`
}

// WidenColumn gives a column a wider type, which all of its values have without
// loss: integers wider ones, doubles or decimals, float double, decimals more
// digits, date timestamp_ntz. Data files stay as they are. The path leads to a
// column, a field of a struct, or on with "element", "key" and "value" into arrays
// and maps. The table needs the property delta.enableTypeWidening. A column that
// constraints or generated columns refer to is refused, since they could change
// their meaning.
func (t *Table) WidenColumn(ctx context.Context, path []string, to schema.DataType, o *AlterOptions) (*Result, error) {
	return t.alter(ctx, opWidenColumn, o, func(_ context.Context, snap *txlog.Snapshot) (*alteration, error) {
		s, err := snap.Schema()
		if err != nil {
			return nil, err
		}
		at, into, err := fieldOf(s, path)
		if err != nil {
			return nil, err
		}
		_, f, err := findField(s, at)
		if err != nil {
			return nil, err
		}
		typ, from, err := widened(f.Type, into, to)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", schema.ColumnPath(path), err)
		}
		if from == nil {
			return nil, nil
		}
		if !isTrue(snap.Properties()["delta.enableTypeWidening"]) {
			return nil, fmt.Errorf("column %s cannot be widened: set delta.enableTypeWidening = true first", schema.ColumnPath(path))
		}
		if by := usedByRules(snap.Properties(), s, at); by != "" {
			return nil, fmt.Errorf("column %s cannot be widened: %s refers to it", schema.ColumnPath(path), by)
		}
		changes, err := recorded(f, typeChange{From: typeName(from), To: typeName(to), FieldPath: strings.Join(into, ".")})
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", schema.ColumnPath(at), err)
		}
		return changeColumn(s, at, func(f *schema.Field) {
			f.Type, f.Metadata = typ, f.Metadata.With(keyTypeChanges, changes)
		})
	})
}

// fieldOf splits a path into that of the field and what leads on into its type.
func fieldOf(s *schema.Struct, path []string) (at, into []string, err error) {
	for n := len(path); n > 0; n-- {
		if at, _, err = findField(s, path[:n]); err == nil {
			return at, path[n:], nil
		}
	}
	_, _, err = findField(s, path)
	return nil, nil, err
}

// widened returns t with the type at the end of into changed, and what that was; a
// nil from says that it is the type already.
func widened(t schema.DataType, into []string, to schema.DataType) (out, from schema.DataType, err error) {
	if len(into) == 0 {
		switch {
		case schema.Equal(t, to):
			return t, nil, nil
		case !schema.CanWiden(t, to):
			return nil, nil, fmt.Errorf("type %s cannot be widened to %s", t, to)
		}
		return to, t, nil
	}
	switch t := t.(type) {
	case *schema.Array:
		if into[0] == "element" {
			inner, from, err := widened(t.Element, into[1:], to)
			return &schema.Array{Element: inner, ContainsNull: t.ContainsNull}, from, err
		}
	case *schema.Map:
		if into[0] == "key" {
			inner, from, err := widened(t.Key, into[1:], to)
			return &schema.Map{Key: inner, Value: t.Value, ValueContainsNull: t.ValueContainsNull}, from, err
		}
		if into[0] == "value" {
			inner, from, err := widened(t.Value, into[1:], to)
			return &schema.Map{Key: t.Key, Value: inner, ValueContainsNull: t.ValueContainsNull}, from, err
		}
	}
	return nil, nil, fmt.Errorf("type %s has no %s", t, into[0])
}

// recorded returns the field's list of type changes with one more.
func recorded(f *schema.Field, c typeChange) (string, error) {
	all := []json.RawMessage{}
	if raw, ok := f.Metadata[keyTypeChanges]; ok {
		if err := json.Unmarshal([]byte(raw), &all); err != nil {
			return "", fmt.Errorf("%s: %w", keyTypeChanges, err)
		}
	}
	return text(append(all, json.RawMessage(text(c)))), nil
}

// typeName returns a primitive type as the schema's JSON has it.
func typeName(t schema.DataType) string {
	var f struct{ Type string }
	if err := json.Unmarshal(fieldJSON(&schema.Field{Name: "c", Type: t}), &f); err != nil {
		return t.String()
	}
	return f.Type
}

// changeColumn is an alteration of one field.
func changeColumn(s *schema.Struct, at []string, change func(*schema.Field)) (*alteration, error) {
	var now schema.Field
	changed, err := changeField(s, at, func(parent *schema.Struct, i int) error {
		change(&parent.Fields[i])
		now = parent.Fields[i]
		return nil
	})
	if err != nil {
		return nil, err
	}
	params := map[string]string{"column": quote(string(fieldJSON(&now)))}
	if len(at) > 1 {
		params["path"] = quote(schema.ColumnPath(at[:len(at)-1]))
	}
	return &alteration{operation: "CHANGE COLUMN", schema: changed, parameters: params}, nil
}

// SetDefault gives a column the default value, in SQL, that rows get from now on
// whose input lacks the column. Rows that are there do not change. The same default
// once more is no change (NoOp).
func (t *Table) SetDefault(ctx context.Context, column, sql string, o *AlterOptions) (*Result, error) {
	sql = strings.TrimSpace(sql)
	return t.alter(ctx, opSetDefault, o, func(_ context.Context, snap *txlog.Snapshot) (*alteration, error) {
		s, err := snap.Schema()
		if err != nil {
			return nil, err
		}
		at, f, err := findField(s, []string{column})
		if err != nil {
			return nil, err
		}
		if have, ok := rules.Default(f); ok && have == sql {
			return nil, nil
		}
		if _, generated := rules.Generation(f); generated || rules.IsIdentity(f) {
			return nil, fmt.Errorf("column %s gets its values from the table already, and has no default", f.Name)
		}
		// Its mistakes are the caller's, not the table's.
		if err := rules.TryDefault(sql, f.Type, &rules.Options{Now: t.opts.Env.Now()}); err != nil {
			return nil, err
		}
		return changeColumn(s, at, func(f *schema.Field) { f.Metadata = f.Metadata.With(keyDefault, quote(sql)) })
	})
}

// DropDefault takes a column's default away: rows whose input lacks the column have
// null in it.
func (t *Table) DropDefault(ctx context.Context, column string, o *AlterOptions) (*Result, error) {
	return t.alter(ctx, opDropDefault, o, func(_ context.Context, snap *txlog.Snapshot) (*alteration, error) {
		s, err := snap.Schema()
		if err != nil {
			return nil, err
		}
		at, f, err := findField(s, []string{column})
		if err != nil {
			return nil, err
		}
		if _, ok := f.Metadata[keyDefault]; !ok {
			if o != nil && o.IfExists {
				return nil, nil
			}
			return nil, errors.New("column " + f.Name + " has no default")
		}
		return changeColumn(s, at, func(f *schema.Field) {
			f.Metadata = without(f.Metadata, keyDefault)
		})
	})
}

func without(m schema.Metadata, key string) schema.Metadata {
	out := schema.Metadata{}
	for k, v := range m {
		if k != key {
			out[k] = v
		}
	}
	return out
}
