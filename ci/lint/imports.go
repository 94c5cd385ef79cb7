// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
)

// rule says what the packages whose names match from may import of ours. The
// first rule that matches a package is its rule; a package without one is a finding.
type rule struct {
	from   string   // a name; "x/..." matches x and all below it
	may    []string // names likewise; a package may always import what lies below itself
	reason string
}

// rules is the import matrix of ARCHITECTURE.md.
var rules = []rule{
	{"datapath/pad", nil, "it is a leaf"},
	{"datapath/ring", []string{"datapath/pad"}, "a ring knows nothing of what it carries"},
	{"datapath/pool", []string{"datapath/pad"}, "a buffer knows nothing of what is in it"},
	{"datapath/checksum", nil, "it is a leaf"},
	{"datapath/packet", nil, "it is a leaf"},
	{"datapath/packet/packettest", nil, "it makes packets for tests"},
	{"datapath/wheel", nil, "it is a leaf"},
	{"datapath/flowtable", nil, "it is a leaf"},
	{"datapath/nat", []string{"datapath/packet", "datapath/checksum", "datapath/wheel", "datapath/flowtable", "datapath/pad"}, "it translates packets and knows no device"},
	{"datapath/guestmem", nil, "it is a leaf"},
	{"datapath/virtq", []string{"datapath/guestmem"}, "the device side of a queue knows guest memory alone"},
	{"datapath/virtq/virtqtest", []string{"datapath/guestmem", "datapath/virtq"}, "the driver side is for tests of queues and devices"},

	{"guest/protocol/...", []string{"guest/protocol/..."}, "host and guest share it, so it knows neither"},
	{"guest/cache/...", nil, "it is a leaf"},
	{"guest/client/...", []string{"guest/protocol/..."}, "the host's side knows the protocol alone"},
	{"guest/agent/...", []string{"guest/protocol/...", "guest/agent/..."}, "the guest's side knows the protocol alone"},
	{"guest/kernel/...", []string{"guest/cache", "guest/kernel/..."}, "a kernel is found without the rest of the guest"},
	{"guest/initramfs", []string{"guest/cache"}, "an image is built from files"},

	{"bench/env", nil, "it is a leaf"},
	{"bench/record", []string{"bench/env"}, "samples carry their environment"},
	{"bench/stats", []string{"bench/record"}, "statistics are of samples"},
	{"bench/gate", []string{"bench/stats", "bench/record"}, "a verdict follows from samples alone"},
	{"bench/count", []string{"bench/record"}, "counts are values of samples"},
	{"bench/profile", nil, "whatever is profiled links it: the standard library alone"},
	{"bench/profile/...", []string{"bench/profile", "bench/profile/folder"}, "profiles are read without the lab"},
	{"bench/report", []string{"bench/gate", "bench/stats", "bench/record", "bench/env"}, "a report shows what the lab found"},
	{"bench/report/chart", nil, "it draws whatever it is given"},
	{"bench/report/figure", []string{"bench/record", "bench/report", "bench/report/chart"}, "a figure shows results"},
	{"bench/report/page", []string{"bench/report", "bench/report/chart", "bench/report/figure", "bench/stats"}, "the page puts figures and tables together"},

	{"runtime/errdefs", nil, "it is a leaf"},
	{"runtime/events", nil, "it is a leaf"},
	{"runtime/paths", []string{"runtime/errdefs"}, "it is a leaf but for errors"},
	{"runtime/hypervisor", []string{"runtime/errdefs", "runtime/events"}, "the contract knows no driver and no device"},
	{"runtime/hypervisor/host", []string{"runtime/hypervisor"}, "it is a leaf but for the contract's types"},
	{"runtime/hypervisor/hvtest", []string{"runtime/hypervisor", "runtime/errdefs", "runtime/events", "guest/..."}, "one suite for every driver"},
	{"runtime/hypervisor/console", []string{"runtime/hypervisor", "runtime/events"}, "it keeps text, and knows no driver"},
	{"runtime/hypervisor/life", []string{"runtime/hypervisor", "runtime/errdefs", "runtime/events", "runtime/virtio/vsock"}, "drivers have it in common, and it knows none"},
	{"runtime/hypervisor/disk", []string{"runtime/hypervisor", "runtime/errdefs", "runtime/virtio/..."}, "drivers have it in common, and it knows none"},
	{"runtime/hypervisor/uml/...", []string{"runtime/hypervisor", "runtime/hypervisor/host", "runtime/hypervisor/console", "runtime/hypervisor/life", "runtime/hypervisor/disk", "runtime/errdefs", "runtime/events", "runtime/seccomp", "runtime/virtio/...", "datapath/..."}, "a driver carries devices and knows no other driver"},
	{"runtime/hypervisor/kvm/...", []string{"runtime/hypervisor", "runtime/hypervisor/host", "runtime/hypervisor/console", "runtime/hypervisor/life", "runtime/hypervisor/disk", "runtime/errdefs", "runtime/events", "runtime/virtio/...", "runtime/vmm/...", "datapath/..."}, "a driver carries devices and knows no other driver"},
	{"runtime/seccomp", nil, "it is a leaf"},
	{"runtime/vmm/confine", []string{"runtime/seccomp", "runtime/errdefs"}, "it locks in a process, whatever that does"},
	{"runtime/vmm/...", []string{"runtime/errdefs", "runtime/vmm/...", "datapath/..."}, "the monitor's parts know no device"},
	{"runtime/virtio", []string{"datapath/virtq", "datapath/guestmem", "runtime/errdefs"}, "devices and transports meet in this contract"},
	{"runtime/virtio/virtiotest", []string{"runtime/virtio", "datapath/..."}, "it is for tests of devices"},
	{"runtime/virtio/iovec", []string{"datapath/..."}, "it is a leaf"},
	{"runtime/virtio/eventfd", nil, "it is a leaf"},
	{"runtime/virtio/loglimit", []string{"runtime/virtio"}, "it limits what is logged about a device"},
	{"runtime/virtio/vhostuser/...", []string{"runtime/virtio", "runtime/virtio/eventfd", "runtime/virtio/loglimit", "datapath/...", "runtime/errdefs"}, "a transport knows no device"},
	{"runtime/virtio/mmio/...", []string{"runtime/virtio", "runtime/virtio/eventfd", "runtime/virtio/loglimit", "datapath/...", "runtime/errdefs"}, "a transport knows no device"},
	{"runtime/virtio/...", []string{"runtime/virtio", "runtime/virtio/iovec", "datapath/...", "runtime/errdefs"}, "a device knows neither transport nor driver nor another device"},
	{"runtime/vmproc/...", []string{"runtime/hypervisor", "runtime/errdefs", "runtime/events"}, "it carries the contract to a process and knows no driver"},
	{"runtime/image/...", []string{"runtime/image/...", "runtime/errdefs", "runtime/paths"}, "images know no VM"},
	{"runtime/core", []string{"runtime/errdefs", "runtime/events", "runtime/paths", "runtime/hypervisor", "runtime/image", "guest/client", "guest/kernel", "guest/initramfs", "guest/protocol"}, "the orchestrator knows managers and no concrete driver"},

	{"scenarios/...", []string{"scenarios/...", "bench/...", "runtime/core", "runtime/events", "runtime/hypervisor", "runtime/hypervisor/host", "runtime/errdefs", "guest/client", "guest/protocol"}, "a scenario measures through the front door"},

	{"cmd/...", []string{"datapath/...", "guest/...", "bench/...", "runtime/...", "scenarios/...", "cmd/..."}, ""},
	{"ci/nested/...", []string{"ci/nested/...", "guest/kernel", "guest/initramfs"}, "it makes the machine that tests run in, of kernels and files"},
	{"ci/...", nil, "checks stand outside what they check"},
}

// testOnly may be imported by tests of any package.
var testOnly = []string{"datapath/virtq/virtqtest", "runtime/hypervisor/hvtest", "runtime/image/build", "guest/cache/cachetest", "guest/kernel/kerneltest", "guest/kernel", "guest/client",
	"guest/initramfs", "guest/protocol", "runtime/virtio/blk", "runtime/virtio/vsock", "runtime/virtio/virtiotest", "scenarios/target/targettest",
	"guest/protocol/agentpb", "datapath/packet/packettest"}

func checkImports(packages []pkg) []string {
	var findings []string
	for _, p := range packages {
		r, ok := ruleFor(p.name())
		if !ok {
			findings = append(findings, fmt.Sprintf("%s: no import rule covers it; add one to ci/lint and to ARCHITECTURE.md", p.ImportPath))
			continue
		}
		check := func(imports []string, inTest bool) {
			for _, path := range imports {
				name, ours := strings.CutPrefix(path, prefix)
				if !ours || r.allows(p.name(), name) || inTest && (slices.Contains(testOnly, name) || name == p.name()) {
					continue
				}
				findings = append(findings, fmt.Sprintf("%s must not import %s: %s", p.ImportPath, path, r.reason))
			}
		}
		check(p.Imports, false)
		check(p.TestImports, true)
		check(p.XTestImports, true)
		if name := p.name(); strings.HasPrefix(name, "datapath/") {
			for _, path := range p.Imports {
				if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") && !strings.HasPrefix(path, prefix) && !strings.HasPrefix(path, "golang.org/x/sys") {
					findings = append(findings, fmt.Sprintf("%s must not import %s: datapath depends on the standard library and x/sys alone", p.ImportPath, path))
				}
			}
		}
	}
	return findings
}

func ruleFor(name string) (rule, bool) {
	for _, r := range rules {
		if matches(r.from, name) {
			return r, true
		}
	}
	return rule{}, false
}

func (r rule) allows(from, to string) bool {
	if strings.HasPrefix(to, from+"/") {
		return true
	}
	return slices.ContainsFunc(r.may, func(pattern string) bool { return matches(pattern, to) })
}

// matches tells whether pattern covers name.
func matches(pattern, name string) bool {
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == base || strings.HasPrefix(name, base+"/")
	}
	return pattern == name
}
