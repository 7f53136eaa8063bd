package sdk

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// bucketName is the bucket that every server has.
const bucketName = "tables"

// s3Cloud speaks as much of S3 as the driver uses, path-style.
type s3Cloud struct {
	// repeats says that a completion may be repeated and is answered alike, as S3
	// does for a while; else the upload is not found.
	repeats bool
	// pages limits the entries of a page. 0: as many as asked for.
	pages int
}

func (s3Cloud) name() string { return "s3" }

func (c s3Cloud) parse(r *http.Request, _ []byte) (*request, *answer) {
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/")
	b, escaped, _ := strings.Cut(path, "/")
	key, err := url.PathUnescape(escaped)
	form := r.URL.Query()
	req := &request{key: key, form: form, upload: form.Get("uploadId"), bearer: r.Header.Get("X-Amz-Security-Token")}
	if err != nil || b != bucketName {
		return nil, c.refuse(req, http.StatusNotFound, "NoSuchBucket")
	}
	if strings.Contains(r.Header.Get("Content-Encoding"), "aws-chunked") {
		return nil, c.refuse(req, http.StatusNotImplemented, "NotImplemented")
	}
	switch {
	case r.Method == http.MethodGet && key == "":
		req.verb, req.key = verbList, form.Get("prefix")
	case r.Method == http.MethodGet:
		req.verb = verbGet
	case r.Method == http.MethodHead:
		req.verb = verbStat
	case r.Method == http.MethodPut && req.upload != "":
		req.verb = verbPart
		req.part, _ = strconv.Atoi(form.Get("partNumber"))
	case r.Method == http.MethodPut:
		req.verb = verbPut
	case r.Method == http.MethodPost && form.Has("uploads"):
		req.verb = verbCreate
	case r.Method == http.MethodPost && req.upload != "":
		req.verb = verbComplete
	case r.Method == http.MethodDelete && req.upload != "":
		req.verb = verbAbort
	case r.Method == http.MethodDelete:
		req.verb = verbDelete
	default:
		return nil, c.refuse(req, http.StatusNotImplemented, "NotImplemented")
	}
	return req, nil
}

func (c s3Cloud) apply(b *bucket, r *request) *answer {
	ifAbsent := r.http.Header.Get("If-None-Match") == "*"
	switch r.verb {
	case verbList:
		return c.list(b, r)
	case verbGet, verbStat:
		return c.get(b, r)
	case verbPut:
		o := b.put(r.process, r.key, r.body, s3Metadata(r.http.Header), ifAbsent)
		if o == nil {
			return c.refuse(r, http.StatusPreconditionFailed, "PreconditionFailed")
		}
		return &answer{http.StatusOK, http.Header{"Etag": {o.etag()}}, nil}
	case verbDelete:
		b.delete(r.process, r.key)
		return &answer{http.StatusNoContent, http.Header{}, nil}
	case verbCreate:
		u := &upload{
			id: fmt.Sprintf("upload-%d", b.next()), key: r.key, process: r.process,
			meta: s3Metadata(r.http.Header), parts: map[int][]byte{}, tags: map[int]string{},
		}
		b.uploads[u.id] = u
		return xmlAnswer(fmt.Sprintf(`<InitiateMultipartUploadResult><Bucket>%s</Bucket><Key>%s</Key><UploadId>%s</UploadId></InitiateMultipartUploadResult>`,
			bucketName, escape(r.key), u.id))
	}
	u := b.uploads[r.upload]
	if u == nil || u.key != r.key || u.state == uploadAborted || u.state == uploadDone && !(c.repeats && r.verb == verbComplete) {
		return c.refuse(r, http.StatusNotFound, "NoSuchUpload")
	}
	switch r.verb {
	case verbPart:
		u.parts[r.part] = r.body
		u.tags[r.part] = fmt.Sprintf(`"part-%d"`, b.next())
		return &answer{http.StatusOK, http.Header{"Etag": {u.tags[r.part]}}, nil}
	case verbAbort:
		u.state = uploadAborted
		return &answer{http.StatusNoContent, http.Header{}, nil}
	}
	return c.complete(b, r, u, ifAbsent)
}

func (c s3Cloud) complete(b *bucket, r *request, u *upload, ifAbsent bool) *answer {
	if u.state == uploadDone {
		return completed(u.final)
	}
	var list struct {
		Part []struct {
			PartNumber int
			ETag       string
		}
	}
	if err := xml.Unmarshal(r.body, &list); err != nil || len(list.Part) == 0 {
		return c.refuse(r, http.StatusBadRequest, "MalformedXML")
	}
	var whole []byte
	for i, p := range list.Part {
		if u.tags[p.PartNumber] != p.ETag || p.PartNumber != i+1 {
			return c.refuse(r, http.StatusBadRequest, "InvalidPart")
		}
		if i+1 < len(list.Part) && len(u.parts[p.PartNumber]) < 5<<20 {
			return c.refuse(r, http.StatusBadRequest, "EntityTooSmall")
		}
		whole = append(whole, u.parts[p.PartNumber]...)
	}
	o := b.put(r.process, r.key, whole, u.meta, ifAbsent)
	if o == nil {
		return c.refuse(r, http.StatusPreconditionFailed, "PreconditionFailed")
	}
	u.state, u.final = uploadDone, o
	return completed(o)
}

func completed(o *object) *answer {
	return xmlAnswer(fmt.Sprintf(`<CompleteMultipartUploadResult><Bucket>%s</Bucket><Key>%s</Key><ETag>%s</ETag></CompleteMultipartUploadResult>`,
		bucketName, escape(o.key), escape(o.etag())))
}

func (c s3Cloud) get(b *bucket, r *request) *answer {
	o := b.objects[r.key]
	if o == nil {
		return c.refuse(r, http.StatusNotFound, "NoSuchKey")
	}
	if m := r.http.Header.Get("If-Match"); m != "" && m != o.etag() {
		return c.refuse(r, http.StatusPreconditionFailed, "PreconditionFailed")
	}
	h := http.Header{
		"Etag": {o.etag()}, "Last-Modified": {o.modified.UTC().Format(http.TimeFormat)}, "Accept-Ranges": {"bytes"},
		"Content-Type": {"application/octet-stream"},
	}
	for k, v := range o.meta {
		h.Set("X-Amz-Meta-"+k, v)
	}
	if r.verb == verbStat {
		h.Set("Content-Length", fmt.Sprint(len(o.data)))
		return &answer{http.StatusOK, h, nil}
	}
	return ranged(r.http.Header.Get("Range"), o, h, func() *answer { return c.refuse(r, http.StatusRequestedRangeNotSatisfiable, "InvalidRange") })
}

// ranged answers with the bytes of an object that a Range header asks for.
func ranged(header string, o *object, h http.Header, outside func() *answer) *answer {
	spec, ok := strings.CutPrefix(header, "bytes=")
	if !ok {
		return &answer{http.StatusOK, h, o.data}
	}
	from, to, _ := strings.Cut(spec, "-")
	start, err := strconv.Atoi(from)
	if err != nil || start >= len(o.data) {
		return outside()
	}
	end := len(o.data) - 1
	if n, err := strconv.Atoi(to); err == nil {
		end = min(n, end)
	}
	h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", start, end, len(o.data)))
	return &answer{http.StatusPartialContent, h, o.data[start : end+1]}
}

func (c s3Cloud) list(b *bucket, r *request) *answer {
	limit, err := strconv.Atoi(r.form.Get("max-keys"))
	if err != nil || limit > 1000 {
		limit = 1000
	}
	if c.pages > 0 {
		limit = min(limit, c.pages)
	}
	after := r.form.Get("start-after")
	if token := r.form.Get("continuation-token"); token != "" {
		after = strings.TrimPrefix(token, "after:")
	}
	p := b.list(r.form.Get("prefix"), after, r.form.Get("delimiter"), false, limit)
	var s strings.Builder
	fmt.Fprintf(&s, `<ListBucketResult><Name>%s</Name><Prefix>%s</Prefix><MaxKeys>%d</MaxKeys><KeyCount>%d</KeyCount><IsTruncated>%t</IsTruncated>`,
		bucketName, escape(r.form.Get("prefix")), limit, len(p.objects)+len(p.prefixes), p.next != "")
	if p.next != "" {
		fmt.Fprintf(&s, `<NextContinuationToken>after:%s</NextContinuationToken>`, escape(p.next))
	}
	for _, o := range p.objects {
		fmt.Fprintf(&s, `<Contents><Key>%s</Key><LastModified>%s</LastModified><ETag>%s</ETag><Size>%d</Size></Contents>`,
			escape(o.key), o.modified.UTC().Format(time.RFC3339), escape(o.etag()), len(o.data))
	}
	for _, d := range p.prefixes {
		fmt.Fprintf(&s, `<CommonPrefixes><Prefix>%s</Prefix></CommonPrefixes>`, escape(d))
	}
	s.WriteString(`</ListBucketResult>`)
	return xmlAnswer(s.String())
}

func (s3Cloud) refuse(r *request, status int, code string) *answer {
	h := http.Header{"Content-Type": {"application/xml"}}
	if raw, ok := strings.CutPrefix(code, rawBody); ok {
		return &answer{status, h, []byte(raw)}
	}
	if r != nil && r.verb == verbStat {
		return &answer{status, h, nil}
	}
	return &answer{status, h, []byte(`<?xml version="1.0" encoding="UTF-8"?>` + "\n<Error><Code>" + code + "</Code><Message>" + said(r) + "</Message></Error>")}
}

// said is the message of an error. It repeats the client's secret, as careless
// servers do.
func said(r *request) string {
	if r == nil || r.bearer == "" {
		return "said by the test"
	}
	return escape("said by the test; x-amz-security-token=" + strings.TrimPrefix(r.bearer, "Bearer "))
}

func xmlAnswer(s string) *answer {
	return &answer{http.StatusOK, http.Header{"Content-Type": {"application/xml"}}, []byte(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + s)}
}

func escape(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a Buffer takes all
	return b.String()
}

func s3Metadata(h http.Header) map[string]string {
	m := map[string]string{}
	for k, v := range h {
		if name, ok := strings.CutPrefix(k, "X-Amz-Meta-"); ok {
			m[strings.ToLower(name)] = slices.Clone(v)[0]
		}
	}
	return m
}
