// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

// Package stdio connects a process's standard input, output and error with the
// host: by pipes, or by a terminal.
//
// Bytes are moved by one goroutine a stream through buffers of fixed size, so
// either side's slowness holds up the other. What a process has written is
// delivered before its end is reported; a program that it left behind with its
// output open does not keep that from being reported.
package stdio

import (
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"arcbox.dev/guest/agent/streams"
	"arcbox.dev/guest/protocol"
)

// Linger is how long output stays connected after the end of the process, for
// others that still have it open.
const Linger = time.Second

// Stdio is the agent's side of a process's standard streams.
type Stdio struct {
	conns    streams.Set
	child    []*os.File // the process's side, until Started
	terminal *os.File   // its master side, if there is one

	input   *os.File // the pipe to the process
	outputs [2]*output
	inputs  sync.WaitGroup
	copies  sync.WaitGroup
}

// NewPipes makes pipes for a process, one for each connection in conns, and leaves
// the rest at /dev/null. The Stdio owns conns from then on, also after an error.
func NewPipes(conns streams.Set) (*Stdio, error) {
	s := &Stdio{conns: conns}
	for i, kind := range []protocol.Stream{protocol.Stdin, protocol.Stdout, protocol.Stderr} {
		if err := s.addPipe(i, conns[kind]); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

func (s *Stdio) addPipe(fd int, conn net.Conn) error {
	if conn == nil {
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			return fmt.Errorf("opening a process's streams: %w", err)
		}
		s.child = append(s.child, null)
		return nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("making a process's streams: %w", err)
	}
	theirs := w
	if fd == 0 {
		theirs = r
		s.input = w
	} else {
		s.outputs[fd-1] = newOutput(conn, r)
	}
	s.child = append(s.child, theirs)
	// Fewer changes between agent and process; the kernel's own size does too.
	unix.FcntlInt(theirs.Fd(), unix.F_SETPIPE_SZ, copySize)
	return nil
}

// Files returns the process's side, for file descriptors 0, 1 and 2.
func (s *Stdio) Files() []*os.File { return s.child }

// UseTerminal has the Stdio move bytes between the host and a terminal's master
// side in place of pipes. The process gets the slave side, unless that is nil
// because it opens one of its own. Both belong to the Stdio from then on.
func (s *Stdio) UseTerminal(master, slave *os.File) {
	s.terminal = master
	s.outputs[0] = newOutput(s.conns[protocol.Terminal], master)
	if slave != nil {
		s.closeChild()
		s.child = []*os.File{slave, slave, slave}
	}
}

// Started closes the process's side in the agent, so that the process alone has it
// open, and begins to move bytes.
func (s *Stdio) Started() {
	s.closeChild()
	for _, o := range s.outputs {
		if o != nil {
			s.copies.Go(o.copy)
		}
	}
	switch conn := s.conns[protocol.Terminal]; {
	case s.input != nil:
		s.inputs.Go(func() { feedPipe(s.input, s.conns[protocol.Stdin]) })
	case s.terminal != nil && conn != nil:
		s.inputs.Go(func() { feedTerminal(s.terminal, conn) })
	}
}

// Counts says how many bytes of output were written to the host.
type Counts struct {
	Stdout, Stderr uint64
}

// Finish is called when the process has ended. It delivers the rest of its output,
// closes everything and returns once that is done.
func (s *Stdio) Finish() Counts {
	late := time.AfterFunc(Linger, func() {
		for _, o := range s.outputs {
			if o != nil {
				o.cutOff()
			}
		}
	})
	s.copies.Wait()
	late.Stop()
	s.Close()
	s.inputs.Wait()
	var c Counts
	if o := s.outputs[0]; o != nil {
		c.Stdout = o.n
	}
	if o := s.outputs[1]; o != nil {
		c.Stderr = o.n
	}
	return c
}

// Close closes everything that is open. A Stdio that was not started needs it.
func (s *Stdio) Close() {
	s.closeChild()
	s.conns.Close()
	if s.input != nil {
		s.input.Close()
	}
	if s.terminal != nil {
		s.terminal.Close()
	}
	for _, o := range s.outputs {
		if o != nil {
			o.src.Close()
		}
	}
}

func (s *Stdio) closeChild() {
	for _, f := range s.child {
		f.Close()
	}
	s.child = nil
}

// Own makes the process's side belong to a user, who may want to open it again by
// way of /proc/self/fd. Only pipes and terminals change their owner.
func (s *Stdio) Own(uid uint32) error {
	for _, f := range s.child {
		if err := Own(int(f.Fd()), uid); err != nil {
			return err
		}
	}
	return nil
}

// Own does so for one descriptor.
func Own(fd int, uid uint32) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("reading a stream's owner: %w", err)
	}
	// Major 136 to 143 are the slave sides of terminals.
	slave := st.Mode&unix.S_IFMT == unix.S_IFCHR && unix.Major(st.Rdev) >= 136 && unix.Major(st.Rdev) <= 143
	if st.Uid == uid || st.Mode&unix.S_IFMT != unix.S_IFIFO && !slave {
		return nil
	}
	if err := unix.Fchown(fd, int(uid), -1); err != nil {
		return fmt.Errorf("changing a stream's owner: %w", err)
	}
	return nil
}
