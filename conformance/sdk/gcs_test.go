package sdk

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// gcsHost is the name of the server, which uploads' addresses begin with.
const gcsHost = "http://gcs.test"

// gcsCloud speaks as much of Google's JSON API as the driver uses.
type gcsCloud struct {
	// pages limits the entries of a page. 0: as many as asked for.
	pages int
}

func (gcsCloud) name() string { return "gcs" }

func (c gcsCloud) parse(r *http.Request, body []byte) (*request, *answer) {
	form := r.URL.Query()
	req := &request{form: form, upload: form.Get("upload_id"), bearer: r.Header.Get("Authorization")}
	path := r.URL.EscapedPath()
	if rest, ok := strings.CutPrefix(path, "/upload/storage/v1/b/"+bucketName+"/o"); ok && rest == "" {
		req.key = form.Get("name")
		switch {
		case req.upload != "":
			req.verb = verbChunk
		case form.Get("uploadType") == "resumable":
			req.verb = verbSession
		default:
			req.verb = verbPut
		}
		return req, nil
	}
	rest, ok := strings.CutPrefix(path, "/storage/v1/b/"+bucketName+"/o")
	if !ok {
		return nil, c.refuse(req, http.StatusNotFound, "notFound")
	}
	key, err := url.PathUnescape(strings.TrimPrefix(rest, "/"))
	if err != nil {
		return nil, c.refuse(req, http.StatusBadRequest, "invalid")
	}
	req.key = key
	switch {
	case r.Method == http.MethodGet && rest == "":
		req.verb, req.key = verbList, form.Get("prefix")
	case r.Method == http.MethodGet && form.Get("alt") == "media":
		req.verb = verbGet
	case r.Method == http.MethodGet:
		req.verb = verbStat
	case r.Method == http.MethodDelete:
		req.verb = verbDelete
	default:
		return nil, c.refuse(req, http.StatusNotImplemented, "notImplemented")
	}
	return req, nil
}

func (c gcsCloud) apply(b *bucket, r *request) *answer {
	ifAbsent := r.form.Get("ifGenerationMatch") == "0"
	switch r.verb {
	case verbList:
		return c.list(b, r)
	case verbGet:
		return c.get(b, r)
	case verbStat:
		o := b.objects[r.key]
		if o == nil {
			return c.refuse(r, http.StatusNotFound, "notFound")
		}
		return jsonAnswer(resource(o))
	case verbDelete:
		if !b.delete(r.process, r.key) {
			return c.refuse(r, http.StatusNotFound, "notFound")
		}
		return &answer{http.StatusNoContent, http.Header{}, nil}
	case verbPut:
		meta, data, err := related(r.http.Header.Get("Content-Type"), r.body)
		if err != nil {
			return c.refuse(r, http.StatusBadRequest, "invalid")
		}
		return c.put(b, r, data, meta, ifAbsent)
	case verbSession:
		if ifAbsent && b.objects[r.key] != nil {
			return c.refuse(r, http.StatusPreconditionFailed, "conditionNotMet")
		}
		var m insertMetadata
		if err := json.Unmarshal(r.body, &m); err != nil {
			return c.refuse(r, http.StatusBadRequest, "invalid")
		}
		u := &upload{id: fmt.Sprintf("upload-%d", b.next()), key: r.key, process: r.process, meta: m.Metadata, conditional: ifAbsent}
		b.uploads[u.id] = u
		q := url.Values{"uploadType": {"resumable"}, "name": {r.key}, "upload_id": {u.id}}
		return &answer{http.StatusOK, http.Header{"Location": {gcsHost + "/upload/storage/v1/b/" + bucketName + "/o?" + q.Encode()}}, nil}
	}
	return c.chunk(b, r)
}

func (c gcsCloud) put(b *bucket, r *request, data []byte, m insertMetadata, ifAbsent bool) *answer {
	o := &object{data: data}
	if m.Crc32c != "" && m.Crc32c != crcText(o) {
		return c.refuse(r, http.StatusBadRequest, "invalid")
	}
	if o = b.put(r.process, r.key, data, m.Metadata, ifAbsent); o == nil {
		return c.refuse(r, http.StatusPreconditionFailed, "conditionNotMet")
	}
	return jsonAnswer(resource(o))
}

// chunk takes a piece of a resumable upload at its place: "bytes 0-99/*", or with
// the total at the end, "bytes */100" if nothing is left to be sent.
func (c gcsCloud) chunk(b *bucket, r *request) *answer {
	u := b.uploads[r.upload]
	if u == nil || u.state == uploadAborted {
		return c.refuse(r, http.StatusNotFound, "notFound")
	}
	if u.state == uploadDone { // the answer is repeated
		return jsonAnswer(resource(u.final))
	}
	span, total, _ := strings.Cut(strings.TrimPrefix(r.http.Header.Get("Content-Range"), "bytes "), "/")
	start := len(u.data)
	if from, _, ok := strings.Cut(span, "-"); ok {
		start, _ = strconv.Atoi(from)
	}
	if start > len(u.data) {
		return c.refuse(r, http.StatusServiceUnavailable, "backendError") // a hole: ask where to go on
	}
	u.data = append(u.data[:start:start], r.body...)
	if n, err := strconv.Atoi(total); err == nil {
		if n != len(u.data) {
			return c.refuse(r, http.StatusBadRequest, "invalid")
		}
		a := c.put(b, r, u.data, insertMetadata{Metadata: u.meta}, u.conditional)
		if a.status == http.StatusOK {
			u.state, u.final = uploadDone, b.objects[u.key]
		} else {
			u.state = uploadAborted
		}
		return a
	}
	return incomplete(r, len(u.data))
}

// incomplete says how much of an upload has arrived, in the way that the client
// asked for.
func incomplete(r *request, have int) *answer {
	h := http.Header{}
	if have > 0 {
		h.Set("Range", fmt.Sprintf("bytes=0-%d", have-1))
	}
	if r.http.Header.Get("X-GUploader-No-308") == "yes" {
		h.Set("X-Http-Status-Code-Override", "308")
		return &answer{http.StatusOK, h, nil}
	}
	return &answer{http.StatusPermanentRedirect, h, nil}
}

func (c gcsCloud) get(b *bucket, r *request) *answer {
	o := b.objects[r.key]
	if gen := r.form.Get("generation"); o == nil || gen != "" && gen != fmt.Sprint(o.gen) {
		return c.refuse(r, http.StatusNotFound, "notFound")
	}
	h := http.Header{
		"X-Goog-Generation": {fmt.Sprint(o.gen)}, "X-Goog-Metageneration": {"1"}, "X-Goog-Hash": {"crc32c=" + crcText(o)},
		"X-Goog-Stored-Content-Length": {fmt.Sprint(len(o.data))}, "X-Goog-Stored-Content-Encoding": {"identity"},
		"Last-Modified": {o.modified.UTC().Format(http.TimeFormat)}, "Content-Type": {"application/octet-stream"},
	}
	return ranged(r.http.Header.Get("Range"), o, h, func() *answer {
		return c.refuse(r, http.StatusRequestedRangeNotSatisfiable, "requestedRangeNotSatisfiable")
	})
}

func (c gcsCloud) list(b *bucket, r *request) *answer {
	limit, err := strconv.Atoi(r.form.Get("maxResults"))
	if err != nil || limit > 1000 {
		limit = 1000
	}
	if c.pages > 0 {
		limit = min(limit, c.pages)
	}
	after, inclusive := r.form.Get("startOffset"), true
	if token := r.form.Get("pageToken"); token != "" {
		after, inclusive = strings.TrimPrefix(token, "after:"), false
	}
	p := b.list(r.form.Get("prefix"), after, r.form.Get("delimiter"), inclusive, limit)
	out := map[string]any{"kind": "storage#objects"}
	if p.next != "" {
		out["nextPageToken"] = "after:" + p.next
	}
	items := []map[string]any{}
	for _, o := range p.objects {
		items = append(items, resource(o))
	}
	out["items"], out["prefixes"] = items, p.prefixes
	return jsonAnswer(out)
}

func (gcsCloud) refuse(r *request, status int, code string) *answer {
	h := http.Header{"Content-Type": {"application/json"}}
	if raw, ok := strings.CutPrefix(code, rawBody); ok {
		return &answer{status, h, []byte(raw)}
	}
	message := "said by the test"
	if r != nil && r.bearer != "" {
		message += "; authorization: " + r.bearer
	}
	a := jsonAnswer(map[string]any{"error": map[string]any{
		"code": status, "message": message, "errors": []map[string]any{{"reason": code, "message": message}},
	}})
	a.status = status
	return a
}

func jsonAnswer(v any) *answer {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return &answer{http.StatusOK, http.Header{"Content-Type": {"application/json"}}, data}
}

func resource(o *object) map[string]any {
	return map[string]any{
		"kind": "storage#object", "bucket": bucketName, "name": o.key, "size": fmt.Sprint(len(o.data)),
		"generation": fmt.Sprint(o.gen), "metageneration": "1", "metadata": o.meta, "crc32c": crcText(o), "etag": fmt.Sprint(o.gen),
		"updated": o.modified.UTC().Format(time.RFC3339Nano), "timeCreated": o.modified.UTC().Format(time.RFC3339Nano),
	}
}

func crcText(o *object) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, o.crc32c()))
}

// insertMetadata is what a client says about an object that it uploads.
type insertMetadata struct {
	Metadata map[string]string
	Crc32c   string
}

// related splits the body of an upload in one request.
func related(contentType string, body []byte) (m insertMetadata, data []byte, err error) {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return m, nil, err
	}
	r := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	about, err := r.NextPart()
	if err != nil {
		return m, nil, err
	}
	if err := json.NewDecoder(about).Decode(&m); err != nil {
		return m, nil, err
	}
	media, err := r.NextPart()
	if err != nil {
		return m, nil, err
	}
	data, err = io.ReadAll(media)
	return m, data, err
}
