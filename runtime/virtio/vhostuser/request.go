// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"errors"
	"fmt"
)

// request is a message's type (vhost-user, Front-end message types).
type request uint32

const (
	getFeatures         request = 1
	setFeatures         request = 2
	setOwner            request = 3
	resetOwner          request = 4
	setMemTable         request = 5
	setVringNum         request = 8
	setVringAddr        request = 9
	setVringBase        request = 10
	getVringBase        request = 11
	setVringKick        request = 12
	setVringCall        request = 13
	setVringErr         request = 14
	getProtocolFeatures request = 15
	setProtocolFeatures request = 16
	getQueueNum         request = 17
	setVringEnable      request = 18
	setBackendChannel   request = 21
	getConfig           request = 24
	setConfig           request = 25
	resetDevice         request = 34
)

// Requests of the back end, on the channel that setBackendChannel has set up
// (vhost-user, Back-end message types). Their numbers are a space of their own.
const configChanged request = 2

// forms says what each request that a Backend knows is called and looks like.
var forms = map[request]struct {
	name  string
	parse func([]byte) (payload, error)
}{
	getFeatures:         {"GET_FEATURES", parseNone},
	setFeatures:         {"SET_FEATURES", parseNumber},
	setOwner:            {"SET_OWNER", parseNone},
	resetOwner:          {"RESET_OWNER", parseNone},
	setMemTable:         {"SET_MEM_TABLE", parseMemTable},
	setVringNum:         {"SET_VRING_NUM", parseVringState},
	setVringAddr:        {"SET_VRING_ADDR", parseVringAddr},
	setVringBase:        {"SET_VRING_BASE", parseVringState},
	getVringBase:        {"GET_VRING_BASE", parseVringState},
	setVringKick:        {"SET_VRING_KICK", parseVringFile},
	setVringCall:        {"SET_VRING_CALL", parseVringFile},
	setVringErr:         {"SET_VRING_ERR", parseVringFile},
	getProtocolFeatures: {"GET_PROTOCOL_FEATURES", parseNone},
	setProtocolFeatures: {"SET_PROTOCOL_FEATURES", parseNumber},
	getQueueNum:         {"GET_QUEUE_NUM", parseNone},
	setVringEnable:      {"SET_VRING_ENABLE", parseVringState},
	setBackendChannel:   {"SET_BACKEND_REQ_FD", parseFile},
	getConfig:           {"GET_CONFIG", parseConfigAccess},
	setConfig:           {"SET_CONFIG", parseConfigAccess},
	resetDevice:         {"RESET_DEVICE", parseNone},
}

// String returns the specification's name for the request.
func (r request) String() string {
	if f, ok := forms[r]; ok {
		return f.name
	}
	return fmt.Sprintf("request %d", uint32(r))
}

// hasAnswer tells whether the request is answered by something other than whether
// it succeeded.
func (r request) hasAnswer() bool {
	switch r {
	case getFeatures, getProtocolFeatures, getQueueNum, getVringBase, getConfig:
		return true
	}
	return false
}

// errUnknownRequest: the request is one that this end does not offer.
var errUnknownRequest = errors.New("unknown or not offered")

// parseRequest reads the payload of a front end's request, which came with files
// descriptors. The result may refer to b.
func parseRequest(req request, b []byte, files int) (payload, error) {
	form, ok := forms[req]
	if !ok {
		return nil, errUnknownRequest
	}
	p, err := form.parse(b)
	if err != nil {
		return nil, err
	}
	if files != p.files() {
		return nil, fmt.Errorf("%d descriptors came with it, want %d", files, p.files())
	}
	return p, nil
}
