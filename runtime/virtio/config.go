// SPDX-License-Identifier: MIT OR Apache-2.0

package virtio

// ConfigChanger is implemented by devices whose configuration space changes while
// a driver uses them.
type ConfigChanger interface {
	// OnConfigChange sets the function that the device calls, from any goroutine,
	// after each change, or nil to end that. The transport sets it, so that the
	// driver is told (virtio 1.2 §2.3, configuration change notification).
	OnConfigChange(notify func())
}
