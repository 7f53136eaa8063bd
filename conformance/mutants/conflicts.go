package mutants

// conflicts are to be written.
var conflicts []Mutant
