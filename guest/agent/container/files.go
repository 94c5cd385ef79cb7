// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package container

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

const localHosts = `127.0.0.1	localhost
::1	localhost ip6-localhost ip6-loopback
fe00::	ip6-localnet
ff00::	ip6-mcastprefix
ff02::1	ip6-allnodes
ff02::2	ip6-allrouters
`

// takeResolvConf takes the guest's own name servers along if none were given.
func (c *creation) takeResolvConf() error {
	if c.ResolvConf == "" {
		resolv, _ := os.ReadFile("/etc/resolv.conf") // a guest without a network has none
		c.ResolvConf = string(resolv)
	}
	return nil
}

// writeFiles writes the files of /etc that depend on where a container runs. They
// go to the container's own writable layer.
func (c *creation) writeFiles() error {
	if err := unix.Mkdir("/etc", 0o755); err != nil && err != unix.EEXIST {
		return fmt.Errorf("making /etc: %w", err)
	}
	files := [][2]string{ // path, content
		{"/etc/hostname", c.hostname() + "\n"},
		{"/etc/hosts", c.hosts()},
	}
	if resolv := c.ResolvConf; len(resolv) > 0 {
		files = append(files, [2]string{"/etc/resolv.conf", resolv})
	}
	for _, f := range files {
		if err := replace(f[0], f[1]); err != nil {
			return fmt.Errorf("writing container's %s: %w", f[0], err)
		}
	}
	return nil
}

func (c *creation) hosts() string {
	lines := localHosts + "127.0.1.1\t" + c.hostname() + "\n"
	for _, line := range c.Hosts {
		lines += strings.TrimSuffix(line, "\n") + "\n"
	}
	return lines
}

// replace puts a new file in the place of whatever the image has there, so that no
// link of the image is followed.
func replace(path, content string) error {
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(content)
	return err
}
