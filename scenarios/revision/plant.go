// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package revision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Plant is a statement that a build has and its source has not: it is put first in
// a function's body, on the way from the source to the compiler (go build -overlay).
type Plant struct {
	Package   string // "arcbox.dev/runtime/core"
	Func      string // "Open", "Config.Check" or "(*Runtime).Boot"
	Statement string // "time.Sleep(3500*time.Microsecond)"
}

// Packages that the statement uses are of the standard library, with a path of one
// word. They are imported under names of this prefix, which nothing in the file
// hides: neither a parameter called time nor a package renamed to it.
const importPrefix = "planted_"

// ParsePlant reads a plant as a user writes it: PACKAGE:FUNC:STATEMENT.
func ParsePlant(text string) (Plant, error) {
	var p Plant
	var ok bool
	if p.Package, text, ok = strings.Cut(text, ":"); ok {
		p.Func, p.Statement, ok = strings.Cut(text, ":")
	}
	if !ok || p.Package == "" || p.Func == "" {
		return Plant{}, errors.New("write a plant as PACKAGE:FUNC:STATEMENT, such as 'arcbox.dev/runtime/core:(*Runtime).Boot:time.Sleep(time.Millisecond)'")
	}
	_, _, err := p.statement()
	return p, err
}

// String says what is planted where.
func (p Plant) String() string {
	return fmt.Sprintf("%s in %s, %s", p.Statement, p.Package, p.Func)
}

// overlay finds the function in the source tree below root and writes what
// go build -overlay needs into the folder temp. It returns the overlay's path.
func (p Plant) overlay(ctx context.Context, root, temp string) (string, error) {
	listed, err := output(command(ctx, root, buildEnv, "go", "list", "-json=Dir,GoFiles", "--", p.Package))
	if err != nil {
		return "", fmt.Errorf("planting %v: %w", p, err)
	}
	var pkg struct {
		Dir     string
		GoFiles []string
	}
	if err := json.Unmarshal([]byte(listed), &pkg); err != nil {
		return "", fmt.Errorf("planting %v: reading what go list says: %w", p, err)
	}
	for _, name := range pkg.GoFiles {
		path := filepath.Join(pkg.Dir, name)
		source, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("planting %v: %w", p, err)
		}
		planted, found, err := p.in(source)
		if err != nil {
			return "", fmt.Errorf("planting %v: %s: %w", p, name, err)
		}
		if found {
			return writeOverlay(temp, path, planted)
		}
	}
	return "", fmt.Errorf("planting %v: the package has no such function with a body", p)
}

// writeOverlay writes the source that takes the place of the file at path, and the
// overlay that says so.
func writeOverlay(temp, path string, source []byte) (string, error) {
	replacement, overlay := filepath.Join(temp, filepath.Base(path)), filepath.Join(temp, "overlay.json")
	content, err := json.Marshal(map[string]map[string]string{"Replace": {path: replacement}})
	if err == nil {
		err = os.WriteFile(replacement, source, 0o600)
	}
	if err == nil {
		err = os.WriteFile(overlay, content, 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("writing an overlay: %w", err)
	}
	return overlay, nil
}

// in returns the source of a file with the statement in it, and whether the
// function is there. No line moves.
func (p Plant) in(source []byte) (planted []byte, found bool, err error) {
	statement, imports, err := p.statement()
	if err != nil {
		return nil, false, err
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "", source, parser.SkipObjectResolution)
	if err != nil {
		return nil, false, err
	}
	at := slices.IndexFunc(file.Decls, func(d ast.Decl) bool {
		f, ok := d.(*ast.FuncDecl)
		return ok && f.Body != nil && funcName(f) == p.Func
	})
	if at < 0 {
		return nil, false, nil
	}
	// Positions in a set with one file, less one, are offsets, whatever //line says.
	name := int(file.Name.End()) - files.File(file.Pos()).Base()
	body := int(file.Decls[at].(*ast.FuncDecl).Body.Lbrace) + 1 - files.File(file.Pos()).Base()
	return slices.Concat(source[:name], []byte(imports), source[name:body], []byte(" "+statement+"; "), source[body:]), true, nil
}

// statement returns the statement with the names under which imports brings in
// what it uses; imports goes behind the package's name.
func (p Plant) statement() (statement, imports string, err error) {
	const before, behind = "package p; func _() { ", "}"
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "", before+p.Statement+behind, parser.SkipObjectResolution|parser.ParseComments)
	if err != nil || len(file.Decls) != 1 || len(file.Comments) > 0 || strings.TrimSpace(p.Statement) == "" || strings.ContainsAny(p.Statement, "\r\n") {
		return "", "", fmt.Errorf("%q is not a statement on one line", p.Statement)
	}
	var packages []string
	last := 0
	ast.Inspect(file, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok {
			if name, ok := selector.X.(*ast.Ident); ok {
				at := files.Position(name.Pos()).Offset - len(before)
				statement += p.Statement[last:at] + importPrefix
				packages, last = append(packages, name.Name), at
			}
		}
		return true
	})
	slices.Sort(packages)
	for _, name := range slices.Compact(packages) {
		imports += fmt.Sprintf("; import %s%s %q", importPrefix, name, name)
	}
	return statement + p.Statement[last:], imports, nil
}

// funcName returns a function's name as Plant.Func has it.
func funcName(f *ast.FuncDecl) string {
	if f.Recv == nil || len(f.Recv.List) == 0 {
		return f.Name.Name
	}
	receiver, form := f.Recv.List[0].Type, "%s.%s"
	for {
		switch t := receiver.(type) {
		case *ast.StarExpr:
			receiver, form = t.X, "(*%s).%s"
		case *ast.ParenExpr:
			receiver = t.X
		case *ast.IndexExpr: // a generic type with its parameters
			receiver = t.X
		case *ast.IndexListExpr:
			receiver = t.X
		case *ast.Ident:
			return fmt.Sprintf(form, t.Name, f.Name.Name)
		default:
			return ""
		}
	}
}
