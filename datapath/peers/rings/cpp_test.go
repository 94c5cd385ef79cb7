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
	"sync"
	"testing"
)

// program is the C++ program, built once into a folder that TestMain removes.
var program = struct {
	sync.Once
	folder, path string
	err          error
}{}

func TestMain(m *testing.M) {
	if err := limitHurry(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	if program.folder != "" {
		os.RemoveAll(program.folder)
	}
	os.Exit(status)
}

// buildCPP returns the program's path, or an error that is exec.ErrNotFound if there is no g++.
func buildCPP() (string, error) {
	program.Do(func() {
		compiler, err := exec.LookPath("g++")
		if err != nil {
			program.err = fmt.Errorf("the C++ compiler is missing: %w", err)
			return
		}
		if program.folder, program.err = os.MkdirTemp("", "ringcpp"); program.err != nil {
			return
		}
		path := filepath.Join(program.folder, "ringcpp")
		source := filepath.Join("..", "ringcpp", "main.cpp")
		out, err := exec.Command(compiler, "-std=c++17", "-O3", "-pthread", "-o", path, source).CombinedOutput()
		if err != nil {
			program.err = fmt.Errorf("building %s: %w\n%s", source, err, out)
			return
		}
		program.path = path
	})
	return program.path, program.err
}

// measureCPP reports the median of b.N bursts of the C++ program.
func measureCPP(b *testing.B, s setup) {
	path, err := buildCPP()
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
