// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/guest/agent/stdio"
	"arcbox.dev/guest/client"
)

// guestVariable tells this program that it is the init of a guest; its value is a
// folder for the root.
const guestVariable = "ARCBOX_TEST_GUEST"

// TestGuest runs the whole agent as the init of a guest that is made of namespaces,
// on a root like an initramfs, with a terminal in the place of a console port.
func TestGuest(t *testing.T) {
	if dir := os.Getenv(guestVariable); dir != "" {
		beGuest(dir)
	}
	if os.Getuid() != 0 {
		t.Skip("needs root: mounts what an init mounts")
	}
	for _, tt := range []struct {
		name   string
		reboot bool
		signal syscall.Signal // by which a PID namespace ends (reboot(2))
	}{
		{"power off", false, unix.SIGINT},
		{"reboot", true, unix.SIGHUP},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, guest := bootGuest(t)
			info, err := c.Info(t.Context())
			require.NoError(t, err)
			var steps []string
			for _, s := range info.Steps {
				steps = append(steps, s.Name)
			}
			require.Equal(t, []string{"modules", "prepared"}, steps)

			for script, want := range map[string]int{
				"exit 3": 3,
				"test $$ -ne 1 && test $(stat -f -c %T /dev/shm) = tmpfs && test -c /dev/null && test -d /sys/kernel && test -d /tmp": 0,
				"ip addr show lo 2>/dev/null | grep -q 127.0.0.1 || ifconfig lo | grep -q 127.0.0.1":                                  0,
				"(sleep 0.1 &); sleep 0.3; ! grep -qs '^State:.*Z' /proc/[0-9]*/status":                                               0, // orphans are reaped
			} {
				require.Equal(t, want, runIn(t, c, client.ExecConfig{Args: []string{"/bin/busybox", "sh", "-c", script}}), script)
			}
			root := client.Layer{Source: "/layer"}
			require.Equal(t, 4, runIn(t, c, client.ExecConfig{
				Args:      []string{"/bin/busybox", "sh", "-c", "test $$ -eq 1 && test ! -e /layer && exit 4"},
				Container: &client.Container{ID: fmt.Sprintf("arcbox-test-%d", os.Getpid()), Layers: []client.Layer{root}},
			}))

			_, err = c.Start(t.Context(), client.ExecConfig{Args: []string{"/bin/busybox", "sleep", "1000"}})
			require.NoError(t, err)
			require.NoError(t, c.Shutdown(t.Context(), client.Shutdown{Reboot: tt.reboot}))
			var exit *exec.ExitError
			require.True(t, errors.As(guest.Wait(), &exit))
			require.Equal(t, tt.signal, exit.Sys().(syscall.WaitStatus).Signal(), exit.String())
		})
	}
}

func runIn(t *testing.T, c *client.Client, cfg client.ExecConfig) int {
	t.Helper()
	p, err := c.Start(t.Context(), cfg)
	require.NoError(t, err)
	status, err := p.Wait(t.Context())
	require.NoError(t, err)
	return status.ExitCode()
}

// bootGuest starts this program as a guest's init.
func bootGuest(t *testing.T) (*client.Client, *exec.Cmd) {
	t.Helper()
	master, slave, err := stdio.OpenTerminal("/dev/ptmx")
	require.NoError(t, err)
	defer slave.Close()
	raw, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	require.NoError(t, err)
	raw.Iflag, raw.Oflag, raw.Lflag = 0, 0, 0
	require.NoError(t, unix.IoctlSetTermios(int(slave.Fd()), unix.TCSETS, raw))

	guest := exec.Command("/proc/self/exe", "-test.run=^TestGuest$")
	guest.Env = append(os.Environ(), guestVariable+"="+t.TempDir())
	guest.ExtraFiles = []*os.File{slave} // becomes descriptor 3
	var console bytes.Buffer
	guest.Stderr = &console
	guest.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
	}
	require.NoError(t, guest.Start())
	t.Cleanup(func() {
		guest.Process.Kill()
		guest.Wait()
		if t.Failed() {
			t.Log(console.String())
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c, err := client.NewOverStream(ctx, master)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c, guest
}

// beGuest is the guest's part. It does not return.
func beGuest(dir string) {
	host, err := enterInitramfs(dir)
	if err == nil {
		_, err = bringUp()
	}
	// This program, unlike the agent's, may need libraries.
	for name, tree := range host {
		if err == nil {
			err = unix.MoveMount(tree, "", unix.AT_FDCWD, name, unix.MOVE_MOUNT_F_EMPTY_PATH)
		}
	}
	if err == nil {
		err = serve("test", "/proc/self/fd/3", nil)
	}
	fmt.Fprintln(os.Stderr, "guest:", err)
	os.Exit(1)
}

// enterInitramfs makes a tmpfs in dir the root, as the kernel leaves it to an init,
// and returns folders of the host to be mounted later.
func enterInitramfs(dir string) (map[string]int, error) {
	if err := unix.Mount("initramfs", dir, "tmpfs", 0, ""); err != nil {
		return nil, err
	}
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		return nil, err
	}
	for _, root := range []string{dir, dir + "/layer"} {
		if err := os.MkdirAll(root+"/bin", 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(root+"/bin/busybox", busybox, 0o755); err != nil {
			return nil, err
		}
	}
	host := make(map[string]int)
	for _, name := range []string{"/lib", "/lib64", "/usr"} {
		tree, err := unix.OpenTree(unix.AT_FDCWD, name, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
		if err != nil {
			continue
		}
		host[name] = tree
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			return nil, err
		}
	}
	if err := unix.Chdir(dir); err != nil {
		return nil, err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return nil, err
	}
	return host, unix.Chroot(".")
}
