package blobstore

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/deltalog/deltalog/txlog/logstore"
)

var bucketName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{1,220}[A-Za-z0-9]$`)

// ParseURL splits scheme://bucket/prefix. The prefix is taken as it stands,
// without a final slash and with nothing decoded: a key may contain any "%20".
//
// A URL chooses a bucket and nothing else. Parameters, ports and user names are
// refused, because whoever can choose a table's URL must not be able to choose
// an endpoint or a credential with it; errors do not repeat them.
func ParseURL(url string, schemes ...string) (bucket, prefix string, err error) {
	want := schemes[0] + "://BUCKET/PATH"
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok || !slices.Contains(schemes, strings.ToLower(scheme)) {
		return "", "", fmt.Errorf("the URL is not of the form %s", want)
	}
	bucket, prefix, _ = strings.Cut(rest, "/")
	switch {
	case strings.Contains(bucket, "@"):
		return "", "", fmt.Errorf("the URL contains a user name; credentials come from the environment, the form is %s", want)
	case strings.ContainsAny(rest, "?#"):
		return "", "", fmt.Errorf("the URL contains %q or %q; parameters are not taken from URLs, the form is %s", "?", "#", want)
	case strings.Contains(bucket, ":"):
		return "", "", fmt.Errorf("the URL contains a port; endpoints come from the environment, the form is %s", want)
	case !bucketName.MatchString(bucket):
		return "", "", fmt.Errorf("the URL has no valid bucket name; the form is %s", want)
	}
	prefix = strings.TrimRight(prefix, "/")
	if prefix == "" {
		return bucket, "", nil
	}
	if err := logstore.CheckName(prefix); err != nil {
		return "", "", fmt.Errorf("path in bucket %s: %w", bucket, err)
	}
	return bucket, prefix, nil
}

// Root returns a store's canonical URL and key prefix.
func Root(scheme, bucket, prefix string) (url, keys string) {
	if prefix == "" {
		return scheme + "://" + bucket, ""
	}
	return scheme + "://" + bucket + "/" + prefix, prefix + "/"
}
