// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build !amd64 || !gc || race || purego

package ring

import "sync/atomic"

// publish is sync/atomic's store, which is stronger than a release; on arm64 it is the release store STLR.
func publish(p *uint64, v uint64) { atomic.StoreUint64(p, v) }
