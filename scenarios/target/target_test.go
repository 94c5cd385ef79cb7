// SPDX-License-Identifier: MIT OR Apache-2.0

package target

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMissingError(t *testing.T) {
	err := &MissingError{What: "x is not installed", Remedy: "install it"}
	require.ErrorIs(t, err, ErrMissing)
	require.EqualError(t, err, "x is not installed (install it)")
	require.EqualError(t, &MissingError{What: "x"}, "x")
}
