// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

// Command inner is the first process of the machine with the nested virtualization:
// it makes that a host as ArcBox expects it, carries out the plan, and powers off.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"arcbox.dev/ci/nested/plan"
)

func main() {
	if err := prepare(); err != nil {
		fmt.Printf("%spreparing the machine: %v\n", plan.Failed, err)
	} else if err := work(); err != nil {
		fmt.Printf("%sreading the plan: %v\n", plan.Failed, err)
	}
	fmt.Println(plan.Done)
	syscall.Sync()
	_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
	select {} // the first process must not end
}

// work carries out the plan.
func work() error {
	text, err := os.ReadFile(plan.Path)
	if err != nil {
		return err
	}
	var p plan.Plan
	if err := json.Unmarshal(text, &p); err != nil {
		return err
	}
	for _, s := range p.Steps {
		fmt.Printf("%s%s\n", plan.Begin, s.Name)
		begin := time.Now()
		err := do(s, p.Env)
		took := time.Since(begin).Round(100 * time.Millisecond)
		if err != nil {
			fmt.Printf("%s%s after %v: %v\n", plan.Failed, s.Name, took, err)
			continue
		}
		fmt.Printf("%s%s in %v\n", plan.Passed, s.Name, took)
	}
	return nil
}

func do(s plan.Step, env []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.Limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.Args[0], s.Args[1:]...)
	cmd.Dir, cmd.Env = s.Dir, append(append([]string{}, env...), s.Env...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stdout
	cmd.WaitDelay = 5 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err := cmd.Run()
	reap()
	if ctx.Err() != nil {
		return fmt.Errorf("it took longer than %v", s.Limit)
	}
	return err
}

// reap collects what has become the first process's child.
func reap() {
	for {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if pid <= 0 || err != nil {
			return
		}
	}
}

// prepare mounts, loads KVM, and makes the root one that programs may pivot away from.
func prepare() error {
	syscall.Umask(0)
	if err := leaveRootfs(); err != nil {
		return fmt.Errorf("leaving the first root: %w", err)
	}
	for _, m := range []struct{ kind, at, data string }{
		{"proc", "/proc", ""}, {"sysfs", "/sys", ""}, {"devtmpfs", "/dev", ""}, {"devpts", "/dev/pts", "ptmxmode=0666"},
		{"tmpfs", "/dev/shm", "mode=1777"}, {"tmpfs", "/run", "mode=755"}, {"tmpfs", "/tmp", "mode=1777"}, {"cgroup2", "/sys/fs/cgroup", ""}, {"tracefs", "/sys/kernel/tracing", ""},
	} {
		if err := os.MkdirAll(m.at, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(m.kind, m.at, m.kind, 0, m.data); err != nil {
			return fmt.Errorf("mounting %s: %w", m.at, err)
		}
	}
	if err := os.Symlink("/proc/self/fd", "/dev/fd"); err != nil && !os.IsExist(err) {
		return err
	}
	syscall.Umask(0o022)
	list, err := os.ReadFile("/etc/arcbox/modules")
	if err != nil {
		return err
	}
	for _, path := range strings.Fields(string(list)) {
		if err := load(path); err != nil {
			return fmt.Errorf("loading %s: %w", path, err)
		}
	}
	// As distributions have it: the group kvm, which here is everybody.
	return os.Chmod("/dev/kvm", 0o666)
}

// leaveRootfs puts a mount of the first root in its place: pivot_root(2) refuses to
// leave the first one.
func leaveRootfs() error {
	const at = "/root-of-machine"
	if err := os.Mkdir(at, 0o755); err != nil {
		return err
	}
	if err := syscall.Mount("/", at, "", syscall.MS_BIND, ""); err != nil {
		return err
	}
	if err := syscall.Chdir(at); err != nil {
		return err
	}
	if err := syscall.Mount(".", "/", "", syscall.MS_MOVE, ""); err != nil {
		return err
	}
	if err := syscall.Chroot("."); err != nil {
		return err
	}
	return syscall.Chdir("/")
}
