package pqread

import (
	"context"
	"encoding/binary"
	"math/rand"
	"os"
	"path/filepath"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// fuzzLimits keep what a fuzzed file may take small.
var fuzzLimits = Options{MaxPage: 1 << 20, MaxBatchBytes: 4 << 20, Parallel: 1}

// seedFiles are small files of many kinds.
func seedFiles(f *testing.F) [][]byte {
	var all [][]byte
	paths, _ := filepath.Glob("testdata/foreign/*.parquet")
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		if len(b) < 4<<10 {
			all = append(all, b)
		}
	}
	r := rand.New(rand.NewSource(1))
	for _, l := range everyLeaf() {
		cols := []*shape{opt(l), listOf(opt(l))}
		o := sampleOptions{rows: 5, version: 1 + r.Intn(2), page: 50, group: 4, nulls: 0.3, codec: &parquet.Snappy}
		all = append(all, makeSample(f, r, cols, o).data)
	}
	return all
}

func FuzzFile(f *testing.F) {
	for _, b := range seedFiles(f) {
		f.Add(b, uint16(3))
	}
	f.Fuzz(func(t *testing.T, data []byte, at uint16) {
		ctx := context.Background()
		file, err := Open(ctx, &memory{b: data}, &fuzzLimits)
		if err != nil {
			return
		}
		s, err := file.Schema()
		if err != nil {
			return
		}
		p, err := file.Project(s, ByName)
		if err != nil {
			return
		}
		for _, field := range s.Fields {
			p.GroupBounds(field.Name)
		}
		for g := range min(file.NumRowGroups(), 3) {
			var paths [][]string
			for _, field := range s.Fields {
				paths = append(paths, []string{field.Name})
			}
			_, _ = p.PageBounds(ctx, g, paths...)
		}
		fuzzScan(p, s, nil)
		fuzzScan(p, s, &ScanOptions{BatchRows: 7, Select: func(g int) (Selection, error) {
			rows := file.RowGroup(g).Rows
			from := int64(at) % max(rows, 1)
			if rows == 0 {
				return nil, nil
			}
			return Selection{{from, min(from+3, rows)}}, nil
		}})
	})
}

// fuzzScan looks at every value, so that bad offsets show.
func fuzzScan(p *Projection, s *schema.Struct, o *ScanOptions) {
	rows := 0
	for b, err := range p.Batches(context.Background(), o) {
		if err != nil {
			return
		}
		renderBatch(b, s)
		if rows += b.Rows; rows > 1<<16 {
			return
		}
	}
}

func FuzzFooter(f *testing.F) {
	for _, b := range seedFiles(f) {
		n := binary.LittleEndian.Uint32(b[len(b)-8:])
		f.Add(b[len(b)-8-int(n) : len(b)-8])
	}
	f.Fuzz(func(t *testing.T, footer []byte) {
		file := &File{in: &memory{b: make([]byte, 1<<10)}}
		var err error
		if file.meta, err = parseFooter(footer); err != nil || file.buildTree() != nil || file.checkGroups() != nil {
			return
		}
		if s, err := file.Schema(); err == nil {
			_, _ = file.Project(s, ByName)
		}
	})
}

func FuzzPageHeader(f *testing.F) {
	for _, p := range []page{dataPage(3, format.Plain, nil), dataPageV2(3, 3, 1, 1, format.RLEDictionary, nil), dictPage(3, nil)} {
		f.Add(marshal(f, &p.header))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := parsePageHeader(b); err == nil && (h.length <= 0 || h.length > len(b) || h.size < 0 || h.values < 0) {
			t.Fatalf("%+v", h)
		}
	})
}

func FuzzIndexes(f *testing.F) {
	f.Add([]byte{0x19, 0x1C, 0x16, 8, 0x15, 20, 0x16, 0, 0, 0}, []byte{0x19, 0x11, 2, 0x19, 0x18, 1, 'a', 0x19, 0x18, 1, 'b', 0x15, 0, 0})
	f.Fuzz(func(t *testing.T, offsets, column []byte) {
		k := &chunkMeta{dataOffset: 4, size: 1000}
		pages, err := parseOffsetIndex(offsets, k, 100)
		for i, p := range pages {
			if err == nil && (p.first > p.end || p.end > 100 || p.off < 4 || p.off+p.size > 1004 || i > 0 && p.first < pages[i-1].end) {
				t.Fatalf("%+v", pages)
			}
		}
		_, _ = parseColumnIndex(column)
	})
}

// FuzzValues decodes a page's values in every encoding, in pieces, and checks
// that nothing but what was asked for is written.
func FuzzValues(f *testing.F) {
	f.Add(uint8(0), uint8(format.Int64), uint8(10), []byte{1, 2, 3, 4, 5, 6, 7, 8}, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	f.Add(uint8(8), uint8(format.ByteArray), uint8(10), []byte{1, 10 << 1, 1}, plainStrings("a", "bc"))
	f.Add(uint8(5), uint8(format.Int32), uint8(3), []byte{128, 1, 4, 3, 2, 2, 0, 0, 0, 0}, []byte{})
	f.Add(uint8(6), uint8(format.ByteArray), uint8(1), []byte{128, 1, 4, 1, 2, 'x'}, []byte{})
	f.Add(uint8(7), uint8(format.ByteArray), uint8(1), []byte{128, 1, 4, 1, 0, 128, 1, 4, 1, 2, 'x'}, []byte{})
	f.Add(uint8(9), uint8(format.Double), uint8(1), []byte{1, 2, 3, 4, 5, 6, 7, 8}, []byte{})
	f.Add(uint8(3), uint8(format.Boolean), uint8(8), []byte{2, 0, 0, 0, 16, 1}, []byte{})
	wants := map[format.Type]schema.DataType{
		format.Boolean: schema.Boolean, format.Int32: schema.Short, format.Int64: schema.Long, format.Int96: schema.Timestamp,
		format.Float: schema.Double, format.Double: schema.Double, format.ByteArray: schema.String, format.FixedLenByteArray: schema.Binary,
	}
	f.Fuzz(func(t *testing.T, enc, typ, n uint8, src, dict []byte) {
		leaf := &node{elem: element{typ: format.Type(typ % 8), typeLength: 3}}
		lt, err := resolveLeaf(leaf, wants[leaf.elem.typ])
		if err != nil {
			t.Fatal(err)
		}
		v := &valueReader{leaf: leaf, typ: lt}
		if len(dict) > 0 && v.loadDict(padded(dict), int(dict[0])) != nil {
			return
		}
		for _, skip := range []bool{false, true} {
			if v.start(format.Encoding(enc%10), padded(src)) != nil {
				return
			}
			c := &column{kind: lt.kind, width: lt.width, memory: newBudget(1 << 20)}
			if c.reset(2*int(n)) != nil {
				return
			}
			if skip && v.skip(int(n)/2) != nil {
				return
			}
			for _, k := range []int{1, int(n) / 2, int(n)} {
				if k > 2*int(n)-c.n || v.append(c, k, k) != nil {
					break
				}
			}
			out := c.vec()
			for i := range out.Len {
				if out.Kind == vec.Bytes {
					out.At(i)
				}
			}
		}
	})
}
