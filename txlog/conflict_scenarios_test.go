package txlog_test

import (
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// A scenario is two transactions on one snapshot: the winner commits first.
// testdata/conflict-scenarios.json holds 60 of them, re-expressed from the test
// suites of Spark and delta-rs, with what each isolation level must do.
type scenario struct {
	ID               string
	PartitionColumns []string
	ColumnTypes      map[string]string
	Setup            []json.RawMessage
	Loser, Winner    struct {
		Reads                   []string
		ReadsAfterWinnerCommits bool
		Actions                 []json.RawMessage
	}
	Expect           struct{ Serializable, WriteSerializable string }
	FinalPathsWhenOk []string
}

func scenarios(t *testing.T) []scenario {
	t.Helper()
	data, err := os.ReadFile("testdata/conflict-scenarios.json")
	require.NoError(t, err)
	var file struct{ Scenarios []scenario }
	require.NoError(t, json.Unmarshal(data, &file))
	require.Len(t, file.Scenarios, 60)
	return file.Scenarios
}

func TestConflictScenarios(t *testing.T) {
	for _, s := range scenarios(t) {
		for level, want := range map[txlog.Isolation]string{
			txlog.Serializable: s.Expect.Serializable, txlog.WriteSerializable: s.Expect.WriteSerializable,
		} {
			t.Run(s.ID+"/"+string(level), func(t *testing.T) {
				t.Parallel()
				s.run(t, level, want)
			})
		}
		// Under SnapshotIsolation appends are not looked at; all else is.
		want := s.Expect.Serializable
		if want == string(txlog.ConcurrentAppend) {
			continue // another check may then speak; see TestSnapshotIsolationIgnoresAppends
		}
		t.Run(s.ID+"/"+string(txlog.SnapshotIsolation), func(t *testing.T) {
			t.Parallel()
			s.run(t, txlog.SnapshotIsolation, want)
		})
	}
}

func (s *scenario) run(t *testing.T, level txlog.Isolation, want string) {
	base := s.table(t)
	loser := base.Begin(&txlog.TxnOptions{Operation: "LOSER", Isolation: level})
	if !s.Loser.ReadsAfterWinnerCommits {
		s.read(t, base, loser, s.Loser.Reads)
	}
	winner := base.Begin(&txlog.TxnOptions{Operation: "WINNER", Isolation: level})
	s.read(t, base, winner, s.Winner.Reads)
	winner.Add(s.actions(t, base, s.Winner.Actions)...)
	if len(s.Winner.Actions) == 0 {
		winner.ReadTxn("nobody")
		winner = base.Begin(&txlog.TxnOptions{Operation: "WINNER", Key: &txlog.Key{AppID: "winner", Version: 1}})
	}
	res, err := winner.Commit(t.Context())
	require.NoError(t, err)
	require.Equal(t, txlog.Committed, res.State)

	if s.Loser.ReadsAfterWinnerCommits {
		s.read(t, base, loser, s.Loser.Reads)
	}
	loser.Add(s.actions(t, base, s.Loser.Actions)...)
	if len(s.Loser.Actions) == 0 {
		// A transaction without actions commits nothing, and so meets nobody. What
		// is asked here is what the checks say of its reads.
		require.NoError(t, compare(want, txlog.CheckReads(loser, res.Snapshot, base, level)))
		return
	}
	lost, err := loser.Commit(t.Context())
	require.NoError(t, compare(want, err))
	if want != "ok" {
		require.Equal(t, txlog.NotCommitted, lost.State)
		return
	}
	require.Equal(t, txlog.Version(2), lost.Version)
	if s.FinalPathsWhenOk != nil {
		var paths []string
		for f, err := range lost.Snapshot.Files(t.Context(), nil) {
			require.NoError(t, err)
			paths = append(paths, f.Path)
		}
		slices.Sort(paths)
		require.Equal(t, s.FinalPathsWhenOk, paths)
	}
}

// compare returns an error unless err is of the wanted kind.
func compare(want string, err error) error {
	if want == "ok" {
		return err
	}
	var ce *txlog.ConflictError
	if !errors.As(err, &ce) || !strings.Contains(want, string(ce.Kind)) {
		return errors.New("want " + want + ", got " + errorText(err))
	}
	return nil
}

func errorText(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}

// table makes the scenario's table, its setup included, in version 0.
func (s *scenario) table(t *testing.T) *txlog.Snapshot {
	t.Helper()
	create := txlog.BeginCreate(memstore.New(nil), &txlog.TxnOptions{SkipPostCommit: true})
	create.Add(&txlog.Protocol{MinReaderVersion: 1, MinWriterVersion: 2}, s.metadata("t"))
	create.Add(s.actions(t, nil, s.Setup)...)
	res, err := create.Commit(t.Context())
	require.NoError(t, err)
	return res.Snapshot
}

func (s *scenario) metadata(name string) *txlog.Metadata {
	var fields []string
	for _, c := range append(slices.Clone(s.PartitionColumns), "value", "year") {
		typ := s.ColumnTypes[c]
		if typ == "" {
			typ = "integer"
		}
		fields = append(fields, `{"name":"`+c+`","type":"`+typ+`","nullable":true,"metadata":{}}`)
	}
	return &txlog.Metadata{
		ID: "id", Name: name, Format: txlog.Format{Provider: "parquet"},
		SchemaString:     `{"type":"struct","fields":[` + strings.Join(fields, ",") + `]}`,
		PartitionColumns: s.PartitionColumns,
	}
}

// actions decodes the scenario's actions; "<any change>" stands for some change.
func (s *scenario) actions(t *testing.T, base *txlog.Snapshot, raw []json.RawMessage) []txlog.Action {
	t.Helper()
	var as []txlog.Action
	for _, r := range raw {
		switch {
		case strings.Contains(string(r), `"metaData"`):
			as = append(as, s.metadata("changed"))
		case strings.Contains(string(r), `"protocol"`):
			as = append(as, &txlog.Protocol{MinReaderVersion: 1, MinWriterVersion: 2})
		default:
			c, err := txlog.ParseCommit(9, []byte(strings.ReplaceAll(string(r), "\n", " ")+"\n"))
			require.NoError(t, err, string(r))
			as = append(as, c.Actions...)
		}
	}
	return as
}

// read registers the scenario's reads, and the files that they select.
func (s *scenario) read(t *testing.T, base *txlog.Snapshot, txn *txlog.Transaction, reads []string) {
	t.Helper()
	for _, r := range reads {
		match := s.predicate(t, r)
		switch {
		case strings.HasPrefix(r, "<txnVersion "):
			txn.ReadTxn(strings.TrimSuffix(strings.TrimPrefix(r, "<txnVersion "), ">"))
			continue
		case r == "<whole-table>":
			txn.ReadTable()
			continue
		}
		txn.ReadWhere(match)
		if strings.HasPrefix(r, "<files of partitions") {
			continue // registers the predicate only, as Spark does
		}
		for f, err := range base.Files(t.Context(), nil) {
			require.NoError(t, err)
			if match(f) {
				txn.ReadFile(f.Path)
			}
		}
	}
}

var comparison = regexp.MustCompile(`^(\w+) (=|>=|<=|>|<|IN) \(?'?(\w+)'?\)?$`)

// predicate evaluates the few forms that the scenarios use, by partition value
// and by statistics; what it cannot tell is true.
func (s *scenario) predicate(t *testing.T, text string) func(*txlog.AddFile) bool {
	t.Helper()
	switch {
	case text == "<all>", text == "<whole-table>", strings.HasPrefix(text, "<txn"):
		return func(*txlog.AddFile) bool { return true }
	case strings.HasPrefix(text, "<files of partitions"):
		return s.predicate(t, "part = 0")
	}
	if l, r, ok := strings.Cut(text, " OR "); ok {
		a, b := s.predicate(t, l), s.predicate(t, r)
		return func(f *txlog.AddFile) bool { return a(f) || b(f) }
	}
	if l, r, ok := strings.Cut(text, " AND "); ok {
		a, b := s.predicate(t, l), s.predicate(t, r)
		return func(f *txlog.AddFile) bool { return a(f) && b(f) }
	}
	m := comparison.FindStringSubmatch(text)
	require.NotNil(t, m, text)
	col, op, value := m[1], m[2], m[3]
	return func(f *txlog.AddFile) bool {
		if v := f.PartitionValues[col]; v != nil {
			c := strings.Compare(*v, value)
			return map[string]bool{"=": c == 0, "IN": c == 0, ">=": c >= 0, "<=": c <= 0, ">": c > 0, "<": c < 0}[op]
		}
		var st struct{ MinValues, MaxValues map[string]int64 }
		if json.Unmarshal([]byte(f.Stats), &st) != nil || st.MinValues == nil {
			return true
		}
		n, _ := strconv.ParseInt(value, 10, 64)
		lo, hi := st.MinValues[col], st.MaxValues[col]
		return map[string]bool{"=": lo <= n && n <= hi, ">=": hi >= n, "<=": lo <= n, ">": hi > n, "<": lo < n}[op]
	}
}
