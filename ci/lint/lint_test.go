// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestImportMatrix(t *testing.T) {
	for _, c := range []struct {
		from, to string
		finds    string // "" allows it
	}{
		{"runtime/virtio/blk", "runtime/virtio", ""},
		{"runtime/virtio/blk", "runtime/virtio/vhostuser", "a device knows neither"},
		{"runtime/virtio/vhostuser", "runtime/virtio/blk", "a transport knows no device"},
		{"runtime/core", "runtime/hypervisor/uml", "no concrete driver"},
		{"runtime/hypervisor/uml", "runtime/hypervisor/uml/xstate", ""},
		{"datapath/virtq", "runtime/virtio", "the device side"},
		{"guest/agent", "runtime/core", "the guest's side"},
		{"cmd/arcbox", "runtime/core", ""},
		{"scenarios/boot", "runtime/hypervisor/uml", "front door"},
		{"nowhere", "runtime/core", "no import rule"},
	} {
		got := strings.Join(checkImports([]pkg{{ImportPath: prefix + c.from, Imports: []string{prefix + c.to, "fmt"}}}), "\n")
		if c.finds == "" && got != "" || !strings.Contains(got, c.finds) {
			t.Errorf("%s imports %s: got %q, want %q", c.from, c.to, got, c.finds)
		}
	}
}

func TestDatapathImportsNothingForeign(t *testing.T) {
	got := checkImports([]pkg{{ImportPath: prefix + "datapath/virtq", Imports: []string{"golang.org/x/sys/unix", "example.com/other"}}})
	if len(got) != 1 || !strings.Contains(got[0], "example.com/other") {
		t.Errorf("got %q", got)
	}
}

func TestFileRules(t *testing.T) {
	for name, c := range map[string]struct{ text, finds string }{
		"good.go":        {licence + "\n// Package p.\npackage p\n", ""},
		"bare.go":        {"// Package p.\npackage p\n", "licence"},
		"quiet.go":       {licence + "\npackage p\n", "0 files carry a package comment"},
		"risky.go":       {licence + "\n// Package p.\npackage p\n\nimport _ \"unsafe\"\n", "imports unsafe"},
		"risk_unsafe.go": {licence + "\n// Package p.\npackage p\n\nimport _ \"unsafe\"\n", ""},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		findings, err := checkFiles(pkg{ImportPath: "p", Dir: dir, GoFiles: []string{name}})
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(findings, "\n")
		if c.finds == "" && got != "" || !strings.Contains(got, c.finds) {
			t.Errorf("%s: got %q, want %q", name, got, c.finds)
		}
	}
}
