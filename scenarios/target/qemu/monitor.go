// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package qemu

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// monitor is a connection to QEMU's monitor. It is used by one goroutine at a time,
// and of no more use once the context of a call has ended meanwhile.
type monitor struct {
	conn   net.Conn
	lines  *bufio.Scanner
	last   int       // request
	events []message // that came while something else was awaited
}

// maxEvents bounds the events that are kept: the first ones are enough.
const maxEvents = 64

func newMonitor(conn net.Conn) *monitor {
	m := &monitor{conn: conn, lines: bufio.NewScanner(conn)}
	m.lines.Buffer(nil, maxMessage)
	return m
}

func (m *monitor) close() { m.conn.Close() }

// greet has to come before any other command.
func (m *monitor) greet(ctx context.Context) error { return m.call(ctx, "qmp_capabilities", nil, nil) }

// call has QEMU execute a command, and decodes its result unless that is nil. The
// files are passed along.
func (m *monitor) call(ctx context.Context, command string, arguments, result any, files ...*os.File) error {
	stop := m.until(ctx)
	defer stop()
	m.last++
	err := m.send(request{command, arguments, m.last}, files)
	var answer message
	for err == nil && !answer.answers(m.last) {
		m.keep(answer)
		answer, err = m.receive()
	}
	switch {
	case err != nil:
	case answer.Error != nil:
		err = errors.New(answer.Error.Description)
	case result != nil:
		err = json.Unmarshal(answer.Return, result)
	}
	if err != nil {
		return fmt.Errorf("having QEMU execute %s: %w", command, err)
	}
	return nil
}

// await returns the first event of that name, from the beginning on, that is the
// one. It is not seen again.
func (m *monitor) await(ctx context.Context, name string, isIt func(eventData) bool) (eventData, error) {
	stop := m.until(ctx)
	defer stop()
	for {
		for i, e := range m.events {
			if e.Event == name && isIt(e.Data) {
				m.events = m.events[i+1:]
				return e.Data, nil
			}
		}
		m.events = nil
		next, err := m.receive()
		if err != nil {
			return eventData{}, fmt.Errorf("waiting for QEMU's event %s: %w", name, err)
		}
		m.keep(next)
	}
}

// keep keeps an event for await.
func (m *monitor) keep(e message) {
	if e.Event != "" && len(m.events) < maxEvents {
		m.events = append(m.events, e)
	}
}

// until has everything fail from the end of ctx on, until the function is called.
func (m *monitor) until(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = m.conn.SetDeadline(time.Unix(0, 0)) }) // it fails on a closed connection alone
}

// send writes a request, with the descriptors of the files.
func (m *monitor) send(r request, files []*os.File) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		_, err = m.conn.Write(append(line, '\n'))
		return err
	}
	var fds []int
	for _, f := range files {
		fds = append(fds, int(f.Fd()))
	}
	conn, ok := m.conn.(*net.UnixConn)
	if !ok {
		return errors.New("files go over a unix socket alone")
	}
	_, _, err = conn.WriteMsgUnix(append(line, '\n'), syscall.UnixRights(fds...), nil)
	return err
}

// receive reads one message.
func (m *monitor) receive() (message, error) {
	if !m.lines.Scan() {
		if err := m.lines.Err(); err != nil {
			return message{}, err
		}
		return message{}, io.ErrUnexpectedEOF
	}
	return parse(m.lines.Bytes())
}
