// SPDX-License-Identifier: MIT OR Apache-2.0

package diff

// call is a node of the tree of calls: a function as called from those above it. The
// root stands for no function.
type call struct {
	value float64
	calls map[string]*call
}

// maxDepth bounds the tree: what is deeper counts for its caller.
const maxDepth = 256

// add adds a value to all calls of a stack, whose innermost function is the first.
func (c *call) add(stack []string, value float64) {
	c.value += value
	for depth := 0; depth < min(len(stack), maxDepth); depth++ {
		name := stack[len(stack)-1-depth]
		if c.calls == nil {
			c.calls = map[string]*call{}
		}
		next := c.calls[name]
		if next == nil {
			next = new(call)
			c.calls[name] = next
		}
		c = next
		c.value += value
	}
}

// divide divides all values.
func (c *call) divide(by float64) {
	c.value /= by
	for _, next := range c.calls {
		next.divide(by)
	}
}

// majority is the part of a change that a call must have for the path to lead to it.
const majority = 0.5

// path follows the change from the tree's root for as long as one call has most of
// what its caller has of it, and names those calls, the outermost first.
func path(before, after *call) []string {
	var names []string
	for {
		whole := after.value - before.value
		if whole == 0 {
			return names
		}
		best, name := 0.0, ""
		for _, next := range union(before.calls, after.calls) {
			part := (child(after, next).value - child(before, next).value) / whole
			if part > best || part == best && next < name {
				best, name = part, next
			}
		}
		if best <= majority {
			return names
		}
		names = append(names, name)
		before, after = child(before, name), child(after, name)
	}
}

func child(c *call, name string) *call {
	if next := c.calls[name]; next != nil {
		return next
	}
	return new(call)
}
