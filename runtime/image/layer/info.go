// SPDX-License-Identifier: MIT OR Apache-2.0

package layer

import (
	"strings"

	"arcbox.dev/runtime/image/erofs"
)

// Info says what came out of converting a layer. It can be kept as JSON.
type Info struct {
	DiffID string // digest of the unpacked archive
	Size   int64  // bytes of the image
	// Opaque: the layer hides all that lies below it.
	Opaque bool `json:",omitempty"`
	// Depends: what the layer means may depend on the layers below.
	Depends bool `json:",omitempty"`
	// Hides lists folders in which the layer removes what lies below.
	Hides []string `json:",omitempty"`
	// Unfit says what makes no sense in a layer that depends on others unless they
	// lie below it, or is "". Only without Lower is the image made all the same.
	Unfit string `json:",omitempty"`
	// Merged: the image differs from what it would be without Lower.
	Merged bool `json:",omitempty"`
}

// maxHides bounds Info.Hides. A layer with more counts as one that depends.
const maxHides = 1000

// Alone says whether the image is right whatever lies below.
func (i Info) Alone() bool { return !i.Depends && len(i.Hides) == 0 && i.Unfit == "" }

// Fits says whether an image that was made without a Lower is right on top of l.
// Otherwise the layer must be converted again with l.
func (i Info) Fits(l *Lower) (bool, error) {
	if i.Unfit != "" || i.Depends && len(l.layers) > 0 {
		return false, nil
	}
	// A whiteout in a folder that no other layer has would show: overlayfs looks for
	// whiteouts only where it merges.
	for _, dir := range i.Hides {
		if len(l.layers) == 0 {
			return false, nil
		}
		if dir == "" {
			continue
		}
		e, err := l.Lookup(strings.Split(dir, "/"))
		if err != nil {
			return false, err
		}
		if e == nil || e.Mode&erofs.TypeMask != erofs.TypeDir {
			return false, nil
		}
	}
	return true, nil
}
