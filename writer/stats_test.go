package writer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/txlog/schema"
)

// The text of add.stats, for each type.
func TestStatistics(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 40)
	for _, c := range []struct {
		typ  schema.DataType
		in   []string
		want string // minValues, maxValues, nullCount of x
	}{
		{schema.Boolean, []string{`true`, `null`}, `"minValues":{},"maxValues":{},"nullCount":{"x":1}`},
		{schema.Byte, []string{`3`, `null`, `-4`}, `"minValues":{"x":-4},"maxValues":{"x":3},"nullCount":{"x":1}`},
		{schema.Short, []string{`-32768`, `32767`}, `"minValues":{"x":-32768},"maxValues":{"x":32767},"nullCount":{"x":0}`},
		{schema.Integer, []string{`null`, `null`}, `"minValues":{},"maxValues":{},"nullCount":{"x":2}`},
		{schema.Long, []string{`9223372036854775807`, `-9223372036854775808`}, `"minValues":{"x":-9223372036854775808},"maxValues":{"x":9223372036854775807},"nullCount":{"x":0}`},
		{schema.Float, []string{`0.1`, `2`}, `"minValues":{"x":0.10000000149011612},"maxValues":{"x":2.0},"nullCount":{"x":0}`},
		{schema.Double, []string{`-0.5`, `1e300`}, `"minValues":{"x":-0.5},"maxValues":{"x":1.0E300},"nullCount":{"x":0}`},
		{schema.Double, []string{`0.0`, `null`}, `"minValues":{"x":-0.0},"maxValues":{"x":0.0},"nullCount":{"x":1}`},
		{schema.Double, []string{`1`, `"NaN"`}, `"minValues":{},"maxValues":{},"nullCount":{"x":0}`},
		{schema.Float, []string{`"NaN"`, `null`}, `"minValues":{},"maxValues":{},"nullCount":{"x":1}`},
		{schema.Double, []string{`1`, `"+Inf"`}, `"minValues":{"x":1.0},"maxValues":{},"nullCount":{"x":0}`},
		{schema.String, []string{`"b"`, `""`, `null`}, `"minValues":{"x":""},"maxValues":{"x":"b"},"nullCount":{"x":1}`},
		{schema.String, []string{`"` + long + `"`}, `"minValues":{"x":"` + long[:32] + `"},"maxValues":{"x":"` + long[:32] + "\x7f" + `"},"nullCount":{"x":0}`},
		{schema.String, []string{`"` + strings.Repeat("é", 40) + `"`}, `"minValues":{"x":"` + strings.Repeat("é", 32) + `"},"maxValues":{"x":"` + strings.Repeat("é", 32) + "\U0010FFFF" + `"},"nullCount":{"x":0}`},
		{schema.String, []string{`"q\"\\"`}, `"minValues":{"x":"q\"\\"},"maxValues":{"x":"q\"\\"},"nullCount":{"x":0}`},
		{schema.String, []string{`"` + strings.Repeat("\U0010FFFF", 100) + `"`}, `"minValues":{"x":"` + strings.Repeat("\U0010FFFF", 16) + `"},"maxValues":{},"nullCount":{"x":0}`},
		{schema.Binary, []string{`"YQ=="`, `null`}, `"minValues":{},"maxValues":{},"nullCount":{"x":1}`},
		{schema.Date, []string{`"2026-01-05"`, `"1969-12-31"`}, `"minValues":{"x":"1969-12-31"},"maxValues":{"x":"2026-01-05"},"nullCount":{"x":0}`},
		{schema.Timestamp, []string{`"2026-01-05T00:00:00.123456Z"`}, `"minValues":{"x":"2026-01-05T00:00:00.123Z"},"maxValues":{"x":"2026-01-05T00:00:00.124Z"},"nullCount":{"x":0}`},
		{schema.TimestampNTZ, []string{`"1969-12-31T23:59:59.999999"`}, `"minValues":{"x":"1969-12-31T23:59:59.999"},"maxValues":{"x":"1970-01-01T00:00:00.000"},"nullCount":{"x":0}`},
		{dec(5, 2), []string{`"-1.50"`, `"1"`}, `"minValues":{"x":-1.50},"maxValues":{"x":1.00},"nullCount":{"x":0}`},
		{dec(18, 0), []string{`"999999999999999999"`}, `"minValues":{"x":999999999999999999},"maxValues":{"x":999999999999999999},"nullCount":{"x":0}`},
		{dec(38, 2), []string{`"123456789012345678901234567890123456.78"`, `"-0.01"`}, `"minValues":{"x":-0.01},"maxValues":{"x":123456789012345678901234567890123456.78},"nullCount":{"x":0}`},
		{&schema.Array{Element: schema.Long, ContainsNull: true}, []string{`[1,null]`, `null`, `[]`}, `"minValues":{},"maxValues":{},"nullCount":{"x":1}`},
		{&schema.Map{Key: schema.String, Value: schema.Long, ValueContainsNull: true}, []string{`[]`, `null`}, `"minValues":{},"maxValues":{},"nullCount":{"x":1}`},
		{
			fields("a", schema.Long, "b", schema.String, "c", fields("d", schema.Date), "e", &schema.Array{Element: schema.Long, ContainsNull: true}),
			[]string{`{"a":1,"b":"x","c":{"d":"2026-01-05"}}`, `null`, `{"a":-1,"c":null,"e":[1]}`},
			`"minValues":{"x":{"a":-1,"b":"x","c":{"d":"2026-01-05"}}},"maxValues":{"x":{"a":1,"b":"x","c":{"d":"2026-01-05"}}},"nullCount":{"x":{"a":1,"b":2,"c":{"d":2},"e":2}}`,
		},
	} {
		s := fields("x", c.typ)
		var rows []string
		for _, v := range c.in {
			rows = append(rows, `{"x":`+v+`}`)
		}
		out := mustWrite(t, config(memstore.New(nil), s), batch(t, arrowOf(s), rows...))
		require.Equal(t, []string{fmt.Sprintf(`{"numRecords":%d,%s}`, len(rows), c.want)}, statsOf(out), "%s %v", c.typ, c.in)
	}
}

func TestStatisticsOfPropertiesAndPartitions(t *testing.T) {
	t.Parallel()
	s := fields("a", schema.Long, "p", schema.Long, "b", fields("c", schema.Long, "d", schema.String), "e", schema.Long)
	for _, c := range []struct {
		props txlog.Properties
		want  string
	}{
		{nil, `{"numRecords":1,"minValues":{"a":1,"b":{"c":2,"d":"abcdef"},"e":3},"maxValues":{"a":1,"b":{"c":2,"d":"abcdef"},"e":3},"nullCount":{"a":0,"b":{"c":0,"d":0},"e":0}}`},
		{txlog.Properties{"delta.dataSkippingNumIndexedCols": "2"}, `{"numRecords":1,"minValues":{"a":1,"b":{"c":2}},"maxValues":{"a":1,"b":{"c":2}},"nullCount":{"a":0,"b":{"c":0}}}`},
		{txlog.Properties{"delta.dataSkippingNumIndexedCols": "0"}, `{"numRecords":1,"minValues":{},"maxValues":{},"nullCount":{}}`},
		{
			txlog.Properties{"delta.dataSkippingStatsColumns": "e, B.D", "delta.dataSkippingStringPrefixLength": "3"},
			`{"numRecords":1,"minValues":{"b":{"d":"abc"},"e":3},"maxValues":{"b":{"d":"abc` + "\x7f" + `"},"e":3},"nullCount":{"b":{"d":0},"e":0}}`,
		},
	} {
		config := config(memstore.New(nil), s, "p")
		config.Properties = c.props
		out := mustWrite(t, config, batch(t, arrowOf(s), `{"a":1,"p":9,"b":{"c":2,"d":"abcdef"},"e":3}`))
		require.Equal(t, []string{c.want}, statsOf(out))
	}
}

// With column mapping everything on storage has physical names.
func TestColumnMapping(t *testing.T) {
	t.Parallel()
	n := 0
	s, _ := schema.AssignMapping(fields("a b", schema.Long, "p", schema.Long, "s", fields("c,d", schema.String)), 0, func(*schema.Field) string {
		n++
		return fmt.Sprint("col-", n)
	})
	in := arrowOf(fields("a b", schema.Integer, "p", schema.Long, "s", fields("c,d", schema.String)))
	for _, mode := range []string{"name", "id"} {
		st := memstore.New(nil)
		c := config(st, s, "p")
		c.Properties = txlog.Properties{"delta.columnMapping.mode": mode}
		out := mustWrite(t, c, batch(t, in, `{"a b":1,"p":9,"s":{"c,d":"x"}}`, `{"a b":2,"p":9}`))
		phys := schema.Physical(s, schema.MappingName)
		a, p, sc := phys.Fields[0].Name, phys.Fields[1].Name, phys.Fields[2].Name
		inner := phys.Fields[2].Type.(*schema.Struct).Fields[0].Name
		f := out.Files[0]
		require.Equal(t, "9", *f.PartitionValues[p])
		require.Len(t, f.PartitionValues, 1)
		require.True(t, strings.HasPrefix(f.Path, p+"=9/"), f.Path)
		require.Equal(t, fmt.Sprintf(`{"numRecords":2,"minValues":{"%[1]s":1,"%[2]s":{"%[3]s":"x"}},"maxValues":{"%[1]s":2,"%[2]s":{"%[3]s":"x"}},"nullCount":{"%[1]s":0,"%[2]s":{"%[3]s":1}}}`, a, sc, inner), f.Stats)
		require.Equal(t, []string{fmt.Sprintf(`1 | {%q:"x"}`, inner), "2 | (null)"}, allRows(t, st, out, &schema.Struct{Fields: []schema.Field{phys.Fields[0], phys.Fields[2]}}))
	}
}
