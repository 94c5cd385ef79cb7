// SPDX-License-Identifier: MIT OR Apache-2.0

package env

import "golang.org/x/sys/unix"

func detect() (Host, error) {
	cpu, err := unix.Sysctl("machdep.cpu.brand_string")
	if err != nil {
		return Host{}, err
	}
	memory, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return Host{}, err
	}
	release, err := unix.Sysctl("kern.osrelease")
	if err != nil {
		return Host{}, err
	}
	version, err := unix.Sysctl("kern.osproductversion")
	if err != nil {
		return Host{}, err
	}
	return Host{CPU: cpu, Memory: memory, Kernel: "Darwin " + release, OS: "macos " + version}, nil
}
