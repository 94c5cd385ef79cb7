// SPDX-License-Identifier: MIT OR Apache-2.0

package report

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSplice(t *testing.T) {
	first, err := Splice("", "one\n")
	require.NoError(t, err)
	require.Equal(t, "# Benchmarks\n\n"+begin+"\none\n"+end+"\n", first)

	second, err := Splice(first+"\nBy hand.\n", "two")
	require.NoError(t, err)
	require.Equal(t, "# Benchmarks\n\n"+begin+"\ntwo\n"+end+"\n\nBy hand.\n", second)
	again, err := Splice(second, "two")
	require.NoError(t, err)
	require.Equal(t, second, again)

	_, err = Splice("x "+begin, "two")
	require.Error(t, err)
	_, err = Splice("x "+end, "two")
	require.Error(t, err)
}
