package sdk

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A kind is a row of the fault table: when a fault can be, and the fault.
type kind struct {
	name  string
	cloud string // "": both
	verbs []string
	only  func(*request) bool // nil: always
	make  func(rng *rand.Rand, r *request) fault
}

// on says that the fault is one of requests with this verb.
func (k kind) on(c cloud, verb string) bool {
	return (k.cloud == "" || k.cloud == c.name()) && slices.Contains(k.verbs, verb)
}

// fits says that the fault can happen to the request.
func (k kind) fits(c cloud, r *request) bool {
	return k.on(c, r.verb) && (k.only == nil || k.only(r))
}

var (
	allVerbs   = []string{verbPut, verbGet, verbStat, verbList, verbDelete, verbCreate, verbPart, verbComplete, verbAbort, verbSession, verbChunk}
	writeVerbs = []string{verbPut, verbDelete, verbCreate, verbPart, verbComplete, verbAbort, verbSession, verbChunk}
	publishing = []string{verbPut, verbComplete, verbChunk}
	largeVerbs = []string{verbPart, verbComplete, verbCreate, verbAbort, verbChunk, verbSession} // of uploads in pieces
)

func always(f fault) func(*rand.Rand, *request) fault {
	return func(*rand.Rand, *request) fault { return f }
}

// between returns a time from a to b seconds.
func between(rng *rand.Rand, a, b int) time.Duration {
	return time.Duration(a*1000+rng.IntN((b-a)*1000)) * time.Millisecond
}

func conditional(r *request) bool {
	return r.http.Header.Get("If-None-Match") == "*" || r.form.Get("ifGenerationMatch") == "0"
}

// table is the fault table at the level of HTTP.
var table = []kind{
	{name: "dropped, not applied", verbs: allVerbs, make: always(dropBefore())},
	{name: "applied, answer lost", verbs: allVerbs, make: always(dropAfter())},
	{name: "applied, connection closed", verbs: allVerbs, make: always(closeAfter())},
	{name: "half-open, not applied", verbs: allVerbs, make: always(hangBefore())},
	{name: "half-open, applied", verbs: allVerbs, make: always(hangAfter())},
	{name: "late after a drop", verbs: writeVerbs, make: always(lateDrop())},
	{name: "late after a hang", verbs: writeVerbs, make: always(lateHang())},
	{name: "delivered twice", verbs: publishing, make: always(duplicate())},
	{name: "slow", verbs: allVerbs, make: func(rng *rand.Rand, _ *request) fault { return slow(between(rng, 1, 25)) }},
	{name: "slower than the time-outs", verbs: allVerbs, make: func(rng *rand.Rand, _ *request) fault { return slow(between(rng, 31, 90)) }},
	{name: "slow to act", verbs: allVerbs, make: func(rng *rand.Rand, _ *request) fault { return slowTo(between(rng, 20, 90)) }},
	{name: "500, not applied", verbs: allVerbs, make: always(statusBefore(500, "InternalError"))},
	{name: "500, applied", verbs: allVerbs, make: always(statusAfter(500, "InternalError"))},
	{name: "502, applied", verbs: allVerbs, make: always(statusAfter(502, "BadGateway"))},
	{name: "503 SlowDown, Retry-After", verbs: allVerbs, make: always(busy(503, "SlowDown"))},
	{name: "429, Retry-After", verbs: allVerbs, make: always(busy(429, "TooManyRequests"))},
	{name: "no access", verbs: allVerbs, make: always(statusBefore(403, "AccessDenied"))},
	{name: "body cut", verbs: []string{verbGet, verbList}, make: func(rng *rand.Rand, _ *request) fault { return cut(rng.IntN(400)) }},
	{name: "body stands still", verbs: []string{verbGet, verbList}, make: func(rng *rand.Rand, _ *request) fault { return stall(rng.IntN(400)) }},
	{name: "page: garbage", verbs: []string{verbList}, make: always(garbageBody(now))},
	{name: "page: empty", verbs: []string{verbList}, make: always(emptyBody(now))},
	{name: "page: half a document", verbs: []string{verbList}, make: always(halfBody())},
	{name: "page: sent twice", verbs: []string{verbList}, only: hasNextPage, make: always(fault{name: "page sent twice", edit: repeatPage})},
	{name: "page: the next one has no name", cloud: "s3", verbs: []string{verbList}, make: always(fault{name: "page without a token", edit: loseToken})},
	{name: "session: garbage", verbs: []string{verbCreate, verbSession}, make: always(garbageBody(now))},
	{name: "abort fails", cloud: "s3", verbs: []string{verbAbort}, make: always(statusBefore(500, "InternalError"))},

	{name: "409 ConditionalRequestConflict", cloud: "s3", verbs: []string{verbPut, verbComplete}, only: conditional, make: always(statusBefore(409, "ConditionalRequestConflict"))},
	{name: "400 RequestTimeout", cloud: "s3", verbs: allVerbs, make: always(statusBefore(400, "RequestTimeout"))},
	{name: "expired token", cloud: "s3", verbs: allVerbs, make: always(statusBefore(403, "ExpiredToken"))},
	{name: "expired token", cloud: "gcs", verbs: allVerbs, make: always(statusBefore(401, "authError"))},
	{name: "301 to another region", cloud: "s3", verbs: allVerbs, make: always(redirect(301, ""))},
	{name: "307 to another host", cloud: "s3", verbs: allVerbs, make: func(_ *rand.Rand, r *request) fault {
		return redirect(307, "http://elsewhere.s3.test"+r.http.URL.RequestURI())
	}},
	{name: "200 with an error", cloud: "s3", verbs: []string{verbComplete}, make: always(okWithError(never))},
	{name: "200 with an error, applied", cloud: "s3", verbs: []string{verbComplete}, make: always(okWithError(now))},
	{name: "completion: empty 200, not applied", cloud: "s3", verbs: []string{verbComplete}, make: always(emptyBody(never))},
	{name: "completion: empty 200", cloud: "s3", verbs: []string{verbComplete}, make: always(emptyBody(now))},
	{name: "completion: garbage 200, not applied", cloud: "s3", verbs: []string{verbComplete}, make: always(garbageBody(never))},
	{name: "upload is gone", cloud: "s3", verbs: []string{verbPart, verbComplete}, make: always(statusBefore(404, "NoSuchUpload"))},
	{name: "insert: empty 200", cloud: "gcs", verbs: []string{verbPut}, make: always(emptyBody(now))},
	{name: "insert: garbage 200, not applied", cloud: "gcs", verbs: []string{verbPut}, make: always(garbageBody(never))},
	{name: "308, chunk lost", cloud: "gcs", verbs: []string{verbChunk}, only: moreToCome, make: always(lostChunk())},
	{name: "503 amid a resumable upload", cloud: "gcs", verbs: []string{verbChunk}, make: always(statusAfter(503, "backendError"))},
	{name: "session is gone", cloud: "gcs", verbs: []string{verbChunk}, make: always(statusBefore(410, "gone"))},
}

// okWithError is S3's way to fail a completion after its headers were sent.
func okWithError(a applied) fault {
	const text = `<?xml version="1.0" encoding="UTF-8"?>` + "\n<Error><Code>InternalError</Code><Message>said by the test</Message></Error>"
	f := body("200 with an error", a, func([]byte) []byte { return []byte(text) })
	return f
}

// hasNextPage says that the request is one for a page that is not the first.
func hasNextPage(r *request) bool {
	return r.form.Get("continuation-token") != "" || r.form.Get("pageToken") != ""
}

// repeatPage doubles the entries of a page, as a retried page does.
func repeatPage(r *request, a *answer) {
	a.header.Del("Content-Length")
	s := string(a.body)
	if from := strings.Index(s, "<Contents>"); from >= 0 {
		to := strings.LastIndex(s, "</Contents>") + len("</Contents>")
		a.body = []byte(s[:to] + s[from:to] + s[to:])
		return
	}
	if from := strings.Index(s, `"items":[{`); from >= 0 {
		from += len(`"items":[`)
		to := from + strings.Index(s[from:], "]")
		a.body = []byte(s[:to] + "," + s[from:to] + s[to:])
	}
}

// loseToken leaves a page that says that there is more, and not where.
func loseToken(_ *request, a *answer) {
	a.header.Del("Content-Length")
	a.body = bytes.Replace(a.body, []byte("<IsTruncated>false"), []byte("<IsTruncated>true"), 1)
	if i := bytes.Index(a.body, []byte("<NextContinuationToken>")); i >= 0 {
		end := []byte("</NextContinuationToken>")
		j := bytes.Index(a.body, end) + len(end)
		a.body = slices.Concat(a.body[:i], a.body[j:])
	}
}

// moreToCome says that a chunk is not the last.
func moreToCome(r *request) bool {
	return strings.HasSuffix(r.http.Header.Get("Content-Range"), "/*")
}

// lostChunk says that the upload goes on, and has kept nothing of the chunk.
func lostChunk() fault {
	return fault{
		name: "308, chunk lost", applied: never, answer: answerStatus, status: http.StatusOK, code: rawBody,
		header: map[string]string{"X-Http-Status-Code-Override": "308"},
	}
}
