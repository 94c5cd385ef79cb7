// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package hvtest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"arcbox.dev/guest/client"
	"arcbox.dev/guest/protocol"
	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor"
	"github.com/stretchr/testify/require"
)

func itoa(n int) string { return strconv.Itoa(n) }

func testVsock(t *testing.T, f fixture) {
	vm, _ := f.boot(t)
	_, err := vm.Dial(within(t), 77)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)

	l, err := vm.Listen(5000)
	require.NoError(t, err)
	_, err = vm.Listen(5000)
	require.ErrorIs(t, err, errdefs.ErrExists)
	require.NoError(t, l.Close())
	_, err = l.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
	l, err = vm.Listen(5000)
	require.NoError(t, err, "a closed port can be listened on again")
	require.NoError(t, l.Close())

	// Many connections at once, each with the service's handshake.
	var all sync.WaitGroup
	errs := make([]error, 50)
	for i := range errs {
		all.Go(func() {
			var c *client.Client
			if c, errs[i] = client.Connect(within(t), vm); errs[i] == nil {
				c.Close()
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}

	bare := f.config(t)
	bare.Vsock = false
	_, err = f.create(t, bare).Listen(protocol.ReadyPort)
	require.ErrorIs(t, err, errdefs.ErrNotSupported)
}

// testVsockBytes: 32 MiB go to the guest and come back whole, beside small ones.
func testVsockBytes(t *testing.T, f fixture) {
	_, agent := f.boot(t)
	data := make([]byte, 32<<20)
	rand.NewChaCha8([32]byte{1}).Read(data)
	want := sha256.Sum256(data)
	sum := run(t, agent, string(data), "/bin/busybox", "sha256sum")
	require.Equal(t, hex.EncodeToString(want[:]), strings.Fields(sum)[0])
	back := run(t, agent, string(data), "/bin/busybox", "cat")
	require.Equal(t, want, sha256.Sum256([]byte(back)))
	for i := range 20 {
		require.Equal(t, itoa(i), run(t, agent, itoa(i), "/bin/busybox", "cat"))
	}
}

func testPartitions(t *testing.T, f fixture) {
	dir := shortDir(t)
	disk := hypervisor.Disk{ID: "parts", ReadOnly: true}
	var want []string
	for i, size := range []int{4096, 1 << 20, 5000, 123 << 10} {
		data := bytes.Repeat([]byte{byte('a' + i)}, size)
		path := filepath.Join(dir, itoa(i))
		require.NoError(t, os.WriteFile(path, data, 0o600))
		disk.Partitions = append(disk.Partitions, path)
		sum := sha256.Sum256(data)
		want = append(want, fmt.Sprintf("%s %d", hex.EncodeToString(sum[:]), size))
	}
	_, agent := f.boot(t, func(c *hypervisor.Config) { c.Disks = []hypervisor.Disk{disk} })
	for i, w := range want {
		sum, size, _ := strings.Cut(w, " ")
		got := run(t, agent, "", "/bin/busybox", "sh", "-c", fmt.Sprintf("busybox head -c %s /dev/vda%d | busybox sha256sum", size, i+1))
		require.Equal(t, sum, strings.Fields(got)[0], "partition %d", i+1)
	}
	require.Equal(t, "1\n", run(t, agent, "", "/bin/busybox", "cat", "/sys/block/vda/ro"))
	require.Equal(t, "parts", strings.TrimSpace(run(t, agent, "", "/bin/busybox", "cat", "/sys/block/vda/serial")))
}

// testWritable: what the guest writes and syncs is in the file, in the right place, and nothing else is changed.
func testWritable(t *testing.T, f fixture) {
	path := filepath.Join(shortDir(t), "disk")
	data := bytes.Repeat([]byte("before.."), 1<<20)
	require.NoError(t, os.WriteFile(path, data, 0o600))
	vm, agent := f.boot(t, func(c *hypervisor.Config) { c.Disks = []hypervisor.Disk{{ID: "rw", Path: path}} })
	piece := make([]byte, 300<<10)
	rand.NewChaCha8([32]byte{2}).Read(piece)
	run(t, agent, string(piece), "/bin/busybox", "sh", "-c", "busybox dd of=/dev/vda bs=4k seek=100 conv=notrunc,fsync 2>/dev/null")
	copy(data[100*4096:], piece)
	require.NoError(t, vm.Kill()) // what was synced survives
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, got), "the disk differs from what was written")
}
