// SPDX-License-Identifier: MIT OR Apache-2.0

// Package native builds the programs of C and C++ that say what the hardware does.
package native

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// A Program is built once, when it is first asked for, into a folder of its own.
type Program struct {
	Compiler string // "cc"
	Options  []string
	Source   string // path, from the package's folder

	once   sync.Once
	folder string
	err    error
}

// Path returns the path of the program. The error is exec.ErrNotFound if there is no compiler.
func (p *Program) Path() (string, error) {
	p.once.Do(p.build)
	return filepath.Join(p.folder, "program"), p.err
}

func (p *Program) build() {
	compiler, err := exec.LookPath(p.Compiler)
	if err != nil {
		p.err = fmt.Errorf("the compiler is missing: %w", err)
		return
	}
	if p.folder, p.err = os.MkdirTemp("", "native"); p.err != nil {
		return
	}
	args := append(p.Options, "-o", filepath.Join(p.folder, "program"), p.Source)
	if out, err := exec.Command(compiler, args...).CombinedOutput(); err != nil {
		p.err = fmt.Errorf("building %s: %w\n%s", p.Source, err, out)
	}
}

// Remove removes the program, if it was built.
func (p *Program) Remove() error {
	if p.folder == "" {
		return nil
	}
	return os.RemoveAll(p.folder)
}
