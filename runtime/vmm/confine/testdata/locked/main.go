// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

// Command locked locks itself in, tries what it must not be able to do and what it
// must, prints what came of each, and waits for the end of its standard input.
//
// Arguments: whether it has namespaces of its own, a folder, a user id, a file that
// everybody may read, and the id of a process of the same user. Descriptor 3 is the
// KVM device, or /dev/null.
package main

import (
	"fmt"
	"io"
	"os"
	"strconv"

	"arcbox.dev/runtime/vmm/confine"
)

func main() {
	user, _ := strconv.Atoi(os.Args[3])
	victim, _ := strconv.Atoi(os.Args[5])
	held := open()
	threads := startThreads(8)
	report, err := confine.Lock(confine.Options{Namespaces: os.Args[1] == "true", Root: os.Args[2], User: user})
	if err != nil {
		fmt.Println("locking in:", err)
		os.Exit(1)
	}
	fmt.Println("report:", report)
	for what, err := range refused(held, os.Args[4], victim) {
		fmt.Printf("%s: %v\n", what, err)
	}
	for i, t := range threads { // threads that were there before
		fmt.Printf("thread %d: %v\n", i, t.open(os.Args[4]))
	}
	for _, w := range works {
		result := "works"
		if err := w.try(held); err != nil {
			result = err.Error()
		}
		fmt.Printf("%s: %s\n", w.what, result)
	}
	fmt.Println("done")
	io.Copy(io.Discard, os.Stdin)
}
