// SPDX-License-Identifier: MIT OR Apache-2.0

// Package protocol is what the host and the agent in a guest say to each other.
//
// The agent serves the ttrpc service Agent (agentpb/agent.proto) on a vsock port of the
// guest. A process's bytes travel on connections of their own to a second port,
// each of which begins with a StreamHeader. Once it serves, the agent connects to
// the host and sends one Ready record. A guest without vsock serves the service
// alone, on a virtio console port.
//
// All integers outside of protobuf are big-endian. Everything that comes from the
// other side is data to be checked: parsing returns a value or an error.
package protocol

import "time"

// Version is the version of all of this: service, stream header and ready record.
// Host and agent refuse another one, since both are built together.
const Version = 1

// Ports of vsock.
const (
	RPCPort     = 1024 // in the guest: the service Agent
	StreamPort  = 1025 // in the guest: byte streams
	ProfilePort = 1026 // in the guest: profiles of the agent, if it was built to keep them
	ReadyPort   = 1024 // on the host: the agent says that it serves
)

// HostCID is the host's vsock context identifier (VMADDR_CID_HOST).
const HostCID = 2

// PortParameter is the kernel parameter that names the virtio console port to
// serve on in place of vsock: "arcbox.port=NAME".
const PortParameter = "arcbox.port"

// ClaimTimeout is how long an opened stream may wait for the Exec that names it,
// and an Exec for its streams.
const ClaimTimeout = 10 * time.Second

// ServiceName is the service's full name.
const ServiceName = "arcbox.agent.v1.Agent"
