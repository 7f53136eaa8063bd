package expr

// An Assignment is column = value, in an update or an insert.
type Assignment struct {
	Path  []string // as written, qualifier included
	Value Expr     // nil: DEFAULT
	Pos   int      // byte position in the text; -1 if there is none
}

// A TableRef is a table of a statement: a dotted name, or a path.
type TableRef struct {
	Name  []string // db.orders; empty if Path is set
	Path  string   // of delta.`path` and of a single name in backticks that has a / or a :
	Alias string   // empty: none
	Pos   int
}

// A MergeStatement is a MERGE as written. Nothing in it is resolved.
type MergeStatement struct {
	Target, Source  TableRef
	On              Expr
	Clauses         []*MergeClause
	SchemaEvolution bool   // WITH SCHEMA EVOLUTION
	Text            string // what positions refer to
}

// A ClauseKind says for which rows a [MergeClause] is.
type ClauseKind uint8

// The kinds of clauses.
const (
	WhenMatched            ClauseKind = iota // WHEN MATCHED
	WhenNotMatched                           // WHEN NOT MATCHED [BY TARGET]
	WhenNotMatchedBySource                   // WHEN NOT MATCHED BY SOURCE
)

// String returns the words of SQL.
func (k ClauseKind) String() string {
	return [...]string{"WHEN MATCHED", "WHEN NOT MATCHED", "WHEN NOT MATCHED BY SOURCE"}[k]
}

// A ClauseAction says what a [MergeClause] does with its rows.
type ClauseAction uint8

// The actions.
const (
	Update ClauseAction = iota
	Delete
	Insert
)

// String returns the word of SQL.
func (a ClauseAction) String() string { return [...]string{"UPDATE", "DELETE", "INSERT"}[a] }

// A MergeClause is one WHEN of a merge.
type MergeClause struct {
	Kind      ClauseKind
	Action    ClauseAction
	Condition Expr         // nil: all rows of the kind
	Star      bool         // UPDATE SET * and INSERT *
	Set       []Assignment // of the others; of an INSERT each column with its value
	Pos       int          // byte position in Text; -1 if there is none
	Text      string       // what positions refer to
}
