// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build amd64 && gc && !race && !purego

package rings

// build ends the names of our rings: here they publish with plain stores (see datapath/ring).
const build = ""
