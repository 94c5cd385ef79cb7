// SPDX-License-Identifier: MIT OR Apache-2.0

package aml

// Opcodes of named objects and of statements (ACPI 6.4 §20.2.5).
const (
	nameOp    = 0x08
	scopeOp   = 0x10
	methodOp  = 0x14
	extPrefix = 0x5b
	deviceOp  = 0x82 // behind extPrefix
	arg0Op    = 0x68
	notifyOp  = 0x86
	equalOp   = 0x93
	ifOp      = 0xa0
)

// maxArgs is how many arguments a method has at most.
const maxArgs = 7

// Name gives value a name.
func Name(name string, value Term) Term { return join([]byte{nameOp}, Ref(name), value) }

// Scope puts the body's objects under the object of that name, which exists.
func Scope(name string, body ...Term) Term {
	return sized([]byte{scopeOp}, Ref(name), join(nil, body...))
}

// Device is a device and the objects under it.
func Device(name string, body ...Term) Term {
	return sized([]byte{extPrefix, deviceOp}, Ref(name), join(nil, body...))
}

// Method is a method of up to 7 arguments. One that is serialized runs in one thread
// at a time.
func Method(name string, args int, serialized bool, body ...Term) Term {
	if args < 0 || args > maxArgs {
		return failed("encoding the ACPI method %s: %d arguments, and %d can be", name, args, maxArgs)
	}
	flags := byte(args)
	if serialized {
		flags |= 1 << 3
	}
	return sized([]byte{methodOp}, Ref(name), Term{code: []byte{flags}}, join(nil, body...))
}

// Arg is the method's argument of that number, from 0 on.
func Arg(i int) Term {
	if i < 0 || i >= maxArgs {
		return failed("encoding an ACPI method: no argument has the number %d", i)
	}
	return Term{code: []byte{arg0Op + byte(i)}}
}

// Equal is true where both integers, strings or buffers are equal.
func Equal(a, b Term) Term { return join([]byte{equalOp}, a, b) }

// If runs the body where the condition is not zero.
func If(condition Term, body ...Term) Term {
	return sized([]byte{ifOp}, condition, join(nil, body...))
}

// Notify tells the driver of a device that something happened to it (ACPI 6.4 §5.6.6).
func Notify(device, value Term) Term { return join([]byte{notifyOp}, device, value) }
