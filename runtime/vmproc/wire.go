// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

// Package vmproc runs each VM in a process of its own, arcbox-vmm, and is that VM
// to the rest of the runtime: Launcher is a hypervisor.Hypervisor whose VMs live
// behind a socket, and Serve is the other end of it.
//
// Consoles and vsock connections are handed over as descriptors, so no byte of
// theirs passes through the socket or through a second process.
//
// The socket is a Unix stream. A frame is a length of 4 bytes (little-endian)
// and so many bytes of JSON; a descriptor travels with the frame's first byte.
package vmproc

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"arcbox.dev/runtime/errdefs"
	"golang.org/x/sys/unix"
)

// maxFrame bounds a frame's JSON, in bytes.
const maxFrame = 8 << 20

// Methods of a request.
const (
	methodStart    = "start"
	methodPause    = "pause"
	methodResume   = "resume"
	methodStop     = "stop"
	methodKill     = "kill"
	methodWait     = "wait"
	methodDial     = "dial"     // the answer carries the connection
	methodListen   = "listen"   // connections follow as accepted events
	methodUnlisten = "unlisten" // ends listen
	methodConsole  = "console"  // the answer carries the reading end of a pipe
	methodInput    = "input"    // the answer carries the writing end of a pipe
	methodMemory   = "memory"
	methodSnapshot = "snapshot"
	methodStats    = "stats"
	methodCancel   = "cancel" // gives up the request whose id is in Target; no answer
	// methodConnected answers the connect event whose number is in Target, and
	// carries the connection; no answer.
	methodConnected = "connected"
)

// frame is a request (Method), an answer (ID alone) or an event (Event).
type frame struct {
	ID     uint64 `json:"id,omitempty"`
	Method string `json:"method,omitempty"`
	Event  string `json:"event,omitempty"` // one of those below

	Port   uint32          `json:"port,omitempty"`
	Target uint64          `json:"target,omitempty"`
	Bytes  uint64          `json:"bytes,omitempty"`
	Dir    string          `json:"dir,omitempty"`
	Path   string          `json:"path,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Err    *wireError      `json:"err,omitempty"`
}

// Events.
const (
	eventAccepted = "accepted" // brings a connection that the guest made to Port
	eventConnect  = "connect"  // asks for a connection to the Unix socket at Path
)

// wireError carries an error with its class and, where it has one, its errno.
type wireError struct {
	Class   string `json:"class,omitempty"`
	Problem string `json:"problem"`
	Remedy  string `json:"remedy,omitempty"`
	Errno   int    `json:"errno,omitempty"`
}

func toWire(err error) *wireError {
	if err == nil {
		return nil
	}
	w := &wireError{Class: errdefs.ClassOf(err), Problem: err.Error()}
	var e *errdefs.Error
	if errors.As(err, &e) && err == error(e) {
		w.Problem, w.Remedy = e.Problem(), e.Remedy
	}
	var errno unix.Errno
	if errors.As(err, &errno) {
		w.Errno = int(errno)
	}
	return w
}

func (w *wireError) error() error {
	if w == nil {
		return nil
	}
	err := errdefs.FromClass(w.Class, w.Problem, w.Remedy)
	if w.Errno != 0 {
		return &withErrno{err, unix.Errno(w.Errno)}
	}
	return err
}

// withErrno keeps an errno for errors.Is without printing it twice.
type withErrno struct {
	error
	errno unix.Errno
}

func (e *withErrno) Unwrap() []error { return []error{e.error, e.errno} }

// wire reads and writes frames.
type wire struct {
	conn *net.UnixConn
	wmu  sync.Mutex // one frame is written at a time
}

// send writes f, with file's descriptor where file is not nil. file stays the caller's.
func (w *wire) send(f *frame, file *os.File) error {
	body, err := json.Marshal(f)
	if err != nil {
		return err
	}
	if len(body) > maxFrame {
		return fmt.Errorf("a frame of %d bytes is too long", len(body))
	}
	msg := append(binary.LittleEndian.AppendUint32(nil, uint32(len(body))), body...)
	var oob []byte
	if file != nil {
		oob = unix.UnixRights(int(file.Fd()))
	}
	w.wmu.Lock()
	defer w.wmu.Unlock()
	n, _, err := w.conn.WriteMsgUnix(msg, oob, nil)
	if err == nil && n < len(msg) {
		_, err = w.conn.Write(msg[n:])
	}
	return err
}

// receive reads the next frame and its descriptor, which is the caller's, or nil.
func (w *wire) receive() (f *frame, file *os.File, err error) {
	defer func() {
		if err != nil && file != nil {
			file.Close()
		}
	}()
	var head [4]byte
	oob := make([]byte, unix.CmsgSpace(4*4)) // room for more than one, to close what is too much
	for n := 0; n < len(head); {
		m, oobn, _, _, err := w.conn.ReadMsgUnix(head[n:], oob)
		if err != nil {
			return nil, file, err
		}
		if m == 0 {
			return nil, file, io.EOF
		}
		if oobn > 0 {
			if file, err = oneFile(oob[:oobn], file); err != nil {
				return nil, file, err
			}
		}
		n += m
	}
	size := binary.LittleEndian.Uint32(head[:])
	if size > maxFrame {
		return nil, file, fmt.Errorf("a frame of %d bytes is too long", size)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(w.conn, body); err != nil {
		return nil, file, err
	}
	f = new(frame)
	if err := json.Unmarshal(body, f); err != nil {
		return nil, file, fmt.Errorf("reading a frame: %w", err)
	}
	return f, file, nil
}

// oneFile takes the descriptor out of control messages and closes any further one.
func oneFile(oob []byte, have *os.File) (*os.File, error) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return have, err
	}
	for _, m := range msgs {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			continue
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			if have != nil {
				unix.Close(fd)
				continue
			}
			unix.SetNonblock(fd, true) // so that closing the file ends a read or a write
			have = os.NewFile(uintptr(fd), "passed")
		}
	}
	return have, nil
}
