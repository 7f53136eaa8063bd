package schema_test

import (
	"strings"
	"testing"

	"github.com/deltalog/deltalog/txlog/schema"
	"github.com/stretchr/testify/require"
)

func TestParseMappingMode(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]schema.MappingMode{"": schema.MappingNone, "none": schema.MappingNone, "name": schema.MappingName, "id": schema.MappingID} {
		got, err := schema.ParseMappingMode(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
		if text != "" {
			require.Equal(t, text, got.String())
		}
	}
	_, err := schema.ParseMappingMode("Name")
	require.ErrorContains(t, err, `"Name"`)
}

// mapped has physical names at every level.
func mapped(name, id, physical string, t schema.DataType) schema.Field {
	return schema.Field{Name: name, Type: t, Nullable: true, Metadata: schema.Metadata{
		"delta.columnMapping.id": id, "delta.columnMapping.physicalName": `"` + physical + `"`, "comment": `"c"`,
	}}
}

func TestPhysicalRenamesEveryLevel(t *testing.T) {
	t.Parallel()
	s := structOf(
		mapped("a", "1", `p\u0041`, schema.Long),
		mapped("l", "2", "pl", listOf(structOf(mapped("b", "3", "pb", &schema.Map{Key: structOf(mapped("k", "4", "pk", schema.Long)), Value: structOf(mapped("v", "5", "pv", schema.Long))})))))
	require.Same(t, s, schema.Physical(s, schema.MappingNone))
	for _, mode := range []schema.MappingMode{schema.MappingName, schema.MappingID} {
		require.NoError(t, s.Validate(mode))
		p := schema.Physical(s, mode)
		var names []string
		for _, f := range p.Walk() {
			names = append(names, f.Name)
			require.Equal(t, `"c"`, f.Metadata["comment"])
		}
		require.Equal(t, strings.Fields("pA pl pb pk pv"), names)
	}
	require.Equal(t, "a", s.Fields[0].Name, "the schema is immutable")
	require.Equal(t, "a", s.Fields[0].PhysicalName(schema.MappingNone))
}

func TestFieldID(t *testing.T) {
	t.Parallel()
	for raw, ok := range map[string]bool{"1": true, "2147483647": true, "2147483648": false, `"1"`: false, "1.0": false, "": false, "null": false} {
		f := schema.Field{Metadata: schema.Metadata{"delta.columnMapping.id": raw}}
		_, got := f.ID()
		require.Equal(t, ok, got, raw)
	}
	f := schema.Field{}
	_, ok := f.ID()
	require.False(t, ok)
}

func TestMetadataText(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{`"a"`: "a", `"\u0041\n"`: "A\n"} {
		got, ok := schema.Metadata{"k": raw}.Text("k")
		require.True(t, ok)
		require.Equal(t, want, got)
	}
	for _, raw := range []string{"", "1", `"a`, `"a"b`, "null", `"\ud800"`} {
		_, ok := schema.Metadata{"k": raw}.Text("k")
		require.False(t, ok, raw)
	}
}

func TestValidateFindsBrokenMappings(t *testing.T) {
	t.Parallel()
	for message, s := range map[string]*schema.Struct{
		"column a: column mapping is on, but the field has no delta.columnMapping.id":           structOf(col("a", schema.Long)),
		"column a: column mapping is on, but the field has no delta.columnMapping.physicalName": structOf(mapped("a", "1", "", schema.Long)),
		"column b: delta.columnMapping.id 1 is also that of column a":                           structOf(mapped("a", "1", "x", schema.Long), mapped("b", "1", "y", schema.Long)),
		`column b: delta.columnMapping.physicalName "x" is also that of a`:                      structOf(mapped("a", "1", "x", schema.Long), mapped("b", "2", "x", schema.Long)),
		"column l.element.b: delta.columnMapping.id 1 is also":                                  structOf(mapped("l", "1", "x", listOf(structOf(mapped("b", "1", "y", schema.Long))))),
	} {
		require.ErrorContains(t, s.Validate(schema.MappingName), message)
		require.NoError(t, s.Validate(schema.MappingNone))
	}
}

func TestAssignMappingKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	s := structOf(
		mapped("a", "7", "pa", schema.Long),
		col("b", listOf(structOf(col("c", schema.Long), mapped("d", "9", "pd", schema.Long)))))
	got, most := schema.AssignMapping(s, 3, func(f *schema.Field) string { return `new "` + f.Name })
	require.EqualValues(t, 11, most)
	require.NoError(t, got.Validate(schema.MappingID))
	var all []string
	for _, f := range got.Walk() {
		all = append(all, f.Metadata["delta.columnMapping.id"]+" "+f.PhysicalName(schema.MappingName))
	}
	require.Equal(t, []string{"7 pa", `10 new "b`, `11 new "c`, "9 pd"}, all)
	require.Nil(t, s.Fields[1].Metadata, "the schema is immutable")

	again, most := schema.AssignMapping(got, most, func(*schema.Field) string { panic("nothing to name") })
	require.EqualValues(t, 11, most)
	require.Equal(t, got, again)

	_, most = schema.AssignMapping(structOf(col("x", schema.Long)), 40, func(f *schema.Field) string { return f.Name })
	require.EqualValues(t, 41, most, "ids of dropped columns are not used again")
}
