// Package schema holds Delta's data types, their JSON form, and typed scalar
// values: what a table's columns are, and what one partition value or bound of
// a statistic means.
//
// A [Struct] is a table's schema. [Parse] reads the schemaString of a metaData
// action and [Struct.JSON] writes it back; field metadata is kept verbatim.
// A [Value] is one typed scalar; partition values and statistics are compared
// as Values, never as text.
//
// Types are immutable once built and safe for concurrent use. The package
// imports only the standard library. Rules are cited from the Delta protocol
// specification, "Schema Serialization Format" and "Partition Value
// Serialization".
package schema

import "strconv"

// A Kind says which of Delta's types a [DataType] is.
type Kind uint8

// The kinds. The order is not meaningful.
const (
	KindInvalid Kind = iota
	KindBoolean
	KindByte    // 8-bit signed
	KindShort   // 16-bit signed
	KindInteger // 32-bit signed
	KindLong    // 64-bit signed
	KindFloat
	KindDouble
	KindDecimal
	KindString
	KindBinary
	KindDate         // days since 1970-01-01
	KindTimestamp    // microseconds since 1970-01-01T00:00:00Z
	KindTimestampNTZ // microseconds since 1970-01-01T00:00:00, no zone
	KindVoid
	KindVariant
	KindStruct
	KindArray
	KindMap
)

// A DataType is one of [Primitive], [Decimal], [*Struct], [*Array] and [*Map].
type DataType interface {
	Kind() Kind
	// String returns the type as Spark's DDL prints it: bigint, decimal(10,2),
	// struct<a:int>, array<string>, map<string,int>.
	String() string
	sealed()
}

// A Primitive is a type without parameters: boolean … variant.
type Primitive Kind

// The primitive types.
const (
	Boolean      = Primitive(KindBoolean)
	Byte         = Primitive(KindByte)
	Short        = Primitive(KindShort)
	Integer      = Primitive(KindInteger)
	Long         = Primitive(KindLong)
	Float        = Primitive(KindFloat)
	Double       = Primitive(KindDouble)
	String       = Primitive(KindString)
	Binary       = Primitive(KindBinary)
	Date         = Primitive(KindDate)
	Timestamp    = Primitive(KindTimestamp)
	TimestampNTZ = Primitive(KindTimestampNTZ)
	Void         = Primitive(KindVoid)
	Variant      = Primitive(KindVariant)
)

// A Decimal is a decimal(precision, scale); 1 ≤ precision ≤ 38, 0 ≤ scale ≤ precision.
type Decimal struct{ Precision, Scale int }

// A Struct is an ordered list of fields: a table's schema, or a nested struct.
type Struct struct{ Fields []Field }

// An Array is a list of elements of one type.
type Array struct {
	Element      DataType
	ContainsNull bool
}

// A Map is a list of key-value entries. Keys are never null.
type Map struct {
	Key, Value        DataType
	ValueContainsNull bool
}

// A Field is one column of a [Struct].
type Field struct {
	Name     string
	Type     DataType
	Nullable bool
	Metadata Metadata
}

// Metadata is a field's metadata object: JSON key → raw JSON value, verbatim.
// Nil and empty are the same. Do not modify a Metadata that is part of a schema.
type Metadata map[string]string

func (p Primitive) Kind() Kind { return Kind(p) }
func (Decimal) Kind() Kind     { return KindDecimal }
func (*Struct) Kind() Kind     { return KindStruct }
func (*Array) Kind() Kind      { return KindArray }
func (*Map) Kind() Kind        { return KindMap }

func (Primitive) sealed() {}
func (Decimal) sealed()   {}
func (*Struct) sealed()   {}
func (*Array) sealed()    {}
func (*Map) sealed()      {}

func (d Decimal) String() string {
	return "decimal(" + strconv.Itoa(d.Precision) + "," + strconv.Itoa(d.Scale) + ")"
}
