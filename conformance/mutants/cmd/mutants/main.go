// Command mutants runs planted mistakes against the tests that must notice them,
// and writes the table of them.
//
//	go run ./conformance/mutants/cmd/mutants             all of them
//	go run ./conformance/mutants/cmd/mutants -run RE     those whose names match RE
//	go run ./conformance/mutants/cmd/mutants -doc FILE   only writes the table
//	go run ./conformance/mutants/cmd/mutants -against PKG
//
// The last runs them against all tests of another package, conformance/sim say, in
// place of those that are known to notice them, and lists those that it does not.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/deltalog/deltalog/conformance/mutants"
)

func main() {
	pattern := flag.String("run", "", "only mutants whose names match this regular expression")
	doc := flag.String("doc", "", "write the table to this file, and run nothing")
	against := flag.String("against", "", "run all tests of this package, such as conformance/sim, and not each mutant's own")
	verbose := flag.Bool("v", false, "also say how those that were killed were noticed")
	flag.Parse()
	if err := run(*pattern, *doc, *against, *verbose); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(pattern, doc, against string, verbose bool) error {
	all := mutants.All()
	if doc != "" {
		return os.WriteFile(doc, []byte(mutants.Doc(all)), 0o644)
	}
	names, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	root, err := mutants.Root()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	start := time.Now()
	ctx := context.Background()
	all = slices.DeleteFunc(all, func(m mutants.Mutant) bool { return !names.MatchString(m.Name) })
	if against != "" {
		for i := range all {
			all[i].Killer = mutants.Killer{Package: against}
		}
	}
	b, err := mutants.Build(ctx, root, dir, all)
	if err != nil {
		return err
	}
	fmt.Printf("built in %.0f s\n", time.Since(start).Seconds())
	if err := b.Neutral(ctx, all); err != nil {
		return err
	}
	fmt.Printf("with none switched on all of their tests pass, after %.0f s\n", time.Since(start).Seconds())
	alive := 0
	b.Run(ctx, all, func(v mutants.Verdict) {
		if !v.Killed {
			alive++
			fmt.Printf("ALIVE  %5.1fs %s (%s): %s\n", v.Took.Seconds(), v.Mutant.Name, v.Mutant.Killer, v.Why)
		} else if verbose {
			fmt.Printf("killed %5.1fs %s: %s\n", v.Took.Seconds(), v.Mutant.Name, v.Why)
		}
	})
	fmt.Printf("%d mutants, %d killed, %.0f s\n", len(all), len(all)-alive, time.Since(start).Seconds())
	if alive > 0 {
		return fmt.Errorf("%d mutants survived", alive)
	}
	return nil
}
