// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package boot

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"arcbox.dev/guest/agent/stdio"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParameter(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"", ""},
		{"quiet arcbox.port=agent panic=-1\n", "agent"},
		{"arcbox.port=a arcbox.port=b", "b"},
		{"xarcbox.port=a arcbox.portx=b arcbox.port", ""},
		{"arcbox.port=", ""},
		{"arcbox.port=a=b", "a=b"},
	} {
		require.Equal(t, tt.want, parameter(tt.line, "arcbox.port"), tt.line)
	}
}

func TestOutliving(t *testing.T) {
	const mountinfo = `1 1 0:2 / / rw - rootfs rootfs rw
22 1 0:20 / /proc rw,nosuid - proc proc rw
30 1 254:1 / /data rw,relatime shared:1 master:2 - ext4 /dev/vda rw
31 30 0:40 / /data/my\040share rw - virtiofs share rw
32 1 0:41 / /fuse rw - fuse.sshfs host: rw
33 1 0:42 / /run rw - tmpfs tmpfs rw
broken
34 1 0:43 / - x
35 1 0:43 / /x rw -
`
	require.Equal(t, []string{"/data", "/data/my share", "/fuse"}, outliving(mountinfo))
	require.Empty(t, outliving(""))
}

func FuzzOutliving(f *testing.F) {
	f.Add("30 1 254:1 / /data rw - ext4 /dev/vda rw\n")
	f.Add(" - ")
	f.Fuzz(func(t *testing.T, in string) { outliving(in) })
}

func TestLoadModules(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, LoadModules(filepath.Join(dir, "none")))
	list := filepath.Join(dir, "modules")
	require.NoError(t, os.WriteFile(list, []byte("\n/no/such/a.ko\n/no/such/b.ko\n"), 0o600))
	err := LoadModules(list)
	require.ErrorContains(t, err, "loading module /no/such/a.ko: no such file or directory")
	require.ErrorContains(t, err, "b.ko", "one failure does not keep the others from it")
	require.ErrorContains(t, LoadModules(dir), "reading list of modules")
}

// TestPort uses a terminal as a console port: one end hangs up as a host does.
func TestPort(t *testing.T) {
	master, slave, err := stdio.OpenTerminal("/dev/ptmx")
	require.NoError(t, err)
	defer slave.Close()
	raw, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	require.NoError(t, err)
	raw.Lflag, raw.Oflag, raw.Iflag = 0, 0, 0
	require.NoError(t, unix.IoctlSetTermios(int(slave.Fd()), unix.TCSETS, raw))
	path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", slave.Fd()))
	require.NoError(t, err)
	l := ListenPort(path)
	require.Equal(t, "virtio-port", l.Addr().Network())
	conn, err := l.Accept()
	require.NoError(t, err)
	second := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			conn.Close()
		}
		second <- err
	}()
	_, err = conn.Write([]byte("to the host"))
	require.NoError(t, err)
	buf := make([]byte, 64)
	n, err := master.Read(buf)
	require.NoError(t, err)
	require.Equal(t, "to the host", string(buf[:n]))
	_, err = master.Write([]byte("to the guest"))
	require.NoError(t, err)
	n, err = io.ReadAtLeast(conn, buf, 12)
	require.NoError(t, err)
	require.Equal(t, "to the guest", string(buf[:n]))
	select {
	case <-second:
		t.Fatal("two connections at once")
	case <-time.After(2 * portPoll):
	}
	require.NoError(t, conn.Close())
	require.NoError(t, <-second, "the port is free again")

	require.NoError(t, master.Close()) // the host hangs up
	hung := make(chan error, 1)
	go func() {
		_, err := l.Accept()
		hung <- err
	}()
	select {
	case err := <-hung:
		require.Error(t, err) // a terminal without its master cannot be opened
	case <-time.After(2 * portPoll):
		require.NoError(t, l.Close())
		require.ErrorIs(t, <-hung, net.ErrClosed)
	}
}

func TestPortErrors(t *testing.T) {
	l := ListenPort("/no/such/port")
	_, err := l.Accept()
	require.ErrorContains(t, err, "opening console port")
	require.NoError(t, l.Close())
	_, err = l.Accept()
	require.Error(t, err)
	path, err := FindPort("/dev/vport0p1")
	require.NoError(t, err)
	require.Equal(t, "/dev/vport0p1", path)
}
