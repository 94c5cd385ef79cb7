// SPDX-License-Identifier: MIT OR Apache-2.0

package mmio

// Active tells whether a driver uses the device. It may be called from any goroutine.
func (t *Transport) Active() bool { return t.active() }
