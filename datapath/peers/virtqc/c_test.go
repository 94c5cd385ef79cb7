// SPDX-License-Identifier: MIT OR Apache-2.0

package virtqc

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"arcbox.dev/datapath/peers/native"
)

// program is the C program, which TestMain removes.
var program = native.Program{
	Compiler: "cc", Options: []string{"-std=gnu11", "-O3"}, Source: filepath.Join("device", "main.c"),
}

func TestMain(m *testing.M) {
	status := m.Run()
	if err := program.Remove(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(status)
}

// measureC reports what the C program took for b.N chains.
func measureC(b *testing.B, chain, batch int) {
	path, err := program.Path()
	if errors.Is(err, exec.ErrNotFound) {
		b.Skip(err)
	}
	if err != nil {
		b.Fatal(err)
	}
	out, err := exec.Command(path, strconv.Itoa(chain), strconv.Itoa(batch), strconv.Itoa(b.N)).Output()
	if err != nil {
		b.Fatalf("running %s: %v", path, err)
	}
	ns, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		b.Fatalf("reading what the C program printed: %v", err)
	}
	b.ReportMetric(ns/float64(b.N), "ns/op")
}
