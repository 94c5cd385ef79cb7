// SPDX-License-Identifier: MIT OR Apache-2.0

package report

// Setups of the benchmark SPSC.
const (
	acrossCores = "/cores=2/batch=1/inplace=false/cap=1024/turns=0/size=8"
	farApart    = "/cores=2/batch=1/inplace=false/cap=65536/turns=0/size=8"
	copied      = "/cores=2/batch=32/inplace=false/cap=1024/turns=0/size=8"
	inPlace     = "/cores=2/batch=32/inplace=true/cap=1024/turns=0/size=8"
	oneCore     = "/cores=1/batch=1/inplace=false/cap=1024/turns=0/size=8"
	oneCore32   = "/cores=1/batch=32/inplace=false/cap=1024/turns=0/size=8"
)

// DatapathGoals are what the datapath's parts are to reach. C++ is a queue of the
// common kind, with cached indexes; each program of C or C++ is our own.
var DatapathGoals = []RatioGoal{
	{"ring, one item at a time, two cores, 1024 slots, beside C++", spsc("arcbox-slot", acrossCores), spsc("cpp", acrossCores), 0.8},
	{"ring, one item at a time, two cores, 65,536 slots, beside C++", spsc("arcbox-slot", farApart), spsc("cpp", farApart), 0.8},
	{"ring, the same, sync/atomic alone, 1024 slots", portableSPSC(acrossCores), "", 12},
	{"ring, the same, sync/atomic alone, 65,536 slots", portableSPSC(farApart), "", 12},
	{"ring, 32 at a time, copied, two cores", spsc("arcbox-spsc", copied), "", 2.3},
	{"ring, 32 at a time, in place, two cores", spsc("arcbox-spsc", inPlace), "", 1.5},
	{"ring, push and pop on one core", spsc("arcbox-slot", oneCore), "", 3},
	{"ring, push and pop of 32 on one core", spsc("arcbox-spsc", oneCore32), "", 1.2},
	{"checksum of 1460 B, AVX2, beside Tailscale's", checksum("arcbox-avx2", "1460"), checksum("tailscale", "1460"), 1},
	{"checksum of 9000 B, AVX2, beside Tailscale's", checksum("arcbox-avx2", "9000"), checksum("tailscale", "9000"), 1},
	{"checksum of 1460 B, VNNI, beside Tailscale's", checksum("arcbox-vnni", "1460"), checksum("tailscale", "1460"), 0.5},
	{"checksum of 9000 B, VNNI, beside Tailscale's", checksum("arcbox-vnni", "9000"), checksum("tailscale", "9000"), 0.5},
	{"checksum of 1460 B beside gVisor's", checksum("arcbox", "1460"), checksum("gvisor", "1460"), 0.25},
	{"checksum of 9000 B beside gVisor's", checksum("arcbox", "9000"), checksum("gvisor", "9000"), 0.25},
	{"checksum of 20 B", checksum("arcbox", "20"), "", 5},
	{"checksum of 64 B", checksum("arcbox", "64"), "", 7},
	{"NAT, rewriting one TCP packet", "Rewrite/pkg=nat/impl=delta", "", 5},
	{"NAT, parse, find, rewrite, 128 flows", "FastPath/pkg=nat/flows=128/batch=32", "", 12},
	{"NAT, parse, find, rewrite, 65,536 flows", "Batch/pkg=nat/flows=65536/batch=32", "", 60},
	{"NAT, all of it, beside what masquerade adds to Linux's routing", "LinuxNAT/pkg=peers.linuxnat/impl=arcbox/flows=128",
		"LinuxNAT/pkg=peers.linuxnat/impl=linux-marginal/flows=128", 1. / 30},
	{"virtqueue, chains of one descriptor, 32 at a time, beside C", "Virtq/pkg=peers.virtqc/impl=arcbox/chain=1/batch=32",
		"Virtq/pkg=peers.virtqc/impl=c/chain=1/batch=32", 1},
}

func spsc(impl, setup string) string { return "SPSC/pkg=peers.rings/impl=" + impl + setup }

// portableSPSC names the best ring of the build that other processors have.
func portableSPSC(setup string) string {
	return "SPSC/pkg=peers.rings+purego/impl=arcbox-slot-portable" + setup
}

func checksum(impl, size string) string {
	return "Checksum/pkg=peers.checksums/impl=" + impl + "/size=" + size + "/at=hot"
}
