// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/virtq"
	"arcbox.dev/runtime/virtio"
)

// entropy is a device whose randomness is a text (virtio 1.2 §5.4).
type entropy struct {
	*echo
	text string
	next int
}

func (*entropy) ID() virtio.DeviceID  { return virtio.IDEntropy }
func (*entropy) Features() uint64     { return 0 }
func (*entropy) QueueSizes() []uint16 { return []uint16{256} }

func (d *entropy) StartQueue(_ int, q *virtio.Queue, _ uint64) error {
	e := &echoQueue{q, make(chan struct{})}
	d.queues[0] = e
	go func() {
		defer close(e.done)
		_ = q.Run(func(chains []virtq.Chain) {
			for i := range chains {
				n := 0
				for _, b := range chains[i].Writable {
					for j := range b {
						b[j] = d.text[d.next%len(d.text)]
						d.next++
					}
					n += len(b)
				}
				q.Push(chains[i].Head, uint32(n))
			}
		})
	}()
	return nil
}

// TestUserModeLinux boots a kernel that finds a device here and uses it.
func TestUserModeLinux(t *testing.T) {
	kernel := os.Getenv("ARCBOX_TEST_UML")
	if kernel == "" {
		t.Skip("ARCBOX_TEST_UML does not name a User-Mode Linux kernel with a virtio-rng driver")
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip("there is no busybox for the guest: ", err)
	}
	dir := t.TempDir()
	initrd := filepath.Join(dir, "initrd")
	writeInitramfs(t, initrd, busybox, `#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
echo "read: $(/bin/busybox dd if=/dev/hwrng bs=64 count=4 2>/dev/null)"
/bin/busybox poweroff -f
`)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "rng")})
	require.NoError(t, err)
	log := &logBuffer{}
	dev := &entropy{echo: &echo{}, text: "arcbox.dev gives away its randomness. "}
	b := NewBackend(dev, log.logger())
	served := make(chan error, 1)
	go func() { served <- b.Serve(l) }()

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "setarch", "x86_64", "-R", kernel, "mem=64M", "initrd="+initrd,
		"con0=null,fd:1", "con=null", "umid=vhostuser", "uml_dir="+dir, "quiet", "lpj=40000000",
		fmt.Sprintf("virtio_uml.device=%s/rng:%d", dir, virtio.IDEntropy))
	cmd.Env = append(os.Environ(), "GLIBC_TUNABLES=glibc.pthread.rseq=0", "TMPDIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// The kernel's helpers outlive it if it is killed; they are of its group.
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.CombinedOutput()
	require.NoError(t, b.Close())
	require.NoError(t, <-served)
	require.NoError(t, err, "%s\n%s", out, log.String())
	require.Contains(t, string(out), "read: ")
	require.Contains(t, string(out), dev.text)
	require.Empty(t, log.String())
	t.Logf("%s", out)
}

// writeInitramfs writes an archive of a script, /init, and the busybox it needs.
func writeInitramfs(t *testing.T, path, busybox, script string) {
	program, err := os.ReadFile(busybox)
	require.NoError(t, err)
	var b bytes.Buffer
	add := func(name string, mode, rdevMajor, rdevMinor int, data []byte) {
		pad := func() { b.Write(make([]byte, -b.Len()&3)) }
		fmt.Fprintf(&b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
			b.Len(), mode, 0, 0, 1, 0, len(data), 0, 0, rdevMajor, rdevMinor, len(name)+1, 0)
		b.WriteString(name + "\x00")
		pad()
		b.Write(data)
		pad()
	}
	for _, dir := range []string{"bin", "dev", "proc", "sys"} {
		add(dir, syscall.S_IFDIR|0o755, 0, 0, nil)
	}
	add("dev/console", syscall.S_IFCHR|0o600, 5, 1, nil)
	add("bin/busybox", syscall.S_IFREG|0o755, 0, 0, program)
	add("init", syscall.S_IFREG|0o755, 0, 0, []byte(script))
	add("TRAILER!!!", 0, 0, 0, nil)
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
}
