// SPDX-License-Identifier: MIT OR Apache-2.0

package stats

import "math"

// MostPairs is how many pairs it can be worth to measure.
const MostPairs = 1000

// More returns how many values must be added to n until something that is have now is
// want, when it shrinks with the square root of their number, as the width of an
// interval does: at least 1, or -1 where more than MostPairs in all would be needed.
func More(n int, have, want float64) int {
	ratio := have / want
	total := math.Ceil(float64(n) * ratio * ratio)
	if want <= 0 || !(total <= MostPairs) { // not a number, too
		return -1
	}
	return max(1, int(total)-n)
}
