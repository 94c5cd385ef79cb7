// SPDX-License-Identifier: MIT OR Apache-2.0

package qemu

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"arcbox.dev/scenarios/target"
)

// kvmUsable says whether this user may open /dev/kvm. Whether it runs a kernel is
// for a trial to tell.
func kvmUsable() error {
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return &target.MissingError{What: "KVM: " + err.Error()}
	}
	return f.Close()
}

// tscKHz returns the frequency of the host's time-stamp counter, which is also that
// of the guest's, or 0.
func tscKHz() uint64 {
	if runtime.GOARCH != "amd64" {
		return 0
	}
	cpuinfo, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return 0
	}
	return parseTSC(cpuinfo)
}

// parseTSC reads the first CPU of /proc/cpuinfo. The kernel derives bogomips from the
// counter's frequency where that is constant: two for each MHz.
func parseTSC(cpuinfo []byte) uint64 {
	constant, khz := false, uint64(0)
	lines := bufio.NewScanner(bytes.NewReader(cpuinfo))
	lines.Buffer(nil, 1<<20) // the flags are one long line
	for lines.Scan() && lines.Text() != "" {
		key, value, _ := strings.Cut(lines.Text(), ":")
		switch strings.TrimSpace(key) {
		case "flags":
			constant = strings.Contains(fmt.Sprintf(" %s ", value), " constant_tsc ")
		case "bogomips":
			if mips, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil && mips > 0 {
				khz = uint64(mips * 1000 / 2)
			}
		}
	}
	if !constant {
		return 0
	}
	return khz
}
