// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

// Command arcbox-agent is the init of an ArcBox guest. Built with the tag profile it
// also keeps profiles of itself, for the lab.
package main

import "arcbox.dev/guest/agent"

// version is set by the linker.
var version = "dev"

func main() { agent.Main(version, services...) }
