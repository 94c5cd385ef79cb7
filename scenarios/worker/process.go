// SPDX-License-Identifier: MIT OR Apache-2.0

package worker

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

const (
	// killLimit is how long a guard may take to kill all that is below it.
	killLimit = 15 * time.Second
	// outputDelay is how long a worker's output is waited for after its end.
	outputDelay = time.Second
)

// process is a worker's process, or rather its guard's.
type process struct {
	cmd      *exec.Cmd
	conn     net.Conn
	lifeline *os.File // the guard ends all when this is closed
	output   *tail

	replies chan reply    // closed when there will be no more
	broken  error         // why that is, once it is
	done    chan struct{} // closed when the process has ended
	err     error         // how, once it has

	leaving sync.Once
	left    chan struct{} // closed when nobody waits for replies any more
}

// spawn starts a process that is to become a worker.
func spawn(cfg Config) (*process, error) {
	conn, theirs, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("making a connection: %w", err)
	}
	defer theirs.Close()
	watched, lifeline, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("making a lifeline: %w", err), conn.Close())
	}
	defer watched.Close()

	p := &process{
		conn: conn, lifeline: lifeline, output: &tail{},
		replies: make(chan reply), done: make(chan struct{}), left: make(chan struct{}),
	}
	p.cmd = exec.Command(cfg.Program, cfg.Args...)
	p.cmd.Dir = cfg.Dir
	p.cmd.Env = append(append(os.Environ(), cfg.Env...), envRole+"="+roleGuard)
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.cmd.ExtraFiles = []*os.File{connFD - 3: theirs, lifelineFD - 3: watched}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a terminal's Ctrl-C is for the lab alone
	p.cmd.WaitDelay = outputDelay
	if err := cfg.Pinning.Start(p.cmd.Start); err != nil {
		return nil, errors.Join(fmt.Errorf("starting %s: %w", cfg.Program, err), conn.Close(), lifeline.Close())
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// socketPair returns two connected sockets, one to keep and one to hand over.
func socketPair() (net.Conn, *os.File, error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, err
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "worker"), os.NewFile(uintptr(fds[1]), "lab")
	defer ours.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return conn, theirs, nil
}

// greet waits for the worker's first message, then has its replies read.
func (p *process) greet(limit time.Duration) error {
	r := newReceiver(p.conn)
	var h hello
	err := p.conn.SetReadDeadline(time.Now().Add(limit))
	if err == nil {
		err = r.receive(&h)
	}
	if err == nil {
		err = p.conn.SetReadDeadline(time.Time{})
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("it said nothing within %v", limit)
	}
	if err != nil {
		return err
	}
	if h.Protocol != Protocol {
		return fmt.Errorf("it speaks version %d of the lab's protocol, this lab version %d: both must be built from revisions that go together", h.Protocol, Protocol)
	}
	go p.read(r)
	return nil
}

// read passes on replies until the connection ends or is left.
func (p *process) read(r receiver) {
	defer close(p.replies)
	for {
		var next reply
		if p.broken = r.receive(&next); p.broken != nil {
			return
		}
		select {
		case p.replies <- next:
		case <-p.left:
			p.broken = net.ErrClosed
			return
		}
	}
}

// leave ends the connection, so that the worker ends by itself, and kills it with
// all below it if it does not within the grace.
func (p *process) leave(grace time.Duration) error {
	p.disconnect()
	select {
	case <-p.done:
		return nil
	case <-time.After(grace):
		return p.kill()
	}
}

// kill ends the process and all below it at once. It may be called after leave.
func (p *process) kill() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have just ended
	p.disconnect()
	select {
	case <-p.done:
		return nil
	case <-time.After(killLimit):
	}
	// The guard is stuck, or the program has none.
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	select {
	case <-p.done:
		return nil
	case <-time.After(killLimit):
		return fmt.Errorf("process %d does not end", p.cmd.Process.Pid)
	}
}

// disconnect closes all that connects the lab with the process, once.
func (p *process) disconnect() {
	p.leaving.Do(func() {
		close(p.left)
		_ = p.conn.Close() // neither keeps anything that could be lost
		_ = p.lifeline.Close()
	})
}

// how says how the process ended, with its last words.
func (p *process) how() string {
	text := "exit status 0"
	if p.err != nil {
		text = p.err.Error()
	}
	if words := p.output.lastWords(); words != "" {
		text += ": " + words
	}
	return text
}
