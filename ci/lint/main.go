// SPDX-License-Identifier: MIT OR Apache-2.0

// Command lint checks what the compiler does not: that packages import only what
// the architecture allows, and that source files carry their licence line, keep
// unsafe in files named for it, and hold one package comment a package.
//
// It prints a line a finding, with the reason for the rule, and fails if there is one.
package main

import (
	"fmt"
	"os"
)

func main() {
	packages, err := list()
	if err != nil {
		fmt.Fprintln(os.Stderr, "lint:", err)
		os.Exit(2)
	}
	findings := checkImports(packages)
	for _, p := range packages {
		found, err := checkFiles(p)
		if err != nil {
			fmt.Fprintln(os.Stderr, "lint:", err)
			os.Exit(2)
		}
		findings = append(findings, found...)
	}
	for _, f := range findings {
		fmt.Println(f)
	}
	if len(findings) > 0 {
		os.Exit(1)
	}
	fmt.Printf("lint: %d packages, no findings\n", len(packages))
}
