package mutants

// keys are to be written.
var keys []Mutant
