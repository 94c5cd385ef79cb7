// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package container

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"arcbox.dev/guest/agent/process"
	"arcbox.dev/guest/agent/rpc"
)

// The conversation between the agent and Init: the agent sends the length of an
// ExecRequest, 32 bits big-endian, and the request. Init answers with events of one
// byte, and what belongs to each:
//
//	't'  a terminal's master side, as a descriptor
//	'x'  the container is made, execve is next
//	'e'  it failed: a byte for the kind, then text up to the end
//
// execve closes Init's side. So 'x' and then the end is success.
const (
	eventTerminal = 't'
	eventExec     = 'x'
	eventError    = 'e'
)

const (
	socketFD     = 3       // of Init
	maxMessage   = 8 << 20 // bytes; ttrpc's own limit is lower
	maxErrorText = 4 << 10 // bytes
)

// converse is the agent's part. It returns the terminal, if there is one; with an
// error too, if it came before.
func converse(conn *net.UnixConn, message []byte) (master *os.File, err error) {
	head := binary.BigEndian.AppendUint32(nil, uint32(len(message)))
	if _, err := conn.Write(append(head, message...)); err != nil {
		return nil, fmt.Errorf("sending container to its init: %w", err)
	}
	var events []byte
	buf, oob := make([]byte, 512), make([]byte, unix.CmsgSpace(4))
	for len(events) < maxErrorText {
		n, oobn, _, _, err := conn.ReadMsgUnix(buf, oob)
		if f := receivedFile(oob[:oobn]); f != nil {
			master = f
		}
		events = append(events, buf[:n]...)
		if errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) {
			break
		}
		if err != nil {
			return master, fmt.Errorf("waiting for container init: %w", err)
		}
	}
	return master, verdict(events)
}

// verdict makes an error, or nil, of all events of a container.
func verdict(events []byte) error {
	made := false
	for i, e := range events {
		switch e {
		case eventTerminal:
		case eventExec:
			made = true
		case eventError:
			if i+1 == len(events) || process.Kind(events[i+1]) > process.KindNotExecutable {
				return errors.New("container init failed")
			}
			return &process.StartError{Kind: process.Kind(events[i+1]), Err: errors.New(string(events[i+2:]))}
		default:
			return fmt.Errorf("container init says %q", e)
		}
	}
	if !made {
		return errors.New("container init ended before the container was made")
	}
	return nil
}

// receivedFile returns the descriptor in a control message, or nil.
func receivedFile(oob []byte) *os.File {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil
	}
	for i := range messages {
		if fds, err := unix.ParseUnixRights(&messages[i]); err == nil && len(fds) == 1 {
			unix.CloseOnExec(fds[0])
			if err := unix.SetNonblock(fds[0], true); err != nil {
				unix.Close(fds[0])
				return nil
			}
			return os.NewFile(uintptr(fds[0]), "terminal")
		}
	}
	return nil
}

// receiveRequest, sendEvent, sendTerminal and sendError are Init's part.
func receiveRequest() (*rpc.ExecRequest, error) {
	socket := os.NewFile(socketFD, "agent")
	var head [4]byte
	if _, err := io.ReadFull(socket, head[:]); err != nil {
		return nil, fmt.Errorf("reading container: %w", err)
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > maxMessage {
		return nil, fmt.Errorf("reading container: %d bytes", size)
	}
	message := make([]byte, size)
	if _, err := io.ReadFull(socket, message); err != nil {
		return nil, fmt.Errorf("reading container: %w", err)
	}
	req := new(rpc.ExecRequest)
	if err := req.Decode(message); err != nil {
		return nil, fmt.Errorf("decoding container: %w", err)
	}
	if req.Container == nil {
		return nil, errors.New("decoding container: there is none")
	}
	return req, nil
}

func sendEvent(event byte) error {
	_, err := unix.Write(socketFD, []byte{event})
	return err
}

func sendTerminal(master *os.File) error {
	return unix.Sendmsg(socketFD, []byte{eventTerminal}, unix.UnixRights(int(master.Fd())), nil, 0)
}

func sendError(err error) {
	text := err.Error()
	message := append([]byte{eventError, byte(process.KindOf(err))}, text[:min(len(text), maxErrorText/2)]...)
	unix.Write(socketFD, message)
}
