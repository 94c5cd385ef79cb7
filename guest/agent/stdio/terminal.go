// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package stdio

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// OpenTerminal makes a terminal of the devpts file system whose multiplexer is
// ptmx, and returns its two sides.
func OpenTerminal(ptmx string) (master, slave *os.File, err error) {
	fd, err := unix.Open(ptmx, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("opening %s: %w", ptmx, err)
	}
	master = os.NewFile(uintptr(fd), "terminal")
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		master.Close()
		return nil, nil, fmt.Errorf("unlocking terminal: %w", err)
	}
	peer, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		master.Close()
		return nil, nil, fmt.Errorf("opening terminal: %w", errno)
	}
	return master, os.NewFile(peer, "terminal"), nil
}

// SetSize sets the size in characters of a terminal, by its master side.
func SetSize(master *os.File, columns, rows uint16) error {
	err := control(master, func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: rows})
	})
	if err != nil {
		return fmt.Errorf("setting terminal size: %w", err)
	}
	return nil
}

// Resize sets the size of the process's terminal.
func (s *Stdio) Resize(columns, rows uint16) error {
	if s.terminal == nil {
		return fmt.Errorf("setting terminal size: the process has no terminal")
	}
	return SetSize(s.terminal, columns, rows)
}

// typeEOF types the character that ends input, where the terminal knows one.
func typeEOF(master *os.File) {
	var eof byte
	err := control(master, func(fd int) error {
		t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err == nil && t.Lflag&unix.ICANON != 0 {
			eof = t.Cc[unix.VEOF]
		}
		return err
	})
	if err == nil && eof != 0 {
		master.Write([]byte{eof})
	}
}

// control calls f with the descriptor, which stays non-blocking.
func control(file *os.File, f func(fd int) error) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	if err := raw.Control(func(fd uintptr) { result = f(int(fd)) }); err != nil {
		return err
	}
	return result
}
