// SPDX-License-Identifier: MIT OR Apache-2.0

package rpc

// The responses are those of agent.proto. Encode returns the encoded message.

// Response is what a method answers.
type Response interface {
	Encode() []byte
}

// Empty is the response of Mount, Signal, Resize and Shutdown.
type Empty struct{}

// Encode encodes the response.
func (Empty) Encode() []byte { return nil }

// PingResponse is the response of Ping.
type PingResponse struct {
	ProtocolVersion uint32
	AgentVersion    string
	SinceStart      uint64
	ClockSet        bool
}

// Encode encodes the response.
func (r *PingResponse) Encode() []byte {
	b := appendInteger(nil, 1, r.ProtocolVersion)
	b = appendText(b, 2, r.AgentVersion)
	b = appendInteger(b, 3, r.SinceStart)
	return appendBool(b, 4, r.ClockSet)
}

// InfoResponse is the response of Info.
type InfoResponse struct {
	KernelRelease, Machine       string
	MemoryTotal, MemoryAvailable uint64
	CPUs                         uint32
	Uptime, SinceStart           uint64
	Load                         []float64
	Tasks                        uint32
	Steps                        []Step
}

// Step is a moment of the agent's start.
type Step struct {
	Name string
	At   uint64
}

// Encode encodes the response.
func (r *InfoResponse) Encode() []byte {
	b := appendText(nil, 1, r.KernelRelease)
	b = appendText(b, 2, r.Machine)
	b = appendInteger(b, 3, r.MemoryTotal)
	b = appendInteger(b, 4, r.MemoryAvailable)
	b = appendInteger(b, 5, r.CPUs)
	b = appendInteger(b, 6, r.Uptime)
	b = appendInteger(b, 7, r.SinceStart)
	b = appendDoubles(b, 8, r.Load)
	b = appendInteger(b, 9, r.Tasks)
	for _, s := range r.Steps {
		b = appendMessage(b, 10, appendInteger(appendText(nil, 1, s.Name), 2, s.At))
	}
	return b
}

// ExecResponse is the response of Exec.
type ExecResponse struct {
	PID uint32
}

// Encode encodes the response.
func (r *ExecResponse) Encode() []byte { return appendInteger(nil, 1, r.PID) }

// WaitResponse is the response of Wait.
type WaitResponse struct {
	Code, Signal             uint32
	StdoutBytes, StderrBytes uint64
}

// Encode encodes the response.
func (r *WaitResponse) Encode() []byte {
	b := appendInteger(nil, 1, r.Code)
	b = appendInteger(b, 2, r.Signal)
	b = appendInteger(b, 3, r.StdoutBytes)
	return appendInteger(b, 4, r.StderrBytes)
}
