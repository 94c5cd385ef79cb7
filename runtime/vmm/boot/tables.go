// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package boot

import (
	"encoding/binary"

	"arcbox.dev/runtime/vmm/ram"
)

// Page table entries (Intel SDM 3A §4.5).
const (
	present      = 1 << 0
	writable     = 1 << 1
	largePage    = 1 << 7
	largeSize    = 2 << 20
	tableEntries = 512
	tableReach   = tableEntries * largeSize // of a page directory: 1 GiB
)

// writeTables writes page tables that map addresses up to end, and to the next GiB, one
// to one in pages of 2 MiB, which every processor has. The protocol asks for the kernel,
// boot_params and the command line; the kernel maps the rest itself. end is below the
// hole, so that there are at most three page directories.
func (l *loader) writeTables(end uint64) error {
	directories := (end + tableReach - 1) / tableReach
	tables := make([]byte, (2+directories)*ram.PageSize)
	set := func(table, entry, value uint64) {
		binary.LittleEndian.PutUint64(tables[table*ram.PageSize+entry*8:], value)
	}
	set(0, 0, tablesAddr+ram.PageSize|present|writable)
	for d := range directories {
		set(1, d, tablesAddr+(2+d)*ram.PageSize|present|writable)
		for i := range uint64(tableEntries) {
			set(2+d, i, d*tableReach+i*largeSize|present|writable|largePage)
		}
	}
	return l.write(tablesAddr, tables)
}
