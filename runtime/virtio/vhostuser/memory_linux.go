// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"errors"
	"fmt"

	"arcbox.dev/datapath/guestmem"
)

// memory is a front end's memory table, mapped. Descriptors refer to it by guest
// addresses, SET_VRING_ADDR by user addresses (vhost-user, Memory access).
type memory struct {
	guest   *guestmem.Memory
	table   memTable
	mapping [][]byte // of each region in table
}

// mapMemory maps the regions of a table from their files, which may be closed
// afterwards.
func mapMemory(table memTable, fds files) (_ *memory, err error) {
	m := &memory{table: table}
	defer func() {
		if err != nil {
			m.unmap()
		}
	}()
	var guest, user []guestmem.Region
	for i, r := range table {
		// The parser made sure that the offset is not beyond an int64.
		mem, err := guestmem.MapFile(fds[i], int64(r.Offset), r.Size)
		if err != nil {
			return nil, fmt.Errorf("region %d: %w", i, err)
		}
		m.mapping = append(m.mapping, mem)
		guest = append(guest, guestmem.Region{Addr: r.GuestAddr, Mem: mem})
		user = append(user, guestmem.Region{Addr: r.UserAddr, Mem: mem})
	}
	// User addresses that overlap would be ambiguous just as guest addresses are.
	if _, err := guestmem.New(user...); err != nil {
		return nil, fmt.Errorf("user addresses: %w", err)
	}
	if m.guest, err = guestmem.New(guest...); err != nil {
		return nil, fmt.Errorf("guest addresses: %w", err)
	}
	return m, nil
}

// unmap removes the mappings. Nobody may use the memory any more.
func (m *memory) unmap() error {
	if m == nil {
		return nil
	}
	var errs []error
	for _, mem := range m.mapping {
		errs = append(errs, guestmem.Unmap(mem))
	}
	m.mapping = nil
	return errors.Join(errs...)
}

// guestAddr translates a user address.
func (m *memory) guestAddr(user uint64) (uint64, error) {
	for _, r := range m.table {
		if off := user - r.UserAddr; off < r.Size {
			return r.GuestAddr + off, nil
		}
	}
	return 0, fmt.Errorf("user address %#x is in no memory region", user)
}
