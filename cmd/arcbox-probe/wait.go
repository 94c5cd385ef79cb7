// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// wait returns at the first SIGTERM or SIGINT. The first process of a container gets
// only signals that it asked for, and inherits the orphans there: with SIGCHLD
// ignored the kernel reaps them (sigaction(2), SA_NOCLDWAIT).
func wait() {
	ends := make(chan os.Signal, 1)
	signal.Notify(ends, syscall.SIGTERM, syscall.SIGINT)
	signal.Ignore(syscall.SIGCHLD)
	<-ends
}
