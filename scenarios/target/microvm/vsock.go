// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package microvm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// hybrid is a guest's vsock behind the unix socket of that path.
type hybrid string

// portSocket is the path on which the host listens for what the guest connects to a port.
func (h hybrid) portSocket(port uint32) string {
	return string(h) + "_" + strconv.FormatUint(uint64(port), 10)
}

// Dial connects to a port of the guest.
func (h hybrid) Dial(ctx context.Context, port uint32) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", string(h))
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("connecting to port %d of the guest: %w", port, err)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	_, err = fmt.Fprintf(conn, "CONNECT %d\n", port)
	if err == nil {
		err = readOK(conn)
	}
	if !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("connecting to port %d of the guest: %w", port, err)
	}
	return conn, nil
}

// maxReply bounds the monitor's answer: "OK" and a port of ten digits, in bytes.
const maxReply = 32

var errReply = errors.New("the monitor's answer is not OK")

// readOK reads the monitor's answer, "OK PORT\n", and nothing of what follows. A
// monitor ends the connection to a port on which nobody listens.
func readOK(r io.Reader) error {
	var line []byte
	for one := make([]byte, 1); len(line) < maxReply; {
		if _, err := io.ReadFull(r, one); err != nil {
			return fmt.Errorf("reading the monitor's answer: %w", err)
		}
		if one[0] != '\n' {
			line = append(line, one[0])
			continue
		}
		port, ok := strings.CutPrefix(string(line), "OK ")
		if _, err := strconv.ParseUint(port, 10, 32); !ok || err != nil {
			return errReply
		}
		return nil
	}
	return errReply
}
