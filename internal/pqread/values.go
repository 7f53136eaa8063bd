package pqread

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/parquet-go/parquet-go/format"

	"github.com/deltalog/deltalog/internal/vec"
)

// plainDictionary is the older name of RLE_DICTIONARY, and of PLAIN in dictionary
// pages; writers before 2014 and some since use it.
const plainDictionary format.Encoding = 2

// A dictionary holds a chunk's dictionary page, in the wanted type.
type dictionary struct {
	n       int
	data    []byte  // values; of Bytes all bytes, with slack
	offsets []int32 // of Bytes
	longest int     // of Bytes
}

type valueMode uint8

const (
	modeNone valueMode = iota // a page without values
	modePlain
	modeDict
	modeDelta
	modeDeltaLength
	modeDeltaBytes
	modeSplit
	modeRLEBool
)

// A valueReader reads the values of one leaf, page after page.
type valueReader struct {
	leaf *node
	typ  leafType
	dict *dictionary

	mode   valueMode
	src    []byte // plain, split: the page's values
	pos    int    // plain BOOLEAN: bit; split: value
	runs   hybrid
	d32    deltaReader[int32]
	d64    deltaReader[int64]
	length lengthReader
	prefix prefixReader

	index [1024]int32
	raw   []byte // stored values on their way through convert
}

// start begins a page whose values are src, which has padding behind it.
func (v *valueReader) start(enc format.Encoding, src []byte) error {
	v.src, v.pos = src, 0
	bytes := v.leaf.elem.typ == format.ByteArray
	fixed := v.leaf.elem.typ == format.FixedLenByteArray
	switch {
	case len(src) == 0:
		v.mode = modeNone
	case enc == format.Plain:
		v.mode = modePlain
	case enc == format.RLEDictionary || enc == plainDictionary:
		return v.startDict(src)
	case enc == format.RLE && v.leaf.elem.typ == format.Boolean:
		return v.startRLEBool(src)
	case enc == format.DeltaBinaryPacked && v.leaf.elem.typ == format.Int32:
		v.mode = modeDelta
		return v.d32.init(src)
	case enc == format.DeltaBinaryPacked && v.leaf.elem.typ == format.Int64:
		v.mode = modeDelta
		return v.d64.init(src)
	case enc == format.DeltaLengthByteArray && bytes:
		v.mode = modeDeltaLength
		return v.length.init(src)
	case enc == format.DeltaByteArray && (bytes || fixed):
		v.mode = modeDeltaBytes
		return v.prefix.init(src)
	case enc == format.ByteStreamSplit && v.typ.stored > 0 && v.leaf.elem.typ != format.Int96:
		v.mode = modeSplit
		if len(src)%v.typ.stored != 0 {
			return corruptf("%d bytes do not split into values of %d", len(src), v.typ.stored)
		}
	default:
		return &unsupportedError{fmt.Sprintf("a page has %v values in encoding %v (%d)", v.leaf.elem.typ, enc, int32(enc))}
	}
	return nil
}

func (v *valueReader) startDict(src []byte) error {
	if v.dict == nil {
		return corruptf("a page refers to a dictionary that is not there")
	}
	width := uint(src[0])
	if width > 32 {
		return corruptf("dictionary indexes of %d bits", width)
	}
	v.mode = modeDict
	v.runs = newHybrid(src[1:], width)
	return nil
}

func (v *valueReader) startRLEBool(src []byte) error {
	if len(src) < 4 {
		return errShort
	}
	n := binary.LittleEndian.Uint32(src)
	if uint64(n) > uint64(len(src)-4) {
		return errShort
	}
	v.mode = modeRLEBool
	v.runs = newHybrid(src[4:4+n], 1)
	return nil
}

// append reads dense values into c, which has room and whose bitmap says which
// of the next k slots they belong to.
func (v *valueReader) append(c *column, k, dense int) (err error) {
	if c.kind == vec.Bytes && c.n == 0 {
		c.offsets[0] = 0
	}
	if dense > 0 {
		switch {
		case v.mode == modeNone:
			err = errShort
		case c.kind == vec.Bytes:
			err = v.bytes(c, dense)
		case c.kind == vec.Bool:
			err = v.bools(c.data, c.n, dense)
		default:
			err = v.fixed(c.data[c.n*c.width:(c.n+dense)*c.width], dense)
		}
		if err != nil {
			return err
		}
	}
	if dense < k {
		c.spread(k, dense)
		c.nulls += k - dense
	}
	c.n += k
	return nil
}

func (v *valueReader) bools(dst []byte, off, n int) error {
	switch v.mode {
	case modePlain:
		if int64(v.pos)+int64(n) > 8*int64(len(v.src)) {
			return errShort
		}
		copyBits(dst, off, v.src[:cap(v.src)], v.pos, n)
		v.pos += n
		return nil
	case modeRLEBool:
		return v.runs.bits(dst, off, n)
	}
	return corruptf("booleans in an encoding that cannot hold them")
}

// fixed reads n values of fixed width.
func (v *valueReader) fixed(dst []byte, n int) error {
	t := &v.typ
	if v.mode == modeDict {
		return v.gather(dst, n)
	}
	if t.stored == 0 {
		i := 0
		return v.each(n, func(value []byte) error {
			i += t.width
			return t.decode(dst[i-t.width:i], value)
		})
	}
	if t.convert == nil {
		return v.stored(dst, n)
	}
	if v.mode == modePlain {
		src, err := v.takePlain(n)
		if err != nil {
			return err
		}
		return t.convert(dst, src, n)
	}
	const block = 1024
	if v.raw == nil {
		v.raw = make([]byte, block*t.stored)
	}
	for n > 0 {
		k := min(n, block)
		if err := v.stored(v.raw[:k*t.stored], k); err != nil {
			return err
		}
		if err := t.convert(dst, v.raw, k); err != nil {
			return err
		}
		dst, n = dst[k*t.width:], n-k
	}
	return nil
}

func (v *valueReader) takePlain(n int) ([]byte, error) {
	if n > len(v.src)/v.typ.stored {
		return nil, errShort
	}
	size := n * v.typ.stored
	src := v.src[:size]
	v.src = v.src[size:]
	return src, nil
}

// stored reads n values of fixed width as they are stored.
func (v *valueReader) stored(dst []byte, n int) error {
	width := v.typ.stored
	switch v.mode {
	case modePlain:
		src, err := v.takePlain(n)
		copy(dst, src)
		return err
	case modeDelta:
		if width == 4 {
			return v.d32.read(typed[int32](dst, n))
		}
		return v.d64.read(typed[int64](dst, n))
	case modeSplit:
		total := len(v.src) / width
		if n > total-v.pos {
			return errShort
		}
		byteStreamSplit(dst, v.src, width, total, v.pos, n)
		v.pos += n
		return nil
	case modeDeltaBytes:
		return v.each(n, func(value []byte) error {
			if len(value) != width {
				return corruptf("a value has %d bytes where the type has %d", len(value), width)
			}
			dst = dst[copy(dst, value):]
			return nil
		})
	}
	return corruptf("values in an encoding that cannot hold them")
}

// indexes reads the next dictionary indexes, at most n of them, and checks them.
func (v *valueReader) indexes(n int) ([]int32, error) {
	ix := v.index[:min(n, len(v.index))]
	if err := v.runs.uints(ix); err != nil {
		return nil, err
	}
	largest := uint32(0)
	for _, i := range ix {
		largest = max(largest, uint32(i))
	}
	if largest >= uint32(v.dict.n) {
		return nil, corruptf("index %d in a dictionary of %d values", largest, v.dict.n)
	}
	return ix, nil
}

// gather reads n values of fixed width through the dictionary.
func (v *valueReader) gather(dst []byte, n int) error {
	for n > 0 {
		ix, err := v.indexes(n)
		if err != nil {
			return err
		}
		k := len(ix)
		switch v.typ.width {
		case 1:
			gatherFixed(typed[int8](dst, k), typed[int8](v.dict.data, v.dict.n), ix)
		case 2:
			gatherFixed(typed[int16](dst, k), typed[int16](v.dict.data, v.dict.n), ix)
		case 4:
			gatherFixed(typed[int32](dst, k), typed[int32](v.dict.data, v.dict.n), ix)
		case 8:
			gatherFixed(typed[int64](dst, k), typed[int64](v.dict.data, v.dict.n), ix)
		case 16:
			gatherFixed(typed[[16]byte](dst, k), typed[[16]byte](v.dict.data, v.dict.n), ix)
		}
		dst, n = dst[k*v.typ.width:], n-k
	}
	return nil
}

func gatherFixed[T vec.Fixed](dst, dict []T, ix []int32) {
	dst = dst[:len(ix)]
	for i, x := range ix {
		dst[i] = dict[x]
	}
}

// bytes reads n values of variable width: bytes to the end of c.data, and
// offsets to the n entries after c.offsets[c.n].
func (v *valueReader) bytes(c *column, n int) error {
	offsets := c.offsets[c.n+1 : c.n+1+n]
	switch {
	case v.mode == modeDict:
		return v.gatherBytes(c, offsets)
	case v.typ.stored > 0:
		return v.fixedAsBytes(c, offsets)
	case v.mode == modePlain:
		return v.plainBytes(c, offsets)
	case v.mode == modeDeltaLength:
		return v.deltaLengthBytes(c, offsets)
	}
	i := 0
	return v.each(n, func(value []byte) error {
		if err := c.reserveData(len(value), 0); err != nil {
			return err
		}
		c.data = append(c.data, value...)
		offsets[i] = int32(len(c.data))
		i++
		return nil
	})
}

// shortCopy is the size of the moves that stand for a copy of fewer bytes.
const shortCopy = 16

func (v *valueReader) gatherBytes(c *column, offsets []int32) error {
	d := v.dict
	for len(offsets) > 0 {
		ix, err := v.indexes(len(offsets))
		if err != nil {
			return err
		}
		at, o := int64(len(c.data)), offsets[:len(ix)]
		if at+int64(len(ix))*int64(d.longest) > maxBytes {
			if err := d.checkSize(at, ix); err != nil {
				return err
			}
		}
		end := int32(at)
		for i, x := range ix {
			end += d.offsets[x+1] - d.offsets[x]
			o[i] = end
		}
		if err := c.reserveData(int(int64(end)-at), shortCopy); err != nil {
			return err
		}
		d.copyAll(c.data[:int(end)+shortCopy], int(at), ix)
		c.data = c.data[:end]
		offsets = offsets[len(ix):]
	}
	return nil
}

// checkSize makes sure that offsets stay within 32 bits.
func (d *dictionary) checkSize(at int64, ix []int32) error {
	for _, x := range ix {
		if at += int64(d.offsets[x+1] - d.offsets[x]); at > maxBytes {
			return errTooWide
		}
	}
	return nil
}

// copyAll copies the values at ix to dst from byte at on. Short values are
// copied by moves of one size, which scribble over what comes after them.
func (d *dictionary) copyAll(dst []byte, at int, ix []int32) {
	if d.longest <= shortCopy {
		for _, x := range ix {
			s, e := int(d.offsets[x]), int(d.offsets[x+1])
			copy(dst[at:at+shortCopy], d.data[s:s+shortCopy])
			at += e - s
		}
		return
	}
	for _, x := range ix {
		at += copy(dst[at:], d.data[d.offsets[x]:d.offsets[x+1]])
	}
}

func (v *valueReader) plainBytes(c *column, offsets []int32) error {
	// The page's other bytes bound what these values take. Where that is much,
	// it is worth walking over them first.
	size := max(len(v.src)-4*len(offsets), 0)
	if size > 1<<20 {
		size = v.plainSize(len(offsets))
	}
	if err := c.reserveData(size, 0); err != nil {
		return err
	}
	src, data := v.src, c.data
	for i := range offsets {
		if len(src) < 4 {
			return errShort
		}
		n := int(binary.LittleEndian.Uint32(src))
		if uint(n) > uint(len(src)-4) {
			return errShort
		}
		data = append(data, src[4:4+n]...)
		src = src[4+n:]
		offsets[i] = int32(len(data))
	}
	v.src, c.data = src, data
	return nil
}

// plainSize returns how many bytes the next n values have.
func (v *valueReader) plainSize(n int) (size int) {
	src := v.src
	for ; n > 0 && len(src) >= 4; n-- {
		k := int(binary.LittleEndian.Uint32(src))
		if uint(k) > uint(len(src)-4) {
			break
		}
		size += k
		src = src[4+k:]
	}
	return size
}

func (v *valueReader) fixedAsBytes(c *column, offsets []int32) error {
	n, width := len(offsets), v.typ.stored
	if int64(n)*int64(width) > maxBytes {
		return errTooWide
	}
	if err := c.reserveData(n*width, 0); err != nil {
		return err
	}
	at := len(c.data)
	c.data = c.data[:at+n*width]
	for i := range offsets {
		offsets[i] = int32(at + (i+1)*width)
	}
	return v.stored(c.data[at:], n)
}

func (v *valueReader) deltaLengthBytes(c *column, offsets []int32) error {
	for len(offsets) > 0 {
		lengths, data, err := v.length.next(len(offsets))
		if err != nil {
			return err
		}
		if err := c.reserveData(len(data), 0); err != nil {
			return err
		}
		end := int32(len(c.data))
		o := offsets[:len(lengths)]
		for i, l := range lengths {
			end += l
			o[i] = end
		}
		c.data = append(c.data, data...)
		offsets = offsets[len(lengths):]
	}
	return nil
}

// each reads n values of variable width one by one. It is the slow way, for
// combinations nobody writes much of.
func (v *valueReader) each(n int, add func(value []byte) error) error {
	for n > 0 {
		switch v.mode {
		case modePlain:
			if len(v.src) < 4 {
				return errShort
			}
			k := int(binary.LittleEndian.Uint32(v.src))
			if uint(k) > uint(len(v.src)-4) {
				return errShort
			}
			if err := add(v.src[4 : 4+k]); err != nil {
				return err
			}
			v.src = v.src[4+k:]
			n--
		case modeDeltaLength:
			lengths, data, err := v.length.next(n)
			if err != nil {
				return err
			}
			for _, l := range lengths {
				if err := add(data[:l]); err != nil {
					return err
				}
				data = data[l:]
			}
			n -= len(lengths)
		case modeDeltaBytes:
			done, err := v.prefix.next(n, add)
			if err != nil {
				return err
			}
			n -= done
		default:
			return corruptf("byte arrays in an encoding that cannot hold them")
		}
	}
	return nil
}

// skip passes over n values.
func (v *valueReader) skip(n int) error {
	if n == 0 {
		return nil
	}
	switch v.mode {
	case modeNone:
		return errShort
	case modeDict, modeRLEBool:
		return v.runs.drop(n)
	case modeDelta:
		if v.typ.stored == 4 {
			return v.d32.skip(n)
		}
		return v.d64.skip(n)
	case modeSplit:
		if n > len(v.src)/v.typ.stored-v.pos {
			return errShort
		}
		v.pos += n
		return nil
	case modePlain:
		if v.leaf.elem.typ == format.Boolean {
			if int64(v.pos)+int64(n) > 8*int64(len(v.src)) {
				return errShort
			}
			v.pos += n
			return nil
		}
		if v.typ.stored > 0 {
			_, err := v.takePlain(n)
			return err
		}
	}
	return v.each(n, func([]byte) error { return nil })
}

// loadDict decodes a dictionary page of n values.
func (v *valueReader) loadDict(src []byte, n int) error {
	t := &v.typ
	d := &dictionary{n: n}
	v.dict = nil
	v.mode, v.src = modePlain, src
	switch {
	case v.leaf.elem.typ == format.Boolean:
		return corruptf("booleans have no dictionary")
	case t.stored > 0 && n > len(src)/t.stored, t.stored == 0 && n > len(src)/4:
		return corruptf("a dictionary of %d values in %d bytes", n, len(src))
	case int64(n)*int64(t.width) > math.MaxInt:
		return corruptf("a dictionary of %d values takes more memory than there can be", n)
	case n == 0:
	case t.kind == vec.Bytes:
		c := column{kind: vec.Bytes}
		if err := c.reset(n); err != nil {
			return err
		}
		if err := c.reserveData(len(src), shortCopy); err != nil {
			return err
		}
		if err := v.append(&c, n, n); err != nil {
			return err
		}
		d.data, d.offsets = c.data[:len(c.data)+shortCopy], c.offsets
		for i := range n {
			d.longest = max(d.longest, int(c.offsets[i+1]-c.offsets[i]))
		}
	default:
		d.data = make([]byte, n*t.width)
		if err := v.fixed(d.data, n); err != nil {
			return err
		}
	}
	v.dict = d
	return nil
}
