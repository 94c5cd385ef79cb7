// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/virtio/blk"
)

const (
	diskSize  = 4 << 20
	blockSize = 4096 // bytes of each request
)

// serveDisk is the environment variable that makes this test's program a back end;
// it is the path of the socket, beside which is the image.
const serveDisk = "VHOSTUSER_TEST_DISK"

func diskImage(path string) string { return filepath.Join(filepath.Dir(path), "disk.img") }

// diskProcess serves a disk until it is killed.
func diskProcess(path string) {
	disk, err := blk.OpenFile(diskImage(path), false)
	if err == nil {
		var l *net.UnixListener
		if l, err = net.ListenUnix("unix", &net.UnixAddr{Name: path}); err == nil {
			err = NewBackend(blk.New(disk, blk.Options{Serial: "a disk", Queues: 2}), nil).Serve(l)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// diskHosts are the programs that serve disks.
var diskHosts = []struct {
	name    string
	program string
	command func(path string) *exec.Cmd
	id      string
	inOrder bool
}{
	{"ours", os.Args[0], func(path string) *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), serveDisk+"="+path)
		return cmd
	}, "a disk", true},
	{"qemu-storage-daemon", "qemu-storage-daemon", func(path string) *exec.Cmd {
		return exec.Command("qemu-storage-daemon",
			"--blockdev", "driver=file,node-name=disk,filename="+diskImage(path),
			"--export", "vhost-user-blk,id=export,node-name=disk,writable=on,num-queues=2,addr.type=unix,addr.path="+path)
	}, "vhost_user_blk", false},
}

// disk is a program that serves one, which can be killed and started again.
type disk struct {
	t       *testing.T
	command func(path string) *exec.Cmd
	path    string
	kill    func()
}

// newDisk serves an empty disk with a program from diskHosts.
func newDisk(t *testing.T, program string, command func(path string) *exec.Cmd) *disk {
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not installed: run ci/setup test", program)
	}
	d := &disk{t: t, command: command, path: filepath.Join(t.TempDir(), "disk.sock")}
	require.NoError(t, os.WriteFile(diskImage(d.path), make([]byte, diskSize), 0o600))
	d.start()
	require.Eventually(t, func() bool { _, err := os.Stat(d.path); return err == nil }, patience, time.Millisecond)
	return d
}

// restart kills the program and starts it again.
func (d *disk) restart() { d.kill(); d.start() }

func (d *disk) start() { d.kill = startDisk(d.t, d.command(d.path), d.path) }

// startDisk runs a program that serves a disk, and returns what kills it.
func startDisk(t *testing.T, cmd *exec.Cmd, path string) (kill func()) {
	t.Helper()
	require.NoError(t, os.RemoveAll(path))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = t.Output()
	require.NoError(t, cmd.Start())
	killed := false
	kill = func() {
		if !killed {
			killed = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(kill)
	return kill
}
