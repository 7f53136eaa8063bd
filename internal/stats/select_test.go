package stats_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/deltalog/deltalog/internal/stats"
	"github.com/deltalog/deltalog/txlog/schema"
	"github.com/stretchr/testify/require"
)

func selected(t *testing.T, s *schema.Struct, mode schema.MappingMode, partitions []string, n int, columns string) string {
	t.Helper()
	leaves, err := stats.Select(s, mode, partitions, n, columns)
	require.NoError(t, err, columns)
	var paths []string
	for _, l := range leaves {
		paths = append(paths, strings.Join(l.Path, "/"))
	}
	return strings.Join(paths, " ")
}

func TestSelect(t *testing.T) {
	t.Parallel()
	s, err := schema.Parse(`{"type":"struct","fields":[
		{"name":"a","type":"long","nullable":true},
		{"name":"p","type":"date","nullable":true},
		{"name":"s","type":{"type":"struct","fields":[
			{"name":"x","type":"long","nullable":true,"metadata":{"delta.typeChanges":[{"fromType":"byte","toType":"long"}]}},
			{"name":"t","type":{"type":"struct","fields":[{"name":"y","type":"long","nullable":true},{"name":"z.z","type":"long","nullable":true}]},"nullable":true}]},"nullable":true},
		{"name":"v","type":"void","nullable":true},
		{"name":"l","type":{"type":"array","elementType":{"type":"struct","fields":[{"name":"q","type":"long","nullable":true}]},"containsNull":true},"nullable":true},
		{"name":"b, d","type":"binary","nullable":true},
		{"name":"e` + "`" + `f","type":"long","nullable":true}]}`)
	require.NoError(t, err)
	const all = "a s/x s/t/y s/t/z.z l b, d e`f"
	for _, c := range []struct {
		n             int
		columns, want string
	}{
		{-1, "", all},
		{32, "", all},
		{0, "", ""},
		{1, "", "a"},
		{3, "", "a s/x s/t/y"},
		{5, " ", "a s/x s/t/y s/t/z.z"},
		{6, "", "a s/x s/t/y s/t/z.z l"},
		{0, "a", "a"},
		{1, "l,S.X , a", "a s/x l"},
		{0, "s", "s/x s/t/y s/t/z.z"},
		{0, "S.T", "s/t/y s/t/z.z"},
		{0, "`s` . t.`z.z`", "s/t/z.z"},
		{0, "s.t.z.z", ""},
		{0, "`b, d`,`e``f`", "b, d e`f"},
		{0, "p,v,unknown,s.unknown,a.x,l.element.q", ""},
		{0, "b, d", ""},
		{0, "``", ""},
	} {
		require.Equal(t, c.want, selected(t, s, schema.MappingNone, []string{"P"}, c.n, c.columns), "%d %q", c.n, c.columns)
	}
	require.Equal(t, "a p s/x", selected(t, s, schema.MappingNone, nil, 3, ""))
	for _, columns := range []string{",", "a,", "a,,b", "a b`c`", "`a", "a.", ".a", "a`b`", "`a`b", "a;b`"} {
		_, err := stats.Select(s, schema.MappingNone, nil, 0, columns)
		require.ErrorContains(t, err, "delta.dataSkippingStatsColumns", columns)
	}
	leaves := stats.AllLeaves(s, schema.MappingNone)
	require.Len(t, leaves, 8)
	for _, l := range leaves {
		require.Equal(t, l.Path[len(l.Path)-1] == "x", l.Widened)
	}
}

func TestSelectTakesTheFirst32Leaves(t *testing.T) {
	t.Parallel()
	s := &schema.Struct{}
	for i := range 40 {
		s.Fields = append(s.Fields, schema.Field{Name: fmt.Sprint("c", i), Type: schema.Long})
	}
	leaves, err := stats.Select(s, schema.MappingNone, []string{"c0"}, stats.DefaultIndexedColumns, "")
	require.NoError(t, err)
	require.Len(t, leaves, 32)
	require.Equal(t, []string{"c32"}, leaves[31].Path)
}

func TestSelectNamesColumnsLogicallyAndGivesPhysicalPaths(t *testing.T) {
	t.Parallel()
	field := func(name string, typ schema.DataType) schema.Field {
		return schema.Field{Name: name, Type: typ, Metadata: schema.Metadata{"delta.columnMapping.physicalName": `"col-` + name + `"`}}
	}
	s := &schema.Struct{Fields: []schema.Field{field("p", schema.Date), field("a", schema.Long), field("s", &schema.Struct{Fields: []schema.Field{field("x", schema.Long)}})}}
	require.Equal(t, "col-s/col-x", selected(t, s, schema.MappingName, []string{"p"}, 0, "p,s.x,col-a"))
	require.Equal(t, "col-a col-s/col-x", selected(t, s, schema.MappingID, []string{"p"}, -1, ""))
	require.Equal(t, "a s/x", selected(t, s, schema.MappingNone, []string{"p"}, -1, ""))
}
