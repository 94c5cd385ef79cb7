// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"errors"
	"fmt"
	"log/slog"

	"arcbox.dev/runtime/virtio"
)

// session is one front end's use of the device, from connection to its end.
type session struct {
	dev     virtio.Device
	log     *slog.Logger
	conn    *conn
	channel *channel

	features uint64 // what the driver has accepted
	mem      *memory
	rings    []*ring
}

func newSession(dev virtio.Device, log *slog.Logger, c *conn) *session {
	s := &session{dev: dev, log: log, conn: c, channel: &channel{fd: -1}}
	for i, size := range dev.QueueSizes() {
		s.rings = append(s.rings, newRing(i, size))
	}
	return s
}

// serve handles messages until the front end goes, which is no error, or breaks
// the protocol.
func (s *session) serve() error {
	for {
		m, err := s.conn.receive()
		if err == nil {
			err = s.handle(m)
		}
		if gone(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("serving a vhost-user front end: %w", err)
		}
	}
}

// handle acts on one message and replies where a reply is due. An error ends the
// session.
func (s *session) handle(m message) error {
	if m.isReply() {
		m.files.close()
		return fmt.Errorf("%v: a reply to no question", m.request)
	}
	answer, err := s.act(m)
	m.files.close() // what was not taken, before the front end hears of it
	if err != nil {
		err = fmt.Errorf("%v: %w", m.request, err)
	}
	switch {
	case err == nil && answer != nil:
		return s.conn.send(m.request, flagReply, answer)
	case err != nil && m.request == getConfig:
		// vhost-user, VHOST_USER_GET_CONFIG: no payload stands for an error.
		s.log.Warn("message of the front end refused", "error", err)
		return s.conn.send(m.request, flagReply, none{})
	case err != nil && (!m.needReply() || m.request.hasAnswer()):
		return err
	case err != nil:
		s.log.Warn("message of the front end refused", "error", err)
		return s.conn.send(m.request, flagReply, number(1))
	case m.needReply():
		return s.conn.send(m.request, flagReply, number(0))
	}
	return nil
}

// act does what a message asks for, and returns the answer that the request has by
// itself, if it has one.
func (s *session) act(m message) (answer payload, err error) {
	p, err := parseRequest(m.request, m.body, len(m.files))
	if err != nil {
		return nil, err
	}
	switch p := p.(type) {
	case none, file:
		return s.actNamed(m)
	case number:
		return nil, s.setFeatureSet(m.request, uint64(p))
	case configAccess:
		return s.config(m.request, p)
	case memTable:
		return nil, s.setMemory(p, m.files)
	case vringState:
		r, err := s.ring(p.index)
		if err != nil {
			return nil, err
		}
		return s.setState(m.request, r, p.num)
	case vringAddr:
		r, err := s.ring(p.index)
		if err != nil {
			return nil, err
		}
		return nil, r.setAddr(p.addr)
	case vringFile:
		r, err := s.ring(uint32(p.index))
		if err != nil {
			return nil, err
		}
		return nil, s.setSignal(m.request, r, p.noFile, m.files)
	}
	return nil, errUnknownRequest
}

// actNamed handles requests that need no payload.
func (s *session) actNamed(m message) (answer payload, err error) {
	switch m.request {
	case getFeatures:
		return number(s.offered()), nil
	case getProtocolFeatures:
		return number(offeredProtocol), nil
	case getQueueNum:
		return number(len(s.rings)), nil
	case setOwner:
	case resetOwner:
		// Deprecated: to be ignored, or taken to disable all rings.
		for _, r := range s.rings {
			r.stop(s.dev)
			r.enabled = false
		}
	case resetDevice:
		s.reset()
	case setBackendChannel:
		socket, err := classify(m.files[0])
		if err != nil {
			return nil, err
		}
		if !socket {
			return nil, errors.New("descriptor is not a socket")
		}
		s.channel.set(m.files.take(0))
	default:
		return nil, errUnknownRequest
	}
	return nil, nil
}

// offered is the feature set of the device and its queues.
func (s *session) offered() uint64 {
	return s.dev.Features() | FeatureProtocol | virtio.QueueFeatures
}

// setFeatureSet takes what the other side accepts of a set that was offered.
func (s *session) setFeatureSet(req request, accepted uint64) error {
	offered := offeredProtocol
	if req == setFeatures {
		offered = s.offered()
	}
	if extra := accepted &^ offered; extra != 0 {
		return fmt.Errorf("features %#x were not offered", extra)
	}
	if req == setProtocolFeatures {
		s.channel.allowConfig(accepted&ProtocolConfig != 0)
		return nil
	}
	for _, r := range s.rings {
		if r.running() && accepted != s.features {
			return errRunning
		}
	}
	s.features = accepted
	if accepted&FeatureProtocol == 0 {
		// vhost-user, Ring states: such a front end does not send SET_VRING_ENABLE.
		for _, r := range s.rings {
			r.enabled = true
			if err := s.start(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// config reads or writes the configuration space.
func (s *session) config(req request, c configAccess) (answer payload, err error) {
	if req == getConfig {
		clear(c.data)
		s.dev.ReadConfig(c.offset, c.data)
		return c, nil
	}
	if c.flags != 0 {
		return nil, fmt.Errorf("flags %#x: only a guest's writes are supported", c.flags)
	}
	s.dev.WriteConfig(c.offset, c.data)
	return nil, nil
}

// setMemory maps a new memory table. Queues that run are stopped meanwhile.
func (s *session) setMemory(t memTable, fds files) error {
	mem, err := mapMemory(t, fds)
	if err != nil {
		return err
	}
	old, running := s.mem, s.stopAll()
	s.mem = mem
	errs := []error{old.unmap()}
	for _, r := range running {
		errs = append(errs, s.start(r))
	}
	return errors.Join(errs...)
}

// reset returns the device and its rings to their first state.
func (s *session) reset() {
	s.stopAll()
	for _, r := range s.rings {
		r.reset()
	}
	s.features = 0
	s.dev.Reset()
}

// stopAll stops the rings and returns those that were running.
func (s *session) stopAll() (running []*ring) {
	for _, r := range s.rings {
		if r.running() {
			r.stop(s.dev)
			running = append(running, r)
		}
	}
	return running
}

// close ends the session: the device is reset and holds nothing of the front end's.
func (s *session) close() error {
	s.reset()
	for _, r := range s.rings {
		r.close()
	}
	s.channel.set(-1)
	_ = s.conn.Close() // which may be closed already
	return s.mem.unmap()
}
