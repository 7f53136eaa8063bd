package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/deltalog/deltalog/conformance/model"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// nullPart is how null is spelled as a partition.
const nullPart = "__null__"

const schemaText = `{"type":"struct","fields":[` +
	`{"name":"id","type":"string","nullable":true,"metadata":{}},` +
	`{"name":"p","type":"string","nullable":true,"metadata":{}},` +
	`{"name":"n","type":"integer","nullable":true,"metadata":{}}]}`

func protocol(props map[string]string) *txlog.Protocol {
	p := &txlog.Protocol{MinReaderVersion: 1, MinWriterVersion: 2}
	if props["delta.enableInCommitTimestamps"] == "true" {
		p = &txlog.Protocol{MinReaderVersion: 1, MinWriterVersion: 7, WriterFeatures: []txlog.Feature{txlog.FeatureAppendOnly, txlog.FeatureInvariants, txlog.FeatureInCommitTimestamp}}
	}
	return p
}

func metadata(id string, props map[string]string) *txlog.Metadata {
	return &txlog.Metadata{
		ID: id, Format: txlog.Format{Provider: "parquet"}, SchemaString: schemaText,
		PartitionColumns: []string{"p"}, Configuration: props,
	}
}

// write commits a task's work, planning it again after conflicts.
func (wk *worker) write(ctx context.Context, t Task, rec *Record) {
	var look *txlog.Look
	for plan := range maxPlans {
		if plan > 0 {
			t.Stale = false
		}
		rec.Plans++
		err := wk.latest(ctx, t)
		if errors.Is(err, txlog.ErrTableNotFound) && t.Op.makes() {
			wk.snap, err = wk.absent(t)
			wk.loaded = time.Now()
		}
		if err != nil {
			rec.Err = err
			return
		}
		if t.Op == OpCreate {
			// A table whose first commits were cleaned up has no version 0, so that who
			// makes one has to look first.
			if rec.Err = txlog.ErrTableExists; wk.snap.Version() == txlog.NoVersion {
				wk.create(ctx, t, rec)
			}
			return
		}
		if t.Key != "" && look == nil {
			look = &txlog.Look{} // where there is no table there is nothing under the key
			if wk.snap.Version() != txlog.NoVersion {
				if look.Txn, err = wk.snap.Txn(ctx, t.Key); err != nil {
					rec.Err = err
					return
				}
			}
		}
		if t.plain() {
			// Without the library's key: this writer looks for itself.
			txn, err := wk.snap.Txn(ctx, t.Key)
			if err != nil {
				rec.Err = err
				return
			}
			if txn != nil && txn.Version >= t.Seq {
				wk.intend(t, rec)
				rec.State, rec.Err = txlog.AlreadyApplied, nil
				return
			}
		}
		in, files, err := wk.plan(ctx, t, rec)
		if err != nil {
			rec.Err = err
			return
		}
		if err := wk.stage(ctx, files); err != nil {
			rec.Err = err
			return
		}
		wk.commit(ctx, t, rec, in, files, look)
		if !errors.Is(rec.Err, txlog.ErrConflict) {
			return
		}
		wk.p.w.conflict(rec.Err)
	}
}

// absent is the table that the first write makes.
func (wk *worker) absent(t Task) (*txlog.Snapshot, error) {
	props := wk.p.w.plan.Table.Properties
	return txlog.NewTable(wk.p.store(), protocol(props), metadata(wk.p.newID(), props), &txlog.LoadOptions{Parallel: max(1, t.Parallel)})
}

// create makes the table without rows.
func (wk *worker) create(ctx context.Context, t Task, rec *Record) {
	props := wk.p.w.plan.Table.Properties
	in := wk.intend(t, rec)
	tx := txlog.BeginCreate(wk.p.store(), &txlog.TxnOptions{Operation: "CREATE TABLE", UserMetadata: in.ID, Env: wk.p.env()})
	tx.Add(protocol(props), metadata(wk.p.newID(), props))
	in.Token = tx.Token()
	wk.settle(rec, func() (*txlog.CommitResult, error) { return tx.Commit(ctx) })
}

// intend notes an intent before anything of it is sent.
func (wk *worker) intend(t Task, rec *Record) *Intent {
	in := &Intent{
		ID: "intent-" + wk.p.newID(), Task: rec.Task, Op: t.Op, Parts: t.Parts,
		Key: t.Key, Seq: t.Seq > 0, Number: t.number(), Policy: txlog.ReplayPolicy(t.Policy),
		Base: wk.base(), Level: txlog.Isolation(t.Isolate),
	}
	if t.Work != nil {
		in.Work, in.Policy = t.Work, workPolicy(t.Work)
		if k := t.Work.Kind; k == model.Create || k == model.AddColumn || k == model.Optimize {
			in.Key = ""
		}
	}
	if in.Level == "" && wk.snap != nil {
		in.Level = txlog.Isolation(wk.snap.Properties().IsolationLevel())
	}
	rec.Intents = append(rec.Intents, in.ID)
	w := wk.p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	w.intents[in.ID] = in
	return in
}

func (wk *worker) base() txlog.Version {
	if wk.snap == nil {
		return txlog.NoVersion
	}
	return wk.snap.Version()
}

// A file is a data file of the log-only tier.
type file struct {
	add  *txlog.AddFile
	data []byte
}

// newFile makes a file of rows of one partition.
func (wk *worker) newFile(part string, rows []Row, change bool) file {
	text := encodeRows(rows)
	id := wk.p.newID()
	name := fmt.Sprintf("p=%s/part-%s.parquet", part, id)
	var value *string
	if part != nullPart {
		value = &part
	}
	data := []byte(text + "\n")
	return file{&txlog.AddFile{
		Path: (&url.URL{Path: name}).EscapedPath(), PartitionValues: map[string]*string{"p": value}, Size: int64(len(data)),
		ModificationTime: wk.p.clock().UnixMilli(), DataChange: change,
		Stats: fmt.Sprintf(`{"numRecords":%d}`, len(rows)), Tags: map[string]string{"rows": text},
	}, data}
}

func encodeRows(rows []Row) string {
	var b strings.Builder
	for i, r := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(r.ID)
		b.WriteByte('=')
		b.WriteString(strconv.Itoa(r.N))
	}
	return b.String()
}

// decodeRows reads what encodeRows wrote, for a file of a partition.
func decodeRows(text, part string) (rows []Row) {
	for s := range strings.SplitSeq(text, ",") {
		id, n, ok := strings.Cut(s, "=")
		if !ok {
			continue
		}
		k, err := strconv.Atoi(n)
		if err != nil {
			continue
		}
		rows = append(rows, Row{id, part, k})
	}
	return rows
}

func partOf(values map[string]*string) string {
	if v := values["p"]; v != nil {
		return *v
	}
	return nullPart
}

// byPart makes files of rows, one for each partition.
func (wk *worker) byPart(rows []Row, change bool) (files []file) {
	parts := map[string][]Row{}
	for _, r := range rows {
		parts[r.P] = append(parts[r.P], r)
	}
	for _, p := range sortedKeys(parts) {
		files = append(files, wk.newFile(p, parts[p], change))
	}
	return files
}

// rows are those of a task: the same in every attempt.
func (t *Task) rows(task string) (rows []Row) {
	if t.Op == OpInsert { // natural keys, which several tasks share
		for i := range t.Rows {
			rows = append(rows, Row{ID: fmt.Sprintf("k%d", (t.Content+i)%7), P: t.Parts[0]})
		}
		return rows
	}
	if t.Key != "" {
		task = t.Key + "." + strconv.FormatInt(t.number(), 10) // all tasks with one content write the same
	}
	for i := range t.Rows {
		rows = append(rows, Row{ID: fmt.Sprintf("%s.%d", task, i), P: t.Parts[i%len(t.Parts)]})
	}
	return rows
}

// plan works out what the task does to the table as wk.snap shows it: the files to
// add, and in rec the intent.
func (wk *worker) plan(ctx context.Context, t Task, rec *Record) (*Intent, []file, error) {
	in := wk.intend(t, rec)
	in.Rows = t.rows(rec.Task)
	switch t.Op {
	case OpAppend, OpReplace, OpReload:
		return in, wk.byPart(in.Rows, true), nil
	case OpSchema:
		in.Property, in.Value = "sim.note", in.ID
		return in, nil, nil
	}
	live, err := wk.files(ctx)
	if err != nil {
		return nil, nil, err
	}
	var rows []Row
	for _, f := range live {
		if slices.Contains(t.Parts, partOf(f.PartitionValues)) {
			rows = append(rows, decodeRows(f.Tags["rows"], partOf(f.PartitionValues))...)
		}
	}
	switch t.Op {
	case OpUpdate:
		for i := range rows {
			rows[i].N++
		}
		return in, wk.byPart(rows, true), nil
	case OpOptimize:
		return in, wk.byPart(rows, false), nil
	case OpInsert:
		have := map[string]bool{}
		for _, f := range live {
			for _, r := range decodeRows(f.Tags["rows"], "") {
				have[r.ID] = true
			}
		}
		fresh := slices.DeleteFunc(slices.Clone(in.Rows), func(r Row) bool { return have[r.ID] })
		return in, wk.byPart(fresh, true), nil
	}
	return in, nil, nil // OpDelete
}

// files returns the live files, in the order of their paths.
func (wk *worker) files(ctx context.Context) (all []*txlog.AddFile, err error) {
	if wk.snap.Version() == txlog.NoVersion {
		return nil, nil
	}
	for f, err := range wk.snap.Files(ctx, nil) {
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b *txlog.AddFile) int { return strings.Compare(a.Path, b.Path) })
	return all, nil
}

// stage writes the data files. Their names are unique, so that one that exists
// is the attempt's own.
func (wk *worker) stage(ctx context.Context, files []file) error {
	for _, f := range files {
		name, err := url.PathUnescape(f.add.Path)
		if err != nil {
			return err
		}
		for range 3 {
			err = wk.p.store().Put(ctx, name, f.data, logstore.IfAbsent)
			if err == nil || errors.Is(err, logstore.ErrExist) || ctx.Err() != nil {
				break
			}
		}
		if err != nil && !errors.Is(err, logstore.ErrExist) {
			return err
		}
	}
	return nil
}

// commit commits what was planned.
func (wk *worker) commit(ctx context.Context, t Task, rec *Record, in *Intent, files []file, look *txlog.Look) {
	o := &txlog.TxnOptions{
		Operation: strings.ToUpper(string(t.Op)), UserMetadata: in.ID, Isolation: txlog.Isolation(t.Isolate),
		NewFiles: true, Env: wk.p.env(),
	}
	if t.Key != "" && !t.plain() {
		o.Key = &txlog.Key{AppID: t.Key, Version: t.number(), Sequence: t.Seq > 0, OnReplay: in.Policy, Look: look}
	}
	tx := wk.snap.Begin(o)
	in.Token = tx.Token()
	for _, f := range files {
		tx.Add(f.add)
	}
	if t.plain() {
		tx.Add(&txlog.SetTransaction{AppID: t.Key, Version: t.Seq})
	}
	match := func(values map[string]*string) bool { return slices.Contains(in.Parts, partOf(values)) }
	switch t.Op {
	case OpReplace:
		tx.ReplaceWhere(match)
	case OpReload:
		tx.ReplaceWhere(func(map[string]*string) bool { return true })
	case OpSchema:
		m := *wk.snap.Metadata()
		m.Configuration = withProperty(m.Configuration, in.Property, in.Value)
		tx.Add(&m)
		if p := wk.snap.Protocol(); p.MinWriterVersion < 7 && t.Variant%4 == 0 {
			tx.Add(&txlog.Protocol{MinReaderVersion: 1, MinWriterVersion: 7, WriterFeatures: []txlog.Feature{txlog.FeatureAppendOnly, txlog.FeatureInvariants}})
		}
	case OpDelete, OpUpdate, OpOptimize:
		tx.ReadWhere(func(f *txlog.AddFile) bool { return match(f.PartitionValues) })
		live, err := wk.files(ctx)
		if err != nil {
			rec.Err = err
			return
		}
		for _, f := range live {
			if match(f.PartitionValues) {
				tx.ReadFile(f.Path)
				tx.Add(f.Remove(wk.p.clock().UnixMilli(), t.Op != OpOptimize))
			}
		}
	case OpInsert:
		tx.ReadTable()
	}
	if t.Variant%3 != 0 {
		tx.Revalidate(func(s *txlog.Snapshot) error {
			if !slices.Equal(s.Metadata().PartitionColumns, []string{"p"}) {
				return errors.New("partitioned otherwise")
			}
			return nil
		})
	}
	wk.settle(rec, func() (*txlog.CommitResult, error) { return tx.Commit(ctx) })
}

// plain reports whether the writer records its place in a sequence by hand, as
// programs do that only know the protocol.
func (t *Task) plain() bool { return t.Seq > 0 && t.Op == OpAppend && t.Variant%3 == 0 }

// settle notes what the caller is told.
func (wk *worker) settle(rec *Record, commit func() (*txlog.CommitResult, error)) {
	res, err := commit()
	rec.State, rec.Version, rec.Recovered, rec.Err = res.State, res.Version, res.Recovered, err
	rec.Attempts += res.Attempts
	if res.State == txlog.Committed && res.Snapshot != nil {
		wk.snap, wk.loaded = res.Snapshot, time.Now()
	}
}

func withProperty(m map[string]string, k, v string) map[string]string {
	out := map[string]string{k: v}
	for n, x := range m {
		if n != k {
			out[n] = x
		}
	}
	return out
}

// lie is what a broken process makes of the bytes of a commit that it reads.
func (w *world) lie(p *proc, name string, data []byte) []byte {
	var hide string
	switch {
	case !isCommit(name):
		return data
	case w.broken == KeyBefore:
		hide = `{"txn":`
	case w.broken == StaleReplace:
		hide = `{"add":`
	case w.broken == NextVersion:
		return bytes.ReplaceAll(data, []byte(p.id+"-"), []byte("other-"))
	default:
		return data
	}
	var out []byte
	for line := range bytes.Lines(data) {
		if !bytes.HasPrefix(line, []byte(hide)) {
			out = append(out, line...)
		}
	}
	return out
}
