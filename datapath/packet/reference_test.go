// SPDX-License-Identifier: MIT OR Apache-2.0

package packet_test

import "errors"

// reference is what a slow reader, written from the specifications and apart
// from Parse, finds in a packet.
type reference struct {
	network, transport, payload []byte
	family                      int // 0 if not IP
	protocol                    int
	ports                       []byte // 4 bytes, or nil
	fragOffset                  int
	fragment, more, sourceRoute bool
	whole                       bool // transport header known and complete
}

var errRefused = errors.New("refused")

// reader consumes bytes from the front; taking too many sets bad.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.bad = true
		return make([]byte, max(n, 0))
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) number(n int) int {
	v := 0
	for _, x := range r.take(n) {
		v = v<<8 | int(x)
	}
	return v
}

func referenceFrame(frame []byte) (ref reference, err error) {
	if len(frame) > 14+8+40+65535 {
		return ref, errRefused
	}
	r := &reader{b: frame}
	r.take(12)
	t := r.number(2)
	tags := 0
	for t == 0x8100 || t == 0x88a8 {
		r.take(2)
		t = r.number(2)
		if tags++; tags > 2 {
			return ref, errRefused
		}
	}
	if r.bad {
		return ref, errRefused
	}
	switch t {
	case 0x0800, 0x86dd:
		version := map[int]int{0x0800: 4, 0x86dd: 6}[t]
		if len(r.b) == 0 || int(r.b[0]>>4) != version {
			return ref, errRefused
		}
		return referenceIP(r.b)
	case 0x0806:
		b := r.take(28)
		if r.bad || string(b[:6]) != "\x00\x01\x08\x00\x06\x04" {
			return ref, errRefused
		}
		ref.network = b
		return ref, nil
	}
	ref.network, ref.transport, ref.payload = r.b, r.b, r.b
	return ref, nil
}

func referenceIP(b []byte) (ref reference, err error) {
	if len(b) == 0 || len(b) > 14+8+40+65535 {
		return ref, errRefused
	}
	switch b[0] >> 4 {
	case 4:
		ref.family = 4
		err = referenceIPv4(b, &ref)
	case 6:
		ref.family = 6
		err = referenceIPv6(b, &ref)
	default:
		err = errRefused
	}
	if err != nil {
		return ref, err
	}
	return ref, referenceTransport(&ref)
}

func referenceIPv4(b []byte, ref *reference) error {
	r := &reader{b: b}
	header := r.number(1) % 16 * 4
	r.take(1)
	total := r.number(2)
	r.take(2)
	frag := r.number(2)
	r.take(1)
	ref.protocol = r.number(1)
	r.take(10)
	if r.bad || header < 20 || total < header || total > len(b) {
		return errRefused
	}
	ref.network = b[:total]
	ref.transport = b[header:total]
	for o := (&reader{b: b[20:header]}); len(o.b) > 0; {
		kind := o.number(1)
		if kind == 0 {
			break
		}
		if kind == 1 {
			continue
		}
		o.take(o.number(1) - 2)
		if o.bad {
			return errRefused
		}
		if kind == 131 || kind == 137 {
			ref.sourceRoute = true
		}
	}
	return referenceFragment(ref, frag%0x2000*8, frag/0x2000%2 == 1, header)
}

func referenceFragment(ref *reference, offset int, more bool, overhead int) error {
	if offset == 0 && !more {
		return nil
	}
	ref.fragment, ref.more, ref.fragOffset = true, more, offset
	n := len(ref.transport)
	tiny := ref.protocol == 6 && (offset == 8 || offset == 16)
	if n == 0 || tiny || more && n%8 != 0 || overhead+offset+n > 65535 {
		return errRefused
	}
	return nil
}

func referenceIPv6(b []byte, ref *reference) error {
	r := &reader{b: b}
	r.take(4)
	length := r.number(2)
	ref.protocol = r.number(1)
	r.take(33)
	if r.bad || length > len(r.b) {
		return errRefused
	}
	ref.network = b[:40+length]
	r.b = r.b[:length]
	seenFragment := false
	for n := 0; ; n++ {
		kind := ref.protocol
		if kind != 0 && kind != 43 && kind != 44 && kind != 51 && kind != 60 {
			break
		}
		before := length - len(r.b)
		ref.protocol = r.number(1)
		units := r.number(1)
		body := &reader{}
		switch kind {
		case 44:
			body.b = r.take(6)
		case 51:
			body.b = r.take(units*4 + 6)
		default:
			body.b = r.take(units*8 + 6)
		}
		if r.bad || n >= 8 || length-len(r.b) > 512 || kind == 0 && n > 0 {
			return errRefused
		}
		switch kind {
		case 43:
			body.take(1)
			if body.number(1) > 0 {
				ref.sourceRoute = true
			}
		case 0, 60:
			for len(body.b) > 0 {
				if body.number(1) != 0 {
					body.take(body.number(1))
				}
			}
			if body.bad {
				return errRefused
			}
		case 44:
			if seenFragment {
				return errRefused
			}
			seenFragment = true
			w := body.number(2)
			ref.transport = r.b
			if err := referenceFragment(ref, w/8*8, w%2 == 1, before); err != nil {
				return err
			}
		}
		if ref.fragOffset > 0 {
			break
		}
	}
	ref.transport = r.b
	return nil
}

func referenceTransport(ref *reference) error {
	ref.payload = ref.transport
	if ref.fragOffset > 0 {
		return nil
	}
	r := &reader{b: ref.transport}
	switch {
	case ref.protocol == 6:
		r.take(12)
		header := r.number(1) / 16 * 4
		r.take(header - 13)
		if header < 20 {
			return errRefused
		}
		ref.ports, ref.whole = ref.transport[:min(4, len(ref.transport))], true
	case ref.protocol == 17:
		r.take(4)
		n := r.number(2)
		r.take(2)
		if n < 8 || n > len(ref.transport) && !ref.more {
			return errRefused
		}
		r.b = r.b[:min(n-8, len(r.b))]
		ref.ports, ref.whole = ref.transport[:min(4, len(ref.transport))], true
	case ref.protocol == 1 && ref.family == 4, ref.protocol == 58 && ref.family == 6:
		r.take(8)
		ref.whole = true
	}
	if r.bad {
		return errRefused
	}
	ref.payload = r.b
	return nil
}
