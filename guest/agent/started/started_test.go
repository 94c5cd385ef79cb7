// SPDX-License-Identifier: MIT OR Apache-2.0

package started

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSteps(t *testing.T) {
	before := Since()
	require.Positive(t, before)
	require.Empty(t, Steps())
	Mark("a")
	Mark("b")
	got := Steps()
	require.Len(t, got, 2)
	require.Equal(t, "a", got[0].Name)
	require.Equal(t, "b", got[1].Name)
	require.LessOrEqual(t, before, got[0].At)
	require.LessOrEqual(t, got[0].At, got[1].At)
	got[0].Name = "changed"
	require.Equal(t, "a", Steps()[0].Name)
}
