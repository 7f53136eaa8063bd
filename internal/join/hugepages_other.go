//go:build !linux

package join

func preferHugePages([]byte) {}
