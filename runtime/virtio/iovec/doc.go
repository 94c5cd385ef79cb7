// SPDX-License-Identifier: MIT OR Apache-2.0

// Package iovec moves bytes between a descriptor and the buffers of a descriptor
// chain, without a copy in between: the kernel reads and writes guest pages itself.
//
// No function allocates: the vectors that the kernel is given live on the stack,
// Max buffers a call. A buffer that its owner took away meanwhile (a memory file
// cut short) is an error, EFAULT, not a fault.
package iovec
