// SPDX-License-Identifier: MIT OR Apache-2.0

package errdefs

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestErrorIsItsClassAndItsCause(t *testing.T) {
	err := New(ErrNotFound, "make it", "opening %s: %w", "x", fs.ErrNotExist)
	require.ErrorIs(t, err, ErrNotFound)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NotErrorIs(t, err, ErrInvalid)
	require.EqualError(t, err, "opening x: file does not exist (make it)")
	require.EqualError(t, New(ErrInvalid, "", "no"), "no")
}

func TestClassCrossesAProcessBoundary(t *testing.T) {
	for name, class := range classes {
		err := New(class, "do that", "this is wrong")
		require.Equal(t, name, ClassOf(err))
		back := FromClass(ClassOf(err), err.Problem(), err.Remedy)
		require.ErrorIs(t, back, class)
		require.EqualError(t, back, err.Error())
	}
	require.Empty(t, ClassOf(errors.New("plain")))
	require.EqualError(t, FromClass("", "plain", "ignored"), "plain")
}
