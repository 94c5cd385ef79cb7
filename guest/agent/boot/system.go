// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package boot

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// maxFiles is the limit on open files of the agent, and the highest that others can
// have.
var maxFiles = unix.Rlimit{Cur: 524288, Max: 524288}

// RaiseLoopback gives the guest its address 127.0.0.1.
func RaiseLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("raising loopback: %w", err)
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("raising loopback: %w", err)
	}
	req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req); err != nil {
		return fmt.Errorf("raising loopback: %w", err)
	}
	return nil
}

// SetLimits sets the limits that processes inherit.
func SetLimits() error {
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &maxFiles); err != nil {
		return fmt.Errorf("setting limit on open files: %w", err)
	}
	return nil
}

// CatchPowerButton has the kernel send SIGINT to init for the power button and
// Ctrl-Alt-Del, instead of restarting at once (reboot(2)).
func CatchPowerButton() error {
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_OFF); err != nil {
		return fmt.Errorf("catching power button: %w", err)
	}
	return nil
}

// Parameter returns the value of a kernel parameter, "" if it is not there.
func Parameter(name string) (string, error) {
	line, err := read("/proc/cmdline")
	if err != nil {
		return "", fmt.Errorf("reading kernel parameters: %w", err)
	}
	return parameter(line, name), nil
}

// read reads a small file. It is part of every start, and does with fewer system
// calls than package os.
func read(path string) (string, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	var text []byte
	buf := make([]byte, 4096)
	for {
		n, err := unix.Read(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return "", err
		}
		if text = append(text, buf[:n]...); n < len(buf) {
			return string(text), nil // what these files have comes in one piece
		}
	}
}

// parameter returns the last value, which is the one that counts for the kernel.
func parameter(line, name string) string {
	value := ""
	for field := range strings.FieldsSeq(line) {
		if v, ok := strings.CutPrefix(field, name+"="); ok {
			value = v
		}
	}
	return value
}
