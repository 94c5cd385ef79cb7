// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"

	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/target"
	"arcbox.dev/scenarios/target/rootfs"
)

// Podman returns podman as a target that runs the lab's own program, a static one at
// the path tool. Images, containers and locks lie in the private folder, and no
// events are written.
// Where runc is installed podman runs containers by it, so that what podman adds is
// all that distinguishes it from the target runc.
func Podman(tool string) *Target {
	mode := "rootless"
	if os.Geteuid() == 0 {
		mode = "rootful"
	}
	return &Target{
		name: "podman", tool: tool, labels: []record.Label{{Key: "mode", Value: mode}},
		dialect: dialect{
			program: "podman", remedy: "install the package podman", ready: podmanReady,
			settle: podmanConfig, global: podmanGlobal, env: podmanEnv,
			version: []string{"info", "--format", "podman {{.Version.Version}}, {{.Host.OCIRuntime.Name}}, storage {{.Store.GraphDriverName}}"},
			archive: tarArchive,
			load:    func(archive, image string) []string { return []string{"import", "--quiet", archive, image} },
			run:     podmanRun, remove: []string{"rm", "--force", "--time", "0"},
			removeImage: []string{"rmi", "--force"}, sweep: sweepPodman,
		},
	}
}

// tarArchive writes the root file system, as import takes it.
func tarArchive(w io.Writer, tool, _ string) error { return rootfs.Tar(w, tool) }

// podmanReady wants Linux: elsewhere podman is a client of a VM.
func podmanReady(context.Context, *Target) error {
	if runtime.GOOS != "linux" {
		return &target.MissingError{What: "podman is measured on Linux only"}
	}
	return nil
}

// configName is the only configuration that podman reads (containers.conf(5)).
const configName = "containers.conf"

// podmanConfig keeps podman's locks out of /dev/shm and its events out of the journal.
func podmanConfig(folder string) error {
	const config = "[engine]\nlock_type = \"file\"\nevents_logger = \"none\"\n"
	return os.WriteFile(filepath.Join(folder, configName), []byte(config), 0o600)
}

func podmanEnv(folder string) []string {
	return []string{"CONTAINERS_CONF=" + filepath.Join(folder, configName)}
}

// podmanGlobal has short names: podman wants at most 50 bytes in the path of its
// runroot, for the sake of the sockets there.
func podmanGlobal(folder string) []string {
	options := []string{
		"--root", podmanRoot(folder), "--runroot", filepath.Join(folder, "r"), "--tmpdir", filepath.Join(folder, "t"),
	}
	if _, err := exec.LookPath("runc"); err == nil {
		options = append(options, "--runtime", "runc")
	}
	return options
}

// podmanRun leaves the monitor in the lab's control group: one that has ended and
// that nobody has waited for would hold its own.
func podmanRun() []string {
	return append([]string{"--pull", "never", "--network", "none", "--cgroups", "no-conmon"}, podmanLimits()...)
}

// rlimitNPROC is RLIMIT_NPROC of Linux (getrlimit(2)), which package syscall lacks.
const rlimitNPROC = 6

// podmanLimits gives the container limits that this user may have, which podman's
// defaults are not always. Podman itself lowers its limit of processes to that of
// open files, so that no higher one can be had.
func podmanLimits() []string {
	var files, processes syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) != nil || syscall.Getrlimit(rlimitNPROC, &processes) != nil {
		return nil
	}
	option := func(name string, limit uint64) []string {
		if limit > math.MaxInt64 {
			return []string{"--ulimit", name + "=-1:-1"} // none
		}
		return []string{"--ulimit", fmt.Sprintf("%s=%d:%d", name, limit, limit)}
	}
	return append(option("nofile", uint64(files.Max)), option("nproc", min(uint64(files.Max), uint64(processes.Max)))...)
}

// sweepPodman ends the process that keeps a rootless podman's namespaces, and
// removes the control groups that podman leaves. When a container has ended its
// monitor starts one more podman: that one's end is waited for. Each podman mounts the
// storage on itself and unmounts it at its end, which fails while another one uses
// it; of two that end together, neither does.
func sweepPodman(t *Target, folder string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := waitGone(ctx, podmanRoot(folder)); err != nil {
		return fmt.Errorf("waiting for podman's own processes: %w", err)
	}
	if os.Geteuid() == 0 {
		return errors.Join(unmount(filepath.Join(podmanRoot(folder), "overlay")), removeParentGroups())
	}
	_, err := t.must(ctx, folder, "system", "migrate")
	return err
}

// podmanRoot is podman's storage, an argument of all its processes.
func podmanRoot(folder string) string { return filepath.Join(folder, "root") }

// removeParentGroups removes the control groups in which podman had its containers,
// where it made them without systemd. It makes them again when it needs them, and
// those in use cannot be removed.
func removeParentGroups() error {
	for _, pattern := range []string{"/sys/fs/cgroup/libpod_parent", "/sys/fs/cgroup/*/libpod_parent"} {
		groups, err := filepath.Glob(pattern)
		if err != nil {
			return fmt.Errorf("looking for podman's control groups: %w", err)
		}
		for _, group := range groups {
			err := os.Remove(group)
			if err != nil && !errors.Is(err, syscall.EBUSY) && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("removing podman's control group: %w", err)
			}
		}
	}
	return nil
}
