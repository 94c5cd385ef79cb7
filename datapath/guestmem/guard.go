// SPDX-License-Identifier: MIT OR Apache-2.0

package guestmem

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// FaultError says that memory was gone when it was touched.
type FaultError struct {
	Addr uintptr // the address in this process
}

func (e *FaultError) Error() string {
	return fmt.Sprintf("fault at %#x: memory was taken away by its owner", e.Addr)
}

// Guard runs f. If f touches mapped memory that has gone, since the other side cut
// the file behind it, Guard returns a *FaultError where the process would have
// died. Any other panic goes on, a nil dereference among them. It covers f's own
// goroutine only. What f was in the midst of is left as it was: f must hold no
// lock that others wait for, unless it releases it by defer.
func Guard(f func()) (err error) {
	old := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(old)
		r := recover()
		if r == nil {
			return
		}
		// The runtime gives an address only to errors that stem from a signal for
		// an address beyond the first page, which nothing but a fault has.
		if fault, ok := r.(interface {
			runtime.Error
			Addr() uintptr
		}); ok {
			err = &FaultError{Addr: fault.Addr()}
			return
		}
		panic(r)
	}()
	f()
	return nil
}
