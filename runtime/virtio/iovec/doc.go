// SPDX-License-Identifier: MIT OR Apache-2.0

// Package iovec moves bytes between a descriptor and the segments of a descriptor
// chain, without a copy in between: the kernel reads and writes guest pages itself.
//
// No function allocates: segments are the vectors that the kernel is given. While a
// function works on them nobody else may. Memory that its owner took away meanwhile
// (a memory file cut short) is an error, EFAULT, not a fault.
package iovec
