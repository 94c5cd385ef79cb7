// SPDX-License-Identifier: MIT OR Apache-2.0

// Package rng is the virtio entropy device (virtio 1.2 §5.4): a guest's buffers are
// filled with random bytes of the host's kernel (getrandom(2), by crypto/rand).
package rng
