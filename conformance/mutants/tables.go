package mutants

// tables are to be written.
var tables []Mutant
