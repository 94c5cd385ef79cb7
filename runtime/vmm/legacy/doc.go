// SPDX-License-Identifier: MIT OR Apache-2.0

// Package legacy has the port devices of a PC that a guest still needs: the serial
// port of its early console, the keyboard controller that resets it, and ACPI's
// registers of power and reset.
//
// Each is a set of ports, one byte wide. A wider access goes to the ports behind, one
// byte each, as on an ISA bus.
package legacy
