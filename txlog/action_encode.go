package txlog

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strconv"
	"unicode/utf8"
)

// EncodeActions returns the bytes of a commit: one line for each action, in
// order. Equal actions give equal bytes: maps are written in the order of their
// keys, absent optional fields are left out. Bytes of a string that are not
// UTF-8 become U+FFFD.
func EncodeActions(actions []Action) []byte {
	var dst []byte
	for _, a := range actions {
		dst = append(AppendAction(dst, a), '\n')
	}
	return dst
}

// AppendAction appends the JSON text of one action, without a line feed, and
// returns the extended buffer.
func AppendAction(dst []byte, a Action) []byte {
	e := encoder{b: dst}
	switch a := a.(type) {
	case *AddFile:
		e.line("add", func() { e.addFile(a) })
	case *RemoveFile:
		e.line("remove", func() { e.removeFile(a) })
	case *AddCDCFile:
		e.line("cdc", func() { e.cdcFile(a) })
	case *SetTransaction:
		e.line("txn", func() { e.setTransaction(a) })
	case *DomainMetadata:
		e.line("domainMetadata", func() { e.domainMetadata(a) })
	case *Protocol:
		e.line("protocol", func() { e.protocol(a) })
	case *Metadata:
		e.line("metaData", func() { e.metadata(a) })
	case *CommitInfo:
		e.line("commitInfo", func() { e.commitInfo(a) })
	case *CheckpointMetadata:
		e.line("checkpointMetadata", func() { e.checkpointMetadata(a) })
	case *Sidecar:
		e.line("sidecar", func() { e.sidecar(a) })
	default:
		// The interface is sealed: only a nil Action gets here.
		panic(fmt.Sprintf("txlog: AppendAction of %T", a))
	}
	return e.b
}

// An encoder appends JSON. A field that is called for is written; the caller
// leaves absent ones out.
type encoder struct {
	b    []byte
	some bool // the innermost object has a field already
}

func (e *encoder) line(name string, body func()) {
	e.b = append(e.b, `{"`...)
	e.b = append(e.b, name...)
	e.b = append(e.b, `":`...)
	e.object(body)
	e.b = append(e.b, '}')
}

func (e *encoder) object(body func()) {
	outer := e.some
	e.b, e.some = append(e.b, '{'), false
	body()
	e.b, e.some = append(e.b, '}'), outer
}

// key starts a field. Known names need no escaping.
func (e *encoder) key(k string) {
	e.comma()
	e.b = append(e.b, '"')
	e.b = append(e.b, k...)
	e.b = append(e.b, `":`...)
}

func (e *encoder) comma() {
	if e.some {
		e.b = append(e.b, ',')
	}
	e.some = true
}

func (e *encoder) text(k, v string) { e.key(k); e.b = appendText(e.b, v) }

func (e *encoder) textIf(k, v string) {
	if v != "" {
		e.text(k, v)
	}
}

func (e *encoder) integer(k string, v int64) { e.key(k); e.b = strconv.AppendInt(e.b, v, 10) }

func (e *encoder) integerIf(k string, v *int64) {
	if v != nil {
		e.integer(k, *v)
	}
}

func (e *encoder) boolean(k string, v bool) { e.key(k); e.b = strconv.AppendBool(e.b, v) }

// texts writes an object of strings.
func (e *encoder) texts(k string, m map[string]string) {
	e.key(k)
	e.object(func() {
		for _, n := range sortedKeys(m) {
			e.comma()
			e.b = append(appendText(e.b, n), ':')
			e.b = appendText(e.b, m[n])
		}
	})
}

func (e *encoder) textsIf(k string, m map[string]string) {
	if m != nil {
		e.texts(k, m)
	}
}

func (e *encoder) partitionValues(m map[string]*string) {
	e.key("partitionValues")
	e.object(func() {
		for _, n := range sortedKeys(m) {
			e.comma()
			e.b = append(appendText(e.b, n), ':')
			if v := m[n]; v == nil {
				e.b = append(e.b, "null"...)
			} else {
				e.b = appendText(e.b, *v)
			}
		}
	})
}

func sortedKeys[V any](m map[string]V) []string {
	if len(m) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}

func (e *encoder) list(k string, l []string) {
	e.key(k)
	e.b = append(e.b, '[')
	for i, v := range l {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		e.b = appendText(e.b, v)
	}
	e.b = append(e.b, ']')
}

func (e *encoder) features(k string, fs []Feature) {
	if fs == nil {
		return
	}
	l := make([]string, len(fs))
	for i, f := range fs {
		l[i] = string(f)
	}
	e.list(k, l)
}

// raw writes a JSON text as it is, and anything else as a string.
func (e *encoder) raw(k, v string) {
	e.comma()
	e.b = append(appendText(e.b, k), ':')
	if validJSON(v) {
		e.b = append(e.b, v...)
	} else {
		e.b = appendText(e.b, v)
	}
}

// validJSON reports whether v is one JSON value that can stand on a line.
func validJSON(v string) bool {
	for i := range len(v) {
		if v[i] == '\n' {
			return false
		}
	}
	s := scanner{b: []byte(v)}
	s.skip(0)
	s.end()
	return s.err == nil && utf8.ValidString(v)
}

func (e *encoder) addFile(a *AddFile) {
	e.text("path", a.Path)
	e.partitionValues(a.PartitionValues)
	e.integer("size", a.Size)
	e.integer("modificationTime", a.ModificationTime)
	e.boolean("dataChange", a.DataChange)
	e.textIf("stats", a.Stats)
	e.textsIf("tags", a.Tags)
	e.deletionVector(a.DeletionVector)
	e.integerIf("baseRowId", a.BaseRowID)
	e.integerIf("defaultRowCommitVersion", a.DefaultRowCommitVersion)
	e.textIf("clusteringProvider", a.ClusteringProvider)
}

func (e *encoder) removeFile(a *RemoveFile) {
	e.text("path", a.Path)
	e.integerIf("deletionTimestamp", a.DeletionTimestamp)
	e.boolean("dataChange", a.DataChange)
	if a.ExtendedFileMetadata {
		e.boolean("extendedFileMetadata", true)
	}
	if a.PartitionValues != nil {
		e.partitionValues(a.PartitionValues)
	}
	e.integerIf("size", a.Size)
	e.textIf("stats", a.Stats)
	e.textsIf("tags", a.Tags)
	e.deletionVector(a.DeletionVector)
	e.integerIf("baseRowId", a.BaseRowID)
	e.integerIf("defaultRowCommitVersion", a.DefaultRowCommitVersion)
}

func (e *encoder) cdcFile(a *AddCDCFile) {
	e.text("path", a.Path)
	e.partitionValues(a.PartitionValues)
	e.integer("size", a.Size)
	e.boolean("dataChange", a.DataChange)
	e.textsIf("tags", a.Tags)
}

func (e *encoder) deletionVector(d *DVDescriptor) {
	if d == nil {
		return
	}
	e.key("deletionVector")
	e.object(func() {
		e.text("storageType", d.StorageType)
		e.text("pathOrInlineDv", d.PathOrInlineDV)
		if d.Offset != nil {
			e.integer("offset", int64(*d.Offset))
		}
		e.integer("sizeInBytes", int64(d.SizeInBytes))
		e.integer("cardinality", d.Cardinality)
		e.integerIf("maxRowIndex", d.MaxRowIndex)
	})
}

func (e *encoder) setTransaction(a *SetTransaction) {
	e.text("appId", a.AppID)
	e.integer("version", a.Version)
	e.integerIf("lastUpdated", a.LastUpdated)
}

func (e *encoder) domainMetadata(a *DomainMetadata) {
	e.text("domain", a.Domain)
	e.text("configuration", a.Configuration)
	e.boolean("removed", a.Removed)
}

func (e *encoder) protocol(a *Protocol) {
	e.integer("minReaderVersion", int64(a.MinReaderVersion))
	e.integer("minWriterVersion", int64(a.MinWriterVersion))
	e.features("readerFeatures", a.ReaderFeatures)
	e.features("writerFeatures", a.WriterFeatures)
}

func (e *encoder) metadata(a *Metadata) {
	e.text("id", a.ID)
	e.textIf("name", a.Name)
	e.textIf("description", a.Description)
	e.key("format")
	e.object(func() {
		e.text("provider", a.Format.Provider)
		e.texts("options", a.Format.Options)
	})
	e.textIf("schemaString", a.SchemaString)
	e.list("partitionColumns", a.PartitionColumns)
	e.texts("configuration", a.Configuration)
	e.integerIf("createdTime", a.CreatedTime)
}

func (e *encoder) commitInfo(a *CommitInfo) {
	e.integerIf("inCommitTimestamp", a.InCommitTimestamp)
	e.integerIf("timestamp", a.Timestamp)
	e.textIf("operation", a.Operation)
	if a.OperationParameters != nil {
		e.key("operationParameters")
		e.object(func() {
			for _, k := range sortedKeys(a.OperationParameters) {
				e.raw(k, a.OperationParameters[k])
			}
		})
	}
	if a.ReadVersion != nil {
		e.integer("readVersion", int64(*a.ReadVersion))
	}
	e.textIf("isolationLevel", a.IsolationLevel)
	if a.IsBlindAppend != nil {
		e.boolean("isBlindAppend", *a.IsBlindAppend)
	}
	e.textsIf("operationMetrics", a.OperationMetrics)
	e.textIf("userMetadata", a.UserMetadata)
	e.textsIf("tags", a.Tags)
	e.textIf("engineInfo", a.EngineInfo)
	e.textIf("txnId", a.TxnID)
	for _, k := range sortedKeys(a.Other) {
		if !a.has(k) {
			e.raw(k, a.Other[k])
		}
	}
}

// has reports whether field k is written from its own place, so that one in
// Other would be a duplicate.
func (a *CommitInfo) has(k string) bool {
	switch k {
	case "inCommitTimestamp":
		return a.InCommitTimestamp != nil
	case "timestamp":
		return a.Timestamp != nil
	case "operation":
		return a.Operation != ""
	case "operationParameters":
		return a.OperationParameters != nil
	case "readVersion":
		return a.ReadVersion != nil
	case "isolationLevel":
		return a.IsolationLevel != ""
	case "isBlindAppend":
		return a.IsBlindAppend != nil
	case "operationMetrics":
		return a.OperationMetrics != nil
	case "userMetadata":
		return a.UserMetadata != ""
	case "tags":
		return a.Tags != nil
	case "engineInfo":
		return a.EngineInfo != ""
	case "txnId":
		return a.TxnID != ""
	}
	return false
}

func (e *encoder) checkpointMetadata(a *CheckpointMetadata) {
	e.integer("version", int64(a.Version))
	e.textsIf("tags", a.Tags)
}

func (e *encoder) sidecar(a *Sidecar) {
	e.text("path", a.Path)
	e.integer("sizeInBytes", a.SizeInBytes)
	e.integer("modificationTime", a.ModificationTime)
	e.textsIf("tags", a.Tags)
}

const hexDigits = "0123456789abcdef"

// appendText appends v as a JSON string.
func appendText(dst []byte, v string) []byte {
	dst = append(dst, '"')
	start, i := 0, 0
	for i < len(v) {
		if i+8 <= len(v) {
			x := binary.LittleEndian.Uint64([]byte(v[i : i+8]))
			m := special(x) | x&msb
			if m == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(m) >> 3
		}
		c := v[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(v[i:])
			if r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
			dst = append(append(dst, v[start:i]...), `\ufffd`...)
		} else {
			dst = appendEscape(append(dst, v[start:i]...), c)
		}
		i++
		start = i
	}
	dst = append(dst, v[start:]...)
	return append(dst, '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
