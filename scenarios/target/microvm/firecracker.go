// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package microvm

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// guestCID is the guest's vsock address. Each VM has a vsock of its own, so that all
// may have the lowest (VMADDR_CID_HOST is 2).
const guestCID = 3

// Firecracker returns Firecracker as a target.
func Firecracker(config Config) *Target {
	return &Target{config: config, monitor: monitor{
		name:    "firecracker",
		remedy:  "install a release from https://github.com/firecracker-microvm/firecracker/releases on the PATH",
		command: firecracker,
		reboots: true,
	}}
}

// firecrackerCmdline reboots through the keyboard controller, which ends Firecracker
// (docs/getting-started.md), also after a panic.
const firecrackerCmdline = "console=ttyS0 quiet reboot=k panic=-1 pci=off"

// firecracker writes the configuration that stands for the API's requests.
func firecracker(m machine) ([]string, error) {
	config, err := json.Marshal(map[string]any{
		"boot-source": map[string]any{
			"kernel_image_path": m.kernel, "initrd_path": m.initramfs, "boot_args": firecrackerCmdline,
		},
		"drives":         []any{},
		"machine-config": map[string]any{"vcpu_count": m.cpus, "mem_size_mib": m.memory},
		"vsock":          map[string]any{"guest_cid": guestCID, "uds_path": m.socket},
	})
	if err != nil {
		return nil, fmt.Errorf("configuring Firecracker: %w", err)
	}
	path := filepath.Join(m.dir, "config.json")
	if err := os.WriteFile(path, config, 0o600); err != nil {
		return nil, fmt.Errorf("configuring Firecracker: %w", err)
	}
	return []string{"--no-api", "--config-file", path}, nil
}
