// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build !linux

package rings

// pin does nothing: other systems let no program choose its CPU.
func pin(int) error { return nil }

// hurry does nothing either.
func hurry() error { return nil }

func limitHurry() error { return nil }
