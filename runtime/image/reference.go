// SPDX-License-Identifier: MIT OR Apache-2.0

package image

import (
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"arcbox.dev/runtime/errdefs"
)

// familiar brings a name into the form that the store keeps: what docker shows,
// always with a tag.
func familiar(s string) (string, error) {
	tag, err := name.NewTag(s)
	if err != nil {
		return "", errdefs.New(errdefs.ErrInvalid, "a name is NAME[:TAG] in lower case", "image name %q is not valid", s)
	}
	repo := tag.RepositoryStr()
	if tag.RegistryStr() == name.DefaultRegistry {
		repo = strings.TrimPrefix(repo, "library/")
	} else {
		repo = tag.RegistryStr() + "/" + repo
	}
	return repo + ":" + tag.TagStr(), nil
}

// digestOf returns the digest in a reference: sha256:…, perhaps cut short, or
// NAME@sha256:….
func digestOf(ref string) (string, bool) {
	if _, after, ok := strings.Cut(ref, "@"); ok {
		ref = after
	}
	hex, ok := strings.CutPrefix(ref, "sha256:")
	if !ok || len(hex) < minDigest || len(hex) > 64 || strings.Trim(hex, "0123456789abcdef") != "" {
		return "", false
	}
	return ref, true
}

// minDigest is how many hexadecimal digits name an image.
const minDigest = 12

// pathLike says whether the user can only mean a file.
func pathLike(ref string) bool {
	return strings.HasPrefix(ref, "/") || strings.HasPrefix(ref, "./") || strings.HasPrefix(ref, "../") || ref == "." || ref == ".."
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
