// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"errors"
	"fmt"
	"slices"
)

// SetOwner begins the session.
func (f *Frontend) SetOwner() error { return f.tell(setOwner, none{}) }

// Features returns the device features that the back end offers, FeatureProtocol
// among them if it knows protocol features.
func (f *Frontend) Features() (uint64, error) { return f.askNumber(getFeatures) }

// SetFeatures accepts device features. Without FeatureProtocol all rings are
// enabled from then on; with it, SetVringEnable enables them.
func (f *Frontend) SetFeatures(features uint64) error { return f.tell(setFeatures, number(features)) }

// ProtocolFeatures returns the protocol features that the back end offers.
func (f *Frontend) ProtocolFeatures() (uint64, error) { return f.askNumber(getProtocolFeatures) }

// SetProtocolFeatures accepts protocol features. With ProtocolReplyAck among them,
// methods from now on return ErrRefused if the back end refuses; without, they
// return before it has acted.
func (f *Frontend) SetProtocolFeatures(features uint64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.protocol = features
	return f.tellLocked(setProtocolFeatures, number(features))
}

// QueueNum returns the number of queues. It needs ProtocolMQ.
func (f *Frontend) QueueNum() (int, error) {
	n, err := f.askNumber(getQueueNum)
	return int(min(n, vringIndexMask+1)), err
}

// Config fills p with the configuration space from offset on. It needs ProtocolConfig.
func (f *Frontend) Config(offset uint32, p []byte) error {
	if len(p) > maxConfig {
		return named(getConfig, fmt.Errorf("%d bytes of configuration, at most %d are allowed", len(p), maxConfig))
	}
	var data []byte
	err := f.ask(getConfig, configAccess{offset: offset, data: make([]byte, len(p))}, parseConfigAccess,
		func(answer payload) {
			if c := answer.(configAccess); c.offset == offset {
				data = slices.Clone(c.data)
			}
		})
	if err == nil && len(data) != len(p) {
		err = named(getConfig, errors.New("the answer is of another part of the space"))
	}
	copy(p, data)
	return err
}

// SetConfig writes p, a guest's write, to the configuration space at offset. It
// needs ProtocolConfig.
func (f *Frontend) SetConfig(offset uint32, p []byte) error {
	return f.tell(setConfig, configAccess{offset: offset, data: p})
}

// SetMemTable sets the guest memory: regions, and the file of each.
func (f *Frontend) SetMemTable(regions []MemRegion, fds []int) error {
	if len(regions) != len(fds) || len(regions) > maxRegions {
		return named(setMemTable, fmt.Errorf("%d regions in %d files, at most %d are allowed", len(regions), len(fds), maxRegions))
	}
	return f.tell(setMemTable, memTable(regions), fds...)
}

// SetVringNum sets the size of ring i in descriptors.
func (f *Frontend) SetVringNum(i int, size uint16) error {
	return f.tell(setVringNum, vringState{uint32(i), uint32(size)})
}

// SetVringAddr sets where ring i is.
func (f *Frontend) SetVringAddr(i int, addr VringAddr) error {
	return f.tell(setVringAddr, vringAddr{index: uint32(i), addr: addr})
}

// SetVringBase sets the available index at which ring i goes on.
func (f *Frontend) SetVringBase(i int, avail uint16) error {
	return f.tell(setVringBase, vringState{uint32(i), uint32(avail)})
}

// VringBase stops ring i and returns the available index at which it would go on.
func (f *Frontend) VringBase(i int) (avail uint16, err error) {
	err = f.ask(getVringBase, vringState{index: uint32(i)}, parseVringState,
		func(p payload) { avail = uint16(p.(vringState).num) })
	return avail, err
}

// SetVringKick starts ring i, which is kicked by the eventfd.
func (f *Frontend) SetVringKick(i, fd int) error { return f.setVringFile(setVringKick, i, fd) }

// SetVringCall sets the eventfd or stream socket that is ring i's interrupt; -1 is
// for none.
func (f *Frontend) SetVringCall(i, fd int) error { return f.setVringFile(setVringCall, i, fd) }

// SetVringErr sets the eventfd or stream socket that tells that ring i is broken;
// -1 is for none.
func (f *Frontend) SetVringErr(i, fd int) error { return f.setVringFile(setVringErr, i, fd) }

func (f *Frontend) setVringFile(req request, i, fd int) error {
	if i < 0 || i > vringIndexMask {
		return named(req, fmt.Errorf("no queue can be number %d", i))
	}
	if fd < 0 {
		return f.tell(req, vringFile{index: uint8(i), noFile: true})
	}
	return f.tell(req, vringFile{index: uint8(i)}, fd)
}

// SetVringEnable enables or disables ring i.
func (f *Frontend) SetVringEnable(i int, enabled bool) error {
	state := vringState{index: uint32(i)}
	if enabled {
		state.num = 1
	}
	return f.tell(setVringEnable, state)
}

// ResetDevice returns the device and its rings to their first state. It needs
// ProtocolResetDevice.
func (f *Frontend) ResetDevice() error { return f.tell(resetDevice, none{}) }
