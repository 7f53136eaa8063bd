package retry

import (
	"fmt"
	"slices"
	"strings"

	"github.com/deltalog/deltalog/delta"
)

// A Situation is a way in which one task comes to be attempted twice. The attempts
// bring old content, or one of them brings new.
type Situation int

// The situations.
const (
	// Retried: an attempt with the old content is over, done or killed at any
	// moment; another comes with the same.
	Retried Situation = iota
	// AtOnce: two attempts with the old content overlap in any way.
	AtOnce
	// Zombie: an attempt with the old content has begun its write and is paused at
	// any moment before its commit. Another one, its successor, does its work with
	// the same or with new content; then the first goes on. One that has opened the
	// table, and not begun to write, is no zombie but a re-run.
	Zombie
	// NewData: after an attempt with the old content, one with new content.
	NewData
)

// Situations has a heading for each.
var Situations = []string{"retried", "run twice at once", "zombie wakes after its successor", "re-run with new data"}

// A Cell is what is promised of one operation in one situation.
type Cell struct {
	// Text is what people read.
	Text string
	// Second is the state that the later attempt ends with: the zombie, where there
	// is one. Of two at once one commits, and the other ends so.
	Second delta.State
	// Err is what the later attempt's error matches; nil for success.
	Err error
	// Fenced: the error says that another attempt overtook this one.
	Fenced bool
	// Rows has the contents that, applied alone and one after the other to the table
	// as it was, leave the rows that are there at the end: "old", "new old".
	Rows string
}

// A Guarantee is a row of the table: an operation, with a key or without.
type Guarantee struct {
	Op    string
	Keyed bool
	Cells [4]Cell // by Situation
}

// What is the same for many operations.
var (
	already   = Cell{Text: "already applied, and the version that holds it", Second: delta.AlreadyApplied, Rows: "old"}
	oneDoes   = Cell{Text: "one is applied, the other is told which version", Second: delta.AlreadyApplied, Rows: "old"}
	overtaken = Cell{Text: "already applied; other rows: refused", Second: delta.NotCommitted, Err: delta.ErrKeyReused, Fenced: true, Rows: "new"}
	refused   = Cell{Text: "refused (`--on-replay` decides)", Second: delta.NotCommitted, Err: delta.ErrKeyReused, Rows: "old"}
)

// What is the same for many operations without a key.
var (
	sameRows     = committed("same rows", "old")
	zombiesRows  = committed("the zombie's rows", "old")
	newRows      = committed("the new rows", "new")
	nothing      = noOp("nothing to do, and says so", "old")
	oneDoesAlone = noOp("one is applied, the other has nothing to do", "old")
	late         = noOp("rows that are late change nothing", "new")
)

// committed is a cell in which the later attempt commits.
func committed(text, rows string) Cell {
	return Cell{Text: text, Second: delta.Committed, Rows: rows}
}

// noOp is a cell in which the later attempt finds nothing to do.
func noOp(text, rows string) Cell { return Cell{Text: text, Second: delta.NoOp, Rows: rows} }

// keyed is a row of which only the last cell differs.
func keyed(op string, newData Cell) Guarantee {
	return Guarantee{op, true, [4]Cell{already, oneDoes, overtaken, newData}}
}

func keyless(op string, cells ...Cell) Guarantee {
	return Guarantee{op, false, [4]Cell(cells)}
}

// Guarantees is the table.
var Guarantees = []Guarantee{
	keyed("append", refused),
	keyed("update", refused),
	keyed("replace-partition", committed("applied: the new rows are in place of the old", "new")),
	keyed("reload", committed("applied: the new rows are in place of the old", "new")),
	keyed("replace --where", committed("applied: the new rows are in place of the old", "new")),
	keyed("merge", committed("applied", "old new")),
	keyed("delete", committed("applied", "old new")),
	keyed("insert-new", committed("applied", "old new")),
	keyed("dedup", committed("applied", "old new")),
	keyed("apply-changes", committed("applied", "old new")),
	keyed("scd2", committed("applied", "old new")),

	keyless("append", committed("rows twice", "old old"), committed("rows twice", "old old"),
		committed("the rows of both", "new old"), committed("added", "old new")),
	keyless("update", committed("changed twice", "old old"), committed("changed twice", "old old"),
		committed("changed by both", "new old"), committed("changed again", "old new")),
	keyless("replace-partition", sameRows, sameRows, zombiesRows, newRows),
	keyless("reload", sameRows, sameRows, zombiesRows, newRows),
	keyless("replace --where", sameRows, sameRows, zombiesRows, newRows),
	keyless("merge", nothing, oneDoesAlone, zombiesRows, committed("applied", "new")),
	keyless("delete", nothing, oneDoesAlone, committed("what both delete is gone", "new old"), committed("applied", "old new")),
	keyless("insert-new", nothing, oneDoesAlone, noOp("rows that are there stay", "new"), noOp("rows that are there stay", "old")),
	keyless("dedup", nothing, oneDoesAlone, noOp("nothing to do", "new"), committed("applied", "new")),
	keyless("apply-changes", nothing, oneDoesAlone, late, committed("applied", "new")),
	keyless("scd2", nothing, oneDoesAlone, late, committed("applied", "old new")),
}

// Markdown is the table for people. Rows that say the same are one.
func Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| with a key | %s |\n|%s\n", strings.Join(Situations, " | "), strings.Repeat("---|", 1+len(Situations)))
	for _, keyed := range []bool{true, false} {
		for _, rows := range alike(keyed) {
			var ops []string
			for _, r := range rows {
				ops = append(ops, r.Op)
			}
			name := "**" + strings.Join(ops, "**, **") + "**"
			if !keyed {
				name = "*without a key*: " + strings.Join(ops, ", ")
			}
			fmt.Fprintf(&b, "| %s |", name)
			for _, c := range rows[0].Cells {
				fmt.Fprintf(&b, " %s |", c.Text)
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// alike groups the rows, with a key or without, that have the same words.
func alike(keyed bool) (groups [][]Guarantee) {
	for _, r := range Guarantees {
		if r.Keyed != keyed {
			continue
		}
		i := slices.IndexFunc(groups, func(g []Guarantee) bool { return g[0].words() == r.words() })
		if i < 0 {
			groups = append(groups, nil)
			i = len(groups) - 1
		}
		groups[i] = append(groups[i], r)
	}
	return groups
}

func (g Guarantee) words() (w [4]string) {
	for i, c := range g.Cells {
		w[i] = c.Text
	}
	return w
}
