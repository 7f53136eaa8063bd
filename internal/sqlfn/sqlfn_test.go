package sqlfn

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/internal/vec/vectest"
	"github.com/deltalog/deltalog/txlog/schema"
)

func TestLookup(t *testing.T) {
	t.Parallel()
	f, ok := Lookup("SubString")
	require.True(t, ok)
	require.Equal(t, "substring", f.Name)
	_, ok = Lookup("rand")
	require.False(t, ok)
	require.Contains(t, Names(), "xxhash64")
}

func TestBindSaysWhatItWants(t *testing.T) {
	t.Parallel()
	array := &schema.Array{Element: schema.Integer}
	for _, c := range []struct {
		name string
		args []schema.DataType
		want string
	}{
		{"substring", []schema.DataType{schema.String}, "substring: got 1 arguments, want 2 or 3"},
		{"substring", []schema.DataType{array, schema.Integer}, "substring: argument 1 is array<int>, want a string or binary"},
		{"year", []schema.DataType{schema.Integer}, "year: argument 1 is int, want a date"},
		{"hash", nil, "hash: got 0 arguments, want 1 or more"},
		{
			"hash",
			[]schema.DataType{&schema.Array{Element: &schema.Map{Key: schema.String, Value: schema.Integer}}},
			"hash: argument 1 is array<map<string,int>>, and there is no hash of map<string,int>",
		},
		{"round", []schema.DataType{schema.Double, schema.Integer}, "round: argument 2, the scale, must be a constant"},
		{"date_part", []schema.DataType{schema.String, schema.Date}, "date_part: argument 1, the field, must be a constant"},
		{"array_contains", []schema.DataType{array, schema.Date}, "array_contains: argument 2 is date, want int, as the elements of argument 1"},
	} {
		f, ok := Lookup(c.name)
		require.True(t, ok)
		_, err := f.Resolve(c.args)
		require.EqualError(t, err, c.want)
	}
}

func TestSessionFunctions(t *testing.T) {
	t.Parallel()
	env := &Env{Now: now, Location: time.FixedZone("+05:45", 20700), User: "me"}
	for name, want := range map[string]any{
		"current_timestamp": now.UnixMicro(),
		"now":               now.UnixMicro(),
		"localtimestamp":    now.UnixMicro() + 20700*microsPerSecond,
		"current_date":      int32(19783), // 2024-03-01
		"current_user":      "me",
		"current_timezone":  "+05:45",
		"unix_timestamp":    now.Unix(),
	} {
		f, ok := Lookup(name)
		require.True(t, ok)
		s, err := f.Resolve(nil)
		require.NoError(t, err)
		v, err := s.Eval(env, nil, 3)
		require.NoError(t, err)
		require.Equal(t, []any{want, want, want}, vectest.Values(v), name)
	}
}

func TestTimeOfDayIsToday(t *testing.T) {
	t.Parallel()
	micros, ok := ParseTimestamp("T12:30", envIn(t, "Asia/Kathmandu"))
	require.True(t, ok)
	require.Equal(t, time.Date(2024, 3, 1, 6, 45, 0, 0, time.UTC), time.UnixMicro(micros).UTC())
	micros, ok = ParseTimestamp("1:2:3.5Z", envIn(t, "Asia/Kathmandu"))
	require.True(t, ok)
	require.Equal(t, time.Date(2024, 2, 29, 1, 2, 3, 500_000_000, time.UTC), time.UnixMicro(micros).UTC())
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	big := constant(schema.Integer, int32(1<<30))
	_, _, err := callOf("repeat", []column{constant(schema.String, "ab"), big}, nil)
	require.ErrorIs(t, err, vec.ErrTooLarge)
	_, _, err = callOf("lpad", []column{constant(schema.String, "€"), constant(schema.Integer, int32(1<<31-1)), constant(schema.String, "x")}, nil)
	require.ErrorIs(t, err, vec.ErrTooLarge)
}

func constant(t schema.DataType, v any) column {
	return column{typ: t, v: vectest.New(shapeOf(t), v)}
}
