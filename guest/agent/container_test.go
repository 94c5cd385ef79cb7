// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package agent_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/guest/agent"
	"arcbox.dev/guest/client"
)

// busyboxLayer makes a root file system of the host's static busybox.
func busyboxLayer(t *testing.T) string {
	t.Helper()
	const busybox = "/bin/busybox"
	if _, err := os.Stat(busybox); err != nil {
		t.Skip("needs busybox (Debian: busybox-static)")
	}
	root := t.TempDir()
	require.NoError(t, os.Chmod(root, 0o755))
	for _, dir := range []string{"bin", "etc", "tmp", "home/app"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	require.NoError(t, os.Chmod(filepath.Join(root, "tmp"), 0o777|os.ModeSticky))
	require.NoError(t, os.Chown(filepath.Join(root, "home/app"), 1000, 1000))
	program, err := os.ReadFile(busybox)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(root, busybox), program, 0o755))
	applets, err := exec.Command(busybox, "--list").Output()
	require.NoError(t, err)
	for applet := range strings.FieldsSeq(string(applets)) {
		if applet != "busybox" {
			require.NoError(t, os.Symlink("busybox", filepath.Join(root, "bin", applet)))
		}
	}
	put(t, root, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n")
	put(t, root, "etc/group", "root:x:0:\napp:x:1000:\nmail:x:8:app\nvideo:x:44:root,app\n")
	return root
}

func put(t *testing.T, root, name, content string) {
	t.Helper()
	path := filepath.Join(root, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
}

// containers starts containers on one agent.
type containers struct {
	guest
	t      *testing.T
	layers []client.Layer
	n      int
}

func newContainers(t *testing.T, layers ...string) *containers {
	t.Helper()
	needRoot(t)
	if len(layers) == 0 {
		layers = []string{busyboxLayer(t)}
	}
	h := startAgent(t, func(cfg *agent.Config) { cfg.Host.Cgroups = testCgroup(t) })
	c := &containers{guest: h.connect(t), t: t}
	for _, l := range layers {
		c.layers = append(c.layers, client.Layer{Source: l})
	}
	return c
}

// testCgroup makes a cgroup for the test's containers.
func testCgroup(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	require.NoError(t, unix.Mount("cgroup2", root, "cgroup2", 0, ""))
	path, err := os.MkdirTemp(root, "arcbox-test-")
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, unix.Rmdir(path), "a container's cgroup is left")
		require.NoError(t, unix.Unmount(root, 0))
	})
	return path
}

// config is a process in a new container, which change may change.
func (c *containers) config(script string, change ...func(*client.ExecConfig)) client.ExecConfig {
	c.n++
	cfg := shell(script)
	cfg.Container = &client.Container{ID: fmt.Sprintf("%s-%d", "0123456789abcdef", c.n), Layers: c.layers}
	for _, f := range change {
		f(&cfg)
	}
	return cfg
}

// prints runs a script and compares its output.
func (c *containers) prints(want, script string, change ...func(*client.ExecConfig)) {
	c.t.Helper()
	require.Equal(c.t, result{stdout: want}, run(c.t, c.guest, c.config(script, change...)))
}

func TestContainer(t *testing.T) {
	c := newContainers(t)
	before := mounts(t)
	c.prints("HOME=/root\nHOSTNAME=0123456789ab\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n", "env | grep -v '^SHLVL\\|^PWD' | sort")
	c.prints("0123456789ab\n0123456789ab\n", "hostname; cat /etc/hostname")
	c.prints("other\n127.0.1.1\tother\n10.0.0.1 db\n", "hostname; tail -n 2 /etc/hosts", func(cfg *client.ExecConfig) {
		cfg.Container.Hostname, cfg.Container.Hosts = "other", []string{"10.0.0.1 db"}
	})
	c.prints("nameserver 192.0.2.1\n", "cat /etc/resolv.conf", func(cfg *client.ExecConfig) {
		cfg.Container.ResolvConf = "nameserver 192.0.2.1\n"
	})
	c.prints("1\n", "echo $$")
	c.prints("/\n", "pwd")
	c.prints("/not/there\n", "pwd", func(cfg *client.ExecConfig) { cfg.Dir = "/not/there" })
	c.prints("755 root\n", "stat -c '%a %U' /")
	c.prints("one\ntwo\n", "cat; echo two", func(cfg *client.ExecConfig) { cfg.Stdin = strings.NewReader("one\n") })
	c.prints("written\n", "echo written > /new; cat /new; echo x > /bin/busybox.2; rm /etc/passwd")
	c.prints("root\n", "id -un", nil...)
	require.Equal(t, client.Status{Code: 42}, run(t, c.guest, c.config("exit 42")).Status)
	require.Equal(t, before, mounts(t), "a container's mounts are left")
	require.NoFileExists(t, filepath.Join(c.layers[0].Source, "new"), "the image was written to")
	require.FileExists(t, filepath.Join(c.layers[0].Source, "etc/passwd"))
}

// mounts lists this process's mounts.
func mounts(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	return string(text)
}

func TestContainerUser(t *testing.T) {
	c := newContainers(t)
	as := func(user string) func(*client.ExecConfig) {
		return func(cfg *client.ExecConfig) { cfg.User = user }
	}
	c.prints("uid=1000(app) gid=1000(app) groups=8(mail),44(video)\n", "id", as("app"))
	c.prints("/home/app\n", "echo $HOME", as("app"))
	c.prints("uid=1000(app) gid=8(mail)\n", "id", as("app:mail"))
	c.prints("uid=4242 gid=0(root)\n/\n", "id; echo $HOME", as("4242"))
	c.prints("again\n", "echo again > /dev/stdout", as("app"))
	c.prints("app\n", "cd; touch x; stat -c %U x", as("app"))
	c.prints("fails\n", "touch /x 2>/dev/null || echo fails", as("app"))
	_, err := c.Start(soon(t), c.config("true", as("nobody")))
	require.ErrorIs(t, err, client.ErrInvalid)
	require.ErrorContains(t, err, `user "nobody": unable to find user`)
}

func TestContainerCapabilities(t *testing.T) {
	c := newContainers(t)
	const show = "grep -E 'Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status | cut -f2 | tr '\n' ' '"
	const none, docker = "0000000000000000 ", "00000000a80425fb "
	c.prints(none+docker+docker+docker+none, show)
	c.prints(none+none+none+docker+none, show, func(cfg *client.ExecConfig) { cfg.User = "app" })
	const admin = "00000000a80435fa " // with NET_ADMIN, without CHOWN
	c.prints(none+admin+admin+admin+none, show, func(cfg *client.ExecConfig) {
		cfg.Container.AddCapabilities, cfg.Container.DropCapabilities = []string{"CAP_NET_ADMIN"}, []string{"chown"}
	})
	const chown = "0000000000000001 "
	c.prints(none+chown+chown+chown+none, show, func(cfg *client.ExecConfig) {
		cfg.Container.AddCapabilities, cfg.Container.DropCapabilities = []string{"CHOWN"}, []string{"ALL"}
	})
	got := run(t, c.guest, c.config(show, func(cfg *client.ExecConfig) { cfg.Container.Privileged = true }))
	ours, err := os.ReadFile("/proc/self/status") // a test may not have all of them itself
	require.NoError(t, err)
	_, bounding, _ := strings.Cut(string(ours), "CapBnd:\t")
	require.Contains(t, got.stdout, bounding[:16])
	_, err = c.Start(soon(t), c.config("true", func(cfg *client.ExecConfig) { cfg.Container.AddCapabilities = []string{"FLY"} }))
	require.ErrorIs(t, err, client.ErrInvalid)
	require.ErrorContains(t, err, `capability "FLY" does not exist`)
}

func TestContainerSystem(t *testing.T) {
	c := newContainers(t)
	c.prints("1:3 666\n1:5 666\n1:7 666\n1:8 666\n1:9 666\n5:0 666\n5:2 666\n",
		"cd /dev; for d in null zero full random urandom tty pts/ptmx; do stat -c '%t:%T %a' $d; done")
	c.prints("core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero ", "ls /dev | tr '\n' ' '")
	c.prints("x", "echo -n x > /dev/shm/a; cat /dev/shm/a")
	for _, path := range []string{"/proc/sys/kernel/hostname", "/proc/sysrq-trigger", "/sys/kernel/uevent_seqnum", "/sys/fs/cgroup/cgroup.procs"} {
		c.prints("", fmt.Sprintf("test ! -e %[1]s || ! echo x 2>/dev/null > %[1]s", path))
	}
	for _, path := range []string{"/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/interrupts", "/proc/sched_debug"} {
		c.prints("", fmt.Sprintf("test ! -e %[1]s || cat %[1]s", path))
	}
	for _, path := range []string{"/proc/acpi", "/proc/scsi", "/sys/firmware"} {
		c.prints("", fmt.Sprintf("test ! -e %[1]s || ls -A %[1]s", path))
	}
	c.prints("denied\n", "mount -t tmpfs none /tmp 2>/dev/null || echo denied")
	c.prints("0::/\n", "grep ^0:: /proc/self/cgroup")
	c.prints("yes\n", "test -w /proc/sys/kernel/hostname && echo yes", func(cfg *client.ExecConfig) { cfg.Container.Privileged = true })
	names := run(t, c.guest, c.config("for n in cgroup ipc mnt pid uts; do readlink /proc/self/ns/$n; done")).stdout
	for name := range strings.FieldsSeq(names) {
		kind, _, _ := strings.Cut(name, ":")
		ours, err := os.Readlink("/proc/self/ns/" + kind)
		require.NoError(t, err)
		require.NotEqual(t, ours, name)
	}
}

func TestContainerTerminal(t *testing.T) {
	c := newContainers(t)
	checkTerminal(t, c.guest, c.config(""))
	s := startSession(t, c.guest, c.config("tty; ls -1 /dev/pts; echo hello > /dev/console; stat -c '%U' /dev/pts/0", func(cfg *client.ExecConfig) { cfg.User = "app" }))
	s.ends(t, client.Status{})
	require.Equal(t, "/dev/pts/0\n0\nptmx\nhello\napp\n", s.screen.String())
}

func TestContainerLayers(t *testing.T) {
	needRoot(t)
	base := busyboxLayer(t)
	second, third := t.TempDir(), t.TempDir()
	put(t, base, "a", "base")
	put(t, base, "b", "base")
	put(t, base, "gone", "base")
	put(t, base, "dir/old", "base")
	put(t, second, "b", "second")
	put(t, second, "dir/new", "second")
	require.NoError(t, unix.Setxattr(filepath.Join(second, "dir"), "trusted.overlay.opaque", []byte("y"), 0))
	put(t, third, "c", "third")
	require.NoError(t, unix.Mknod(filepath.Join(third, "gone"), unix.S_IFCHR, 0))
	require.NoError(t, os.Chmod(third, 0o711))
	require.NoError(t, os.Chown(third, 7, 8))
	c := newContainers(t, base, second, third)
	c.prints("basesecondthird\nnew\n711 7 8\n", "cat /a /b /c; echo; ls /dir; stat -c '%a %u %g' /; test ! -e /gone")

	many := []string{base}
	for i := range 126 {
		dir := t.TempDir()
		put(t, dir, fmt.Sprint("layer", i), "x")
		many = append(many, dir)
	}
	newContainers(t, many...).prints("126\n", "ls /layer* | wc -l")
}

func TestContainerRoot(t *testing.T) {
	c := newContainers(t)
	c.prints("read-only\nwritable\n", "touch /x 2>/dev/null || echo read-only; echo > /dev/shm/x && echo writable", func(cfg *client.ExecConfig) {
		cfg.Container.ReadOnly, cfg.Dir = true, "/made/before"
	})
	c.prints("full\n", "dd if=/dev/zero of=/x bs=64k count=100 2>/dev/null || echo full", func(cfg *client.ExecConfig) {
		cfg.Container.WritableLimit = 1 << 20
	})
	c.prints("", "dd if=/dev/zero of=/x bs=64k count=100 2>/dev/null")
}

func TestContainerMounts(t *testing.T) {
	c := newContainers(t)
	dir := t.TempDir()
	put(t, dir, "file", "content\n")
	with := func(m ...client.Mount) func(*client.ExecConfig) {
		return func(cfg *client.ExecConfig) { cfg.Container.Mounts = m }
	}
	c.prints("content\n", "cat /data/deep/file; echo more > /data/deep/other", with(client.Mount{Source: dir, Target: "/data/deep", Options: []string{"bind"}}))
	require.FileExists(t, filepath.Join(dir, "other"))
	c.prints("content\nread-only\n", "cat /etc/the-file; echo x 2>/dev/null > /etc/the-file || echo read-only",
		with(client.Mount{Source: dir + "/file", Target: "/etc/the-file", Options: []string{"bind", "ro"}}))
	c.prints("tmpfs rw,nosuid,nodev,relatime,size=1024k\n", "grep ' /cache ' /proc/mounts | cut -d' ' -f3,4 | sed s/,inode64//",
		with(client.Mount{Source: "tmpfs", Target: "/cache", Type: "tmpfs", Options: []string{"nosuid", "nodev", "size=1m"}}))
	c.prints("content\n", "cat /dev/shm/a/file", with(
		client.Mount{Source: "tmpfs", Target: "/dev/shm", Type: "tmpfs"},
		client.Mount{Source: dir, Target: "/dev/shm/a", Options: []string{"rbind"}}))
	for _, tt := range []struct {
		name  string
		mount client.Mount
		text  string
	}{
		{"source is not there", client.Mount{Source: "/no/such", Target: "/x", Options: []string{"bind"}}, "/no/such"},
		{"unknown type", client.Mount{Source: "x", Target: "/x", Type: "nofs"}, "no such device"},
		{"relative target", client.Mount{Source: dir, Target: "x", Options: []string{"bind"}}, "absolute"},
		{"target below a file", client.Mount{Source: dir, Target: "/etc/passwd/x", Options: []string{"bind"}}, "not a directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := c.Start(soon(t), c.config("true", with(tt.mount)))
			require.ErrorIs(t, err, client.ErrContainer)
			require.ErrorContains(t, err, tt.text)
		})
	}
}

// TestContainerEnd has everything in a container end with its first process.
func TestContainerEnd(t *testing.T) {
	c := newContainers(t)
	begin := time.Now()
	got := run(t, c.guest, c.config("sleep 1000 & (while :; do echo x; done) & echo started"))
	require.Contains(t, got.stdout, "started\n")
	require.Zero(t, got.Status)
	require.Less(t, time.Since(begin), 5*time.Second)

	p, err := c.Start(soon(t), c.config("trap 'exit 7' TERM; sleep 1000 & wait"))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		require.NoError(t, p.Signal(soon(t), int(unix.SIGTERM)))
		select {
		case <-time.After(10 * time.Millisecond):
			return processGone(p.PID())
		}
	}, 5*time.Second, time.Millisecond)
	status, err := p.Wait(soon(t))
	require.NoError(t, err)
	require.Equal(t, client.Status{Code: 7}, status)

	p, err = c.Start(soon(t), c.config("sleep 1000"))
	require.NoError(t, err)
	require.NoError(t, p.Signal(soon(t), int(unix.SIGKILL)))
	status, err = p.Wait(soon(t))
	require.NoError(t, err)
	require.Equal(t, client.Status{Signal: 9}, status)
}

func processGone(pid int) bool { return unix.Kill(pid, 0) == unix.ESRCH }

func TestContainerErrors(t *testing.T) {
	c := newContainers(t)
	put(t, c.layers[0].Source, "plain", "#!/bin/sh\n")
	for _, tt := range []struct {
		name   string
		change func(*client.ExecConfig)
		kind   error
		text   string
	}{
		{"not in PATH", func(cfg *client.ExecConfig) { cfg.Args = []string{"no-such"} }, client.ErrCommandNotFound, "executable file not found in $PATH"},
		{"not there", func(cfg *client.ExecConfig) { cfg.Args = []string{"/no/such"} }, client.ErrCommandNotFound, "no such file or directory"},
		{"not executable", func(cfg *client.ExecConfig) { cfg.Args = []string{"/plain"} }, client.ErrNotExecutable, "permission denied"},
		{"folder", func(cfg *client.ExecConfig) { cfg.Args = []string{"/etc"} }, client.ErrNotExecutable, "permission denied"},
		{"host name", func(cfg *client.ExecConfig) { cfg.Container.Hostname = strings.Repeat("x", 65) }, client.ErrInvalid, "host name"},
		{"relative folder", func(cfg *client.ExecConfig) { cfg.Dir = "tmp" }, client.ErrInvalid, "not an absolute path"},
		{"folder is a file", func(cfg *client.ExecConfig) { cfg.Dir = "/plain" }, client.ErrInvalid, "not a directory"},
		{"layer is not there", func(cfg *client.ExecConfig) { cfg.Container.Layers = []client.Layer{{Source: "/no/such"}} }, client.ErrContainer, "layer 0"},
		{"layer is damaged", func(cfg *client.ExecConfig) { cfg.Container.Layers = []client.Layer{{Source: "/dev/null"}} }, client.ErrContainer, "layer 0"},
		{"too many layers", func(cfg *client.ExecConfig) { cfg.Container.Layers = make([]client.Layer, 501) }, client.ErrInvalid, "501 layers"},
		{"no id", func(cfg *client.ExecConfig) { cfg.Container.ID = "" }, client.ErrInvalid, "container id"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			cfg := c.config("true", tt.change)
			cfg.Stdout = &out
			_, err := c.Start(soon(t), cfg)
			require.ErrorIs(t, err, tt.kind)
			require.ErrorContains(t, err, tt.text)
		})
	}
	t.Run("id is taken", func(t *testing.T) {
		cfg := c.config("sleep 100")
		p, err := c.Start(soon(t), cfg)
		require.NoError(t, err)
		_, err = c.Start(soon(t), cfg)
		require.ErrorIs(t, err, client.ErrInvalid)
		require.ErrorContains(t, err, "exists")
		require.NoError(t, p.Signal(soon(t), 9))
		_, err = p.Wait(soon(t))
		require.NoError(t, err)
		require.Zero(t, run(t, c.guest, client.ExecConfig{Args: []string{"true"}, Container: cfg.Container}).Status)
	})
}
