// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/runtime/hypervisor/disk"
	"arcbox.dev/runtime/hypervisor/life"
	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/balloon"
	"arcbox.dev/runtime/virtio/console"
	"arcbox.dev/runtime/virtio/mmio"
	"arcbox.dev/runtime/virtio/rng"
	"arcbox.dev/runtime/virtio/vhostuser"
	"arcbox.dev/runtime/vmm/bus"
)

// Where the devices' registers are: below 4 GiB, behind all memory that is there,
// two pages a device.
//
// The registers of a device lie across the border of its two pages. What a guest
// writes to wake the device, QueueNotify, is in the first, which is plain MMIO; what
// it reads at each interrupt, InterruptStatus, begins the second, which the guest
// sees as memory that it cannot write to. So neither is an exit to this process.
const (
	devicesAddr = 0xd000_0000
	pageSize    = 4096
	windowSize  = mmio.Size
)

// slot is a device on the VM's bus.
type slot struct {
	name      string // in statistics
	device    virtio.Device
	transport *mmio.Transport // nil before it is attached
	base      uint64          // of the registers, a guest address
	gsi       uint32
	mirror    []byte // the second page; nil where the host cannot show it
}

// addDevices makes the VM's devices. Their order is the guest's: disks first, since
// it names them by order.
func (m *machine) addDevices(ctx context.Context, b *bus.Bus, dial dialer) error {
	for i, d := range m.cfg.Disks {
		device, err := disk.New(d)
		if err != nil {
			return err
		}
		if err := m.attach(b, fmt.Sprintf("blk%d", i), device); err != nil {
			return err
		}
	}
	for i, r := range m.cfg.Remotes {
		device, err := m.remote(ctx, r, dial)
		if err != nil {
			return err
		}
		if err := m.attach(b, fmt.Sprintf("%s-remote%d", r.Kind, i), device); err != nil {
			return err
		}
	}
	if m.cfg.Vsock {
		m.Vsock = life.NewVsock(m.Life)
		if err := m.attach(b, "vsock", m.Vsock.Device); err != nil {
			return err
		}
	}
	m.terminal = console.New(m.console, console.Options{})
	if err := m.attach(b, "console", m.terminal); err != nil {
		return err
	}
	m.balloon = balloon.New(m.ram.Memory(), m.ram.Discard)
	if err := m.attach(b, "balloon", m.balloon); err != nil {
		return err
	}
	return m.attach(b, "rng", rng.New())
}

// kinds are the devices that another process may serve.
var kinds = map[string]virtio.DeviceID{
	"blk": virtio.IDBlock, "net": virtio.IDNet, "fs": virtio.IDFS, "console": virtio.IDConsole, "rng": virtio.IDEntropy,
}

// dialer connects to a vhost-user socket.
type dialer func(ctx context.Context, path string) (*net.UnixConn, error)

// remoteTimeout bounds each exchange with a process that serves a device.
const remoteTimeout = 5 * time.Second

// remote connects to a device that another process serves.
func (m *machine) remote(ctx context.Context, r hypervisor.Remote, dial dialer) (virtio.Device, error) {
	id, ok := kinds[r.Kind]
	if !ok {
		return nil, errdefs.New(errdefs.ErrInvalid, "use blk, net, fs, console or rng", "%s: there is no device %q", r.Socket, r.Kind)
	}
	var memory []vhostuser.RemoteMemory
	for _, region := range m.ram.Regions() {
		memory = append(memory, vhostuser.RemoteMemory{
			Addr: region.Addr, Size: uint64(len(region.Mem)), FD: int(m.ram.File().Fd()), Offset: region.Offset,
		})
	}
	connect := func(ctx context.Context) (*net.UnixConn, error) { return dial(ctx, r.Socket) }
	device, err := vhostuser.NewRemote(ctx, connect, id, memory, vhostuser.RemoteOptions{Timeout: remoteTimeout, Log: m.log})
	if err != nil {
		return nil, errdefs.New(errdefs.ErrUnavailable, "start what serves it first", "using the device at %s: %w", r.Socket, err)
	}
	return device, nil
}

// attach puts a device on the bus. It is closed with the VM from then on, also
// after an error.
func (m *machine) attach(b *bus.Bus, name string, device virtio.Device) error {
	i := uint64(len(m.slots))
	s := &slot{
		name: name, device: device, gsi: firstGSI + uint32(i),
		base: devicesAddr + (2*i+1)*pageSize - mmio.MirrorOffset,
	}
	m.slots = append(m.slots, s)
	if s.gsi > lastGSI {
		return errdefs.New(errdefs.ErrInvalid, "use fewer disks", "a VM can have %d devices", lastGSI-firstGSI+1)
	}
	if err := m.wire(b, s); err != nil {
		return fmt.Errorf("attaching %s: %w", name, err)
	}
	return nil
}

// wire connects a device's registers, kicks and interrupt with the guest.
func (m *machine) wire(b *bus.Bus, s *slot) error {
	w := mmio.Wiring{Memory: m.ram.Memory(), Log: m.log.With("device", s.name)}
	for q := range s.device.QueueSizes() {
		kick, err := m.vm.Notify(s.base+mmio.QueueNotify, 4, uint64(q))
		if err != nil {
			return err
		}
		w.Kicks = append(w.Kicks, kick)
	}
	var err error
	if w.Interrupt, err = m.vm.IRQ(s.gsi); err != nil {
		return err
	}
	if err := s.show(m, s.base+mmio.MirrorOffset); err != nil {
		return err
	}
	w.Mirror = s.mirror
	if s.transport, err = mmio.New(s.device, w); err != nil {
		return err
	}
	return b.Add(s.base, windowSize, s.transport)
}

// show makes the mirror, where the host's KVM can show memory read-only.
func (s *slot) show(m *machine, at uint64) error {
	file, err := guestmem.Create("arcbox-registers", pageSize)
	if err != nil {
		return err
	}
	defer file.Close() // the mapping keeps the memory
	page, err := guestmem.MapFile(int(file.Fd()), 0, pageSize)
	if err != nil {
		return err
	}
	err = m.vm.ShowReadOnly(at, page)
	if err == nil {
		s.mirror = page
		return nil
	}
	if errors.Is(err, errdefs.ErrNotSupported) {
		err = nil
	}
	return errors.Join(err, guestmem.Unmap(page))
}

// close frees the device. The guest does not run any more.
func (s *slot) close() error {
	if s.transport != nil {
		s.transport.Close()
	}
	return s.device.Close()
}

// counters are the device's, where it counts.
func (s *slot) counters() map[string]uint64 {
	if c, ok := s.device.(virtio.Counters); ok {
		return c.Counters()
	}
	return nil
}
