// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && !profile

package main

import "arcbox.dev/guest/agent"

// services are none: the agent that users get is small.
var services []func() agent.Service
