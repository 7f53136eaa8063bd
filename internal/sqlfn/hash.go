package sqlfn

func hashFuncs() []def { return nil }
