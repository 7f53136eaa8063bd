package interop

import (
	"fmt"
	"slices"
	"strings"
)

// An sqlText is an expression in the dialects of Spark, which is ours, and DuckDB.
type sqlText struct {
	Spark string     `json:"spark"`
	Duck  string     `json:"duck,omitempty"`
	typ   string     // of the value
	parts []*sqlText // what it is made of, for the search for a smaller failure
	reads bool       // whether it reads a column
}

// A variable is a column that an expression may name.
type variable struct{ name, typ string }

func variables(prefix string, columns []Column) []variable {
	var out []variable
	for _, c := range columns {
		out = append(out, variable{prefix + c.Name, c.Type})
		if strings.HasPrefix(c.Type, "struct<") {
			out = append(out, variable{prefix + c.Name + ".a", "integer"}, variable{prefix + c.Name + ".b", "string"})
		}
	}
	return out
}

func ref(typ, name string) *sqlText { return &sqlText{Spark: name, Duck: name, typ: typ, reads: true} }

// both2 makes an expression whose form is the same in both dialects.
func alike(typ, form string, parts ...*sqlText) *sqlText { return apart(typ, form, form, parts...) }

// apart makes an expression with a form for each dialect.
func apart(typ, spark, duck string, parts ...*sqlText) *sqlText {
	var s, d []any
	reads := false
	for _, p := range parts {
		s, d = append(s, p.Spark), append(d, p.Duck)
		reads = reads || p.reads
	}
	return &sqlText{Spark: fmt.Sprintf(spark, s...), Duck: fmt.Sprintf(duck, d...), typ: typ, parts: parts, reads: reads}
}

func (g *generator) nullSafe(l, r *sqlText) *sqlText {
	return apart("boolean", "(%s <=> %s)", "(%s IS NOT DISTINCT FROM %s)", l, r)
}

// duckTypes are DuckDB's names of types. A timestamp is one without a zone there:
// all are in UTC.
var duckTypes = map[string]string{
	"integer": "INTEGER", "long": "BIGINT", "double": "DOUBLE", "decimal(12,2)": "DECIMAL(12,2)",
	"string": "VARCHAR", "boolean": "BOOLEAN", "date": "DATE", "timestamp": "TIMESTAMP",
}

var sparkTypes = map[string]string{
	"integer": "INT", "long": "BIGINT", "double": "DOUBLE", "decimal(12,2)": "DECIMAL(12,2)",
	"string": "STRING", "boolean": "BOOLEAN", "date": "DATE", "timestamp": "TIMESTAMP",
	"struct<a:integer,b:string>": "STRUCT<a: INT, b: STRING>", "array<integer>": "ARRAY<INT>",
}

// literal is a constant of a type.
func (g *generator) literal(typ string) *sqlText {
	if sparkTypes[typ] == "" || duckTypes[typ] == "" {
		return g.nested(typ, 0, nil)
	}
	if g.oneIn(12) {
		return &sqlText{Spark: "CAST(NULL AS " + sparkTypes[typ] + ")", Duck: "CAST(NULL AS " + duckTypes[typ] + ")", typ: typ}
	}
	return literalOf(typ, g.value(typ, g.oneIn(3)))
}

// literalOf writes a value as a literal.
func literalOf(typ, v string) *sqlText {
	out := &sqlText{typ: typ}
	cast := "CAST('" + v + "' AS " + duckTypes[typ] + ")"
	switch typ {
	case "integer":
		out.Spark, out.Duck = "("+v+")", "CAST("+v+" AS INTEGER)"
		if v == "-2147483648" {
			out.Spark = "(-2147483647 - 1)"
		}
	case "long":
		out.Spark, out.Duck = "("+v+"L)", cast
		if v == "-9223372036854775808" {
			out.Spark = "(-9223372036854775807L - 1L)"
		}
	case "double":
		out.Spark, out.Duck = "("+v+"D)", cast
		if strings.HasSuffix(v, "N") || strings.HasSuffix(v, "y") {
			out.Spark = "CAST('" + v + "' AS DOUBLE)"
		}
		if v == "-0" {
			out.Spark = "(-0.0D)"
		}
	case "decimal(12,2)":
		out.Spark, out.Duck = "CAST("+v+" AS DECIMAL(12,2))", cast
	case "string":
		out.Spark = "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v) + "'"
		out.Duck = "'" + strings.ReplaceAll(v, "'", "''") + "'"
	case "boolean":
		out.Spark, out.Duck = v, v
	case "date":
		out.Spark, out.Duck = "DATE '"+v+"'", cast
	case "timestamp":
		out.Spark, out.Duck = "TIMESTAMP '"+strings.Replace(v, "T", " ", 1)+"'", cast
	}
	return out
}

// leaf is a column of a type, if there is one, or a literal.
func (g *generator) leaf(typ string, scope []variable) *sqlText {
	if !g.oneIn(5) {
		if of := ofType(typ, scope); len(of) > 0 {
			return ref(typ, of[g.r.IntN(len(of))].name)
		}
	}
	return g.literal(typ)
}

func ofType(typ string, scope []variable) (of []variable) {
	for _, v := range scope {
		if v.typ == typ {
			of = append(of, v)
		}
	}
	return of
}

// few is a value for a partition column: never an empty text, and few of them.
func (g *generator) few(typ string, scope []variable) *sqlText {
	for _, v := range scope {
		if (v.name == "s.p" || v.name == "t.p" || v.name == "p") && !g.oneIn(3) {
			return ref(typ, v.name)
		}
	}
	return literalOf(typ, g.value(typ, true))
}

// expr makes an expression of a type that is at most depth deep.
func (g *generator) expr(typ string, depth int, scope []variable) *sqlText {
	if depth == 0 || g.oneIn(4) {
		return g.leaf(typ, scope)
	}
	sub := func(typ string) *sqlText { return g.expr(typ, depth-1, scope) }
	if sparkTypes[typ] == "" || duckTypes[typ] == "" {
		return g.nested(typ, depth, scope)
	}
	if g.oneIn(3) { // what there is for all types
		switch g.r.IntN(6) {
		case 0:
			return alike(typ, "coalesce(%s, %s)", sub(typ), sub(typ))
		case 1:
			return alike(typ, "CASE WHEN %s THEN %s ELSE %s END", g.condition(scope, depth-1), sub(typ), sub(typ))
		case 2:
			return alike(typ, "CASE WHEN %s THEN %s WHEN %s THEN %s END", g.condition(scope, depth-1), sub(typ), g.condition(scope, depth-1), sub(typ))
		case 3:
			return alike(typ, "nullif(%s, %s)", sub(typ), sub(typ))
		case 4:
			return apart(typ, "IF(%s, %s, %s)", "CASE WHEN %s THEN %s ELSE %s END", g.condition(scope, depth-1), sub(typ), sub(typ))
		}
		if typ != "boolean" {
			return alike(typ, g.pick("greatest", "least")+"(%s, %s)", sub(typ), sub(typ))
		}
	}
	of := g.forms()[typ]
	f := of[g.r.IntN(len(of))]
	var parts []*sqlText
	for _, t := range f.takes {
		if small, ok := strings.CutPrefix(t, "="); ok { // a literal from a list
			parts = append(parts, literalOf("integer", g.pick(strings.Split(small, ",")...)))
			continue
		}
		parts = append(parts, sub(t))
	}
	e := apart(typ, f.spark, f.duck, parts...)
	if !g.constants && !e.reads {
		return g.leaf(typ, scope)
	}
	return e
}

// A form is an operation with a result of one type.
type form struct {
	spark, duck string
	takes       []string
	sparkOnly   bool
}

// forms are the operations by the type of their result. Where the dialects differ,
// DuckDB's form says what Spark's means.
func (g *generator) forms() map[string][]form {
	if !g.duck {
		return allForms
	}
	return duckForms
}

var duckForms = func() map[string][]form {
	out := map[string][]form{}
	for typ, fs := range allForms {
		for _, f := range fs {
			if !f.sparkOnly {
				out[typ] = append(out[typ], f)
			}
		}
	}
	return out
}()

func same(sql string, takes ...string) form { return form{spark: sql, duck: sql, takes: takes} }

func differs(spark, duck string, takes ...string) form {
	return form{spark: spark, duck: duck, takes: takes}
}

func only(spark string, takes ...string) form {
	return form{spark: spark, duck: spark, takes: takes, sparkOnly: true}
}

var allForms = map[string][]form{
	"integer": {
		same("(%s + %s)", "integer", "integer"),
		same("(%s - %s)", "integer", "integer"),
		same("(%s * %s)", "integer", "=0,1,2,3"),
		same("(%s %% %s)", "integer", "=1,2,3,7"),
		same("(- %s)", "integer"),
		same("abs(%s)", "integer"),
		same("CAST(%s AS INT)", "boolean"),
		same("CAST(%s AS INT)", "long"),
		differs("length(%s)", "CAST(length(%s) AS INTEGER)", "string"),
		differs("year(%s)", "CAST(year(%s) AS INTEGER)", "date"),
		differs("month(%s)", "CAST(month(%s) AS INTEGER)", "date"),
		differs("day(%s)", "CAST(day(%s) AS INTEGER)", "date"),
		differs("hour(%s)", "CAST(hour(%s) AS INTEGER)", "timestamp"),
		differs("datediff(%s, %s)", "CAST((%s - %s) AS INTEGER)", "date", "date"),
		differs("instr(%s, %s)", "CAST(instr(%s, %s) AS INTEGER)", "string", "string"),
		only("CAST(%s AS INT)", "string"),
		only("CAST(%s AS INT)", "double"),
		only("CAST(%s AS INT)", "decimal(12,2)"),
		only("(%s * %s)", "integer", "integer"),
		only("(%s %% %s)", "integer", "integer"),
		only("pmod(%s, %s)", "integer", "integer"),
		only("size(%s)", "array<integer>"),
		only("try_cast(%s AS INT)", "string"),
		only("dayofweek(%s)", "date"),
		only("ascii(%s)", "string"),
		only("weekofyear(%s)", "date"),
		only("minute(%s)", "timestamp"),
		only("locate(%s, %s)", "string", "string"),
		only("sign(%s)", "integer"),
	},
	"long": {
		same("(%s + %s)", "long", "long"),
		same("(%s - %s)", "long", "integer"),
		same("(%s * %s)", "long", "=0,1,2,3"),
		differs("(%s DIV %s)", "(%s // %s)", "long", "=1,2,3,7"),
		same("CAST(%s AS BIGINT)", "integer"),
		same("abs(%s)", "long"),
		only("(%s DIV %s)", "integer", "integer"),
		only("CAST(%s AS BIGINT)", "double"),
		only("CAST(%s AS BIGINT)", "timestamp"),
		only("CAST(%s AS BIGINT)", "string"),
		only("ceil(%s)", "double"),
		only("floor(%s)", "double"),
		only("(%s %% %s)", "long", "long"),
		only("xxhash64(%s)", "string"),
	},
	"double": {
		same("(%s + %s)", "double", "double"),
		same("(%s - %s)", "double", "double"),
		same("(%s * %s)", "double", "double"),
		differs("(%s / %s)", "(%s / CAST(%s AS DOUBLE))", "double", "=1,2,3,7"),
		same("(- %s)", "double"),
		same("abs(%s)", "double"),
		same("CAST(%s AS DOUBLE)", "integer"),
		same("CAST(%s AS DOUBLE)", "long"),
		same("CAST(%s AS DOUBLE)", "decimal(12,2)"),
		only("(%s / %s)", "double", "double"),
		only("(%s / %s)", "integer", "integer"),
		only("(%s %% %s)", "double", "double"),
		only("CAST(%s AS DOUBLE)", "string"),
		only("sqrt(%s)", "double"),
		only("try_cast(%s AS DOUBLE)", "string"),
		only("nanvl(%s, %s)", "double", "double"),
		only("round(%s, %s)", "double", "=0,1,2"),
	},
	"decimal(12,2)": {
		same("CAST((%s + %s) AS DECIMAL(12,2))", "decimal(12,2)", "decimal(12,2)"),
		same("CAST((%s - %s) AS DECIMAL(12,2))", "decimal(12,2)", "decimal(12,2)"),
		same("CAST((%s * %s) AS DECIMAL(12,2))", "decimal(12,2)", "=0,1,2,3"),
		same("CAST(%s AS DECIMAL(12,2))", "integer"),
		same("(- %s)", "decimal(12,2)"),
		same("abs(%s)", "decimal(12,2)"),
		only("CAST((%s * %s) AS DECIMAL(12,2))", "decimal(12,2)", "decimal(12,2)"),
		only("CAST((%s / %s) AS DECIMAL(12,2))", "decimal(12,2)", "decimal(12,2)"),
		only("CAST(%s AS DECIMAL(12,2))", "double"),
		only("CAST(%s AS DECIMAL(12,2))", "string"),
		only("CAST(round(%s, %s) AS DECIMAL(12,2))", "decimal(12,2)", "=0,1,2"),
		only("CAST((%s %% %s) AS DECIMAL(12,2))", "decimal(12,2)", "decimal(12,2)"),
	},
	"string": {
		same("(%s || %s)", "string", "string"),
		same("upper(%s)", "string"),
		same("lower(%s)", "string"),
		same("trim(%s)", "string"),
		same("ltrim(%s)", "string"),
		same("rtrim(%s)", "string"),
		same("substring(%s, %s, %s)", "string", "=1,2,3", "=0,1,2,5"),
		same("replace(%s, 'a', 'é')", "string"),
		same("CAST(%s AS STRING)", "integer"),
		same("CAST(%s AS STRING)", "long"),
		same("CAST(%s AS STRING)", "date"),
		same("CAST(%s AS STRING)", "boolean"),
		same("CAST(%s AS STRING)", "decimal(12,2)"),
		same("repeat(%s, %s)", "string", "=0,1,2"),
		same("lpad(%s, %s, '*-')", "string", "=1,2,5"),
		same("rpad(%s, %s, '*-')", "string", "=1,2,5"),
		only("CAST(%s AS STRING)", "double"),
		only("CAST(%s AS STRING)", "timestamp"),
		only("CAST(%s AS STRING)", "decimal(12,2)"),
		only("concat_ws('-', %s, %s)", "string", "string"),
		only("initcap(%s)", "string"),
		only("reverse(%s)", "string"),
		only("substring(%s, %s, %s)", "string", "integer", "=0,1,2,5"),
		only("split_part(%s, 'a', %s)", "string", "=1,2,3"),
		only("translate(%s, 'ab', 'x')", "string"),
		only("regexp_replace(%s, '[a-b]+', '_')", "string"),
		only("date_format(%s, 'yyyy-MM-dd HH:mm:ss')", "timestamp"),
		only("left(%s, %s)", "string", "integer"),
		only("right(%s, %s)", "string", "integer"),
		only("md5(CAST(%s AS BINARY))", "string"),
		only("concat(%s, %s, %s)", "string", "string", "string"),
	},
	"boolean": {
		same("(%s AND %s)", "boolean", "boolean"),
		same("(%s OR %s)", "boolean", "boolean"),
		same("(NOT %s)", "boolean"),
		same("(%s IS NULL)", "boolean"),
		only("CAST(%s AS BOOLEAN)", "string"),
		only("isnan(%s)", "double"),
		only("array_contains(%s, %s)", "array<integer>", "integer"),
	},
	"date": {
		differs("date_add(%s, %s)", "CAST((%s + %s) AS DATE)", "date", "=1,31,365,-1"),
		differs("date_sub(%s, %s)", "CAST((%s - %s) AS DATE)", "date", "=1,31,365,-1"),
		same("CAST(%s AS DATE)", "timestamp"),
		differs("add_months(%s, %s)", "CAST((%s + to_months(%s)) AS DATE)", "date", "=1,13,-1"),
		same("last_day(%s)", "date"),
		differs("trunc(%s, 'MM')", "CAST(date_trunc('month', %s) AS DATE)", "date"),
		differs("trunc(%s, 'YEAR')", "CAST(date_trunc('year', %s) AS DATE)", "date"),
		only("try_cast(%s AS DATE)", "string"),
		only("next_day(%s, 'MON')", "date"),
		only("date_add(%s, %s)", "date", "integer"),
		only("to_date(CAST(%s AS STRING))", "date"),
	},
	"timestamp": {
		same("CAST(%s AS TIMESTAMP)", "date"),
		same("date_trunc('hour', %s)", "timestamp"),
		same("date_trunc('day', %s)", "timestamp"),
		same("(%s + INTERVAL '3' HOUR)", "timestamp"),
		same("(%s - INTERVAL '2' DAY)", "timestamp"),
		only("to_timestamp(CAST(%s AS STRING))", "timestamp"),
		only("CAST(%s AS TIMESTAMP)", "long"),
	},
}

// nested makes structs and arrays, which only Spark and we are asked about.
func (g *generator) nested(typ string, depth int, scope []variable) *sqlText {
	if of := ofType(typ, scope); len(of) > 0 && !g.oneIn(4) {
		return ref(typ, of[g.r.IntN(len(of))].name)
	}
	d := max(depth-1, 0)
	switch {
	case strings.HasPrefix(typ, "struct<"):
		return alike(typ, "named_struct('a', %s, 'b', %s)", g.expr("integer", d, scope), g.expr("string", d, scope))
	}
	return alike(typ, "array(%s, %s)", g.expr("integer", d, scope), g.expr("integer", d, scope))
}

// condition makes a boolean expression.
func (g *generator) condition(scope []variable, depth int) *sqlText {
	if depth <= 0 && g.oneIn(3) {
		return g.leaf("boolean", scope)
	}
	if depth > 0 && g.oneIn(3) {
		return g.expr("boolean", depth, scope)
	}
	var types []string
	for _, v := range scope {
		if duckTypes[v.typ] != "" {
			types = append(types, v.typ)
		}
	}
	slices.Sort(types)
	typ := "integer"
	if len(types) > 0 {
		typ = g.pick(types...)
	}
	x := g.expr(typ, max(depth-1, 0), scope)
	y := func() *sqlText { return g.expr(typ, max(depth-1, 0), scope) }
	switch g.r.IntN(9) {
	case 0:
		return alike("boolean", g.pick("(%s IS NULL)", "(%s IS NOT NULL)"), x)
	case 1:
		return alike("boolean", g.pick("(%s IN (%s, %s))", "(%s NOT IN (%s, %s))"), x, g.literal(typ), g.literal(typ))
	case 2:
		return alike("boolean", g.pick("(%s BETWEEN %s AND %s)", "(%s NOT BETWEEN %s AND %s)"), x, y(), y())
	case 3:
		return g.nullSafe(x, y())
	case 4:
		if typ == "string" {
			return alike("boolean", "(%s LIKE "+g.pick("'a%%'", "'%%b'", "'%%a%%'", "'_'", "'_b%%'", "''", "'%%'")+")", x)
		}
	case 5:
		if typ == "string" {
			if g.oneIn(2) {
				return alike("boolean", "contains(%s, %s)", x, y())
			}
			return apart("boolean", "startswith(%s, %s)", "starts_with(%s, %s)", x, y())
		}
	}
	return alike("boolean", "(%s "+g.pick("=", "<>", "<", "<=", ">", ">=")+" %s)", x, y())
}
