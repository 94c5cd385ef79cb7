// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package main

import (
	"time"

	"arcbox.dev/ci/nested/plan"
)

// Where things are in the machine.
const (
	binDir   = "/opt/arcbox"       // the programs and images
	testDir  = "/opt/arcbox/tests" // a folder a package: the test binary, and its testdata
	cacheDir = "/opt/cache"        // ArcBox's cache: kernels
)

// environment is every step's.
var environment = []string{
	"HOME=/root", "TMPDIR=/tmp", "TERM=dumb", "PATH=" + binDir + ":/bin:/usr/bin",
	"ARCBOX_CACHE=" + cacheDir, "ARCBOX_TEST_BUILT=" + binDir, "ARCBOX_TEST_SLOW=4",
}

// tested are the packages whose tests run in the machine, by the name of their step.
var tested = map[string]string{
	"kvmapi": "arcbox.dev/runtime/vmm/kvmapi",
	"vmm":    "arcbox.dev/runtime/vmm",
	"kvm":    "arcbox.dev/runtime/hypervisor/kvm",
	"arcbox": "arcbox.dev/cmd/arcbox",
}

type step struct {
	plan.Step
	ci bool // CI does it
}

// steps are all there are, in the order in which they are done.
func steps() []step {
	return []step{
		{test("kvmapi", "kvmapi", 2*time.Minute), true},
		{test("vmm", "vmm", 3*time.Minute), true},
		{test("driver", "kvm", 8*time.Minute, "-test.run", "Lean|Life|Remote|Probe|Ring3"), true},
		{test("packaged", "kvm", 8*time.Minute, "-test.run", "Packaged"), false},
		{test("row", "kvm", 4*time.Minute, "-test.run", "TestInARow", "-boots", "10"), true},
		{test("packaged-row", "kvm", 6*time.Minute, "-test.run", "TestInARow", "-boots", "10", "-kernel", "packaged"), false},
		{test("fifty", "kvm", 15*time.Minute, "-test.run", "TestInARow", "-boots", "50"), false},
		{test("arcbox", "arcbox", 8*time.Minute, "-test.run", "TestScripts|TestVM|TestSignals|TestTerminal|TestTenAtOnce|TestKilled", "-test.parallel", "1"), false},
		{command("bench", 25*time.Minute, binDir+"/arcbox-bench", "run", "boot", "counts", "memory", "--targets", "kvm:lean,kvm:packaged,qemu:kvm", "--count", "10", "--seed", "1", "--limit", "3m", "--out", "/tmp/results.txt"), false},
		{command("results", time.Minute, "/bin/cat", "/tmp/results.txt"), false},
		{test("bulk", "arcbox", 15*time.Minute, "-test.run", "TestGigabyteOut|TestBothWays|TestHang"), false},
	}
}

// test is a step that runs a test binary.
func test(name, binary string, limit time.Duration, args ...string) plan.Step {
	dir := testDir + "/" + binary
	return plan.Step{
		Name: name, Dir: dir, Limit: limit,
		Args: append([]string{dir + "/" + binary + ".test", "-test.v", "-test.timeout=" + limit.String()}, args...),
	}
}

// command is a step that runs something else.
func command(name string, limit time.Duration, args ...string) plan.Step {
	return plan.Step{Name: name, Dir: "/tmp", Limit: limit, Args: args}
}
