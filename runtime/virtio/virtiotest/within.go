// SPDX-License-Identifier: MIT OR Apache-2.0

package virtiotest

import (
	"testing"
	"time"
)

// Patience is how long a test waits for what must happen.
const Patience = 10 * time.Second

// Within wants f, which is what the test calls it, to return soon.
func Within(t testing.TB, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(Patience):
		t.Fatal(what, "has not returned")
	}
}
