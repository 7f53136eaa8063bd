package fsck

import (
	"context"

	"github.com/deltalog/deltalog/txlog"
)

// A span collects what the commits of a compaction are about.
type span struct {
	compaction
	files              map[key]struct{}
	txns, domains      map[string]struct{}
	protocol, metadata bool
}

// open begins the spans of compactions that begin with v.
func (r *replayer) open(v txlog.Version) {
	for _, k := range r.c.log.compactions {
		if k.first == v {
			r.spans = append(r.spans, &span{compaction: k, files: map[key]struct{}{}, txns: map[string]struct{}{}, domains: map[string]struct{}{}})
		}
	}
}

func (r *replayer) mark(k key) {
	for _, s := range r.spans {
		s.files[k] = struct{}{}
	}
}

func (r *replayer) markOther(a txlog.Action) {
	for _, s := range r.spans {
		switch a := a.(type) {
		case *txlog.SetTransaction:
			s.txns[a.AppID] = struct{}{}
		case *txlog.DomainMetadata:
			s.domains[a.Domain] = struct{}{}
		case *txlog.Protocol:
			s.protocol = true
		case *txlog.Metadata:
			s.metadata = true
		}
	}
}

// compactions compares those that end with v with their commits.
//
// PROTOCOL.md, "Log Compaction Files".
func (r *replayer) compactions(ctx context.Context, v txlog.Version) error {
	var open []*span
	for _, s := range r.spans {
		if s.last != v {
			open = append(open, s)
			continue
		}
		data, err := r.c.readLog(ctx, s.obj.Name)
		if err != nil {
			return err
		}
		r.c.r.Checked.Compactions++
		cm, err := txlog.ParseCommit(v, data)
		if err != nil {
			r.c.add(CompactionBad, v, s.obj.Name, "%v", err)
			continue
		}
		if diffs := r.compare(s, cm); len(diffs) > 0 {
			r.c.add(CompactionDiffers, v, s.obj.Name, "commits %d to %d give other than it says: %s", s.first, s.last, joined(diffs))
		}
	}
	r.spans = open
	return nil
}

// compare says where a compaction is not what its commits give.
func (r *replayer) compare(s *span, cm *txlog.Commit) (diffs []string) {
	seen := map[key]bool{}
	var protocol, metadata bool
	txns, domains := 0, 0
	for _, a := range cm.Actions {
		switch a := a.(type) {
		case *txlog.AddFile:
			k := keyOf(r.c.fileName(a.Path)).with(a.DeletionVector)
			_, about := s.files[k]
			if f, live := r.s.live[k]; !about || !live {
				diffs = append(diffs, "it adds "+a.Path)
			} else if why := differs(f, r.c.liveOf(a)); why != "" {
				diffs = append(diffs, a.Path+" has another "+why)
			}
			seen[k] = true
		case *txlog.RemoveFile:
			k := keyOf(r.c.fileName(a.Path)).with(a.DeletionVector)
			if _, about := s.files[k]; !about || !has(r.s.tombs, k) {
				diffs = append(diffs, "it removes "+a.Path)
			}
			seen[k] = true
		case *txlog.SetTransaction:
			txns++
			if t := r.s.txns[a.AppID]; !has(s.txns, a.AppID) || t.Version != a.Version {
				diffs = append(diffs, "application "+a.AppID)
			}
		case *txlog.DomainMetadata:
			domains++
			if d := r.s.domains[a.Domain]; !has(s.domains, a.Domain) || d.Removed != a.Removed || d.Configuration != a.Configuration {
				diffs = append(diffs, "domain "+a.Domain)
			}
		case *txlog.Protocol:
			protocol = true
			if !s.protocol || !sameProtocol(a, r.s.protocol) {
				diffs = append(diffs, "protocol")
			}
		case *txlog.Metadata:
			metadata = true
			if !s.metadata || !sameMetadata(a, r.s.metadata) {
				diffs = append(diffs, "metadata")
			}
		}
	}
	lost := 0
	for k := range s.files {
		if !seen[k] {
			lost++
		}
	}
	if lost > 0 {
		diffs = append(diffs, plural(lost, "file action")+" of the commits it does not have")
	}
	if txns < len(s.txns) || domains < len(s.domains) || s.protocol && !protocol || s.metadata && !metadata {
		diffs = append(diffs, "it lacks a protocol, metadata, application or domain of the commits")
	}
	return diffs
}

func has[K comparable, V any](m map[K]V, k K) bool {
	_, ok := m[k]
	return ok
}
