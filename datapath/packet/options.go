// SPDX-License-Identifier: MIT OR Apache-2.0

package packet

// Options walks the options of IPv4 (RFC 791 §3.1) or TCP (RFC 9293 §3.1),
// which are encoded alike: kind 0 ends the list, kind 1 fills a byte, and any
// other kind has a length byte that counts itself and the kind. The walk never
// leaves the header and takes at most one step a byte, whatever the bytes are.
//
//	for o := p.TCPOptions(); o.Next(); {
//		use(o.Kind(), o.Data())
//	}
type Options struct {
	rest      []byte
	data      []byte
	kind      uint8
	malformed bool
}

const (
	optionEnd  = 0
	optionNoOp = 1
)

// Next steps to the next option that is not a filler and reports whether there
// is one.
func (o *Options) Next() bool {
	for len(o.rest) > 0 {
		kind := o.rest[0]
		switch kind {
		case optionEnd:
			o.rest = nil
			return false
		case optionNoOp:
			o.rest = o.rest[1:]
			continue
		}
		if len(o.rest) < 2 {
			return o.fail()
		}
		n := int(o.rest[1])
		if n < 2 || n > len(o.rest) {
			return o.fail()
		}
		o.kind, o.data, o.rest = kind, o.rest[2:n:n], o.rest[n:]
		return true
	}
	return false
}

func (o *Options) fail() bool {
	o.rest, o.data, o.malformed = nil, nil, true
	return false
}

// Kind returns the kind of the option that Next stepped to.
func (o *Options) Kind() uint8 { return o.kind }

// Data returns the bytes after the option's length, in place.
func (o *Options) Data() []byte { return o.data }

// Malformed reports, once Next has returned false, whether the walk ended at an
// option of no length or one that leaves the header.
func (o *Options) Malformed() bool { return o.malformed }
