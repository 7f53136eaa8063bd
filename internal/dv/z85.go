package dv

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The alphabet of ZeroMQ RFC 32, "Z85".
const z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"

var z85Digit = func() (digit [256]byte) {
	for i := range digit {
		digit[i] = 0xff
	}
	for i, c := range []byte(z85) {
		digit[c] = byte(i)
	}
	return digit
}()

// encodeZ85 returns b, a multiple of 4 bytes, as text.
func encodeZ85(b []byte) string {
	out := make([]byte, 0, len(b)/4*5)
	for ; len(b) > 0; b = b[4:] {
		n := binary.BigEndian.Uint32(b)
		for div := uint32(85 * 85 * 85 * 85); div > 0; div /= 85 {
			out = append(out, z85[n/div%85])
		}
	}
	return string(out)
}

// decodeZ85 decodes s into dst, which has 4 bytes for every 5 characters.
func decodeZ85(dst []byte, s string) error {
	if len(s)%5 != 0 || len(s)/5*4 != len(dst) {
		return errors.New("base 85 text is not a multiple of 5 characters")
	}
	for i := 0; i < len(s); i += 5 {
		var n uint64
		for _, c := range []byte(s[i : i+5]) {
			if z85Digit[c] == 0xff {
				return fmt.Errorf("character %q is not base 85", c)
			}
			n = n*85 + uint64(z85Digit[c])
		}
		if n > 0xffffffff {
			return fmt.Errorf("base 85 group %q is out of range", s[i:i+5])
		}
		binary.BigEndian.PutUint32(dst[i/5*4:], uint32(n))
	}
	return nil
}
