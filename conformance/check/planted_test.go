package check

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// did is an event that was answered.
func did(name string, call, ret, version int64) *Event {
	return &Event{Client: name, Name: name, Call: call, Return: ret, Outcome: Done, Version: version}
}

func (e *Event) read(p string, rows ...string) *Event {
	if e.Reads == nil {
		e.Reads = map[string][]string{}
	}
	e.Reads[p] = append([]string{}, rows...)
	return e
}

func (e *Event) put(p string, rows ...string) *Event { return e.change(p, Put(rows...)) }

func (e *Event) change(p string, c Change) *Event {
	if e.Changes == nil {
		e.Changes = map[string]Change{}
	}
	e.Changes[p] = c
	return e
}

func (e *Event) as(o Outcome) *Event {
	e.Outcome = o
	if o == Unknown {
		e.Return = Never
	}
	return e
}

// Each history has one anomaly, which each checker finds or, where it cannot see
// it, does not.
var planted = []struct {
	name         string
	events       []*Event
	registers    bool    // the registers see it
	serializable Anomaly // what is found at Serializable; empty: nothing
	snapshot     Anomaly // and at SnapshotIsolation
	timeless     Anomaly // and at SnapshotIsolation when order may be against real time
}{
	{"nothing happens", nil, false, "", "", ""},
	{"one after the other", []*Event{
		did("w1", 1, 2, 1).put("a", "1"),
		did("r1", 3, 4, 1).read("a", "1"),
		did("w2", 5, 6, 2).put("a", "2"),
		did("r2", 7, 8, 2).read("a", "2"),
	}, false, "", "", ""},
	{"a read at the same time may see either", []*Event{
		did("w1", 1, 10, 1).put("a", "1"),
		did("r1", 2, 3, 0).read("a"),
		did("r2", 2, 9, 1).read("a", "1"),
	}, false, "", "", ""},
	{"an unknown change that came late", []*Event{
		did("w1", 1, 2, 1).put("a", "1"),
		did("w2", 3, 0, NoVersion).put("a", "2").as(Unknown),
		did("r1", 4, 5, 1).read("a", "1"),
		did("r2", 6, 7, 2).read("a", "2"),
	}, false, "", "", ""},
	{"an unknown change that never came", []*Event{
		did("w1", 1, 2, 1).put("a", "1"),
		did("w2", 3, 0, NoVersion).put("a", "2").as(Unknown),
		did("r2", 6, 7, 1).read("a", "1"),
	}, false, "", "", ""},
	{"an unknown change that came and went", []*Event{
		did("w1", 1, 2, 1).put("a", "1"),
		did("w2", 3, 0, NoVersion).put("a", "2").as(Unknown),
		did("r1", 4, 5, NoVersion).read("a", "2"),
		did("r2", 6, 7, NoVersion).read("a", "1"),
	}, true, StaleRead, StaleRead, ""},
	{"a failed change that did nothing", []*Event{
		did("w1", 1, 2, 1).put("a", "1"),
		did("w2", 3, 4, NoVersion).put("a", "2").as(Failed),
		did("r2", 6, 7, 1).read("a", "1"),
	}, false, "", "", ""},
	{"dirty read", []*Event{
		did("w1", 1, 2, 1).put("a", "1"),
		did("w2", 3, 4, NoVersion).put("a", "2").as(Failed),
		did("r2", 6, 7, 1).read("a", "2"),
	}, true, DirtyRead, DirtyRead, DirtyRead},
	{"stale read", []*Event{
		did("w1", 1, 2, 1).put("a", "1"),
		did("w2", 3, 4, 2).put("a", "2"),
		did("r1", 5, 6, 1).read("a", "1"),
	}, true, StaleRead, StaleRead, ""},
	{"a read that goes back", []*Event{
		did("w1", 1, 2, 1).put("a", "1"),
		did("w2", 3, 20, 2).put("a", "2"),
		did("r1", 5, 6, 2).read("a", "2"),
		did("r2", 7, 8, 1).read("a", "1"),
	}, true, StaleRead, StaleRead, ""},
	{"wrong version", []*Event{
		did("w1", 1, 2, 1).put("a", "1"),
		did("w2", 3, 20, 2).put("a", "2"),
		did("r1", 5, 6, 1).read("a", "2"),
	}, false, WrongVersion, WrongVersion, WrongVersion},
	{"lost update: both read the same, both write", []*Event{
		did("w0", 1, 2, 1).put("a", "0"),
		did("w1", 3, 10, 2).read("a", "0").put("a", "0", "1"),
		did("w2", 3, 11, 3).read("a", "0").put("a", "0", "2"),
		did("r", 12, 13, 3).read("a", "0", "2"),
	}, true, LostUpdate, LostUpdate, LostUpdate},
	{"lost update: an added row is gone", []*Event{
		did("w1", 1, 2, 1).change("a", Add("1")),
		did("w2", 3, 4, 2).change("a", Add("2")),
		did("w3", 5, 6, 3).change("a", Add("3")),
		did("r", 12, 13, 3).read("a", "1", "3"),
	}, true, LostUpdate, LostUpdate, LostUpdate},
	{"appends at the same time", []*Event{
		did("w1", 1, 8, 2).change("a", Add("1")),
		did("w2", 1, 8, 1).change("a", Add("2")),
		did("r", 2, 7, 1).read("a", "2"),
		did("r2", 12, 13, 2).read("a", "1", "2"),
	}, false, "", "", ""},
	{"torn read", []*Event{
		did("w1", 1, 2, 1).put("a", "1", "2"),
		did("r", 3, 4, 1).read("a", "1"),
	}, true, TornRead, TornRead, TornRead},
	{"rows twice", []*Event{
		did("w1", 1, 2, 1).change("a", Add("1")),
		did("r", 3, 4, 1).read("a", "1", "1"),
	}, true, ImpossibleRead, ImpossibleRead, ImpossibleRead},
	{"write skew", []*Event{
		did("w0", 1, 2, 1).put("a", "0").put("b", "0"),
		did("w1", 3, 10, 2).read("a", "0").read("b", "0").put("a", "1"),
		did("w2", 3, 11, 3).read("a", "0").read("b", "0").put("b", "1"),
	}, false, WriteSkew, "", ""},
	{"long fork", []*Event{
		did("w1", 1, 20, 1).put("a", "1"),
		did("w2", 1, 20, 2).put("b", "1"),
		did("r1", 2, 10, NoVersion).read("a", "1").read("b"),
		did("r2", 2, 10, NoVersion).read("a").read("b", "1"),
	}, false, LongFork, LongFork, LongFork},
	{"read skew", []*Event{
		did("w1", 1, 20, 1).put("a", "1").put("b", "1"),
		did("r1", 2, 10, NoVersion).read("a", "1").read("b"),
	}, false, ReadSkew, ReadSkew, ReadSkew},
	{"circular information flow", []*Event{
		did("w1", 1, 20, 1).read("b", "1").put("a", "1"),
		did("w2", 1, 20, 2).read("a", "1").put("b", "1"),
	}, false, Circular, Circular, Circular},
	{"an event that read what came after it", []*Event{
		did("w0", 1, 2, 1).put("a", "0"),
		did("w1", 3, 20, 2).read("a", "2").put("a", "1"),
		did("w2", 3, 20, 3).put("a", "2"),
	}, false, Circular, Circular, Circular},
	{"an event that read what it wrote", []*Event{
		did("w1", 3, 20, 2).read("a", "1").put("a", "1"),
	}, true, Circular, Circular, Circular},
	{"an event that read and wrote, and then it was so again", []*Event{
		did("w0", 1, 2, 1).put("a", "0"),
		did("w1", 3, 4, 2).read("a", "0").put("a", "1"),
		did("w2", 5, 6, 3).put("a", "0"),
	}, false, "", "", ""},
	{"an unknown change that came after it was told", []*Event{
		did("w1", 1, 2, 1).put("a", "1"),
		{Client: "w2", Name: "w2", Call: 3, Return: 4, Outcome: Unknown, Version: NoVersion, Changes: map[string]Change{"a": Put("2")}},
		did("r1", 5, 6, 1).read("a", "1"),
		did("r2", 7, 8, 2).read("a", "2"),
	}, false, "", "", ""},
	{"versions against real time", []*Event{
		did("w1", 1, 2, 2).put("a", "1"),
		did("w2", 3, 4, 1).put("b", "1"),
	}, false, RealTime, RealTime, ""},
	{"nothing to do, and there was nothing to do", []*Event{
		did("w1", 1, 2, 1).put("a", "1"),
		did("w2", 3, 4, NoVersion).change("a", Change{Remove: []string{"2"}}),
		did("r", 5, 6, 1).read("a", "1"),
	}, false, "", "", ""},
	{"nothing to do, and there was something", []*Event{
		did("w1", 1, 2, 1).put("a", "1"),
		did("w2", 3, 4, NoVersion).change("a", Change{Remove: []string{"1"}}),
	}, true, "", "", ""},
	{"a foreign change that no event is about", []*Event{
		did("w1", 1, 2, 1).put("a", "1"),
		did("r", 5, 6, 2).read("a", "9"),
	}, true, ImpossibleRead, ImpossibleRead, ImpossibleRead},
}

func TestPlantedAnomalies(t *testing.T) {
	t.Parallel()
	for _, x := range planted {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			h := &History{Events: x.events}
			found, err := Registers(h, nil)
			require.NoError(t, err)
			require.Equal(t, x.registers, len(found) > 0, "%v", found)
			for _, v := range found {
				require.Equal(t, NotLinearizable, v.Anomaly)
				require.NotEmpty(t, v.Error())
			}
			for o, want := range map[IsolationOptions]Anomaly{
				{}:                         x.serializable,
				{Level: SnapshotIsolation}: x.snapshot,
				{Level: SnapshotIsolation, AnyTime: true}: x.timeless,
			} {
				found, err := Isolation(h, &o)
				require.NoError(t, err)
				if want == "" {
					require.Empty(t, found, "%v", o)
					continue
				}
				require.NotEmpty(t, found, "%v", o)
				require.Equal(t, want, found[0].Anomaly, "%v: %v", o, found)
				require.NotEmpty(t, found[0].Events)
				require.Contains(t, found[0].Error(), string(want))
			}
		})
	}
}

func TestHistoriesThatCannotBeJudged(t *testing.T) {
	t.Parallel()
	for name, events := range map[string][]*Event{
		"a name twice":         {did("w", 1, 2, 1), did("w", 3, 4, 2)},
		"back in time":         {did("w", 2, 1, 1)},
		"one version twice":    {did("w", 1, 2, 1).put("a"), did("v", 1, 2, 1).put("b")},
		"no outcome":           {did("w", 1, 2, 1).as("good")},
		"done, never answered": {did("w", 1, Never, 1)},
	} {
		_, err := Registers(&History{Events: events}, nil)
		require.Error(t, err, name)
		_, err = Isolation(&History{Events: events}, nil)
		require.Error(t, err, name)
	}
}
