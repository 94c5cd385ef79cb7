// SPDX-License-Identifier: MIT OR Apache-2.0

package ring

import (
	"errors"
	"fmt"
	"math/bits"
	"reflect"
)

// ErrCapacity is returned for a capacity that is not a power of two between 2 and 1<<30. Index arithmetic by mask
// needs the power; two slots are the least with which a slot's sequence number can tell full from empty.
var ErrCapacity = errors.New("capacity is not a power of two between 2 and 1<<30")

func checkCapacity(capacity int) error {
	if capacity < 2 || capacity > 1<<30 || bits.OnesCount(uint(capacity)) != 1 {
		return fmt.Errorf("making a ring of %d slots: %w", capacity, ErrCapacity)
	}
	return nil
}

// holdsPointers reports whether T holds anything that the garbage collector follows. Slots of such types are zeroed
// when popped, so that the ring does not keep alive what it no longer holds; all others are left as they are, since
// zeroing would only write to a line that the producer is about to write.
func holdsPointers[T any]() bool { return typeHoldsPointers(reflect.TypeFor[T]()) }

func typeHoldsPointers(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr,
		reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		return false
	case reflect.Array:
		return t.Len() > 0 && typeHoldsPointers(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if typeHoldsPointers(t.Field(i).Type) {
				return true
			}
		}
		return false
	default:
		return true
	}
}
