package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/deltalog/deltalog/txlog"
)

// The witness is the log itself, decoded and replayed here with nothing of the
// code under test.

// A logged commit is what one version's bytes say.
type logged struct {
	version txlog.Version
	step    int
	at      time.Time
	info    loggedInfo
	adds    []loggedFile
	removes []loggedFile
	txns    []loggedTxn
	meta    *loggedMeta
	metas   int
	protos  int
	first   string // name of the first action
}

type loggedInfo struct {
	UserMetadata      string
	TxnID             string `json:"txnId"`
	Operation         string
	InCommitTimestamp *int64
	IsBlindAppend     bool
	ReadVersion       *int64
}

type loggedFile struct {
	Path            string
	PartitionValues map[string]*string
	Size            int64
	DataChange      bool
	Tags            map[string]string
	DeletionVector  *struct {
		StorageType    string
		PathOrInlineDv string
		Offset         *int32
	}
}

// key identifies the logical file: PROTOCOL.md, "Action Reconciliation".
func (f *loggedFile) key() string {
	k := pathOf(*f)
	if d := f.DeletionVector; d != nil {
		k += " " + d.StorageType + d.PathOrInlineDv
		if d.Offset != nil {
			k += fmt.Sprintf("@%d", *d.Offset)
		}
	}
	return k
}

type loggedTxn struct {
	AppID   string `json:"appId"`
	Version int64
}

type loggedMeta struct {
	ID            string
	Configuration map[string]string
}

type loggedLine struct {
	CommitInfo *loggedInfo
	Add        *loggedFile
	Remove     *loggedFile
	Txn        *loggedTxn
	MetaData   *loggedMeta
	Protocol   *json.RawMessage
}

func parseLogged(v txlog.Version, b body) (*logged, error) {
	c := &logged{version: v, step: b.step, at: b.time}
	n := 0
	for line := range bytes.Lines(b.data) {
		var l loggedLine
		if err := json.Unmarshal(line, &l); err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
		switch {
		case l.CommitInfo != nil:
			c.info = *l.CommitInfo
			if n == 0 {
				c.first = "commitInfo"
			}
		case l.Add != nil:
			c.adds = append(c.adds, *l.Add)
		case l.Remove != nil:
			c.removes = append(c.removes, *l.Remove)
		case l.Txn != nil:
			c.txns = append(c.txns, *l.Txn)
		case l.MetaData != nil:
			c.meta = l.MetaData
			c.metas++
		case l.Protocol != nil:
			c.protos++
		}
		n++
	}
	return c, nil
}

// onlyAdds reports whether the commit does nothing but add rows.
func (c *logged) blind() bool {
	return c.info.IsBlindAppend && len(c.removes) == 0 && c.metas == 0 && c.protos == 0
}

// A state is a table at one version.
type state struct {
	rows  map[Row]int
	added map[Row][]txlog.Version // the versions by which equal rows came
	blind map[txlog.Version]bool
	files map[string]loggedFile // by their keys
	gone  map[string]bool       // tombstones
	txns  map[string]int64
	props map[string]string
	size  int64
}

func newState() *state {
	return &state{
		rows: map[Row]int{}, added: map[Row][]txlog.Version{}, blind: map[txlog.Version]bool{}, files: map[string]loggedFile{},
		gone: map[string]bool{}, txns: map[string]int64{}, props: map[string]string{},
	}
}

// view is what readers see of a state.
type view struct {
	rows  map[Row]int
	files int64
	size  int64
	txns  map[string]int64
	props map[string]string
	gone  int
}

func (s *state) view() view {
	return view{maps.Clone(s.rows), int64(len(s.files)), s.size, maps.Clone(s.txns), maps.Clone(s.props), len(s.gone)}
}

// replayActions is the protocol's reconciliation: what the bytes say.
func (s *state) replayActions(c *logged) {
	for _, f := range c.removes {
		p := f.key()
		if old, ok := s.files[p]; ok {
			s.size -= old.Size
			delete(s.files, p)
		}
		s.gone[p] = true
	}
	for _, f := range c.adds {
		p := f.key()
		if old, ok := s.files[p]; ok {
			s.size -= old.Size
		}
		s.files[p] = f
		s.size += f.Size
		delete(s.gone, p)
	}
	for _, t := range c.txns {
		s.txns[t.AppID] = t.Version
	}
	if c.meta != nil {
		s.props = c.meta.Configuration
	}
	s.rows = map[Row]int{}
	for _, f := range s.files {
		for _, r := range decodeRows(f.Tags["rows"], partOf(f.PartitionValues)) {
			s.rows[r]++
		}
	}
}

func pathOf(f loggedFile) string {
	p, err := url.PathUnescape(f.Path)
	if err != nil {
		return f.Path
	}
	return p
}

// apply is the model: what an intent means for the rows of a table, at version v.
func (s *state) apply(in *Intent, v txlog.Version) {
	match := func(r Row) bool {
		return (in.Op == OpReload || slices.Contains(in.Parts, r.P))
	}
	add := func(r Row, n int) {
		s.rows[r] += n
		s.added[r] = append(s.added[r], slices.Repeat([]txlog.Version{v}, n)...)
	}
	switch in.Op {
	case OpAppend:
		for _, r := range in.Rows {
			add(r, 1)
		}
	case OpReplace, OpReload:
		for r := range s.rows {
			if match(r) {
				s.leave(r, nil)
			}
		}
		for _, r := range in.Rows {
			add(r, 1)
		}
	case OpDelete:
		for r := range s.rows {
			if match(r) {
				s.leave(r, s.hidden(in, r, v))
			}
		}
	case OpUpdate:
		next := map[Row]int{}
		for r, n := range s.rows {
			hidden := s.hidden(in, r, v)
			if match(r) && n > len(hidden) {
				s.leave(r, hidden)
				next[Row{r.ID, r.P, r.N + 1}] = n - len(hidden)
			}
		}
		for r, n := range next {
			add(r, n)
		}
	case OpInsert:
		have := map[string]bool{}
		for r, n := range s.rows {
			if n > len(s.hidden(in, r, v)) {
				have[r.ID] = true
			}
		}
		for _, r := range in.Rows {
			if !have[r.ID] {
				add(r, 1)
			}
		}
	case OpSchema:
		s.props = withProperty(s.props, in.Property, in.Value)
	}
	if in.Key != "" && !in.Foreign {
		s.txns[in.Key] = in.Number
	}
}

// leave takes out all rows that are equal to r, but those that came with the versions.
func (s *state) leave(r Row, versions []txlog.Version) {
	if len(versions) == 0 {
		delete(s.rows, r)
		delete(s.added, r)
		return
	}
	s.rows[r], s.added[r] = len(versions), versions
}

// hidden returns, for each row equal to r that an operation at version v need not have
// seen, the version that it came with.
func (s *state) hidden(in *Intent, r Row, v txlog.Version) (versions []txlog.Version) {
	for _, u := range s.added[r] {
		if !s.visible(in, u, v) {
			versions = append(versions, u)
		}
	}
	return versions
}

// visible reports whether an operation at version v must have seen the rows that came
// with version u: all of them if it is serializable, else not those that came after it
// was planned, by blind appends or by anybody.
func (s *state) visible(in *Intent, u, v txlog.Version) bool {
	if u <= in.Base || u >= v {
		return true
	}
	switch in.Level {
	case txlog.WriteSerializable:
		return !s.blind[u]
	case txlog.SnapshotIsolation:
		return false
	}
	return true
}
