// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package microvm

import (
	"fmt"
	"strconv"
)

// CloudHypervisor returns Cloud Hypervisor as a target.
func CloudHypervisor(config Config) *Target {
	return &Target{config: config, monitor: monitor{
		name:    "cloud-hypervisor",
		remedy:  "install a release from https://github.com/cloud-hypervisor/cloud-hypervisor/releases on the PATH",
		command: cloudHypervisor,
	}}
}

// cloudHypervisorCmdline has a panic stop the guest: a reboot would start it again.
const cloudHypervisorCmdline = "console=ttyS0 quiet panic=0"

// cloudHypervisor makes the command line (docs/cli.md).
func cloudHypervisor(m machine) ([]string, error) {
	return []string{
		"--kernel", m.kernel, "--initramfs", m.initramfs, "--cmdline", cloudHypervisorCmdline,
		"--cpus", "boot=" + strconv.Itoa(m.cpus), "--memory", fmt.Sprintf("size=%dM", m.memory),
		"--vsock", fmt.Sprintf("cid=%d,socket=%s", guestCID, m.socket),
		"--serial", "tty", "--console", "off",
	}, nil
}
