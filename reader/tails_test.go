package reader

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTailsKeepWhatTheyAreGivenFirst(t *testing.T) {
	k := NewTails(10)
	k.keep("a", 100, []byte("0123"))
	require.Equal(t, []byte("23"), k.find("a", 102, 2))
	require.Nil(t, k.find("a", 99, 2), "begins before")
	require.Nil(t, k.find("a", 103, 2), "ends after")
	require.Nil(t, k.find("b", 100, 1))
	k.keep("b", 0, []byte("0123456"))
	require.Nil(t, k.find("b", 0, 1), "no room")
	k.keep("a", 96, []byte("abcd0123"))
	require.Equal(t, []byte("d0"), k.find("a", 99, 2), "a longer tail replaces a shorter one")
	k.keep("a", 102, []byte("23"))
	require.Equal(t, []byte("d0"), k.find("a", 99, 2))
	require.Equal(t, 2, cap(k.find("a", 99, 2)), "nobody can append into what is kept")

	none := (*Tails)(nil)
	none.keep("a", 0, []byte("x"))
	require.Nil(t, none.find("a", 0, 1))
}
