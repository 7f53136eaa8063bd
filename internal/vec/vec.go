// Package vec holds columns of values in Arrow's memory layout, without Arrow.
//
// A [Vec] is what the Parquet writer takes, what the Parquet reader gives and
// what predicates are evaluated on, so that checkpoints (which know nothing of
// Arrow) and table data share one code path. [arrowvec] turns Arrow arrays into
// Vecs and back without copying.
//
// A Vec is a view: it may share memory with its maker and is read-only for
// everyone but its maker.
package vec

import "unsafe"

// A Kind is the memory layout of a [Vec].
type Kind uint8

// The layouts.
const (
	Null       Kind = iota // no buffers: every value is null
	Bool                   // Data is a bitmap, least significant bit first
	Int8                   // Data is Len values of 1 byte
	Int16                  // … 2 bytes, little-endian
	Int32                  // … 4 bytes: integer, date (days)
	Int64                  // … 8 bytes: long, timestamps (microseconds)
	Float32                // … 4 bytes
	Float64                // … 8 bytes
	Decimal128             // … 16 bytes, two's complement, low word first
	Bytes                  // Offsets into Data: string, binary
	Struct                 // Children are the fields, each as long as the struct
	List                   // Offsets into Children[0]
	Map                    // Offsets into Children[0] (keys) and Children[1] (values)
)

// A Vec is a window of Len values on a column.
//
// Off is the number of values before the window; it applies to Valid, to Data
// (for Bool and fixed-width kinds) and to Offsets, as in Arrow. It does not
// apply to the children of a List or Map, whose positions come from Offsets. It
// does apply to the children of a Struct: child value i+Off belongs to struct
// value i, on top of the child's own Off.
type Vec struct {
	Kind     Kind
	Len      int
	Off      int
	Valid    []byte // validity bitmap, least significant bit first; nil: no nulls
	Data     []byte
	Offsets  []int32 // Off+Len+1 or more entries
	Children []*Vec
}

// Fixed is an element type of a fixed-width [Vec].
type Fixed interface {
	int8 | int16 | int32 | int64 | uint32 | uint64 | float32 | float64 | [16]byte
}

// Values returns the window's values as a typed slice that shares v's memory.
// T must have the width of v's kind.
func Values[T Fixed](v *Vec) []T {
	var z T
	if v.Len == 0 {
		return nil
	}
	d := v.Data[v.Off*int(unsafe.Sizeof(z)):]
	_ = d[v.Len*int(unsafe.Sizeof(z))-1]
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(d))), v.Len)
}

// BytesOf returns s's memory as bytes.
func BytesOf[T Fixed](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(s[0])))
}

// IsNull reports whether value i of the window is null.
func (v *Vec) IsNull(i int) bool {
	if v.Kind == Null {
		return true
	}
	if v.Valid == nil {
		return false
	}
	i += v.Off
	return v.Valid[i>>3]&(1<<(i&7)) == 0
}

// Bool returns value i of a [Bool] vec; false where it is null is not promised.
func (v *Vec) Bool(i int) bool {
	i += v.Off
	return v.Data[i>>3]&(1<<(i&7)) != 0
}

// At returns value i of a [Bytes] vec, sharing its memory.
func (v *Vec) At(i int) []byte {
	return v.Data[v.Offsets[v.Off+i]:v.Offsets[v.Off+i+1]]
}

// Slice returns the window [i, j) of v, sharing its memory.
func (v *Vec) Slice(i, j int) *Vec {
	w := *v
	w.Off, w.Len = v.Off+i, j-i
	return &w
}
