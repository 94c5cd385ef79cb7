// SPDX-License-Identifier: MIT OR Apache-2.0

// Command arcbox-hello is the program of the bundled image. It says where it finds
// itself: kernel, processors, memory, user, namespaces and root file system.
//
// It needs nothing around it: built without cgo it is the only file that its image
// has to hold.
package main

import (
	"fmt"
	"os"
)

func main() {
	host, _ := os.Hostname()
	s := scene{
		root: os.DirFS("/"),
		pid:  os.Getpid(),
		uid:  os.Getuid(),
		gid:  os.Getgid(),
		host: host,
	}
	if _, err := fmt.Print("Hello from ArcBox.\n\n", table(s.facts())); err != nil {
		os.Exit(1)
	}
}
