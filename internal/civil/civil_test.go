package civil_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/civil"
)

// The calendar is that of package time, for years before 1 and after 9999 too.
func TestDatesAreThoseOfTime(t *testing.T) {
	epoch := time.Unix(0, 0).UTC()
	for days := int64(-1_500_000); days < 4_000_000; days += 97 {
		want := epoch.AddDate(0, 0, int(days))
		y, m, d := civil.Date(days)
		require.Equal(t, []int64{int64(want.Year()), int64(want.Month()), int64(want.Day())}, []int64{y, m, d}, "day %d", days)
		require.Equal(t, days, civil.Days(y, m, d))
		require.Equal(t, int64(want.AddDate(0, 1, 1-want.Day()).AddDate(0, 0, -1).Day()), civil.DaysIn(y, m), "%d-%d", y, m)
	}
}

func TestDivisionRoundsDown(t *testing.T) {
	for _, c := range []struct{ a, b, div, mod int64 }{
		{7, 3, 2, 1},
		{-7, 3, -3, 2},
		{-6, 3, -2, 0},
		{0, 3, 0, 0},
		{-1, 86_400, -1, 86_399},
		{math.MinInt64, 1_000_000, -9_223_372_036_855, 224_192},
		{math.MaxInt64, 1_000_000, 9_223_372_036_854, 775_807},
	} {
		require.Equal(t, c.div, civil.FloorDiv(c.a, c.b), "%d / %d", c.a, c.b)
		require.Equal(t, c.mod, civil.FloorMod(c.a, c.b), "%d mod %d", c.a, c.b)
	}
}
