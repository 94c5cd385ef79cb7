// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/guest/client"
	"arcbox.dev/guest/initramfs"
	"arcbox.dev/guest/kernel"
	"arcbox.dev/guest/protocol"
	"arcbox.dev/runtime/hypervisor/hvtest"
	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/blk"
	"arcbox.dev/runtime/virtio/vhostuser"
	"arcbox.dev/runtime/virtio/vsock"
)

// dialer is the vsock device as the agent's client wants it.
type dialer struct{ dev *vsock.Device }

func (d dialer) Dial(ctx context.Context, port uint32) (net.Conn, error) {
	return d.dev.Dial(ctx, port)
}

// TestQEMU: nothing in back end and devices is made for one front end. Debian's
// kernel boots in QEMU, in software, with our vsock and two disks of ours, and
// the agent works over them.
func TestQEMU(t *testing.T) {
	qemu, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		t.Skip("qemu-system-x86_64 is not installed: run ci/setup test")
	}
	const busybox = "/bin/busybox"
	if _, err := os.Stat(busybox); err != nil {
		t.Skip("busybox-static is not installed: run ci/setup test")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	k, err := kernel.FetchCloud(ctx, "")
	require.NoError(t, err)
	modules, err := k.Modules("virtio_pci", "virtio_blk", "vmw_vsock_virtio_transport")
	require.NoError(t, err)
	initrd, err := initramfs.Cached(t.TempDir(), initramfs.Spec{
		Init: hvtest.Agent(t), Modules: modules,
		Files: []initramfs.File{{Name: "/bin/busybox", Mode: 0o755, Source: busybox}},
	})
	require.NoError(t, err)
	t.Cleanup(hvtest.RemoveAgent)

	dir, err := os.MkdirTemp("", "vu")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	data := make([]byte, 3<<20)
	rand.NewChaCha8([32]byte{7}).Read(data)
	part, image := filepath.Join(dir, "part.img"), filepath.Join(dir, "disk.img")
	require.NoError(t, os.WriteFile(part, data, 0o600))
	require.NoError(t, os.WriteFile(image, make([]byte, 8<<20), 0o600))
	parts, err := blk.OpenPartitions([]string{part})
	require.NoError(t, err)
	disk, err := blk.OpenFile(image, false)
	require.NoError(t, err)
	sock := vsock.New(3, vsock.Options{})
	serve := func(name string, dev virtio.Device) string {
		path := filepath.Join(dir, name)
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		require.NoError(t, err)
		b := vhostuser.NewBackend(dev, slog.New(slog.NewTextHandler(t.Output(), nil)))
		done := make(chan error, 1)
		go func() { done <- b.Serve(l) }()
		t.Cleanup(func() {
			require.NoError(t, b.Close())
			require.NoError(t, <-done)
			require.NoError(t, dev.Close())
		})
		return path
	}
	const memory = "384M"
	args := []string{
		"-M", "q35,memory-backend=mem", "-object", "memory-backend-memfd,id=mem,share=on,size=" + memory, "-m", memory,
		"-accel", "tcg,thread=multi", "-cpu", "qemu64,+rdrand", "-smp", "2", "-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot",
		"-kernel", k.Path, "-initrd", initrd, "-append", "console=ttyS0 quiet panic=-1 cryptomgr.notests nokaslr mitigations=off no_timer_check tsc=reliable",
		"-chardev", "socket,id=c0,path=" + serve("vsock", sock), "-device", "vhost-user-vsock-pci,chardev=c0",
		"-chardev", "socket,id=c1,path=" + serve("parts", blk.New(parts, blk.Options{Serial: "parts", ReadOnly: true})), "-device", "vhost-user-blk-pci,chardev=c1,num-queues=1",
		"-chardev", "socket,id=c2,path=" + serve("disk", blk.New(disk, blk.Options{Serial: "disk", Queues: 2})), "-device", "vhost-user-blk-pci,chardev=c2,num-queues=2",
	}
	ready, err := sock.Listen(protocol.ReadyPort)
	require.NoError(t, err)
	defer ready.Close()
	cmd := exec.CommandContext(ctx, qemu, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var console bytes.Buffer
	cmd.Stdout, cmd.Stderr = &console, &console
	require.NoError(t, cmd.Start())
	exited := make(chan struct{})
	go func() {
		cmd.Wait()
		close(exited)
		cancel()
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-exited
		if t.Failed() {
			t.Logf("console:\n%s", console.String())
		}
	})

	_, err = client.WaitReady(ctx, ready)
	require.NoError(t, err)
	agent, err := client.Connect(ctx, dialer{sock})
	require.NoError(t, err)
	defer agent.Close()
	info, err := agent.Info(ctx)
	require.NoError(t, err)
	require.Equal(t, k.Release, info.KernelRelease)

	run := func(stdin []byte, script string) string {
		var out, errs bytes.Buffer
		p, err := agent.Start(ctx, client.ExecConfig{Args: []string{"/bin/busybox", "sh", "-c", script}, Stdin: bytes.NewReader(stdin), Stdout: &out, Stderr: &errs})
		require.NoError(t, err)
		status, err := p.Wait(ctx)
		require.NoError(t, err)
		require.Zero(t, status.ExitCode(), "%s: %s", script, errs.String())
		return out.String()
	}
	sum := func(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }
	byID := func(id string) string {
		return strings.TrimSpace(run(nil, fmt.Sprintf("for d in /sys/block/vd*; do [ $(busybox cat $d/serial) = %s ] && echo /dev/${d##*/}; done; true", id)))
	}
	got := run(nil, "busybox head -c "+fmt.Sprint(len(data))+" "+byID("parts")+"1 | busybox sha256sum")
	require.Equal(t, sum(data), strings.Fields(got)[0], "read-only disk")
	run(data, "busybox dd of="+byID("disk")+" bs=64k conv=notrunc,fsync 2>/dev/null")
	written, err := os.ReadFile(image)
	require.NoError(t, err)
	require.Equal(t, sum(data), sum(written[:len(data)]), "writable disk")
	require.Equal(t, sum(data), sum([]byte(run(data, "busybox cat"))), "vsock, both ways")

	require.NoError(t, agent.Shutdown(ctx, client.Shutdown{}))
	select {
	case <-exited:
	case <-time.After(30 * time.Second):
		t.Fatal("the guest does not power off")
	}
}
