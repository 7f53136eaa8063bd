// Package effort says how much a randomised or exhaustive test does: little when
// a person runs go test, what continuous integration promises when it runs, and
// as much as time allows in a soak.
package effort

import (
	"fmt"
	"os"
	"time"
)

// Variables that choose the effort.
const (
	// Env is "" for a quick run or "ci" for the promised one.
	Env = "DELTALOG_EFFORT"
	// SoakEnv is how long a soak runs, as a Go duration; without it there is none.
	SoakEnv = "DELTALOG_SOAK"
)

// Full reports whether the promised amount is wanted.
func Full() bool {
	switch v := os.Getenv(Env); v {
	case "":
		return false
	case "ci":
		return true
	default:
		panic(fmt.Sprintf("effort: %s=%q: want ci, or nothing", Env, v))
	}
}

// Pick returns quick, or ci where the promised amount is wanted.
func Pick(quick, ci int) int {
	if Full() {
		return ci
	}
	return quick
}

// Soak returns how long a soak is to run; 0 means that there is none.
func Soak() time.Duration {
	v := os.Getenv(SoakEnv)
	if v == "" {
		return 0
	}
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 {
		panic(fmt.Sprintf("effort: %s=%q: want a duration such as 1h", SoakEnv, v))
	}
	return d
}
