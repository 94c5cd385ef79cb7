// SPDX-License-Identifier: MIT OR Apache-2.0

package env

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func detect() (Host, error) {
	cpuinfo, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return Host{}, err
	}
	meminfo, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return Host{}, err
	}
	release, err := os.ReadFile("/etc/os-release")
	if err != nil {
		release, _ = os.ReadFile("/usr/lib/os-release") // either place may hold it, or neither
	}
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return Host{}, err
	}
	return Host{
		CPU:    cpuModel(cpuinfo),
		Memory: memTotal(meminfo),
		Kernel: unix.ByteSliceToString(uts.Sysname[:]) + " " + unix.ByteSliceToString(uts.Release[:]),
		OS:     distribution(release),
	}, nil
}

// fields reads lines of "key SEP value" up to the first empty line.
func fields(data []byte, sep string) map[string]string {
	out := make(map[string]string)
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20) // the flags of a CPU are one long line
	for lines.Scan() {
		if lines.Text() == "" {
			break
		}
		if key, value, ok := strings.Cut(lines.Text(), sep); ok {
			out[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return out
}

// cpuModel reads the first processor of /proc/cpuinfo. x86 has a model name; arm64
// has numbers only.
func cpuModel(cpuinfo []byte) string {
	f := fields(cpuinfo, ":")
	if name := f["model name"]; name != "" {
		return fmt.Sprintf("%s (family %s model %s stepping %s)", name, f["cpu family"], f["model"], f["stepping"])
	}
	if part := f["CPU part"]; part != "" {
		return fmt.Sprintf("implementer %s part %s revision %s", f["CPU implementer"], part, f["CPU revision"])
	}
	return ""
}

// memTotal reads MemTotal of /proc/meminfo, in bytes.
func memTotal(meminfo []byte) uint64 {
	number, _, _ := strings.Cut(fields(meminfo, ":")["MemTotal"], " ")
	kib, err := strconv.ParseUint(number, 10, 50)
	if err != nil {
		return 0
	}
	return kib << 10
}

// distribution reads os-release(5).
func distribution(release []byte) string {
	f := fields(release, "=")
	return strings.Trim(f["ID"], `"'`) + " " + strings.Trim(f["VERSION_ID"], `"'`)
}
