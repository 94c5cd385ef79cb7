// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build !pooldebug

package pool

// Debug says whether this build checks ownership (tag pooldebug).
const Debug = false

// stamp and guard check nothing and take no room.
type (
	stamp struct{}
	guard struct{}
)

func (*guard) init(*slot)         {}
func (*guard) get(*slot) stamp    { return stamp{} }
func (*guard) check(*slot, stamp) {}
func (*guard) put(*slot, stamp)   {}
