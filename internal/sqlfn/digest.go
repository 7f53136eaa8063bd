package sqlfn

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash/crc32"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

func digestFuncs() []def {
	return []def{
		{"md5", fixed(schema.String, evalDigest(func(b []byte, _ int32) []byte { d := md5.Sum(b); return d[:] }), wantBinary)},
		{"sha sha1", fixed(schema.String, evalDigest(func(b []byte, _ int32) []byte { d := sha1.Sum(b); return d[:] }), wantBinary)},
		{"sha2", fixed(schema.String, evalDigest(sha2), wantBinary, wantInt)},
		{"crc32", fixed(schema.Long, func(c *call) (*vec.Vec, error) {
			in := textOf(c.args[0])
			return each(c, vec.Int64, func(i int) (int64, error) { return int64(crc32.ChecksumIEEE(in.at(i))), nil })
		}, wantBinary)},
	}
}

// evalDigest writes digests in lower-case hexadecimal; a nil one is null.
func evalDigest(sum func(b []byte, bits int32) []byte) evalFunc {
	return func(c *call) (*vec.Vec, error) {
		in, bits := textOf(c.args[0]), col[int32]{[]int32{0}, 0}
		if len(c.args) == 2 {
			bits = colOf[int32](c.args[1])
		}
		return eachText(c, func(dst []byte, i int) ([]byte, error) {
			d := sum(in.at(i), bits.at(i))
			if d == nil {
				return nil, errNull
			}
			for _, b := range d {
				dst = append(dst, hexDigits[b>>4]|0x20, hexDigits[b&15]|0x20)
			}
			return dst, nil
		})
	}
}

func sha2(b []byte, bits int32) []byte {
	switch bits {
	case 224:
		d := sha256.Sum224(b)
		return d[:]
	case 0, 256:
		d := sha256.Sum256(b)
		return d[:]
	case 384:
		d := sha512.Sum384(b)
		return d[:]
	case 512:
		d := sha512.Sum512(b)
		return d[:]
	}
	return nil
}
