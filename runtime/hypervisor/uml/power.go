// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package uml

import (
	"arcbox.dev/runtime/hypervisor/life"
	"encoding/binary"
	"fmt"
	"net"
	"path/filepath"

	"arcbox.dev/runtime/errdefs"
)

// UML's management console is a datagram socket (Documentation/virt/uml, "The UML
// Management Console"; arch/um/drivers/mconsole.h): a request is a magic, a
// version, a length and a command line of at most 512 bytes.
const (
	mconsoleMagic   = 0xcafebabe
	mconsoleVersion = 2
	mconsoleMax     = 512
)

// pressPower sends the guest ctrl-alt-del, on which its init powers off.
func (m *machine) pressPower() error {
	m.mu.Lock()
	proc := m.proc
	m.mu.Unlock()
	if proc == nil {
		return life.ErrNotRunning
	}
	socket := filepath.Join(fmt.Sprintf("/proc/%d/root", proc.cmd.Process.Pid), umlDir, m.cfg.ID, "mconsole")
	if proc.conf == ConfineLandlock {
		socket = filepath.Join(m.tempDir, m.cfg.ID, "mconsole")
	}
	return mconsole(socket, "cad")
}

// mconsole sends one command to the kernel. Its answer has no way out of the jail, and none is waited for.
func mconsole(socket, command string) error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return errdefs.New(errdefs.ErrUnavailable, "", "reaching the kernel's management console: %w", err)
	}
	defer conn.Close()
	req := make([]byte, 12+mconsoleMax)
	le := binary.LittleEndian
	le.PutUint32(req[0:], mconsoleMagic)
	le.PutUint32(req[4:], mconsoleVersion)
	le.PutUint32(req[8:], uint32(copy(req[12:], command)))
	_, err = conn.Write(req)
	return err
}
