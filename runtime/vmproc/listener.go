// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package vmproc

import (
	"context"
	"net"
	"os"
	"strconv"
	"sync"
)

// backlog is how many connections may wait to be accepted; more are closed.
const backlog = 128

// listener accepts what the VMM passes for one port.
type listener struct {
	p      *process
	port   uint32
	queue  chan *os.File
	done   chan struct{}
	finish sync.Once
}

func newListener(p *process, port uint32) *listener {
	return &listener{p: p, port: port, queue: make(chan *os.File, backlog), done: make(chan struct{})}
}

// deliver queues a connection; the process's mutex is held.
func (l *listener) deliver(file *os.File) {
	select {
	case l.queue <- file:
	default:
		file.Close()
	}
}

// end makes Accept return; the process's mutex is held, so no deliver follows the drain.
func (l *listener) end() {
	l.finish.Do(func() {
		close(l.done)
		for {
			select {
			case file := <-l.queue:
				file.Close()
			default:
				return
			}
		}
	})
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case file := <-l.queue:
		return connection(file)
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.p.mu.Lock()
	delete(l.p.listeners, l.port)
	l.end()
	l.p.mu.Unlock()
	l.p.do(context.Background(), &frame{Method: methodUnlisten, Port: l.port})
	return nil
}

func (l *listener) Addr() net.Addr { return portAddr(l.port) }

type portAddr uint32

func (portAddr) Network() string  { return "vsock" }
func (a portAddr) String() string { return "host:" + strconv.FormatUint(uint64(a), 10) }
