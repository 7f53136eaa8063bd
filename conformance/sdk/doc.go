// Package sdk runs the real AWS and Google clients, under the drivers delta/s3 and
// delta/gcs, against servers in the same process that fail in every way in which
// the clouds do. Nothing above HTTP is replaced: signing, retries, multipart and
// resumable uploads and paging are the vendors' own code.
//
// Clients and servers are in one bubble of testing/synctest and talk over
// net.Pipe, so that time-outs and back-off take no time. A server keeps every
// request until a seeded scheduler chooses it, and a seeded fault with it: the
// request takes effect, never, later or twice, and the client is told the truth,
// something else or nothing.
//
// There are two kinds of tests. Directed ones play a single fault and name the row
// of the catalogue in docs. Histories are seeded: several writers and a reader,
// each attempt with a client of its own, lost writes sent again by new clients,
// processes that die; then the log, as the witness, is compared with what everybody
// was told, with a model of the rows at each version, and with the server's own
// record of what was done to its objects.
//
// What a seed fixes is the order in which requests take effect, the faults, the
// names and contents of objects and the library's own back-off. Not fixed are the
// Google client's jitter and which of several goroutines of one client is
// first where both become ready at the same time, so that a seed nearly always, but
// not always, gives the same history again.
package sdk
