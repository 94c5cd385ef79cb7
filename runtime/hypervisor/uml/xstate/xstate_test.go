// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package xstate

import (
	"bytes"
	"debug/elf"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLibraryExportsPtraceAlone(t *testing.T) {
	f, err := elf.NewFile(bytes.NewReader(Library()))
	require.NoError(t, err)
	require.Equal(t, elf.ET_DYN, f.Type)
	require.Equal(t, elf.EM_X86_64, f.Machine)
	var writableCode bool
	for _, p := range f.Progs {
		writableCode = writableCode || p.Flags&(elf.PF_W|elf.PF_X) == elf.PF_W|elf.PF_X
	}
	require.False(t, writableCode)
}
