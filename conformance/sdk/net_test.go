package sdk

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// A network is the connections between the clients and the server of one bubble.
type network struct {
	accept chan net.Conn
	closed chan struct{}

	mu   sync.Mutex
	dead map[string]bool // processes that are gone
	open map[string][]net.Conn
}

func newNetwork() *network {
	return &network{accept: make(chan net.Conn), closed: make(chan struct{}), dead: map[string]bool{}, open: map[string][]net.Conn{}}
}

var errNoRoute = &net.OpError{Op: "dial", Net: "pipe", Err: errors.New("connection refused")}

// dialer returns how a process connects. Every address leads to the server.
func (n *network) dialer(process string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		client, server := net.Pipe()
		reset := new(atomic.Bool)
		n.mu.Lock()
		dead := n.dead[process]
		n.open[process] = append(n.open[process], client)
		n.mu.Unlock()
		if dead {
			return nil, errNoRoute
		}
		select {
		case n.accept <- &namedConn{server, process, reset}:
			return &clientConn{client, reset}, nil
		case <-n.closed:
			return nil, errNoRoute
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// kill ends a process as the network sees it.
func (n *network) kill(process string) {
	n.mu.Lock()
	n.dead[process] = true
	conns := n.open[process]
	n.mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
}

// isDead reports whether a process was killed.
func (n *network) isDead(process string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dead[process]
}

// A namedConn knows which process is at its other end.
type namedConn struct {
	net.Conn
	process string
	reset   *atomic.Bool
}

// A clientConn tells a connection that was reset from one that was closed.
type clientConn struct {
	net.Conn
	reset *atomic.Bool
}

func (c *clientConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == io.EOF && c.reset.Load() {
		err = &net.OpError{Op: "read", Net: "pipe", Err: syscall.ECONNRESET}
	}
	return n, err
}

// Accept implements [net.Listener].
func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.accept:
		return c, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (n *network) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	select {
	case <-n.closed:
	default:
		close(n.closed)
	}
	return nil
}

// Addr implements [net.Listener].
func (n *network) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }
