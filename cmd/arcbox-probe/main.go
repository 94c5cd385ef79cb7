// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

// Command arcbox-probe is the lab's own program inside a system under test: a guest,
// a container or the host.
//
//	arcbox-probe                                 ends at once
//	arcbox-probe touch BYTES [MORE]              writes to every page of so much new memory
//	arcbox-probe cache FOLDER BYTES [MORE]       writes a new file of that size and reads it
//	arcbox-probe wait                            waits for SIGTERM or SIGINT
//
// MORE is done while the memory or the file is there: then it is given back. So
// "cache /tmp 1000000 touch 2000000" needs three megabytes at its height.
//
// Its start is what the lab measures as the start of a process, so it imports
// little. It needs nothing around it, and may be the first process of a container.
package main

import (
	"errors"
	"os"
	"strconv"
)

// usage is one line, for a mistake on the command line.
const usage = "usage: arcbox-probe [touch BYTES | cache FOLDER BYTES | wait] ..."

// errUsage: the command line is not as usage says.
var errUsage = errors.New(usage)

func main() {
	err := run(os.Args[1:])
	if err == nil {
		return
	}
	os.Stderr.WriteString("arcbox-probe: " + err.Error() + "\n")
	if errors.Is(err, errUsage) {
		os.Exit(2)
	}
	os.Exit(1)
}

// run does what the arguments say, each while what came before it lasts.
func run(args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case args[0] == "wait" && len(args) == 1:
		wait()
		return nil
	case args[0] == "touch" && len(args) >= 2:
		bytes, err := size(args[1])
		if err != nil {
			return err
		}
		return touch(bytes, func() error { return run(args[2:]) })
	case args[0] == "cache" && len(args) >= 3:
		bytes, err := size(args[2])
		if err != nil {
			return err
		}
		return cache(args[1], bytes, func() error { return run(args[3:]) })
	}
	return errUsage
}

// size reads a number of bytes, at least 1.
func size(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, &sizeError{s}
	}
	return n, nil
}

// sizeError: a number of bytes is none. It matches errUsage.
type sizeError struct{ got string }

func (e *sizeError) Error() string {
	return strconv.Quote(e.got) + " is not a number of bytes above 0; " + usage
}

func (e *sizeError) Is(err error) bool { return err == errUsage }
