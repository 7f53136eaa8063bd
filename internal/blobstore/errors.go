package blobstore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// An operation is one call of a Store, for its errors.
type operation struct {
	verb        string
	name        string // "" for a listing
	conditional bool   // a 412 means that the object exists
	writes      bool   // the bucket must exist: a 404 is no missing object
	flight      flight
}

// begin starts the operation's clock.
func (s *Store) begin(ctx context.Context, op *operation, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(s.track(ctx, op), d, &timeoutError{d})
}

// A timeoutError is the cause of a context that we ended, not the caller. To an
// SDK it is a time-out of the connection, after which it may repeat the request.
type timeoutError struct{ d time.Duration }

// Timeout implements [net.Error].
func (e *timeoutError) Timeout() bool { return true }

// Temporary implements [net.Error].
func (e *timeoutError) Temporary() bool { return true }

func (e *timeoutError) Error() string { return fmt.Sprintf("no definite answer within %v", e.d) }

func (e *timeoutError) Unwrap() error { return context.DeadlineExceeded }

// fail turns an SDK's error into one that says what was done to which object and
// that matches an error of the contract only if that is certain:
//
//   - nothing was sent, whatever the reason; or
//   - the service refused the request, and no earlier attempt of the same
//     operation had an unclear end.
func (s *Store) fail(ctx context.Context, op *operation, err error) error {
	if err == nil {
		return nil
	}
	reply := s.driver.Reply(err)
	class := s.class(ctx, op, reply, err)
	return &opError{
		msg:   fmt.Sprintf("%s: %s %s: %s", s.conf.Name, op.verb, s.show(op.name), s.explain(ctx, reply, class, err)),
		class: class,
		err:   err,
	}
}

func (s *Store) class(ctx context.Context, op *operation, reply Reply, err error) error {
	sent, unclear := op.flight.sent.Load() > 0, op.flight.unclear.Load() > 0
	switch {
	case reply.Credentials && !sent:
		return logstore.ErrPermission
	case reply.Status == 0 && callerGaveUp(ctx):
		return nil
	case reply.Status == 0 && !sent && notConnected(err):
		return logstore.ErrUnavailable
	case reply.Status == 0 || unclear && op.writes:
		return nil
	}
	return replyClass(op, reply)
}

// replyClass is the meaning of a single answer. Codes are read first: S3 puts
// expired tokens and unfinished bodies under 400.
func replyClass(op *operation, reply Reply) error {
	switch reply.Code {
	case "ConditionalRequestConflict": // S3, 409: another request on the same key was first; repeat
		return logstore.ErrUnavailable
	case "RequestTimeout", "SlowDown", "OperationAborted":
		return nil
	case "ExpiredToken", "InvalidToken", "TokenRefreshRequired", "ExpiredTokenException":
		return logstore.ErrPermission
	}
	switch reply.Status {
	case http.StatusPreconditionFailed:
		if op.conditional {
			return logstore.ErrExist
		}
	case http.StatusNotFound:
		if op.writes && op.verb != "delete" {
			return logstore.ErrRefused // there is no such bucket
		}
		return logstore.ErrNotExist
	case http.StatusUnauthorized, http.StatusForbidden:
		return logstore.ErrPermission
	case http.StatusInsufficientStorage:
		return logstore.ErrNoSpace
	case http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusPermanentRedirect,
		http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusGone, http.StatusLengthRequired,
		http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong, http.StatusUnsupportedMediaType,
		http.StatusUnprocessableEntity, http.StatusRequestHeaderFieldsTooLarge, http.StatusNotImplemented:
		return logstore.ErrRefused
	}
	return nil
}

// notConnected says that err comes from before a connection was there.
func notConnected(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	return errors.As(err, &op) && op.Op == "dial" || errors.As(err, &dns) || errors.As(err, &cert)
}

// callerGaveUp says that the operation ended because the caller's context did,
// not by a time-out of our own.
func callerGaveUp(ctx context.Context) bool {
	var ours *timeoutError
	return ctx.Err() != nil && !errors.As(context.Cause(ctx), &ours)
}

// explain says why, in one line, and what to do.
func (s *Store) explain(ctx context.Context, reply Reply, class, err error) string {
	var b strings.Builder
	switch {
	case reply.Status != 0:
		fmt.Fprintf(&b, "%d %s", reply.Status, strings.TrimSpace(reply.Code+" "+http.StatusText(reply.Status)))
		if reply.Message != "" {
			b.WriteString(": " + reply.Message)
		}
	case ctx.Err() != nil:
		b.WriteString(context.Cause(ctx).Error())
	default:
		b.WriteString(err.Error())
	}
	said := Redact(b.String()) // alone: a header that it holds ends where the line does
	b.Reset()
	if class != nil {
		b.WriteString(": " + class.Error())
	}
	switch {
	case errors.Is(class, logstore.ErrPermission) && s.conf.PermissionHint != "":
		b.WriteString("; " + s.conf.PermissionHint)
	case reply.Status == http.StatusMovedPermanently, reply.Code == "AuthorizationHeaderMalformed":
		b.WriteString("; the bucket is probably in another region: set AWS_REGION to it")
	case reply.Status == http.StatusNotFound && reply.Code != "NoSuchUpload" && errors.Is(class, logstore.ErrRefused):
		b.WriteString("; the bucket does not exist: create it first")
	}
	return said + b.String()
}

// An opError is a failed operation. Its text is fixed and free of secrets.
type opError struct {
	msg   string
	class error // of package logstore, or nil
	err   error // of the SDK
}

func (e *opError) Error() string { return e.msg }

func (e *opError) Unwrap() []error {
	if e.class == nil {
		return []error{e.err}
	}
	return []error{e.class, e.err}
}

// GoString keeps %#v from printing what Error leaves out.
func (e *opError) GoString() string { return e.msg }

var (
	secretParam  = regexp.MustCompile(`(?i)((?:x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential)|sig|signature|access_token|refresh_token|id_token|assertion|client_secret|awsaccesskeyid)["']?\s*[=:]\s*["']?)[^\s&"',;<>]+`)
	secretHeader = regexp.MustCompile(`(?i)(authorization["']?\s*[=:]\s*)[^\r\n"]+|(bearer\s+)[A-Za-z0-9._~+/=-]+`)
	secretUser   = regexp.MustCompile(`(://)[^/@\s"]+@`)
	secretKeyID  = regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b`)
	secretToken  = regexp.MustCompile(`\bya29\.[A-Za-z0-9._-]+`)
)

// Redact removes what looks like a credential from a message: signatures and
// tokens in URLs and headers, user names and passwords in URLs, access key ids.
func Redact(s string) string {
	s = secretUser.ReplaceAllString(s, "${1}***@")
	s = secretHeader.ReplaceAllString(s, "${1}${2}***")
	s = secretParam.ReplaceAllString(s, "${1}***")
	s = secretKeyID.ReplaceAllString(s, "***")
	return secretToken.ReplaceAllString(s, "***")
}
