package pqread

import (
	"context"
	"math/rand"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

func TestFilesByOtherWritersAreReadAsPyarrowReadsThem(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/foreign/*.parquet")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(strings.TrimSuffix(path, ".parquet") + ".txt")
			require.NoError(t, err)
			f, err := openFile(path)
			require.NoError(t, err)
			s, err := f.Schema()
			require.NoError(t, err)
			got, err := renderRows(f, s, nil)
			require.NoError(t, err)
			require.Equal(t, strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"), got)
		})
	}
}

func TestColumnsAreFoundByFieldID(t *testing.T) {
	t.Parallel()
	f, err := openFile("testdata/foreign/spark-column-mapping-id.parquet")
	require.NoError(t, err)
	var leaf *node
	for _, n := range f.root.children {
		if n.isLeaf() && n.elem.hasFieldID && n.elem.typ == format.Int32 && n.elem.logical.kind == logicalNone {
			leaf = n
		}
	}
	require.NotNil(t, leaf)
	field := func(id string) *schema.Struct {
		return &schema.Struct{Fields: []schema.Field{{Name: "renamed", Type: schema.Integer, Metadata: schema.Metadata{idKey: id}}}}
	}
	id := strconv.Itoa(int(leaf.elem.fieldID))
	p, err := f.Project(field(id), ByID)
	require.NoError(t, err)
	byID := firstColumn(t, p)
	require.Equal(t, vec.Int32, byID.Kind)
	p, err = f.Project(&schema.Struct{Fields: []schema.Field{{Name: leaf.elem.name, Type: schema.Integer}}}, ByName)
	require.NoError(t, err)
	require.Equal(t, firstColumn(t, p), byID)

	p, err = f.Project(field("99999"), ByID)
	require.NoError(t, err)
	require.Equal(t, vec.Null, firstColumn(t, p).Kind)

	_, err = f.Project(&schema.Struct{Fields: []schema.Field{{Name: "x", Type: schema.Integer}}}, ByID)
	require.ErrorContains(t, err, `field "x" has no delta.columnMapping.id`)
}

func firstColumn(t *testing.T, p *Projection) *vec.Vec {
	for b, err := range p.Batches(context.Background(), nil) {
		require.NoError(t, err)
		return b.Columns[0]
	}
	require.Fail(t, "no batch")
	return nil
}

// The groups in this file have value before metadata.
func TestVariantIsReadAsMetadataAndValue(t *testing.T) {
	t.Parallel()
	f, err := openFile("testdata/foreign/spark-variant-plain.parquet")
	require.NoError(t, err)
	groups, err := f.Schema()
	require.NoError(t, err)
	variants := withVariants(groups).(*schema.Struct)
	rows, err := renderRows(f, groups, nil)
	require.NoError(t, err)
	require.Contains(t, rows[0], "{value=")
	got, err := renderRows(f, variants, nil)
	require.NoError(t, err)
	pair := regexp.MustCompile(`\{value=([0-9a-f]*) metadata=([0-9a-f]*)\}`)
	for i := range rows {
		require.Equal(t, pair.ReplaceAllString(rows[i], "$2/$1"), got[i])
	}
}

func withVariants(t schema.DataType) schema.DataType {
	switch t := t.(type) {
	case *schema.Array:
		return &schema.Array{Element: withVariants(t.Element)}
	case *schema.Map:
		return &schema.Map{Key: t.Key, Value: withVariants(t.Value)}
	case *schema.Struct:
		if t.Fields[0].Name == "value" && t.Fields[1].Name == "metadata" {
			return schema.Variant
		}
		out := &schema.Struct{}
		for _, f := range t.Fields {
			f.Type = withVariants(f.Type)
			out.Fields = append(out.Fields, f)
		}
		return out
	}
	return t
}

func TestShreddedVariantIsRefused(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewSource(1))
	s := makeSample(t, r, []*shape{leafShape(parquet.Int64Type, nil, someInt64)}, sampleOptions{rows: 1, version: 1, page: 100, group: 10})
	f, err := Open(context.Background(), &memory{b: s.data}, nil)
	require.NoError(t, err)
	binary := func(name string) *node {
		return &node{elem: element{name: name, typ: format.ByteArray}, path: "v." + name, column: 0}
	}
	f.root.children = []*node{{
		elem: element{name: "v", logical: logicalType{kind: logicalVariant}}, path: "v", column: -1, parent: f.root,
		children: []*node{binary("metadata"), binary("value"), binary("typed_value")},
	}}
	_, err = f.Project(&schema.Struct{Fields: []schema.Field{{Name: "v", Type: schema.Variant}}}, ByName)
	require.EqualError(t, err, `parquet: column "v" is a shredded variant, which is not supported`)
	_, err = f.Schema()
	require.ErrorContains(t, err, "shredded")
}
