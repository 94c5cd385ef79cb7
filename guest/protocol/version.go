// SPDX-License-Identifier: MIT OR Apache-2.0

package protocol

import "fmt"

// VersionError says that the other side speaks another version of the protocol.
type VersionError struct {
	Other uint32
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("protocol version %d here, %d on the other side", Version, e.Other)
}
