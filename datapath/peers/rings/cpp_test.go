// SPDX-License-Identifier: MIT OR Apache-2.0

package rings

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

// program is the C++ program, which TestMain removes.
var program = native.Program{
	Compiler: "g++", Options: []string{"-std=c++17", "-O3", "-pthread"}, Source: filepath.Join("..", "ringcpp", "main.cpp"),
}

func TestMain(m *testing.M) {
	if err := limitHurry(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	if err := program.Remove(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(status)
}

// measureCPP reports the median of b.N bursts of the C++ program.
func measureCPP(b *testing.B, s setup) {
	path, err := program.Path()
	if errors.Is(err, exec.ErrNotFound) {
		b.Skip(err)
	}
	if err != nil {
		b.Fatal(err)
	}
	mode := "copy"
	if s.inPlace {
		mode = "inplace"
	}
	args := []string{mode}
	for _, n := range []int{s.cores, s.batch, s.capacity, s.items, b.N, s.turns} {
		args = append(args, strconv.Itoa(n))
	}
	out, err := exec.Command(path, args...).Output()
	if err != nil {
		b.Fatalf("running %s %v: %v", path, args, err)
	}
	var perItem []float64
	for _, line := range strings.Fields(string(out)) {
		ns, err := strconv.ParseFloat(line, 64)
		if err != nil {
			b.Fatalf("reading what the C++ program printed: %v", err)
		}
		perItem = append(perItem, ns)
	}
	if len(perItem) != b.N {
		b.Fatalf("%d bursts of %d reported", len(perItem), b.N)
	}
	report(b, perItem)
}
