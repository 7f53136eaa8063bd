package sqlfn

import (
	"github.com/deltalog/deltalog/internal/civil"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

func sessionFuncs() []def {
	return []def{
		{"current_timestamp now", fixed(schema.Timestamp, func(c *call) (*vec.Vec, error) {
			return vec.Of(vec.Int64, []int64{c.env.Now.UnixMicro()}, nil), nil
		})},
		{"localtimestamp", fixed(schema.TimestampNTZ, func(c *call) (*vec.Vec, error) {
			return vec.Of(vec.Int64, []int64{newZone(c.env.location()).wall(c.env.Now.UnixMicro())}, nil), nil
		})},
		{"current_date curdate", fixed(schema.Date, func(c *call) (*vec.Vec, error) {
			wall := newZone(c.env.location()).wall(c.env.Now.UnixMicro())
			return vec.Of(vec.Int32, []int32{int32(civil.FloorDiv(wall, microsPerDay))}, nil), nil
		})},
		{"current_timezone", fixed(schema.String, func(c *call) (*vec.Vec, error) {
			return vec.OfBytes([]string{c.env.location().String()}, nil)
		})},
		{"current_user user session_user", fixed(schema.String, func(c *call) (*vec.Vec, error) {
			return vec.OfBytes([]string{c.env.User}, nil)
		})},
	}
}
