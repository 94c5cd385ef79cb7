// SPDX-License-Identifier: MIT OR Apache-2.0

// Package agentpb is the service Agent, generated from agent.proto: its messages and
// its ttrpc client. The agent itself has the same messages without the protobuf
// runtime (package arcbox.dev/guest/agent/rpc).
package agentpb

//go:generate ./generate.sh
