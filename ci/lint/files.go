// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const licence = "// SPDX-License-Identifier: MIT OR Apache-2.0\n"

// generated files are made by tools and checked by nobody.
func generated(name string) bool {
	return strings.HasSuffix(name, ".pb.go")
}

func checkFiles(p pkg) ([]string, error) {
	var findings []string
	var documented []string
	sources := slices.Concat(p.GoFiles, p.CgoFiles, p.IgnoredGo)
	for _, name := range slices.Concat(sources, p.TestGoFiles, p.XTestGoFiles, p.SFiles) {
		if generated(name) {
			continue
		}
		path := filepath.Join(p.Dir, name)
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(string(text), licence) {
			findings = append(findings, fmt.Sprintf("%s: the first line is not the licence's: every source file says under which terms it may be used", path))
		}
		if !strings.HasSuffix(name, ".go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return nil, err
		}
		if importsUnsafe(file) && !strings.HasSuffix(strings.TrimSuffix(name, "_test.go"), "_unsafe.go") &&
			!strings.HasSuffix(name, "_unsafe_test.go") && !strings.HasSuffix(name, "_unsafe.go") {
			findings = append(findings, fmt.Sprintf("%s: imports unsafe but is not named …_unsafe.go: a reader must see from the name where the language's guarantees end", path))
		}
		if file.Doc != nil && slices.Contains(sources, name) {
			documented = append(documented, name)
		}
	}
	if len(sources) > 0 && len(documented) != 1 {
		findings = append(findings, fmt.Sprintf("%s: %d files carry a package comment %v, not one: a package is one idea, said once", p.ImportPath, len(documented), documented))
	}
	return findings, nil
}

func importsUnsafe(f *ast.File) bool {
	return slices.ContainsFunc(f.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"unsafe"` })
}
