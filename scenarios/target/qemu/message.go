// SPDX-License-Identifier: MIT OR Apache-2.0

package qemu

import (
	"encoding/json"
	"fmt"
)

// request is a command to QEMU (QEMU Machine Protocol Specification, 2.3).
type request struct {
	Execute   string `json:"execute"`
	Arguments any    `json:"arguments,omitempty"`
	ID        int    `json:"id"`
}

// message is what QEMU says: the answer to the request with that number, an event,
// or neither, which is its greeting (the same, 2.2, 2.4 and 2.5).
type message struct {
	ID     int             `json:"id"`
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Description string `json:"desc"`
	} `json:"error"`
	Event string    `json:"event"`
	Data  eventData `json:"data"`
}

// eventData is what is of use in the events that are awaited.
type eventData struct {
	ID     string `json:"id"`     // of a device
	Open   bool   `json:"open"`   // a console port has been opened
	Status string `json:"status"` // of a migration
}

// maxMessage bounds a message, in bytes.
const maxMessage = 1 << 20

// parse reads a line.
func parse(line []byte) (message, error) {
	var m message
	if err := json.Unmarshal(line, &m); err != nil {
		return message{}, fmt.Errorf("reading what QEMU says: %w", err)
	}
	return m, nil
}

// answers tells whether the message answers the request of that number.
func (m message) answers(id int) bool { return m.ID == id && (m.Return != nil || m.Error != nil) }
