package logstore_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog/logstore"
)

func TestScheme(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"s3://b/p": "s3", "S3://b/p": "s3", "s3a://b": "s3a", "gs://b": "gs", "file:///a": "file",
		"/a/b": "file", "a/b": "file", `C:\t`: "file", "a b://c": "file", "://x": "file",
		"1x://c": "file", "a://b://c": "a", "./odd://name": "file",
	} {
		require.Equal(t, want, logstore.Scheme(url), url)
	}
}

func TestOpenUsesTheRegisteredDriver(t *testing.T) {
	t.Parallel()
	sentinel := errors.New("opened")
	var got string
	logstore.Register("registrytest", func(_ context.Context, url string) (logstore.Store, error) {
		got = url
		return nil, sentinel
	})
	_, err := logstore.Open(t.Context(), "RegistryTest://b/a%20b")
	require.ErrorIs(t, err, sentinel)
	require.Equal(t, "RegistryTest://b/a%20b", got)
	require.Contains(t, logstore.Schemes(), "registrytest")
	require.Panics(t, func() {
		logstore.Register("registrytest", func(context.Context, string) (logstore.Store, error) { return nil, nil })
	})
	require.Panics(t, func() { logstore.Register("Upper", nil) })
}

func TestOpenWithoutDriverSaysWhatToImportAndHidesTheURL(t *testing.T) {
	t.Parallel()
	_, err := logstore.Open(t.Context(), "s3a://AKIACANARY:secretcanary@bucket/x?sig=canary")
	require.ErrorContains(t, err, "deltalog/delta/s3")
	require.NotContains(t, err.Error(), "canary")
	_, err = logstore.Open(t.Context(), "ftp://user:canary@host/x")
	require.ErrorContains(t, err, "no driver for ftp://")
	require.NotContains(t, err.Error(), "canary")
	_, err = logstore.Open(t.Context(), "")
	require.ErrorContains(t, err, "empty")
}
