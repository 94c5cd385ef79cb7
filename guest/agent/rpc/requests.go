// SPDX-License-Identifier: MIT OR Apache-2.0

package rpc

import (
	"math"

	"arcbox.dev/guest/protocol"
)

// The requests are those of agent.proto, which says what their fields mean. Decode
// adds the fields of an encoded message to its receiver and passes over those that
// it does not know.

// InfoRequest is the request of Info.
type InfoRequest struct{}

// Decode decodes the request.
func (r *InfoRequest) Decode(message []byte) error {
	return decode(message, func(field) error { return nil })
}

// PingRequest is the request of Ping.
type PingRequest struct {
	ProtocolVersion uint32
	HostTime        int64
}

// Decode decodes the request.
func (r *PingRequest) Decode(message []byte) error {
	return decode(message, func(f field) error {
		switch f.number {
		case 1:
			return setInteger(&r.ProtocolVersion, f)
		case 2:
			return setInteger(&r.HostTime, f)
		}
		return nil
	})
}

// MountRequest is the request of Mount.
type MountRequest struct {
	Mount *Mount
}

// Decode decodes the request.
func (r *MountRequest) Decode(message []byte) error {
	return decode(message, func(f field) error {
		if f.number == 1 {
			return setMessage(&r.Mount, f)
		}
		return nil
	})
}

// Mount is a file system to be mounted.
type Mount struct {
	Source, Target, Type string
	Options              []string
}

// Decode decodes the message.
func (m *Mount) Decode(message []byte) error {
	return decode(message, func(f field) error {
		switch f.number {
		case 1:
			return setText(&m.Source, f)
		case 2:
			return setText(&m.Target, f)
		case 3:
			return setText(&m.Type, f)
		case 4:
			return addText(&m.Options, f)
		}
		return nil
	})
}

// ExecRequest is the request of Exec.
type ExecRequest struct {
	ID        uint64
	Args, Env []string
	Cwd, User string
	Terminal  *Terminal // nil for pipes
	Streams   []protocol.Stream
	Container *Container // nil without one

	Encoded []byte // the request as it came, to be passed on
}

// Decode decodes the request.
func (r *ExecRequest) Decode(message []byte) error {
	r.Encoded = message
	return decode(message, func(f field) error {
		switch f.number {
		case 1:
			return setInteger(&r.ID, f)
		case 2:
			return addText(&r.Args, f)
		case 3:
			return addText(&r.Env, f)
		case 4:
			return setText(&r.Cwd, f)
		case 5:
			return setText(&r.User, f)
		case 6:
			return setMessage(&r.Terminal, f)
		case 7:
			return addIntegers(&r.Streams, f)
		case 8:
			return setMessage(&r.Container, f)
		}
		return nil
	})
}

// Terminal is a terminal's size.
type Terminal struct {
	Columns, Rows uint32
}

// Fits reports whether the kernel can hold the size.
func (t *Terminal) Fits() bool { return t.Columns <= math.MaxUint16 && t.Rows <= math.MaxUint16 }

// Decode decodes the message.
func (t *Terminal) Decode(message []byte) error {
	return decode(message, func(f field) error {
		switch f.number {
		case 1:
			return setInteger(&t.Columns, f)
		case 2:
			return setInteger(&t.Rows, f)
		}
		return nil
	})
}

// Container describes a container.
type Container struct {
	ID, Hostname     string
	Layers           []Layer
	WritableLimit    uint64
	ReadOnly         bool
	Mounts           []Mount
	AddCapabilities  []string
	DropCapabilities []string
	Privileged       bool
	Hosts            []string
	ResolvConf       string
}

// Decode decodes the message.
func (c *Container) Decode(message []byte) error {
	return decode(message, func(f field) error {
		switch f.number {
		case 1:
			return setText(&c.ID, f)
		case 2:
			return setText(&c.Hostname, f)
		case 3:
			return addMessage(&c.Layers, f)
		case 4:
			return setInteger(&c.WritableLimit, f)
		case 5:
			return setBool(&c.ReadOnly, f)
		case 6:
			return addMessage(&c.Mounts, f)
		case 7:
			return addText(&c.AddCapabilities, f)
		case 8:
			return addText(&c.DropCapabilities, f)
		case 9:
			return setBool(&c.Privileged, f)
		case 10:
			return addText(&c.Hosts, f)
		case 11:
			return setText(&c.ResolvConf, f)
		}
		return nil
	})
}

// Layer is one layer of a root file system.
type Layer struct {
	Source, Type string
}

// Decode decodes the message.
func (l *Layer) Decode(message []byte) error {
	return decode(message, func(f field) error {
		switch f.number {
		case 1:
			return setText(&l.Source, f)
		case 2:
			return setText(&l.Type, f)
		}
		return nil
	})
}

// WaitRequest is the request of Wait.
type WaitRequest struct {
	ID uint64
}

// Decode decodes the request.
func (r *WaitRequest) Decode(message []byte) error {
	return decode(message, func(f field) error {
		if f.number == 1 {
			return setInteger(&r.ID, f)
		}
		return nil
	})
}

// SignalRequest is the request of Signal.
type SignalRequest struct {
	ID     uint64
	Signal uint32
}

// Decode decodes the request.
func (r *SignalRequest) Decode(message []byte) error {
	return decode(message, func(f field) error {
		switch f.number {
		case 1:
			return setInteger(&r.ID, f)
		case 2:
			return setInteger(&r.Signal, f)
		}
		return nil
	})
}

// ResizeRequest is the request of Resize.
type ResizeRequest struct {
	ID   uint64
	Size *Terminal
}

// Decode decodes the request.
func (r *ResizeRequest) Decode(message []byte) error {
	return decode(message, func(f field) error {
		switch f.number {
		case 1:
			return setInteger(&r.ID, f)
		case 2:
			return setMessage(&r.Size, f)
		}
		return nil
	})
}

// ShutdownRequest is the request of Shutdown.
type ShutdownRequest struct {
	Grace  int64
	Reboot bool
}

// Decode decodes the request.
func (r *ShutdownRequest) Decode(message []byte) error {
	return decode(message, func(f field) error {
		switch f.number {
		case 1:
			return setInteger(&r.Grace, f)
		case 2:
			return setBool(&r.Reboot, f)
		}
		return nil
	})
}
