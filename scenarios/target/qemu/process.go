// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package qemu

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"

	"arcbox.dev/runtime/events"
)

// vcpusEvent is QEMU's trace event for a change of the VM's state, and vcpusRun
// what it prints, on its standard error, when the vCPUs start.
const (
	vcpusEvent = "vm_state_notify"
	vcpusRun   = "vm_state_notify running 1"
)

// process is a running QEMU.
type process struct {
	pid     int
	console *output // what the guest writes
	stderr  *output
	done    chan struct{} // closed when it has ended
	err     error         // how, once it has
}

// start runs QEMU and returns it with our end of the agent's connection.
func start(program string, args []string) (*process, net.Conn, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("making the agent's connection: %w", err)
	}
	syscall.CloseOnExec(fds[0])
	syscall.CloseOnExec(fds[1])
	ours, theirs := os.NewFile(uintptr(fds[0]), "agent"), os.NewFile(uintptr(fds[1]), "agent")
	defer ours.Close()
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, nil, fmt.Errorf("making the agent's connection: %w", err)
	}
	p := &process{console: &output{}, stderr: &output{awaited: vcpusRun}, done: make(chan struct{})}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = p.console, p.stderr
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = attributes()
	started := make(chan error)
	go func() {
		// QEMU dies with the thread that started it, so that thread lives as long.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
		close(p.done)
	}()
	if err := <-started; err != nil {
		conn.Close()
		return nil, nil, fmt.Errorf("starting QEMU: %w", err)
	}
	p.pid = cmd.Process.Pid
	return p, conn, nil
}

// kill ends QEMU and waits for its end.
func (p *process) kill() {
	select {
	case <-p.done: // its number may be another process's by now
	default:
		_ = syscall.Kill(p.pid, syscall.SIGKILL) // it may have ended this moment
		<-p.done
	}
}

// why says how QEMU ended, with the last words of it and of the guest.
func (p *process) why() error {
	text := "QEMU ended"
	if p.err != nil {
		text += ": " + p.err.Error()
	}
	for _, o := range []*output{p.stderr, p.console} {
		if line := o.lastLine(); line != "" {
			text += ": " + line
		}
	}
	return errors.New(text)
}

// output keeps the last of what is written to it, and notes when a line that is
// awaited comes.
type output struct {
	awaited string

	mu   sync.Mutex
	tail []byte
	at   time.Duration // when awaited came, on the clock of events.Now; 0 before
}

// maxTail bounds what is kept, in bytes.
const maxTail = 4096

// Write never fails.
func (o *output) Write(b []byte) (int, error) {
	now := events.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tail = append(o.tail, b[max(0, len(b)-maxTail):]...)
	o.tail = o.tail[max(0, len(o.tail)-maxTail):]
	if o.awaited != "" && o.at == 0 && strings.Contains(string(o.tail), o.awaited) {
		o.at = now
	}
	return len(b), nil
}

// cameAt returns when the awaited line came, 0 if it has not.
func (o *output) cameAt() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.at
}

// lastLine returns the last line that is neither empty nor of the trace, printable.
func (o *output) lastLine() string {
	o.mu.Lock()
	text := string(o.tail)
	o.mu.Unlock()
	last := ""
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(strings.Map(func(r rune) rune {
			if unicode.IsPrint(r) {
				return r
			}
			return ' '
		}, line))
		if line != "" && !strings.HasPrefix(line, vcpusEvent) {
			last = line
		}
	}
	return last
}
