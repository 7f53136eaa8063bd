package fsck

import (
	"fmt"
	"strings"

	"github.com/deltalog/deltalog/txlog"
)

func versionText(v txlog.Version) string { return fmt.Sprint(int64(v)) }

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// joined puts a few texts into one.
func joined(texts []string) string {
	const most = 5
	if n := len(texts); n > most {
		return strings.Join(texts[:most], "; ") + fmt.Sprintf("; and %d more", n-most)
	}
	return strings.Join(texts, "; ")
}
