// SPDX-License-Identifier: MIT OR Apache-2.0

package virtq_test

import "arcbox.dev/datapath/virtq"

// hostile is one way to break a queue.
type hostile struct {
	name   string
	build  func(m image)
	want   virtq.Reason // 0: nothing is wrong with it
	before int          // chains that are good
	direct bool         // without the feature for indirect descriptors
}

var hostiles = []hostile{
	{name: "self cycle", want: virtq.Cycle, build: func(m image) {
		m.desc(3, bufferAddr, 8, fNext, 3)
		m.avail(3)
	}},
	{name: "cycle of two", want: virtq.Cycle, build: func(m image) {
		m.desc(0, bufferAddr, 8, fNext, 1)
		m.desc(1, bufferAddr, 8, fNext, 0)
		m.avail(0)
	}},
	{name: "cycle of all", want: virtq.Cycle, build: func(m image) {
		for i := range uint16(imageQueue) {
			m.desc(int(i), bufferAddr, 8, fNext, (i+1)%imageQueue)
		}
		m.avail(0)
	}},
	{name: "cycle of empty buffers", want: virtq.Cycle, build: func(m image) {
		m.desc(0, 0, 0, fNext, 0)
		m.avail(0)
	}},
	{name: "cycle that the head is not part of", want: virtq.Cycle, build: func(m image) {
		m.desc(0, bufferAddr, 8, fNext, 1)
		m.desc(1, bufferAddr, 8, fNext|fWrite, 2)
		m.desc(2, bufferAddr, 8, fNext|fWrite, 1)
		m.avail(0)
	}},
	{name: "chain of all descriptors", build: func(m image) {
		for i := range uint16(imageQueue) {
			m.desc(int(i), bufferAddr, 8, fNext, i+1)
		}
		m.desc(imageQueue-1, bufferAddr, 8, fWrite, 0)
		m.avail(0)
	}},
	{name: "addr+len wraps", want: virtq.BadAddress, build: func(m image) {
		m.desc(0, ^uint64(0)-7, 16, 0, 0)
		m.avail(0)
	}},
	{name: "addr+len wraps into memory", want: virtq.BadAddress, build: func(m image) {
		m.desc(0, ^uint64(0)-0xffff, 0x14000+0x100, fWrite, 0)
		m.avail(0)
	}},
	{name: "address below memory", want: virtq.BadAddress, build: func(m image) {
		m.desc(0, imageBase-1, 2, 0, 0)
		m.avail(0)
	}},
	{name: "ends a byte behind memory", want: virtq.BadAddress, build: func(m image) {
		m.desc(0, memoryEnd-8, 9, fWrite, 0)
		m.avail(0)
	}},
	{name: "largest length", want: virtq.BadAddress, build: func(m image) {
		m.desc(0, bufferAddr, ^uint32(0), 0, 0)
		m.avail(0)
	}},
	{name: "null", want: virtq.BadAddress, build: func(m image) {
		m.desc(0, 0, 1, 0, 0)
		m.avail(0)
	}},
	{name: "across regions", build: func(m image) {
		m.desc(0, imageBase+imageSplit-4, 8, fNext, 1)
		m.desc(1, imageBase+imageSplit-4, 8, fWrite, 0)
		m.avail(0)
	}},
	{name: "all of memory", build: func(m image) {
		m.desc(0, imageBase, imageSize, 0, 0)
		m.avail(0)
	}},
	{name: "zero length", build: func(m image) {
		m.desc(0, 0, 0, fNext, 1)
		m.desc(1, bufferAddr, 0, fNext, 2)
		m.desc(2, bufferAddr, 4, fWrite|fNext, 3)
		m.desc(3, ^uint64(0), 0, fWrite, 0)
		m.avail(0)
	}},
	{name: "only zero length", build: func(m image) {
		m.desc(0, 0, 0, 0, 0)
		m.avail(0)
	}},
	{name: "zero length breaks the order too", want: virtq.BadOrder, build: func(m image) {
		m.desc(0, 0, 0, fNext|fWrite, 1)
		m.desc(1, bufferAddr, 4, 0, 0)
		m.avail(0)
	}},
	{name: "index jump", want: virtq.IndexJump, build: func(m image) { m.availIndex(imageQueue + 1) }},
	{name: "index goes back", want: virtq.IndexJump, build: func(m image) { m.availIndex(0xffff) }},
	{name: "index jumps half way round", want: virtq.IndexJump, build: func(m image) { m.availIndex(0x8000) }},
	{name: "readable after writable", want: virtq.BadOrder, build: func(m image) {
		m.desc(0, bufferAddr, 8, fNext|fWrite, 1)
		m.desc(1, bufferAddr, 8, 0, 0)
		m.avail(0)
	}},
	{name: "readable after writable in a table", want: virtq.BadOrder, build: func(m image) {
		m.desc(0, bufferAddr, 8, fNext|fWrite, 1)
		m.desc(1, tableAddr, 16, fIndirect, 0)
		m.tableDesc(0, bufferAddr, 8, 0, 0)
		m.avail(0)
	}},
	{name: "head is size", want: virtq.BadHead, build: func(m image) { m.avail(imageQueue) }},
	{name: "head is largest", want: virtq.BadHead, build: func(m image) { m.avail(0xffff) }},
	{name: "next is size", want: virtq.BadNext, build: func(m image) {
		m.desc(0, bufferAddr, 8, fNext, imageQueue)
		m.avail(0)
	}},
	{name: "next is largest", want: virtq.BadNext, build: func(m image) {
		m.desc(0, bufferAddr, 8, fNext, 0xffff)
		m.avail(0)
	}},
	{name: "next without the flag", build: func(m image) {
		m.desc(0, bufferAddr, 8, 0, 0xffff)
		m.avail(0)
	}},
	{name: "unknown flags", build: func(m image) {
		m.desc(0, bufferAddr, 8, 0xfff8, 0)
		m.avail(0)
	}},
	{name: "second chain is bad", want: virtq.BadNext, before: 1, build: func(m image) {
		m.desc(0, bufferAddr, 8, 0, 0)
		m.desc(1, bufferAddr, 8, fNext, 99)
		m.avail(0, 1, 0)
	}},
	{name: "same head over and over", build: func(m image) {
		m.desc(0, bufferAddr, 8, 0, 0)
		m.avail(0, 0, 0, 0, 0, 0, 0, 0)
	}},

	{name: "indirect", build: func(m image) {
		m.desc(0, tableAddr, 48, fIndirect, 0xffff)
		m.tableDesc(0, bufferAddr, 8, fNext, 2)
		m.tableDesc(2, bufferAddr, 8, fNext|fWrite, 1)
		m.tableDesc(1, imageBase+imageSplit-1, 2, fWrite, 0)
		m.avail(0)
	}},
	{name: "indirect after direct, write flag ignored", build: func(m image) {
		m.desc(5, bufferAddr, 8, fNext, 6)
		m.desc(6, tableAddr, 16, fIndirect|fWrite, 0)
		m.tableDesc(0, bufferAddr, 8, 0, 0)
		m.avail(5)
	}},
	{name: "table of the queue's size", build: func(m image) {
		m.desc(0, tableAddr, 16*imageQueue, fIndirect, 0)
		for i := range uint16(imageQueue) {
			m.tableDesc(int(i), bufferAddr, 1, fNext, i+1)
		}
		m.tableDesc(imageQueue-1, bufferAddr, 1, 0, 0)
		m.avail(0)
	}},
	{name: "large table, short chain", build: func(m image) {
		m.desc(0, tableAddr, imageSplit-tableOff, fIndirect, 0)
		m.tableDesc(0, bufferAddr, 1, fNext, 31)
		m.tableDesc(31, bufferAddr, 1, 0, 0)
		m.avail(0)
	}},
	{name: "indirect chain longer than the queue", want: virtq.TooLong, build: func(m image) {
		m.desc(0, tableAddr, 16*(imageQueue+1), fIndirect, 0)
		for i := range uint16(imageQueue) {
			m.tableDesc(int(i), bufferAddr, 1, fNext, i+1)
		}
		m.tableDesc(imageQueue, bufferAddr, 1, 0, 0)
		m.avail(0)
	}},
	{name: "direct and indirect longer than the queue", want: virtq.TooLong, build: func(m image) {
		m.desc(0, bufferAddr, 1, fNext, 1)
		m.desc(1, tableAddr, 16*imageQueue, fIndirect, 0)
		for i := range uint16(imageQueue) {
			m.tableDesc(int(i), bufferAddr, 1, fNext, i+1)
		}
		m.tableDesc(imageQueue-1, bufferAddr, 1, 0, 0)
		m.avail(0)
	}},
	{name: "cycle in a table", want: virtq.Cycle, build: func(m image) {
		m.desc(0, tableAddr, 32, fIndirect, 0)
		m.tableDesc(0, bufferAddr, 1, fNext, 1)
		m.tableDesc(1, bufferAddr, 1, fNext, 0)
		m.avail(0)
	}},
	{name: "cycle in a table larger than the queue", want: virtq.TooLong, build: func(m image) {
		m.desc(0, tableAddr, 16*(imageQueue+2), fIndirect, 0)
		m.tableDesc(0, bufferAddr, 1, fNext, 0)
		m.avail(0)
	}},
	{name: "indirect not negotiated", want: virtq.NotNegotiated, direct: true, build: func(m image) {
		m.desc(0, tableAddr, 16, fIndirect, 0)
		m.tableDesc(0, bufferAddr, 1, 0, 0)
		m.avail(0)
	}},
	{name: "indirect within indirect", want: virtq.Nested, build: func(m image) {
		m.desc(0, tableAddr, 32, fIndirect, 0)
		m.tableDesc(0, tableAddr+16, 16, fIndirect, 0)
		m.tableDesc(1, bufferAddr, 1, 0, 0)
		m.avail(0)
	}},
	{name: "table refers to itself", want: virtq.Nested, build: func(m image) {
		m.desc(0, tableAddr, 16, fIndirect, 0)
		m.tableDesc(0, tableAddr, 16, fIndirect, 0)
		m.avail(0)
	}},
	{name: "indirect with next", want: virtq.IndirectNext, build: func(m image) {
		m.desc(0, tableAddr, 16, fIndirect|fNext, 1)
		m.tableDesc(0, bufferAddr, 1, 0, 0)
		m.desc(1, bufferAddr, 1, 0, 0)
		m.avail(0)
	}},
	{name: "table of no length", want: virtq.BadTable, build: func(m image) {
		m.desc(0, tableAddr, 0, fIndirect, 0)
		m.avail(0)
	}},
	{name: "table shorter than a descriptor", want: virtq.BadTable, build: func(m image) {
		m.desc(0, tableAddr, 15, fIndirect, 0)
		m.avail(0)
	}},
	{name: "table ends in a descriptor", want: virtq.BadTable, build: func(m image) {
		m.desc(0, tableAddr, 40, fIndirect, 0)
		m.avail(0)
	}},
	{name: "table outside memory", want: virtq.BadAddress, build: func(m image) {
		m.desc(0, memoryEnd-16, 32, fIndirect, 0)
		m.avail(0)
	}},
	{name: "table wraps", want: virtq.BadAddress, build: func(m image) {
		m.desc(0, ^uint64(0)-15, 32, fIndirect, 0)
		m.avail(0)
	}},
	{name: "largest table", want: virtq.BadAddress, build: func(m image) {
		m.desc(0, tableAddr, 0xfffffff0, fIndirect, 0)
		m.avail(0)
	}},
	{name: "table across regions", want: virtq.BadAddress, build: func(m image) {
		m.desc(0, imageBase+imageSplit-16, 32, fIndirect, 0)
		m.avail(0)
	}},
	{name: "next beyond the table, within the queue", want: virtq.BadNext, build: func(m image) {
		m.desc(0, tableAddr, 16, fIndirect, 0)
		m.tableDesc(0, bufferAddr, 1, fNext, 1)
		m.tableDesc(1, bufferAddr, 1, 0, 0)
		m.avail(0)
	}},
	{name: "table is the descriptor table", want: virtq.Nested, build: func(m image) {
		m.desc(0, imageBase+descOff, 16, fIndirect, 0)
		m.avail(0)
	}},
	{name: "buffers are the rings", build: func(m image) {
		m.desc(0, imageBase+descOff, 16*imageQueue, fNext|fWrite, 1)
		m.desc(1, imageBase+usedOff, 6+8*imageQueue, fWrite, 0)
		m.avail(0)
	}},
}
