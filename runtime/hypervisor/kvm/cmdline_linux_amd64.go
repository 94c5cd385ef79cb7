// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

// defaultCmdline is what a kernel is told in front of what the caller has for it.
func defaultCmdline() []string {
	return []string{
		// The serial port is there from the first line on; the virtio console takes
		// over once its driver is up, and is what /dev/console stands for then.
		"console=ttyS0", "console=hvc0",
		"8250.nr_uarts=1", // the kernel would try four
		"panic=-1",        // reboot at once, which ends the VM
		"pci=off",         // there is none; looking for it takes hundreds of exits
		"tsc=reliable", "no_timer_check",
		"random.trust_cpu=on",
		"percpu_alloc=page", // else 2 MiB are touched for each CPU, of which it keeps 180 KiB
		"cryptomgr.notests", // a kernel with many ciphers would test each of them
	}
}
