// SPDX-License-Identifier: MIT OR Apache-2.0

package mmio

import (
	"errors"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio"
)

// linux is a driver that accesses registers in the order in which Linux's
// virtio_mmio does.
type linux struct {
	*board
	features uint64
	queues   []*virtqtest.Driver
	changed  int // configuration changes it was told of
}

// probe is virtio_mmio_probe, and what the core and a driver do up to DRIVER_OK.
// Of the features that are offered it accepts those in mask.
func (l *linux) probe(id virtio.DeviceID, mask uint64) {
	t := l.t
	require.EqualValues(t, 0x74726976, l.get(0x000))
	require.EqualValues(t, 2, l.get(0x004))
	require.EqualValues(t, id, l.get(0x008))
	require.NotZero(t, l.get(0x00c))

	l.reset()
	l.addStatus(statusAcknowledge)
	l.addStatus(statusDriver)
	l.set(0x014, 1)
	l.features = uint64(l.get(0x010)) << 32
	l.set(0x014, 0)
	l.features |= uint64(l.get(0x010))
	l.features &= mask
	l.set(0x024, 1)
	l.set(0x020, uint32(l.features>>32))
	l.set(0x024, 0)
	l.set(0x020, uint32(l.features))
	l.addStatus(statusFeaturesOK)
	require.NotZero(t, l.get(0x070)&statusFeaturesOK)
	l.findQueues()
	l.addStatus(statusDriverOK)
}

// reset is vm_reset.
func (l *linux) reset() {
	l.set(0x070, 0)
	require.Zero(l.t, l.get(0x070))
	l.queues = nil
}

func (l *linux) addStatus(bit uint32) { l.set(0x070, l.get(0x070)&0xff|bit) }

// findQueues is vm_setup_vq for each queue that there is.
func (l *linux) findQueues() {
	for i := uint32(0); ; i++ {
		l.set(0x030, i)
		require.Zero(l.t, l.get(0x044))
		size := l.get(0x034)
		if size == 0 {
			return
		}
		l.queues = append(l.queues, l.newQueue(i, uint16(size)))
		l.place(l.queues[i].Layout())
		l.set(0x044, 1)
	}
}

func (l *linux) newQueue(i uint32, size uint16) *virtqtest.Driver {
	d, err := virtqtest.NewDriver(l.arena, size, virtqtest.Options{
		Options: virtq.Options{
			EventIdx: l.features&virtio.FeatureEventIdx != 0,
			Indirect: l.features&virtio.FeatureIndirectDesc != 0,
		},
		Kick: func() { l.set(QueueNotify, i) },
	})
	require.NoError(l.t, err)
	d.EnableInterrupts()
	return d
}

// place writes the selected queue's size and addresses.
func (l *linux) place(q virtq.Layout) {
	l.set(0x038, uint32(q.Size))
	for off, addr := range map[uint64]uint64{0x080: q.Desc, 0x090: q.Avail, 0x0a0: q.Used} {
		l.set(off, uint32(addr))
		l.set(off+4, uint32(addr>>32))
	}
}

// interrupt is vm_interrupt: it returns whether queues are to be looked at.
func (l *linux) interrupt() bool {
	status := l.get(0x060)
	l.set(0x064, status)
	if status&interruptConfig != 0 {
		l.changed++
	}
	return status&interruptQueue != 0
}

// wait returns chains that the device has used of queue i, for which it waits.
func (l *linux) wait(i int) ([]virtqtest.Done, error) {
	used := make([]virtqtest.Done, 16)
	for end := time.Now().Add(patience); ; {
		n, err := l.queues[i].Reap(used)
		if n > 0 || err != nil {
			return used[:n], err
		}
		if l.queues[i].EnableInterrupts() {
			continue
		}
		for {
			if !l.interrupted(time.Until(end)) {
				return nil, fmt.Errorf("no interrupt within %v", patience)
			}
			if l.interrupt() {
				break
			}
		}
	}
}

// do sends one chain and waits until it is used.
func (l *linux) do(i int, bufs ...virtqtest.Buffer) (written uint32, err error) {
	add := l.queues[i].Add
	if l.features&virtio.FeatureIndirectDesc != 0 {
		add = l.queues[i].AddIndirect
	}
	head, err := add(bufs...)
	if err != nil {
		return 0, err
	}
	l.queues[i].Kick()
	used, err := l.wait(i)
	if err != nil {
		return 0, err
	}
	if len(used) != 1 || used[0].Head != head {
		return 0, errors.New("another chain was used")
	}
	return used[0].Written, nil
}
