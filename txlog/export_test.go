package txlog

// CheckReads runs the conflict checks of a transaction that has nothing to
// commit against the last commit of after.
func CheckReads(t *Transaction, after, _ *Snapshot, level Isolation) error {
	return newConflictCheck(t, level).against(after.tail.commit, after)
}
