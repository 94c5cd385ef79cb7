// SPDX-License-Identifier: MIT OR Apache-2.0

// Package image keeps container images: what they say about running them, and one
// EROFS image for each of their layers, which every VM that needs it reads.
//
// A store is a folder that belongs to one user and that any number of processes use
// at once:
//
//	state.db      what is known, in bbolt
//	state.lock    held for moments: shared to read state.db, exclusive to change it
//	layers/       EROFS images, named by the digest of the unpacked layer
//	tmp/          what loads are working on
//	load.lock     held shared by loads, exclusively to clean up
//
// Files reach layers/ complete and synced, by rename, and are recorded afterwards,
// so a crash at any instant leaves the old state or the new, and in tmp/ a trace by
// which the next Open knows to clean up.
//
// Lock order: load.lock, the lock of a layer, state.lock.
package image
