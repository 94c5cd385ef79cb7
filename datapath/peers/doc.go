// SPDX-License-Identifier: MIT OR Apache-2.0

// Package peers is the root of a module that measures the datapath module beside what its users would take instead:
// public packages, programs in C and C++ for what the hardware does, and the Linux kernel. The module stands apart so
// that the peers' requirements stay out of arcbox.dev/datapath, which has none but the standard library and x/sys.
//
//   - rings: queues between two threads
//   - checksums: the Internet checksum and its incremental update
//   - linuxnat: the kernel's routing and masquerade between network namespaces
//   - virtqc: the device side of a virtqueue
//   - native: builds the programs
//
// Each folder holds benchmarks, and tests that the peers do the same work. Outside the workspace they are run by
//
//	GOWORK=off go test -run '^$' -bench . ./...
package peers
