package sim

import "fmt"

// reachable are the counters that must not be 0 after n histories of a tier: a
// fault that never strikes, or an outcome that nobody ever gets, is not tested.
// The number is how many histories it may take, with a wide margin.
var reachable = map[Tier]map[string]int{
	Log: {
		"fault F1": 200, "fault F2": 200, "fault F3": 500, "fault F4": 200, "fault F5": 300, "fault F6": 800, "fault F7": 1500,
		"fault F8": 800, "fault F9": 300, "fault F10": 200, "fault F11": 10_000, "fault F12": 800, "fault F14": 8000, "fault F15": 500,
		"fault F16": 100, "fault F17": 200, "fault F18": 100, "fault F19": 100, "fault F20": 300, "fault F21": 4000, "fault F22": 100,
		"fault F23": 500, "fault F26": 2000,
		"outcome committed": 50, "outcome already_applied": 50, "outcome no_op": 100, "outcome not_committed": 50, "outcome unknown": 8000,
		"outcome crashed": 200, "outcome recovered by read-back": 500, "outcome fenced": 300, "outcome key reuse": 100,
		"outcome retries exhausted": 10_000, "outcome table exists": 200, "outcome permission": 500,
		"outcome three rebases or more": 5000, "outcome planned again and committed": 500,
		"outcome gave up after conflicts":   100_000,
		"outcome conflict ConcurrentAppend": 500, "outcome conflict ConcurrentDeleteRead": 1500,
		"outcome conflict ConcurrentDeleteDelete": 8000, "outcome conflict MetadataChanged": 1500,
		"outcome conflict ProtocolChanged": 5000, "outcome conflict ConcurrentTransaction": 5000,
		"late commits": 8000, "outcome leapt over a clean-up": 15_000,
	},
	Parquet: {
		"fault F1": 50, "fault F2": 50, "fault F3": 200, "fault F4": 50, "fault F5": 200, "fault F6": 200, "fault F7": 900, "fault F8": 200,
		"fault F9": 100, "fault F10": 50, "fault F11": 900, "fault F12": 200, "fault F15": 150, "fault F16": 50, "fault F17": 50,
		"fault F18": 20, "fault F19": 20, "fault F20": 100, "fault F21": 500, "fault F22": 50, "fault F23": 150, "fault F24": 900, "fault F26": 500,
		"outcome committed": 10, "outcome already_applied": 20, "outcome no_op": 100, "outcome not_committed": 20, "outcome unknown": 900,
		"outcome crashed": 50, "outcome recovered by read-back": 200, "outcome fenced": 300, "outcome key reuse": 50, "outcome table exists": 100,
		"outcome gave up after conflicts": 500, "outcome committed in two steps": 20, "outcome three rebases or more": 900, "late commits": 900,
	},
}

// Unreached returns the counters that are 0 and should not be after so many
// histories.
func (c *Counts) Unreached(tier Tier) (missing []string) {
	for _, name := range sortedKeys(reachable[tier]) {
		if c.Histories >= reachable[tier][name] && c.get(name) == 0 {
			missing = append(missing, fmt.Sprintf("%s (of %d histories)", name, c.Histories))
		}
	}
	return missing
}

func (c *Counts) get(name string) int {
	var kind, id string
	for i := range name {
		if name[i] == ' ' {
			kind, id = name[:i], name[i+1:]
			break
		}
	}
	switch kind {
	case "fault":
		return c.Faults[id]
	case "outcome":
		return c.Outcomes[id]
	}
	return c.Late
}
