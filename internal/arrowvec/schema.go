package arrowvec

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/deltalog/deltalog/txlog/schema"
)

// Schema returns s as an Arrow schema: names, types and nullability. Field
// metadata is Delta's own and left out.
//
// timestamp is timestamp[us, UTC], timestamp_ntz timestamp[us], void null, and
// variant a struct of two binaries, metadata and value.
func Schema(s *schema.Struct) *arrow.Schema {
	return arrow.NewSchema(fields(s), nil)
}

func fields(s *schema.Struct) []arrow.Field {
	out := make([]arrow.Field, len(s.Fields))
	for i, f := range s.Fields {
		out[i] = arrow.Field{Name: f.Name, Type: Type(f.Type), Nullable: f.Nullable}
	}
	return out
}

var primitives = map[schema.Kind]arrow.DataType{
	schema.KindBoolean:      arrow.FixedWidthTypes.Boolean,
	schema.KindByte:         arrow.PrimitiveTypes.Int8,
	schema.KindShort:        arrow.PrimitiveTypes.Int16,
	schema.KindInteger:      arrow.PrimitiveTypes.Int32,
	schema.KindLong:         arrow.PrimitiveTypes.Int64,
	schema.KindFloat:        arrow.PrimitiveTypes.Float32,
	schema.KindDouble:       arrow.PrimitiveTypes.Float64,
	schema.KindString:       arrow.BinaryTypes.String,
	schema.KindBinary:       arrow.BinaryTypes.Binary,
	schema.KindDate:         arrow.FixedWidthTypes.Date32,
	schema.KindTimestamp:    &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"},
	schema.KindTimestampNTZ: &arrow.TimestampType{Unit: arrow.Microsecond},
	schema.KindVoid:         arrow.Null,
	schema.KindVariant: arrow.StructOf(
		arrow.Field{Name: "metadata", Type: arrow.BinaryTypes.Binary},
		arrow.Field{Name: "value", Type: arrow.BinaryTypes.Binary},
	),
}

// Type returns the Arrow type of a Delta type. See [Schema].
func Type(t schema.DataType) arrow.DataType {
	switch t := t.(type) {
	case schema.Decimal:
		return &arrow.Decimal128Type{Precision: int32(t.Precision), Scale: int32(t.Scale)}
	case *schema.Struct:
		return arrow.StructOf(fields(t)...)
	case *schema.Array:
		return arrow.ListOfField(arrow.Field{Name: "element", Type: Type(t.Element), Nullable: t.ContainsNull})
	case *schema.Map:
		return arrow.MapOfFields(
			arrow.Field{Name: "key", Type: Type(t.Key)},
			arrow.Field{Name: "value", Type: Type(t.Value), Nullable: t.ValueContainsNull},
		)
	}
	return primitives[t.Kind()]
}

// FromArrowSchema returns the Delta schema that holds s's columns without loss of
// anything but the encoding. Unsigned integers become the next larger signed
// type, uint64 decimal(20,0); halves become floats; a timestamp with any time
// zone is an instant, timestamp, and one without is timestamp_ntz. Metadata is
// left out.
//
// Types without a counterpart are errors that name the column: times of day,
// durations, intervals, unions, and decimals that Delta's do not cover.
func FromArrowSchema(s *arrow.Schema) (*schema.Struct, error) {
	return fromFields(s.Fields(), "", maxDepth)
}

func fromFields(in []arrow.Field, prefix string, depth int) (*schema.Struct, error) {
	out := &schema.Struct{Fields: make([]schema.Field, 0, len(in))}
	for _, f := range in {
		t, err := fromType(f.Type, prefix+f.Name, depth)
		if err != nil {
			return nil, err
		}
		out.Fields = append(out.Fields, schema.Field{Name: f.Name, Type: t, Nullable: f.Nullable})
	}
	return out, nil
}

var fromPrimitives = map[arrow.Type]schema.DataType{
	arrow.NULL: schema.Void, arrow.BOOL: schema.Boolean,
	arrow.INT8: schema.Byte, arrow.INT16: schema.Short, arrow.INT32: schema.Integer, arrow.INT64: schema.Long,
	arrow.UINT8: schema.Short, arrow.UINT16: schema.Integer, arrow.UINT32: schema.Long,
	arrow.UINT64:  schema.Decimal{Precision: 20},
	arrow.FLOAT16: schema.Float, arrow.FLOAT32: schema.Float, arrow.FLOAT64: schema.Double,
	arrow.STRING: schema.String, arrow.LARGE_STRING: schema.String, arrow.STRING_VIEW: schema.String,
	arrow.BINARY: schema.Binary, arrow.LARGE_BINARY: schema.Binary, arrow.BINARY_VIEW: schema.Binary,
	arrow.FIXED_SIZE_BINARY: schema.Binary, arrow.DATE32: schema.Date, arrow.DATE64: schema.Date,
}

func fromType(t arrow.DataType, name string, depth int) (schema.DataType, error) {
	if depth == 0 {
		return nil, fmt.Errorf("arrowvec: column %s: nested deeper than %d levels", name, maxDepth)
	}
	if p, ok := fromPrimitives[t.ID()]; ok {
		return p, nil
	}
	switch t := t.(type) {
	case *arrow.TimestampType:
		if t.TimeZone == "" {
			return schema.TimestampNTZ, nil
		}
		return schema.Timestamp, nil
	case arrow.DecimalType:
		p, s := int(t.GetPrecision()), int(t.GetScale())
		if p < 1 || p > 38 || s < 0 || s > p {
			return nil, fmt.Errorf("arrowvec: column %s: %s is outside of Delta's decimals; cast it to at most 38 digits with a scale of 0 to 38", name, t)
		}
		return schema.Decimal{Precision: p, Scale: s}, nil
	case *arrow.StructType:
		return fromFields(t.Fields(), name+".", depth-1)
	case *arrow.MapType:
		k, err := fromType(t.KeyType(), name+".key", depth-1)
		if err != nil {
			return nil, err
		}
		v, err := fromType(t.ItemType(), name+".value", depth-1)
		return &schema.Map{Key: k, Value: v, ValueContainsNull: t.ItemField().Nullable}, err
	case *arrow.ListType, *arrow.LargeListType, *arrow.FixedSizeListType:
		f := t.(arrow.ListLikeType).ElemField()
		e, err := fromType(f.Type, name+".element", depth-1)
		return &schema.Array{Element: e, ContainsNull: f.Nullable}, err
	case *arrow.DictionaryType:
		return fromType(t.ValueType, name, depth-1)
	case *arrow.RunEndEncodedType:
		return fromType(t.Encoded(), name, depth-1)
	case arrow.ExtensionType:
		return fromType(t.StorageType(), name, depth-1)
	}
	return nil, fmt.Errorf("arrowvec: column %s: %w", name, unsupported(t))
}
