package files

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/deltalog/deltalog/txlog/schema"
)

// A guess is what the values of a column may be. It is narrowed by each value of
// the first rows. The guess of a row has the columns as its fields.
type guess struct {
	name     string
	declared schema.DataType // nil: to be told from the values
	maybe    bool            // a column of the table, which the input need not have
	named    bool            // a key of JSON had the name

	form     byte // of JSON values, as in jsontext.Kind: n f " 0 { [; c: text of CSV; 0: none seen
	seen     bool
	number   bool // a value with digits: NaN alone makes no double
	noNumber bool // of JSON: NaN or an infinity, in quotes

	notBool, notLong, notDouble, notDate, notTime bool

	fields []*guess          // of an object
	names  map[string]*guess // of fields, in lower case
	elem   *guess            // of an array, or of a declared map's values
}

// declare returns the guess of a column whose type is known: what is left to find
// is fields that it does not have.
func declare(name string, t schema.DataType) *guess {
	g := &guess{name: name, declared: t}
	switch t := t.(type) {
	case *schema.Struct:
		for i := range t.Fields {
			g.add(declare(t.Fields[i].Name, t.Fields[i].Type))
		}
	case *schema.Array:
		g.elem = declare("element", t.Element)
	case *schema.Map:
		g.elem = declare("value", t.Value)
	}
	return g
}

func (g *guess) add(f *guess) *guess {
	if g.names == nil {
		g.names = map[string]*guess{}
	}
	g.names[strings.ToLower(f.name)] = f
	g.fields = append(g.fields, f)
	return f
}

// field returns the guess of the field of a name in any case, a new one if there
// is none yet.
func (g *guess) field(name string) (*guess, error) {
	if f := g.names[name]; f != nil {
		return f, nil
	}
	if f := g.names[strings.ToLower(name)]; f != nil {
		return f, nil
	}
	if len(g.fields) == maxColumns {
		return nil, fmt.Errorf("there are more than %d columns", maxColumns)
	}
	return g.add(&guess{name: name}), nil
}

// text narrows the guess by a text that is not null.
func (g *guess) text(s string) {
	g.seen = true
	g.notBool = g.notBool || !strings.EqualFold(s, "true") && !strings.EqualFold(s, "false")
	g.numeral(s)
	g.time(s)
}

// numeral narrows by a text that may be a number. 007 and +1 are texts: as numbers
// they would not be the same when written.
func (g *guess) numeral(s string) {
	if g.notLong && g.notDouble {
		return
	}
	digits := strings.TrimPrefix(s, "-")
	padded := len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9'
	padded = padded || strings.HasPrefix(s, "+")
	n, err := strconv.ParseInt(s, 10, 64)
	whole := err == nil && !padded
	g.notLong = g.notLong || !whole
	switch {
	case whole:
		const exact = 1 << 53 // integers up to here are doubles too
		g.number = true
		g.notDouble = g.notDouble || n > exact || n < -exact
	case !g.notDouble:
		f, err := strconv.ParseFloat(s, 64)
		numeral := strings.ContainsAny(s, "0123456789")
		g.notDouble = err != nil || padded || strings.ContainsAny(s, "_xXpP") || significant(digits) > 17 || f == 0 && significant(digits) > 0
		g.number = g.number || numeral
	}
}

// significant counts a number's digits, without zeros at either end.
func significant(s string) int {
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		s = s[:i]
	}
	s = strings.TrimLeft(strings.Replace(s, ".", "", 1), "0")
	return len(strings.TrimRight(s, "0"))
}

// time narrows by a text that may be a date or a timestamp.
func (g *guess) time(s string) {
	if !g.notDate {
		_, ok := schema.ParseDate(s)
		g.notDate = !ok || len(s) != len("2006-01-02")
	}
	if !g.notTime {
		_, ok := schema.ParseTimestamp(s, nil)
		g.notTime = !ok || len(s) < len("2006-01-02 15:04:05") || finer([]byte(s))
	}
}

// forget takes out the columns that no row has, unless there is no row to tell.
func (g *guess) forget() {
	if slices.ContainsFunc(g.fields, func(f *guess) bool { return f.named }) {
		g.fields = slices.DeleteFunc(g.fields, func(f *guess) bool { return f.maybe && !f.named })
	}
}

// row returns the columns of the guess of a row.
func (g *guess) row() (*schema.Struct, error) {
	s := &schema.Struct{}
	for _, f := range g.fields {
		t, err := f.resolve()
		if err != nil {
			return nil, within(f.name, err)
		}
		s.Fields = append(s.Fields, schema.Field{Name: f.name, Type: t, Nullable: true})
	}
	return s, nil
}

// resolve returns the narrowest type that all values seen have, or the declared
// one, with fields that it lacked.
func (g *guess) resolve() (schema.DataType, error) {
	switch {
	case g.declared != nil && len(g.fields) > 0, g.form == '{' && g.declared == nil:
		if len(g.fields) == 0 {
			return nil, fmt.Errorf("all objects are empty ({}), and a struct needs a field")
		}
		return g.row()
	case g.elem != nil:
		e, err := g.elem.resolve()
		if err != nil {
			return nil, within(g.elem.name, err)
		}
		if m, ok := g.declared.(*schema.Map); ok {
			return &schema.Map{Key: m.Key, Value: e, ValueContainsNull: true}, nil
		}
		return &schema.Array{Element: e, ContainsNull: true}, nil
	case g.declared != nil:
		return g.declared, nil
	}
	return g.scalar()
}

func (g *guess) scalar() (schema.DataType, error) {
	if g.noNumber {
		g.notLong, g.notDate, g.notTime = true, true, true
	}
	switch {
	case !g.seen:
		return schema.String, nil
	case !g.notBool:
		return schema.Boolean, nil
	case !g.notLong:
		return schema.Long, nil
	case !g.notDouble && g.number:
		return schema.Double, nil
	case g.form == '0':
		return nil, fmt.Errorf("there are numbers with more digits than bigint or double hold; make the table first, with a decimal column")
	case !g.notDate:
		return schema.Date, nil
	case !g.notTime:
		return schema.Timestamp, nil
	}
	return schema.String, nil
}

// column returns the guess of a column, declared if the table has it.
func (g *guess) column(name string, table *schema.Struct) (*guess, error) {
	c, err := g.field(name)
	if err == nil && c.declared == nil && table != nil {
		if i := table.Find(name); i >= 0 {
			*c = *declare(table.Fields[i].Name, table.Fields[i].Type)
		}
	}
	if err == nil {
		c.named = true
	}
	return c, err
}
