package check

import (
	"fmt"
	"strings"
)

// An Anomaly is the name of what is forbidden and has happened.
type Anomaly string

// The anomalies.
const (
	// NotLinearizable: no order of the operations explains what was read.
	NotLinearizable Anomaly = "not linearizable"
	// DirtyRead: rows were read of an event that failed.
	DirtyRead Anomaly = "dirty read"
	// TornRead: a part of what an event wrote was read, and not the rest.
	TornRead Anomaly = "torn read"
	// LostUpdate: a change is not there any more, and nobody undid it; or two events
	// changed what both of them had read.
	LostUpdate Anomaly = "lost update"
	// ImpossibleRead: what was read is no state of the partition, for no reason that
	// has a name.
	ImpossibleRead Anomaly = "impossible read"
	// WrongVersion: what was read is not the version that the client was told.
	WrongVersion Anomaly = "wrong version"
	// StaleRead: what was read is older than what was answered before the read began.
	StaleRead Anomaly = "stale read"
	// RealTime: an event was answered before another was called, and comes after it.
	RealTime Anomaly = "against real time"
	// ReadSkew: some of a change was seen and some of it, elsewhere, was not.
	ReadSkew Anomaly = "read skew"
	// Circular: events saw each other's changes.
	Circular Anomaly = "circular information flow"
	// LongFork: two readers saw two changes in different orders.
	LongFork Anomaly = "long fork"
	// WriteSkew: each of some events changed what another one had read, so that no
	// order of them explains both. SnapshotIsolation allows it.
	WriteSkew Anomaly = "write skew"
)

// A Violation is one anomaly with the events that show it.
type Violation struct {
	Anomaly   Anomaly
	Partition string // empty: several
	Events    []*Event
	Detail    string
}

func (v *Violation) Error() string {
	var b strings.Builder
	b.WriteString(string(v.Anomaly))
	if v.Partition != "" {
		fmt.Fprintf(&b, " of partition %s", v.Partition)
	}
	fmt.Fprintf(&b, ": %s", v.Detail)
	return b.String()
}
