package sqlfn

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// An Env is what functions know of the session. It is fixed once per operation,
// so that current_timestamp is the same in every row and batch.
type Env struct {
	Now      time.Time
	Location *time.Location // the session's time zone; nil is UTC
	User     string
}

func (e *Env) location() *time.Location {
	if e == nil || e.Location == nil {
		return time.UTC
	}
	return e.Location
}

// A Func is a function, under one of its names.
type Func struct {
	Name string
	// Resolve is Bind for arguments of which only the types are known. Functions
	// whose type depends on a constant (round of a decimal, date_part) refuse.
	Resolve func(args []schema.DataType) (Signature, error)

	bind resolver
}

// Bind picks the signature for arguments of the given types. consts[i] is the
// value of argument i, a vector of length 1 in the layout of args[i], if it is a
// constant, and nil if it is not; consts itself may be nil.
//
// The error says what the function wants.
func (f *Func) Bind(args []schema.DataType, consts []*vec.Vec) (Signature, error) {
	if consts == nil {
		consts = make([]*vec.Vec, len(args))
	}
	s, err := f.bind(&binding{name: f.Name, args: args, consts: consts})
	if err != nil {
		return Signature{}, fmt.Errorf("%s: %w", f.Name, err)
	}
	return s, nil
}

// A Signature is a function for arguments of certain types.
type Signature struct {
	// Args are the types that the arguments must be cast to.
	Args   []schema.DataType
	Result schema.DataType
	// Eval computes n rows. Each argument is a vector of n rows, or Const, in the
	// layout of its type in Args. The result has n rows and may share memory with
	// the arguments. An error that is one row's is a [*RowError].
	Eval func(env *Env, args []Arg, n int) (*vec.Vec, error)
}

// An Arg is an argument. A Const one has length 1 and stands for n equal rows.
type Arg struct {
	*vec.Vec
	Const bool
}

// A RowError says which row could not be computed, counted from 0 in the
// vectors that Eval got.
type RowError struct {
	Row int
	Err error
}

func (e *RowError) Error() string { return fmt.Sprintf("row %d: %v", e.Row, e.Err) }

// Unwrap returns the reason.
func (e *RowError) Unwrap() error { return e.Err }

// Lookup finds a function by its name in any case.
func Lookup(name string) (*Func, bool) {
	f, ok := registry[strings.ToLower(name)]
	return f, ok
}

// Names returns the names of all functions, sorted.
func Names() []string { return slices.Sorted(maps.Keys(registry)) }
