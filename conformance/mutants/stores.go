package mutants

// stores are to be written.
var stores []Mutant
