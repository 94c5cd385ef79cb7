// SPDX-License-Identifier: MIT OR Apache-2.0

// Package virtqc measures the device side of datapath/virtq beside a C program of
// ours that does the same work over the same layout, device/main.c, built by cc -O3.
// It holds benchmarks alone:
//
//	GOWORK=off go test -bench . -count 10 ./virtqc
//
// An operation is one chain: popped, translated into vectors, pushed and published,
// with its share of what is done once a batch. chain= is the number of its
// descriptors. The driver moves the available index and does nothing else.
package virtqc
