package interop

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// A statementCase is a table and statements that run on it, one after the other:
// what a seed makes, what two engines are compared by, and what a failure prints.
type statementCase struct {
	Seed       uint64            `json:"seed"`
	Columns    []Column          `json:"columns"`
	Partition  string            `json:"partition,omitempty"`
	Properties map[string]string `json:"properties,omitempty"`
	Files      [][]cells         `json:"files"` // the rows of each file that the table begins with
	Steps      []*statement      `json:"steps"`
}

// Cells are the values of a row in the columns' order: nil is null, the others
// are in the texts that engines/cells.py reads.
type cells []*string

// A statement is a MERGE, UPDATE or DELETE. The last two have one clause.
type statement struct {
	Verb       string    `json:"verb"`
	Strategy   uint8     `json:"strategy,omitempty"` // delta.Strategy
	Source     []Column  `json:"source,omitempty"`
	SourceRows []cells   `json:"source_rows,omitempty"`
	On         *sqlText  `json:"on,omitempty"`
	Clauses    []*clause `json:"clauses"`
}

type clause struct {
	Kind   string        `json:"kind,omitempty"` // MATCHED, NOT MATCHED, NOT MATCHED BY SOURCE
	Cond   *sqlText      `json:"cond,omitempty"`
	Action string        `json:"action"` // UPDATE, DELETE, INSERT, UPDATE *, INSERT *
	Set    []*assignment `json:"set,omitempty"`
}

type assignment struct {
	Column string   `json:"column"`
	Value  *sqlText `json:"value"`
}

// MarshalJSON writes ["name", "type"].
func (c Column) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "[%q,%q]", c.Name, c.Type), nil
}

// rows returns the rows of all files.
func (c *statementCase) rows() []cells { return slices.Concat(c.Files...) }

// setting says what a generator may use.
type setting struct {
	duck bool // only what DuckDB defines as Spark does
	// constants allows operations on constants only. Spark computes them when it
	// plans a statement, and fails even if no row needs them.
	constants bool
	steps     int
}

// A generator makes one case of one seed.
type generator struct {
	setting
	r *rand.Rand
}

// newCase makes the case of a seed.
func newCase(seed uint64, s setting) *statementCase {
	g := &generator{setting: s, r: rand.New(rand.NewPCG(seed, 7))}
	c := &statementCase{Seed: seed, Properties: map[string]string{}}
	c.Columns = g.columns()
	if g.oneIn(2) {
		c.Partition = "p"
		c.Columns = append(c.Columns, Column{"p", g.pick("string", "integer", "date", "boolean")})
		if g.oneIn(4) { // the partition column is not the last
			g.r.Shuffle(len(c.Columns), func(i, j int) { c.Columns[i], c.Columns[j] = c.Columns[j], c.Columns[i] })
		}
	}
	for name, values := range map[string][]string{
		"delta.enableDeletionVectors": {"true", "true", ""},
		"delta.enableChangeDataFeed":  {"true", ""},
		"delta.enableRowTracking":     {"true", "", "", ""},
		"delta.columnMapping.mode":    {"name", "id", "", "", "", ""},
	} {
		// The order of a map is random, the choice must not be.
		r := rand.New(rand.NewPCG(seed, uint64(len(name))))
		if v := values[r.IntN(len(values))]; v != "" {
			c.Properties[name] = v
		}
	}
	most := []int{0, 3, 10, 60}[g.r.IntN(4)]
	for range 1 + g.r.IntN(4) {
		c.Files = append(c.Files, g.rows(c.Columns, c.Partition, g.r.IntN(most/2+1)))
	}
	for range s.steps {
		c.Steps = append(c.Steps, g.statement(c))
	}
	return c
}

func (g *generator) oneIn(n int) bool { return g.r.IntN(n) == 0 }

func (g *generator) pick(of ...string) string { return of[g.r.IntN(len(of))] }

// columns are a key of few values, and others.
func (g *generator) columns() []Column {
	out := []Column{{"k", g.pick("integer", "long", "string", "date", "decimal(12,2)", "double", "timestamp")}}
	types := []string{"integer", "long", "double", "decimal(12,2)", "string", "boolean", "date", "timestamp"}
	if !g.duck {
		types = append(types, "struct<a:integer,b:string>", "array<integer>")
	}
	for i := range 2 + g.r.IntN(5) {
		out = append(out, Column{fmt.Sprint("c", i), g.pick(types...)})
	}
	return out
}

func (g *generator) rows(columns []Column, partition string, n int) []cells {
	out := make([]cells, n)
	for i := range out {
		for _, c := range columns {
			out[i] = append(out[i], g.cell(c, partition))
		}
	}
	return out
}

// cell returns a value of a column: of few for keys and partitions, which must
// not have an empty text, as that is null in a partition.
func (g *generator) cell(c Column, partition string) *string {
	if g.oneIn(9) {
		return nil
	}
	text := g.value(c.Type, c.Name == "k" || c.Name == "p" || c.Name == partition)
	return &text
}

// value returns a text of a type, sometimes one from its ends.
func (g *generator) value(typ string, few bool) string {
	n := g.r.IntN(9) - 2
	edge := !few && g.oneIn(14)
	switch typ {
	case "integer":
		if edge {
			return g.pick("-2147483648", "2147483647", "46341")
		}
		return fmt.Sprint(n)
	case "long":
		if edge {
			return g.pick("-9223372036854775808", "9223372036854775807", "2147483648", "9007199254740993")
		}
		return fmt.Sprint(n)
	case "double":
		if edge || few && g.oneIn(5) {
			return g.pick("NaN", "Infinity", "-Infinity", "-0", "0")
		}
		if !few && g.oneIn(8) {
			return g.pick("1e+300", "5e-324", "0.1", "-1e-07")
		}
		return fmt.Sprint(float64(n) / 2)
	case "decimal(12,2)":
		if edge {
			return g.pick("9999999999.99", "-9999999999.99")
		}
		return fmt.Sprintf("%d.%s", n, g.pick("00", "25", "50", "99"))
	case "boolean":
		return g.pick("true", "false")
	case "date":
		if edge {
			return g.pick("1970-01-01", "1969-12-31", "2024-02-29", "2000-12-31", "1900-03-01")
		}
		return fmt.Sprintf("2026-01-%02d", n+3)
	case "timestamp":
		if edge {
			return g.pick("1970-01-01T00:00:00.000000", "1969-12-31T23:59:59.999999", "2024-02-29T12:00:00.000001")
		}
		return fmt.Sprintf("2026-01-%02dT%02d:30:00.%06d", n+3, g.r.IntN(24), g.r.IntN(2)*250000)
	case "string":
		if few {
			return g.pick("a", "b", "c", "d/e", "f g", "é")
		}
		words := []string{"", "a", "b", "A", "ab", "abc", " a ", "it's", `q"q`, `b\s`, "é", "日本", "😀", "12", "-7", "%", "a_b", "ÄÖ", "x y z"}
		return words[g.r.IntN(len(words))]
	case "struct<a:integer,b:string>":
		return fmt.Sprintf(`{"a":%s,"b":%s}`, g.pick("null", "1", "2"), g.pick("null", `"x"`, `"y"`, `""`))
	case "array<integer>":
		return g.pick("[]", "[null]", "[1]", "[1,2]", "[3,null,1]")
	}
	panic("no values of " + typ)
}

// statement makes a statement on a table. Of the verbs, MERGE is the one with
// the most to go wrong.
func (g *generator) statement(c *statementCase) *statement {
	s := &statement{Verb: g.pick("MERGE", "MERGE", "MERGE", "UPDATE", "DELETE")}
	s.Strategy = uint8(g.r.IntN(2))
	if c.Properties["delta.enableDeletionVectors"] != "" {
		s.Strategy = uint8(g.r.IntN(3))
	}
	target := variables("", c.Columns)
	switch s.Verb {
	case "UPDATE":
		s.Clauses = []*clause{{Action: "UPDATE", Cond: g.maybe(4, target), Set: g.set(c, target, false)}}
		return s
	case "DELETE":
		s.Clauses = []*clause{{Action: "DELETE", Cond: g.condition(target, 2)}}
		if g.oneIn(20) {
			s.Clauses[0].Cond = nil
		}
		return s
	}
	target = variables("t.", c.Columns)
	star := g.oneIn(2)
	s.Source = slices.Clone(c.Columns)
	if !star {
		s.Source = []Column{c.column("k")}
		if c.Partition != "" && g.oneIn(2) {
			s.Source = append(s.Source, c.column("p"))
		}
		s.Source = append(s.Source, g.columns()[1:]...)
		for i := range s.Source {
			if strings.HasPrefix(s.Source[i].Name, "c") {
				s.Source[i].Name = "x" + s.Source[i].Name
			}
		}
	}
	source := variables("s.", s.Source)
	s.SourceRows = g.rows(s.Source, c.Partition, []int{0, 1, 5, 12, 30}[g.r.IntN(5)])
	if !g.oneIn(4) {
		s.SourceRows = distinct(s.SourceRows, slices.IndexFunc(s.Source, func(c Column) bool { return c.Name == "k" }))
	}
	s.On = g.on(c, s, target, source)
	both := slices.Concat(target, source)
	for _, kind := range []string{"MATCHED", "NOT MATCHED", "NOT MATCHED BY SOURCE"} {
		n := g.r.IntN(3)
		for i := range n {
			scope := both
			switch kind {
			case "NOT MATCHED":
				scope = source
			case "NOT MATCHED BY SOURCE":
				scope = target
			}
			cl := &clause{Kind: kind}
			if i < n-1 || g.oneIn(2) {
				cl.Cond = g.condition(scope, 2)
			}
			switch {
			case kind == "NOT MATCHED" && star && g.oneIn(2):
				cl.Action = "INSERT *"
			case kind == "NOT MATCHED":
				cl.Action, cl.Set = "INSERT", g.set(c, scope, true)
			case g.oneIn(3):
				cl.Action = "DELETE"
			case kind == "MATCHED" && star && g.oneIn(2):
				cl.Action = "UPDATE *"
			default:
				cl.Action, cl.Set = "UPDATE", g.set(c, scope, false)
			}
			s.Clauses = append(s.Clauses, cl)
		}
	}
	if len(s.Clauses) == 0 {
		s.Clauses = []*clause{{Kind: "MATCHED", Action: "DELETE"}}
	}
	return s
}

// distinct keeps the first row of each key.
func distinct(rows []cells, key int) []cells {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(rows), func(r cells) bool {
		k := "null"
		if r[key] != nil {
			k = "=" + strings.TrimPrefix(*r[key], "-0")
			if *r[key] == "-0" {
				k = "=0"
			}
		}
		again := seen[k]
		seen[k] = true
		return again
	})
}

func (c *statementCase) column(name string) Column {
	return c.Columns[slices.IndexFunc(c.Columns, func(c Column) bool { return c.Name == name })]
}

// on makes a join condition: mostly equal keys, and more.
func (g *generator) on(c *statementCase, s *statement, target, source []variable) *sqlText {
	k := c.column("k").Type
	eq := func(l, r *sqlText) *sqlText { return alike("boolean", "(%s = %s)", l, r) }
	t, u := ref(k, "t.k"), ref(k, "s.k")
	on := eq(t, u)
	switch g.r.IntN(12) {
	case 0:
		on = g.nullSafe(t, u)
	case 1:
		if k == "integer" || k == "long" {
			on = eq(t, g.expr(k, 1, source))
		}
	case 2:
		on = eq(alike(k, "coalesce(%s, %s)", t, g.literal(k)), u)
	case 3:
		on = alike("boolean", "(%s < %s)", t, u)
	}
	if c.Partition != "" && slices.ContainsFunc(s.Source, func(c Column) bool { return c.Name == "p" }) && g.oneIn(2) {
		p := c.column("p").Type
		on = alike("boolean", "(%s AND %s)", on, eq(ref(p, "t.p"), ref(p, "s.p")))
	}
	if g.oneIn(4) {
		on = alike("boolean", "(%s AND %s)", on, g.condition(slices.Concat(target, source), 1))
	}
	return on
}

// maybe is a condition, or with one chance in n none.
func (g *generator) maybe(n int, scope []variable) *sqlText {
	if g.oneIn(n) {
		return nil
	}
	return g.condition(scope, 2)
}

// set assigns some columns, or all for an insert.
func (g *generator) set(c *statementCase, scope []variable, insert bool) []*assignment {
	var out []*assignment
	for len(out) == 0 {
		for _, col := range c.Columns {
			if !insert && !g.oneIn(3) || insert && g.oneIn(6) {
				continue
			}
			a := &assignment{Column: col.Name}
			if col.Name == c.Partition {
				a.Value = g.few(col.Type, scope)
			} else {
				a.Value = g.expr(col.Type, 2, scope)
			}
			out = append(out, a)
		}
	}
	return out
}
