package mutants

// logs are to be written.
var logs []Mutant
