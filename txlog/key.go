package txlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// A Key makes work idempotent: it is recorded as a txn action in the same commit
// as the work, and checked against the table and against every commit that comes
// in between.
//
// A named key (Sequence false) names logical work, and Version is a digest of
// its content: equal content is the same work, other content is handled as
// OnReplay says. A sequence (Sequence true) counts up: a number not greater than
// the recorded one has been applied before. This is Spark's txnAppId and
// txnVersion.
type Key struct {
	AppID    string
	Version  int64 // ≥ 0
	Sequence bool
	OnReplay ReplayPolicy // named keys only
	// After is the number that a sequence must have before this work, -1 for none. If
	// it has another one that does not cover the work, the work is refused with a
	// [*KeyError]. Nil: any smaller number will do.
	After *int64
	// Look is what the table had under AppID when this work was begun. Work that
	// is planned again on a newer snapshot carries it along: another use of the key
	// since then is that of another attempt, and fences this one. Nil: the snapshot
	// that the key is checked on is the first.
	Look *Look
}

// A Look is what a table had under a key.
type Look struct{ Txn *SetTransaction } // nil: nothing

// since reports whether prior was recorded after the look.
func (l *Look) since(prior *SetTransaction) bool {
	return l != nil && (l.Txn == nil || !sameTxn(l.Txn, prior))
}

// A ReplayPolicy says what to do when a named key was used before.
type ReplayPolicy uint8

// The policies.
const (
	// ReplayVerify: equal content is already applied; other content is a [*KeyError].
	ReplayVerify ReplayPolicy = iota
	// ReplaySkip: whatever the content was, the work is already applied.
	ReplaySkip
	// ReplayReplace: equal content is already applied; other content is a
	// deliberate re-run, and is applied. An attempt that was overtaken by another
	// one with other content is fenced: a [*KeyError].
	ReplayReplace
	// ReplayFail: a key may be used once; the second use is a [*KeyError].
	ReplayFail
)

var policyNames = [...]string{"verify", "skip", "replace", "fail"}

// String returns verify, skip, replace or fail.
func (p ReplayPolicy) String() string {
	if int(p) < len(policyNames) {
		return policyNames[p]
	}
	return "invalid"
}

// MarshalText returns String's text.
func (p ReplayPolicy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (p *ReplayPolicy) UnmarshalText(text []byte) error {
	i := slices.Index(policyNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("txlog: %q is no replay policy: want %s", text, strings.Join(policyNames[:], ", "))
	}
	*p = ReplayPolicy(i)
	return nil
}

func (k *Key) validate() error {
	switch {
	case k.AppID == "":
		return errors.New("an idempotency key needs a name")
	case k.Version < 0:
		return fmt.Errorf("idempotency key %q has the negative version %d", k.AppID, k.Version)
	case k.After != nil && (!k.Sequence || *k.After < -1 || *k.After >= k.Version):
		return fmt.Errorf("idempotency key %q: After is %d, want -1 or a number below %d of a sequence", k.AppID, *k.After, k.Version)
	}
	return nil
}

// replay decides what an earlier use of the key means for this one. done says
// that the work is in the table already; neither done nor error means go on.
// fenced says that the earlier use was committed after this one had begun.
func (k *Key) replay(prior int64, at Version, fenced bool) (done bool, err error) {
	if k.Sequence {
		if prior >= k.Version {
			return true, nil
		}
		return false, k.follows(prior, at)
	}
	same := prior == k.Version
	switch k.OnReplay {
	case ReplaySkip:
		return true, nil
	case ReplayFail:
		return false, &KeyError{Key: k.AppID, Version: at, Fenced: fenced, SameContent: same}
	case ReplayReplace:
		if !same && fenced {
			return false, &KeyError{Key: k.AppID, Version: at, Fenced: true}
		}
		return same, nil
	default:
		if !same {
			return false, &KeyError{Key: k.AppID, Version: at, Fenced: fenced}
		}
		return true, nil
	}
}

// follows refuses work on a sequence that does not stand where the work goes on.
func (k *Key) follows(recorded int64, at Version) error {
	if k.After == nil || *k.After == recorded {
		return nil
	}
	return &KeyError{Key: k.AppID, Version: at, Fenced: true, Moved: true}
}

// CheckKey tells, without writing anything, whether work under k is in the table
// that s shows: done is true, with the commit that holds it, if it is. It
// returns the [*KeyError] that a commit would return, and a [*CommitUnknownError]
// if the work is there, but perhaps not after a power cut. A replay costs one
// listing and a few reads, to find the commit; the first use costs none.
func (s *Snapshot) CheckKey(ctx context.Context, k *Key) (done bool, at Version, err error) {
	if err := k.validate(); err != nil {
		return false, NoVersion, err
	}
	prior, err := s.Txn(ctx, k.AppID)
	if err == nil && prior == nil {
		err = k.follows(-1, NoVersion)
	}
	if err != nil || prior == nil {
		return false, NoVersion, err
	}
	done, err = k.replay(prior.Version, NoVersion, k.Look.since(prior))
	var ke *KeyError
	if !done && !errors.As(err, &ke) {
		return false, NoVersion, err
	}
	at, ferr := FindTxn(ctx, s, prior)
	if ferr != nil {
		return false, NoVersion, ferr
	}
	if ke != nil {
		ke.Version = at
		return false, at, err
	}
	return k.found(ctx, s.store, at)
}

// found says that the work is in the table, as version at, which then stays there.
func (k *Key) found(ctx context.Context, store logstore.Store, at Version) (done bool, _ Version, err error) {
	if err := flushed(ctx, store, at); err != nil {
		return false, at, &CommitUnknownError{Version: at, Key: k.AppID, Err: err}
	}
	return true, at, nil
}

// FindTxn returns the version whose commit recorded txn, or NoVersion if that
// commit is no longer in the log. It costs one listing and one read for each
// commit looked at; it looks first where txn.LastUpdated points.
func FindTxn(ctx context.Context, s *Snapshot, txn *SetTransaction) (Version, error) {
	logs, err := listCommits(ctx, s)
	if err != nil {
		return NoVersion, fmt.Errorf("txlog: find the commit of txn %q: %w", txn.AppID, err)
	}
	for _, i := range outward(len(logs), startOf(logs, txn)) {
		c, err := s.CommitAt(ctx, logs[i].version)
		if errors.Is(err, ErrVersionNotFound) {
			continue // cleaned up since the listing
		}
		if err != nil {
			return NoVersion, err
		}
		for _, a := range c.Actions {
			if st, ok := a.(*SetTransaction); ok && sameTxn(st, txn) {
				return c.Version, nil
			}
		}
	}
	return NoVersion, nil
}

// FindToken returns the version whose commitInfo.txnId is token, looking at the
// versions from on; NoVersion if there is none. One read for each commit.
func FindToken(ctx context.Context, s *Snapshot, token string, from Version) (Version, error) {
	for v := from; v <= s.Version(); v++ {
		c, err := s.CommitAt(ctx, v)
		if errors.Is(err, ErrVersionNotFound) {
			continue
		}
		if err != nil {
			return NoVersion, err
		}
		if ci := c.Info(); ci != nil && ci.TxnID == token {
			return v, nil
		}
	}
	return NoVersion, nil
}

type loggedCommit struct {
	version  Version
	modified int64 // milliseconds since 1970
}

func listCommits(ctx context.Context, s *Snapshot) ([]loggedCommit, error) {
	var logs []loggedCommit
	for o, err := range s.Store().List(ctx, logstore.ListOptions{Prefix: logDir + "/", Shallow: true}) {
		if err != nil {
			return nil, err
		}
		v, ok := parseCommitName(strings.TrimPrefix(o.Name, logDir+"/"))
		if ok && v <= s.Version() {
			logs = append(logs, loggedCommit{v, millis(o.Modified)})
		}
	}
	return logs, nil
}

// startOf returns where in logs the commit of txn should be by the clock.
func startOf(logs []loggedCommit, txn *SetTransaction) int {
	if txn.LastUpdated == nil {
		return len(logs) - 1
	}
	return sort.Search(len(logs), func(i int) bool { return logs[i].modified >= *txn.LastUpdated })
}

// outward returns 0 … n-1 ordered by the distance from start.
func outward(n, start int) []int {
	is := make([]int, 0, n)
	for lo, hi := start-1, start; lo >= 0 || hi < n; lo, hi = lo-1, hi+1 {
		if hi >= 0 && hi < n {
			is = append(is, hi)
		}
		if lo >= 0 && lo < n {
			is = append(is, lo)
		}
	}
	return is
}

func sameTxn(a, b *SetTransaction) bool {
	if a.AppID != b.AppID || a.Version != b.Version {
		return false
	}
	if a.LastUpdated == nil || b.LastUpdated == nil {
		return a.LastUpdated == b.LastUpdated
	}
	return *a.LastUpdated == *b.LastUpdated
}
