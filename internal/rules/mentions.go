package rules

import (
	"strings"

	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/txlog/schema"
)

// Mentions reports whether SQL refers to a column by name, to one that it is in, or
// to one in it. SQL that cannot be read may mention anything.
func Mentions(sql string, path []string) bool {
	e, err := expr.Parse(sql, nil)
	if err != nil {
		return true
	}
	for _, c := range expr.Columns(e) {
		if overlap(c, path) {
			return true
		}
	}
	return false
}

// overlap reports whether one path is a beginning of the other.
func overlap(a, b []string) bool {
	for i := range min(len(a), len(b)) {
		if !strings.EqualFold(a[i], b[i]) {
			return false
		}
	}
	return true
}

// InvariantMentions is [Mentions] for the column's invariant.
func InvariantMentions(f *schema.Field, path []string) bool {
	sql, err := invariantOf(f)
	return err != nil || sql != "" && Mentions(sql, path)
}

// TryDefault says whether SQL can be the default of a column of type t. The error
// is an [*expr.Error], or says that the types do not fit.
func TryDefault(sql string, t schema.DataType, o *Options) error {
	_, err := newFormula(sql, &schema.Struct{}, t, o.session())
	return err
}
