// Package repolint holds the rules of this repository that no general tool
// checks, as tests: which package may import which, which calls are banned
// where, how large a file and a binary may grow.
//
// A line that must break a rule says so, with the reason, in a comment on the
// line or on the one before it:
//
//	//repolint:allow sleep: the operating system's clock is what is tested
//
// The package exports nothing.
package repolint
