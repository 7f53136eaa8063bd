package writer

// Peak returns the most bytes that w held at once, by its own account.
func (w *Writer) Peak() int64 { return w.peak }

// FileOverhead is what an open file of n columns counts for beside its pages.
func FileOverhead(n int) int64 { return fileCost + columnCost*int64(n) }
