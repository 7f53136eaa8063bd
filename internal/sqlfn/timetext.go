package sqlfn

import (
	"fmt"
	"sync/atomic"

	"github.com/deltalog/deltalog/internal/civil"
	"github.com/deltalog/deltalog/internal/schemavec"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

func timeTextFuncs() []def {
	return []def{
		{"to_date", resolveToDate(false)},
		{"try_to_date", resolveToDate(true)},
		{"to_timestamp", resolveToTimestamp(false)},
		{"try_to_timestamp", resolveToTimestamp(true)},
		{"unix_timestamp to_unix_timestamp", resolveUnixTimestamp},
		{"date_format", withFormats(schema.String, 0, false, evalDateFormat, wantTimestamp, wantString)},
		{"from_unixtime", withFormats(schema.String, 1, false, evalFromUnix, wantLong, wantString)},
	}
}

// defaultFormat is that of from_unixtime and unix_timestamp.
const defaultFormat = "yyyy-MM-dd HH:mm:ss"

// formats understands patterns, and keeps the last one from batch to batch.
type formats struct {
	parsing bool
	last    atomic.Pointer[formatResult]
}

type formatResult struct {
	text    string
	pattern *timePattern
	err     error
}

func (f *formats) get(text []byte) (*timePattern, error) {
	last := f.last.Load()
	if last == nil || last.text != string(text) {
		last = &formatResult{text: string(text)}
		last.pattern, last.err = parsePattern(last.text, f.parsing)
		f.last.Store(last)
	}
	return last.pattern, last.err
}

func withFormats(result schema.DataType, absent int, parsing bool, eval func(c *call, f *formats) (*vec.Vec, error), params ...want) resolver {
	return func(b *binding) (Signature, error) {
		to, err := b.cast(params, absent)
		if err != nil {
			return Signature{}, err
		}
		f := &formats{parsing: parsing}
		return strict(to, result, func(c *call) (*vec.Vec, error) { return eval(c, f) }), nil
	}
}

// formatOf returns the patterns of an argument, the default one if there is none.
func (c *call) formatOf(arg int) text {
	if arg < len(c.args) {
		return textOf(c.args[arg])
	}
	return text{offsets: []int32{0, int32(len(defaultFormat))}, data: []byte(defaultFormat)}
}

func evalDateFormat(c *call, f *formats) (*vec.Vec, error) {
	in, patterns, z := colOf[int64](c.args[0]), c.formatOf(1), newZone(c.env.location())
	return eachText(c, func(dst []byte, i int) ([]byte, error) {
		p, err := f.get(patterns.at(i))
		if err != nil {
			return nil, err
		}
		return p.format(dst, momentOf(in.at(i), z), z), nil
	})
}

func evalFromUnix(c *call, f *formats) (*vec.Vec, error) {
	in, patterns, z := colOf[int64](c.args[0]), c.formatOf(1), newZone(c.env.location())
	return eachText(c, func(dst []byte, i int) ([]byte, error) {
		p, err := f.get(patterns.at(i))
		if err != nil {
			return nil, err
		}
		micros, err := mulMicros(in.at(i), microsPerSecond)
		if err != nil {
			return nil, err
		}
		return p.format(dst, momentOf(micros, z), z), nil
	})
}

// A timeReader reads row i of a column of texts as microseconds.
type timeReader func(i int) (int64, error)

// reader returns how to read argument 0, with the patterns in argument 1 if
// there is one and by the rules of CAST if not.
func (c *call) reader(f *formats, typ string) timeReader {
	in, zones := textOf(c.args[0]), newTimeParser(c.env)
	if f == nil {
		return func(i int) (int64, error) {
			micros, ok := zones.parse(string(in.at(i)))
			if !ok {
				return 0, fmt.Errorf("%q is no %s", in.at(i), typ)
			}
			return micros, nil
		}
	}
	patterns := c.formatOf(1)
	return func(i int) (int64, error) {
		p, err := f.get(patterns.at(i))
		if err != nil {
			return 0, patternError{err}
		}
		micros, err := p.parse(string(in.at(i)), zones)
		if err != nil {
			return 0, fmt.Errorf("%q is no %s of the form %q: %w", in.at(i), typ, p.text, err)
		}
		return micros, nil
	}
}

// A patternError is a mistake in a pattern, which try_ functions do not forgive.
type patternError struct{ error }

func (e patternError) Unwrap() error { return e.error }

// forgive turns errors of a row into null, if try.
func forgive(try bool, err error) error {
	if _, bad := err.(patternError); try && err != nil && !bad {
		return errNull
	}
	return err
}

// resolveToDate resolves to_date(x) and to_date(x, format). Dates and timestamps
// are cast.
func resolveToDate(try bool) resolver {
	return func(b *binding) (Signature, error) {
		from := wantString
		if len(b.args) > 0 && (isTime(b.args[0].Kind()) || b.args[0].Kind() == schema.KindVoid) {
			from = wantDate
		}
		to, err := b.cast([]want{from, wantString}, 1)
		if err != nil {
			return Signature{}, err
		}
		switch {
		case from.name == wantDate.name:
			return strict(to, schema.Date, firstOf), nil
		case len(to) == 1:
			return strict(to, schema.Date, func(c *call) (*vec.Vec, error) {
				in := textOf(c.args[0])
				return each(c, vec.Int32, func(i int) (int32, error) {
					days, ok := ParseDate(string(in.at(i)))
					if !ok {
						return 0, forgive(try, fmt.Errorf("%q is no date", in.at(i)))
					}
					return days, nil
				})
			}), nil
		}
		f := &formats{parsing: true}
		return strict(to, schema.Date, func(c *call) (*vec.Vec, error) {
			read, z := c.reader(f, "date"), newZone(c.env.location())
			return each(c, vec.Int32, func(i int) (int32, error) {
				micros, err := read(i)
				if err != nil {
					return 0, forgive(try, err)
				}
				return toDate(civil.FloorDiv(z.wall(micros), microsPerDay))
			})
		}), nil
	}
}

// firstOf returns argument 0, which the caller has cast to the result's type.
func firstOf(c *call) (*vec.Vec, error) {
	if c.args[0].Const {
		return vec.Repeat(c.args[0].Vec, 0, c.n)
	}
	return c.args[0].Vec, nil
}

func resolveToTimestamp(try bool) resolver {
	return func(b *binding) (Signature, error) {
		from := wantString
		if len(b.args) > 0 && (isTime(b.args[0].Kind()) || isNumber(b.args[0].Kind()) || b.args[0].Kind() == schema.KindVoid) {
			from = want{wantTimestamp.name, func(schema.DataType) (schema.DataType, bool) { return schema.Timestamp, true }}
		}
		to, err := b.cast([]want{from, wantString}, 1)
		if err != nil {
			return Signature{}, err
		}
		if from.name == wantTimestamp.name {
			return strict(to, schema.Timestamp, firstOf), nil
		}
		var f *formats
		if len(to) == 2 {
			f = &formats{parsing: true}
		}
		return strict(to, schema.Timestamp, func(c *call) (*vec.Vec, error) {
			read := c.reader(f, "timestamp")
			return each(c, vec.Int64, func(i int) (int64, error) {
				micros, err := read(i)
				return micros, forgive(try, err)
			})
		}), nil
	}
}

// resolveUnixTimestamp resolves unix_timestamp() and that of a date, timestamp or
// text. Parts of a second are cut off towards 1970, and a wall clock is UTC's, as
// in Spark.
func resolveUnixTimestamp(b *binding) (Signature, error) {
	if len(b.args) == 0 {
		return strict(nil, schema.Long, func(c *call) (*vec.Vec, error) {
			return vec.Of(vec.Int64, []int64{civil.FloorDiv(c.env.Now.UnixMicro(), microsPerSecond)}, nil), nil
		}), nil
	}
	from := wantString
	if isTime(b.args[0].Kind()) {
		from = wantAnyTimestamp
	}
	to, err := b.cast([]want{from, wantString}, 1)
	if err != nil {
		return Signature{}, err
	}
	if schemavec.Layout(to[0]) == vec.Int64 {
		return strict(to, schema.Long, func(c *call) (*vec.Vec, error) {
			in := colOf[int64](c.args[0])
			return each(c, vec.Int64, func(i int) (int64, error) { return in.at(i) / microsPerSecond, nil })
		}), nil
	}
	f := &formats{parsing: true}
	return strict(to, schema.Long, func(c *call) (*vec.Vec, error) {
		read := c.reader(f, "timestamp")
		return each(c, vec.Int64, func(i int) (int64, error) {
			micros, err := read(i)
			return micros / microsPerSecond, err
		})
	}), nil
}
