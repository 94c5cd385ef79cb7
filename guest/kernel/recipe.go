// SPDX-License-Identifier: MIT OR Apache-2.0

package kernel

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
)

var (
	//go:embed uml.config
	umlConfig []byte
	//go:embed vm.config
	vmConfig []byte
)

// Recipe is what of this repository goes into a lean kernel.
type Recipe struct {
	Flavour Flavour
	Arch    string // of Linux's build
	Image   string // what Linux's build makes: the target, and its path in the tree
	// Config is the configuration: the options that differ from allnoconfig.
	Config []byte
}

// Recipes returns a recipe for each flavour's lean kernel.
func Recipes() []Recipe {
	return []Recipe{
		{Flavour: UML, Arch: "um", Image: "linux", Config: umlConfig},
		{Flavour: VM, Arch: "x86_64", Image: "vmlinux", Config: vmConfig},
	}
}

// RecipeFor returns the recipe for the flavour's lean kernel, and whether there is one.
func RecipeFor(flavour Flavour) (Recipe, bool) {
	for _, r := range Recipes() {
		if r.Flavour == flavour {
			return r, true
		}
	}
	return Recipe{}, false
}

// Digest returns the sha256 of the recipe, in hexadecimal: a lean kernel with
// another digest is out of date.
func (r Recipe) Digest() string {
	h := sha256.New()
	for _, part := range [][]byte{[]byte(r.Flavour), r.Config} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}
