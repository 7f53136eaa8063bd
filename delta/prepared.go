package delta

import (
	"encoding/json"
	"fmt"

	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/writer"
)

// An operation is one of the writes.
type operation string

const (
	opAppend            operation = "append"
	opReplacePartitions operation = "replace-partitions"
	opReplaceWhere      operation = "replace-where"
	opOverwrite         operation = "overwrite"
	opReload            operation = "reload"
)

func (op operation) replaces() bool { return op != opAppend }

// A Prepared is a write whose files are complete, and that no commit names yet.
// It is plain data with a stable JSON form: another process may commit it, and
// may commit it any number of times, with one effect.
type Prepared struct {
	Format     int                `json:"format"` // 1
	TableID    string             `json:"tableId"`
	Operation  string             `json:"operation"`
	ReadAt     Version            `json:"readVersion"`
	Key        string             `json:"key"`
	KeyVersion int64              `json:"keyVersion"`
	Sequence   bool               `json:"sequence,omitempty"`
	After      *int64             `json:"after,omitempty"`
	OnReplay   txlog.ReplayPolicy `json:"onReplay"`
	RowsIn     int64              `json:"rowsIn"`
	// Schema is the table's schema that the files were written for, Evolved if it
	// has columns that the table had not; BaseSchema is what the table had then.
	Schema     string `json:"schema"`
	Evolved    bool   `json:"evolved,omitempty"`
	BaseSchema string `json:"baseSchema,omitempty"`
	// Create holds the protocol and the metaData action of a table that was not
	// there: the commit makes it, unless it is there by then.
	Create []json.RawMessage `json:"create,omitempty"`
	// Promises are what the table promised of rows when these were written and
	// checked, and Assigned the numbers that they got in identity columns.
	Promises []string          `json:"promises,omitempty"`
	Assigned []writer.Assigned `json:"assigned,omitempty"`
	// What is replaced.
	Declared  []Partition          `json:"declared,omitempty"`
	Dynamic   []map[string]*string `json:"dynamic,omitempty"` // by physical names
	Predicate string               `json:"predicate,omitempty"`
	MaxShrink float64              `json:"maxShrink,omitempty"`

	UserMetadata string            `json:"userMetadata,omitempty"`
	Files        []writer.DataFile `json:"files"`
}

const preparedFormat = 1

// key returns the idempotency key, nil if there is none.
func (p *Prepared) key() *txlog.Key {
	if p.Key == "" {
		return nil
	}
	return &txlog.Key{AppID: p.Key, Version: p.KeyVersion, Sequence: p.Sequence, After: p.After, OnReplay: p.OnReplay}
}

// define makes p one that makes the table that s defines.
func (p *Prepared) define(s *txlog.Snapshot) {
	for _, a := range []txlog.Action{s.Protocol(), s.Metadata()} {
		p.Create = append(p.Create, txlog.AppendAction(nil, a))
	}
}

// defined returns the table that p makes, before its version 0.
func (p *Prepared) defined(t *Table) (*txlog.Snapshot, error) {
	var lines []byte
	for _, a := range p.Create {
		lines = append(append(lines, a...), '\n')
	}
	c, err := txlog.ParseCommit(0, lines)
	if err != nil {
		return nil, fmt.Errorf("delta: prepared write: %w", err)
	}
	var proto *txlog.Protocol
	var meta *txlog.Metadata
	for _, a := range c.Actions {
		switch a := a.(type) {
		case *txlog.Protocol:
			proto = a
		case *txlog.Metadata:
			meta = a
		}
	}
	if proto == nil || meta == nil || meta.ID != p.TableID {
		return nil, fmt.Errorf("delta: prepared write: it does not define the table with id %s, which it makes", p.TableID)
	}
	return txlog.NewTable(t.store, proto, meta, t.loadOptions())
}

// MarshalBinary returns p as JSON.
func (p *Prepared) MarshalBinary() ([]byte, error) { return json.Marshal(p) }

// UnmarshalBinary reads what MarshalBinary made.
func (p *Prepared) UnmarshalBinary(data []byte) error {
	if err := json.Unmarshal(data, p); err != nil {
		return fmt.Errorf("delta: prepared write: %w", err)
	}
	if p.Format != preparedFormat {
		return fmt.Errorf("delta: prepared write has format %d, this release knows %d", p.Format, preparedFormat)
	}
	return nil
}
