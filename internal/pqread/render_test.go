package pqread

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// memory is an Input in memory.
type memory struct{ b []byte }

func (m *memory) Size() int64 { return int64(len(m.b)) }

func (m *memory) ReadRange(_ context.Context, off, n int64) ([]byte, error) {
	if off < 0 || n < 0 || off+n > int64(len(m.b)) {
		return nil, io.ErrUnexpectedEOF
	}
	return m.b[off : off+n : off+n], nil
}

func openFile(path string) (*File, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Open(context.Background(), &memory{b: b}, nil)
}

// render writes value i of v as text that tells all values of the type apart.
func render(b *strings.Builder, v *vec.Vec, t schema.DataType, i int) {
	if v.IsNull(i) {
		b.WriteString("null")
		return
	}
	switch t := t.(type) {
	case *schema.Struct:
		b.WriteByte('{')
		for k, f := range t.Fields {
			if k > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(f.Name + "=")
			render(b, v.Children[k], f.Type, v.Off+i)
		}
		b.WriteByte('}')
	case *schema.Array:
		b.WriteByte('[')
		for k := v.Offsets[v.Off+i]; k < v.Offsets[v.Off+i+1]; k++ {
			render(b, v.Children[0], t.Element, int(k))
			b.WriteByte(' ')
		}
		b.WriteByte(']')
	case *schema.Map:
		b.WriteByte('<')
		for k := v.Offsets[v.Off+i]; k < v.Offsets[v.Off+i+1]; k++ {
			render(b, v.Children[0], t.Key, int(k))
			b.WriteByte(':')
			render(b, v.Children[1], t.Value, int(k))
			b.WriteByte(' ')
		}
		b.WriteByte('>')
	default:
		b.WriteString(renderScalar(v, t, i))
	}
}

func renderScalar(v *vec.Vec, t schema.DataType, i int) string {
	switch v.Kind {
	case vec.Bool:
		return strconv.FormatBool(v.Bool(i))
	case vec.Int8:
		return fmt.Sprint(vec.Values[int8](v)[i])
	case vec.Int16:
		return fmt.Sprint(vec.Values[int16](v)[i])
	case vec.Int32:
		return fmt.Sprint(vec.Values[int32](v)[i])
	case vec.Int64:
		return fmt.Sprint(vec.Values[int64](v)[i])
	case vec.Float32:
		return renderFloat(float64(vec.Values[float32](v)[i]))
	case vec.Float64:
		return renderFloat(vec.Values[float64](v)[i])
	case vec.Decimal128:
		return schema.Decimal128FromLittleEndian(vec.Values[[16]byte](v)[i]).Text(t.(schema.Decimal).Scale)
	case vec.Bytes:
		return hex.EncodeToString(v.At(i))
	case vec.Struct: // variant
		return hex.EncodeToString(v.Children[0].At(i)) + "/" + hex.EncodeToString(v.Children[1].At(i))
	}
	return fmt.Sprintf("kind %d", v.Kind)
}

func renderFloat(f float64) string {
	if math.IsNaN(f) {
		return "nan"
	}
	return fmt.Sprintf("%016x", math.Float64bits(f))
}

// renderRows reads everything and returns a line for each row.
func renderRows(f *File, s *schema.Struct, o *ScanOptions) ([]string, error) {
	p, err := f.Project(s, ByName)
	if err != nil {
		return nil, err
	}
	var lines []string
	for b, err := range p.Batches(context.Background(), o) {
		if err != nil {
			return nil, err
		}
		lines = append(lines, renderBatch(b, s)...)
	}
	return lines, nil
}

func renderBatch(batch *Batch, s *schema.Struct) (lines []string) {
	for i := range batch.Rows {
		var b strings.Builder
		for k, f := range s.Fields {
			if k > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(f.Name + "=")
			render(&b, batch.Columns[k], f.Type, i)
		}
		lines = append(lines, b.String())
	}
	return lines
}
