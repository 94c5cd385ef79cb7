// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/runtime/hypervisor/hvtest"
	"arcbox.dev/runtime/virtio/blk"
	"arcbox.dev/runtime/virtio/vhostuser"
)

// diskSize is that of the disks that other processes serve, in bytes.
const diskSize = 8 << 20

// newDisk makes a disk's image, whose second MiB is not zero.
func newDisk(t *testing.T) (path, socket string) {
	dir, err := os.MkdirTemp("", "hv") // short: the paths of sockets are limited
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	path = filepath.Join(dir, "disk")
	data := make([]byte, diskSize)
	copy(data[1<<20:], bytes.Repeat([]byte("remote disk\n"), (1<<20)/12))
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path, filepath.Join(dir, "s")
}

// TestRemoteOurs: a disk that our own back end serves.
func TestRemoteOurs(t *testing.T) {
	h := needLinux(t)
	path, socket := newDisk(t)
	disk, err := blk.OpenFile(path, false)
	require.NoError(t, err)
	device := blk.New(disk, blk.Options{Serial: "remote"})
	defer device.Close()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	require.NoError(t, err)
	backend := vhostuser.NewBackend(device, nil)
	served := make(chan error, 1)
	go func() { served <- backend.Serve(listener) }()
	useRemoteDisk(t, h, path, socket)
	require.NoError(t, listener.Close())
	require.NoError(t, backend.Close())
	<-served
	require.NotZero(t, device.Counters()["requests"])
}

// TestRemoteQEMU: a disk that somebody else's back end serves.
func TestRemoteQEMU(t *testing.T) {
	h := needLinux(t)
	program, err := exec.LookPath("qemu-storage-daemon")
	if err != nil {
		t.Skip(err)
	}
	path, socket := newDisk(t)
	cmd := exec.Command(program, "--blockdev", "driver=file,node-name=disk,filename="+path,
		"--export", "type=vhost-user-blk,id=export,node-name=disk,writable=on,addr.type=unix,addr.path="+socket)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	defer func() {
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait() // it was killed
	}()
	require.Eventually(t, func() bool { _, err := os.Stat(socket); return err == nil }, 20*time.Second, 10*time.Millisecond)
	useRemoteDisk(t, h, path, socket)
}

// useRemoteDisk has a guest read and write the disk.
func useRemoteDisk(t *testing.T, h *Hypervisor, path, socket string) {
	vm, agent := hvtest.Boot(t, h, lean(t), func(c *hypervisor.Config) {
		c.Remotes = []hypervisor.Remote{{Kind: "blk", Socket: socket}}
	})
	require.Equal(t, "16384\n", hvtest.Run(t, agent, "/bin/busybox", "cat", "/sys/block/vda/size"), "sectors of 512 bytes")
	require.Equal(t, "remote disk\n", hvtest.Run(t, agent, "/bin/busybox", "sh", "-c", "busybox dd if=/dev/vda bs=1M skip=1 count=1 2>/dev/null | busybox head -n 1"))
	hvtest.Run(t, agent, "/bin/busybox", "sh", "-c", "echo written by the guest | busybox dd of=/dev/vda bs=4096 seek=3 conv=fsync,notrunc 2>/dev/null")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "written by the guest\n", string(bytes.TrimRight(data[3*4096:4*4096], "\x00")))
	s, err := vm.Stats(t.Context())
	require.NoError(t, err)
	require.Less(t, s.Exits["mmio_write"], uint64(2000), "a kick came to the vCPU's thread")
	require.NoError(t, vm.Close()) // before the disk's server ends
}
