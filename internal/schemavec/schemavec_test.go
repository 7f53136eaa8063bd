package schemavec

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

func TestConstantsAreReadBack(t *testing.T) {
	dec := schema.Decimal{Precision: 20, Scale: 3}
	for _, test := range []struct {
		t schema.DataType
		v schema.Value
	}{
		{schema.Boolean, schema.BooleanValue(true)},
		{schema.Byte, schema.ByteValue(-3)},
		{schema.Short, schema.ShortValue(-300)},
		{schema.Integer, schema.IntegerValue(-70000)},
		{schema.Long, schema.LongValue(-1 << 40)},
		{schema.Float, schema.FloatValue(1.5)},
		{schema.Double, schema.DoubleValue(-2.25)},
		{schema.Date, schema.DateValue(-1)},
		{schema.Timestamp, schema.TimestampValue(-5)},
		{schema.TimestampNTZ, schema.TimestampNTZValue(7)},
		{schema.String, schema.StringValue("a b")},
		{schema.Binary, schema.BinaryValue("\x00\xff")},
		{dec, schema.DecimalValue(schema.Decimal128FromInt64(-1234567), 3)},
	} {
		for _, v := range []schema.Value{test.v, schema.Null(test.t)} {
			c, err := Constant(v, test.t, 3)
			require.NoError(t, err)
			require.NoError(t, vec.Check(c))
			require.Equal(t, Layout(test.t), c.Kind)
			for i := range 3 {
				got := Value(c, test.t, i)
				require.Equal(t, v.IsNull(), got.IsNull())
				require.True(t, v.IsNull() || v.Equal(got), "%s: %s", test.t, got)
			}
		}
	}
}

func TestEmptyHasTheLayoutOfItsType(t *testing.T) {
	nested := &schema.Struct{Fields: []schema.Field{
		{Name: "l", Type: &schema.Array{Element: schema.Long}},
		{Name: "m", Type: &schema.Map{Key: schema.String, Value: schema.Double}},
	}}
	e := Empty(nested)
	require.NoError(t, vec.Check(e))
	n := vec.AllNull(e, 4)
	require.NoError(t, vec.Check(n))
	require.Equal(t, 4, n.Len)
	require.True(t, n.IsNull(3))
}
