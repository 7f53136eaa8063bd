package txlog

// commitInfo reads provenance, which is free-form: a field whose JSON type is
// not the usual one goes to Other, like the fields that have no place of their
// own, so that no writer's habits make a table unreadable.
func (d *decoder) commitInfo() *CommitInfo {
	a := new(CommitInfo)
	names := make(map[string]struct{}, 16)
	d.open('{')
	for d.more('}') {
		k := d.field()
		if _, dup := names[k]; dup {
			d.fail(errTwice)
			break
		}
		names[k] = struct{}{}
		raw := d.raw()
		if d.err != nil {
			break
		}
		if string(raw) != "null" && !a.set(k, raw) {
			if a.Other == nil {
				a.Other = map[string]string{}
			}
			a.Other[k] = string(raw)
		}
	}
	return a
}

// set gives the field named k its value, and reports whether it has that field
// and the value has its type.
func (a *CommitInfo) set(k string, raw []byte) bool {
	switch k {
	case "inCommitTimestamp":
		return setInteger(&a.InCommitTimestamp, raw)
	case "timestamp":
		return setInteger(&a.Timestamp, raw)
	case "operation":
		return setText(&a.Operation, raw)
	case "operationParameters":
		m, ok := rawFields(raw)
		a.OperationParameters = m
		return ok
	case "readVersion":
		var n *int64
		if !setInteger(&n, raw) {
			return false
		}
		v := Version(*n)
		a.ReadVersion = &v
		return true
	case "isolationLevel":
		return setText(&a.IsolationLevel, raw)
	case "isBlindAppend":
		if t := string(raw); t != "true" && t != "false" {
			return false
		}
		b := raw[0] == 't'
		a.IsBlindAppend = &b
		return true
	case "operationMetrics":
		return setTexts(&a.OperationMetrics, raw)
	case "userMetadata":
		return setText(&a.UserMetadata, raw)
	case "tags":
		return setTexts(&a.Tags, raw)
	case "engineInfo":
		return setText(&a.EngineInfo, raw)
	case "txnId":
		return setText(&a.TxnID, raw)
	}
	return false
}

func setInteger(p **int64, raw []byte) bool {
	s := scanner{b: raw}
	n := s.integer()
	if s.end(); s.err != nil {
		return false
	}
	*p = &n
	return true
}

// setText works on a copy: a string that turns out bad is kept as it was.
func setText(p *string, raw []byte) bool {
	if raw[0] != '"' {
		return false
	}
	s := scanner{b: append([]byte(nil), raw...)}
	t := s.text()
	if s.err != nil {
		return false
	}
	*p = t
	return true
}

// setTexts wants an object of strings only: a null or a number would be lost.
func setTexts(p *map[string]string, raw []byte) bool {
	if raw[0] != '{' {
		return false
	}
	m := map[string]string{}
	s := scanner{b: append([]byte(nil), raw...)}
	s.open('{')
	for s.more('}') {
		k := s.field()
		if _, dup := m[k]; dup {
			return false
		}
		m[k] = s.text()
	}
	if s.err != nil {
		return false
	}
	*p = m
	return true
}

// rawFields splits an object into its fields' JSON texts.
func rawFields(raw []byte) (map[string]string, bool) {
	if raw[0] != '{' {
		return nil, false
	}
	m := map[string]string{}
	s := scanner{b: append([]byte(nil), raw...)}
	s.open('{')
	for s.more('}') {
		k := s.field()
		if _, dup := m[k]; dup {
			return nil, false
		}
		m[k] = string(s.raw())
	}
	return m, s.err == nil
}
