package mutants

// rows are to be written.
var rows []Mutant
