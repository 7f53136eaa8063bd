package txlog

// Release is the version of this library, as it stands in commits and in files.
const Release = "0.1.0"
