// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package container

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"arcbox.dev/guest/agent/account"
	"arcbox.dev/guest/agent/process"
	"arcbox.dev/guest/agent/rpc"
	"arcbox.dev/guest/agent/stdio"
)

// softFiles is the limit on open files that a container's processes begin with.
const softFiles = 1024

// Init makes the container in which it runs and executes the user's program in it.
// It is what a program does that is called InitName, and does not return.
func Init() {
	// Credentials are a thread's own; the thread that has them calls execve.
	runtime.LockOSThread()
	unix.CloseOnExec(socketFD)
	sendError(become())
	os.Exit(1)
}

// become returns only if something failed.
func become() error {
	if len(os.Args) != 3 {
		return errors.New("container init: wrong arguments")
	}
	req, err := receiveRequest()
	if err != nil {
		return err
	}
	c := &creation{req: req, Container: req.Container, stage: os.Args[1], cgroup: os.Args[2]}
	if err := c.build(); err != nil {
		return err
	}
	args, env := req.Args, c.environment()
	if len(args) == 0 {
		return process.Invalid("no command")
	}
	if err := c.enterFolder(); err != nil {
		return err
	}
	if err := sendEvent(eventExec); err != nil {
		return err
	}
	return process.Exec(args[0], env, func(path string) error { return syscall.Exec(path, args, env) })
}

// creation is a container in the making.
type creation struct {
	*rpc.Container
	req           *rpc.ExecRequest
	stage, cgroup string
	account       account.Account
	extras        []tree
}

// build makes the container, step by step: what needs the guest's own files comes
// before enterRoot, what concerns the container's comes after.
func (c *creation) build() error {
	steps := []func() error{
		c.enterCgroup,
		c.mountRoot,
		c.takeExtras,
		c.takeResolvConf,
		c.enterRoot,
		c.mountSystem,
		c.attachExtras,
		c.setHostname,
		c.writeFiles,
		c.findAccount,
		c.openTerminal,
		c.makeFolder,
		c.hidePaths,
		c.sealRoot,
		c.setLimits,
		c.dropCapabilities,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// enterCgroup makes the container's cgroup the root of what its processes see.
func (c *creation) enterCgroup() error {
	if c.cgroup == "" {
		return nil
	}
	if err := os.WriteFile(c.cgroup+"/cgroup.procs", []byte("0"), 0); err != nil {
		return fmt.Errorf("entering cgroup: %w", err)
	}
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("making cgroup namespace: %w", err)
	}
	return nil
}

// hostname is Docker's default: the first 12 bytes of the container's id.
func (c *creation) hostname() string {
	if name := c.Hostname; name != "" {
		return name
	}
	id := c.ID
	return id[:min(len(id), 12)]
}

func (c *creation) setHostname() error {
	if err := unix.Sethostname([]byte(c.hostname())); err != nil {
		return process.Invalid("setting host name %q: %w", c.hostname(), err)
	}
	return nil
}

func (c *creation) findAccount() error {
	found, err := account.Find("", c.req.User)
	if err != nil {
		return process.Invalid("user %q: %w", c.req.User, err)
	}
	c.account = found
	return nil
}

// setLimits lowers the limit on open files to what select(2) can handle; programs
// that know better may raise it.
func (c *creation) setLimits() error {
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return fmt.Errorf("reading limit on open files: %w", err)
	}
	files.Cur = min(files.Max, softFiles)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return fmt.Errorf("setting limit on open files: %w", err)
	}
	return nil
}

// openTerminal gives the process a terminal of the container's own, if it wants one.
func (c *creation) openTerminal() error {
	size := c.req.Terminal
	if size == nil {
		return nil
	}
	master, slave, err := stdio.OpenTerminal("/dev/pts/ptmx")
	if err != nil {
		return err
	}
	defer master.Close()
	defer slave.Close()
	if err := stdio.SetSize(master, uint16(size.Columns), uint16(size.Rows)); err != nil {
		return err
	}
	if err := c.mountConsole(slave); err != nil {
		return err
	}
	for fd := range 3 {
		if err := unix.Dup3(int(slave.Fd()), fd, 0); err != nil {
			return fmt.Errorf("connecting terminal: %w", err)
		}
	}
	if err := unix.IoctlSetInt(0, unix.TIOCSCTTY, 0); err != nil {
		return fmt.Errorf("taking control of terminal: %w", err)
	}
	return sendTerminal(master)
}

// environment is the request's, behind Docker's defaults.
func (c *creation) environment() []string {
	defaults := []string{process.DefaultPath, "HOSTNAME=" + c.hostname()}
	if c.req.Terminal != nil {
		defaults = append(defaults, "TERM=xterm")
	}
	return process.Environment(c.req.Env, append(defaults, "HOME="+c.account.Home)...)
}
