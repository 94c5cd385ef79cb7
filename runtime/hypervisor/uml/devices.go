// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package uml

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"

	"arcbox.dev/runtime/hypervisor/disk"
	"arcbox.dev/runtime/hypervisor/host"
	"arcbox.dev/runtime/hypervisor/life"
	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/vhostuser"
)

// served is a device behind its vhost-user socket.
type served struct {
	name     string // of the socket and in statistics
	device   virtio.Device
	backend  *vhostuser.Backend
	listener *net.UnixListener
	once     sync.Once
}

// prepare makes the devices and opens their sockets: they must listen before the kernel starts.
func (m *machine) prepare() error {
	// The sockets' folder lets the VM's own user through; the folder above it is private.
	for name, mode := range map[string]os.FileMode{"s": 0o711, "root": 0o700} {
		path := filepath.Join(m.cfg.Dir, name)
		err := os.Mkdir(path, mode)
		if err == nil {
			err = os.Chmod(path, mode) // whatever the umask
		}
		if err != nil {
			return fmt.Errorf("preparing the VM's folder: %w", err)
		}
	}
	var err error
	if m.typed, m.input, err = os.Pipe(); err != nil {
		return fmt.Errorf("making the console's input: %w", err)
	}
	for i, d := range m.cfg.Disks {
		device, err := disk.New(d)
		if err != nil {
			return err
		}
		if err := m.serve(fmt.Sprintf("blk%d", i), device); err != nil {
			return err
		}
	}
	if m.cfg.Vsock {
		m.Vsock = life.NewVsock(m.Life)
		return m.serve("vsock", m.Vsock.Device)
	}
	return nil
}

func (m *machine) serve(name string, dev virtio.Device) error {
	s := &served{name: name, device: dev, backend: vhostuser.NewBackend(dev, m.log.With("device", name))}
	m.devices = append(m.devices, s)
	path := filepath.Join(m.cfg.Dir, "s", name)
	var err error
	if s.listener, err = net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"}); err != nil {
		return fmt.Errorf("opening the socket of %s: %w", name, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return err
	}
	if os.Geteuid() == 0 && m.jail != ConfineNamespace && m.jail != ConfineLandlock {
		if err := os.Chown(path, host.VMUser(os.Getpid()), -1); err != nil {
			return fmt.Errorf("giving the socket of %s to the VM's user: %w", name, err)
		}
	}
	go func() {
		if err := s.backend.Serve(s.listener); err != nil {
			m.log.Warn("serving a device", "device", name, "err", err)
		}
	}()
	return nil
}

func (s *served) counters() map[string]uint64 {
	if c, ok := s.device.(virtio.Counters); ok {
		return c.Counters()
	}
	return nil
}

// close stops the transport and frees the device. It may be called again.
func (s *served) close() (err error) {
	s.once.Do(func() {
		s.backend.Close()
		if s.listener != nil {
			s.listener.Close()
		}
		err = s.device.Close()
	})
	return err
}
