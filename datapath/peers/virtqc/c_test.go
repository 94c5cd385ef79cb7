// SPDX-License-Identifier: MIT OR Apache-2.0

package virtqc

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// program is the C program, built once into a folder that TestMain removes.
var program struct {
	sync.Once
	folder, path string
	err          error
}

func TestMain(m *testing.M) {
	status := m.Run()
	if program.folder != "" {
		os.RemoveAll(program.folder)
	}
	os.Exit(status)
}

func buildC() (string, error) {
	program.Do(func() {
		compiler, err := exec.LookPath("cc")
		if err != nil {
			program.err = fmt.Errorf("missing: %w", err)
			return
		}
		if program.folder, program.err = os.MkdirTemp("", "virtqc"); program.err != nil {
			return
		}
		program.path = filepath.Join(program.folder, "device")
		source := filepath.Join("device", "main.c")
		out, err := exec.Command(compiler, "-std=gnu11", "-O3", "-o", program.path, source).CombinedOutput()
		if err != nil {
			program.err = fmt.Errorf("building %s: %w\n%s", source, err, out)
		}
	})
	return program.path, program.err
}

// measureC reports what the C program took for b.N chains.
func measureC(b *testing.B, chain, batch int) {
	path, err := buildC()
	if err != nil {
		b.Skip(err)
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
