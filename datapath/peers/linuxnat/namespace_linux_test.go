// SPDX-License-Identifier: MIT OR Apache-2.0

package linuxnat

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// A namespace is a network namespace that lives as long as this process has it open.
type namespace struct {
	ns   netns.NsHandle
	link *netlink.Handle
}

// onOwnThread runs f on a thread that ends with it, so that nothing else ever runs in a namespace, or on the CPU, that
// f moved the thread to.
func onOwnThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked
		done <- f()
	}()
	return <-done
}

// newNamespace makes a namespace that forwards IPv4 packets or drops them. Without privileges it fails with EPERM.
func newNamespace(forward bool) (*namespace, error) {
	n := &namespace{ns: netns.None()}
	err := onOwnThread(func() (err error) {
		if n.ns, err = netns.New(); err != nil {
			return fmt.Errorf("making a network namespace: %w", err)
		}
		// These are inherited from the host, except where net.core.devconf_inherit_init_net says otherwise.
		settings := map[string]string{"ip_forward": "0", "conf/all/rp_filter": "0", "conf/default/rp_filter": "0"}
		if forward {
			settings["ip_forward"] = "1"
		}
		for name, value := range settings {
			// The kernel resolves /proc/sys/net by the thread that opens it.
			if err := os.WriteFile("/proc/sys/net/ipv4/"+name, []byte(value), 0); err != nil {
				return fmt.Errorf("setting up a namespace: %w", err)
			}
		}
		return nil
	})
	if err == nil {
		n.link, err = netlink.NewHandleAt(n.ns, unix.NETLINK_ROUTE)
	}
	if err != nil {
		return nil, errors.Join(err, n.close())
	}
	return n, nil
}

// close lets the kernel remove the namespace and everything in it.
func (n *namespace) close() error {
	if n.link != nil {
		n.link.Close()
	}
	if n.ns.IsOpen() {
		return n.ns.Close()
	}
	return nil
}

// run runs f in the namespace. Sockets that f opens stay in it.
func (n *namespace) run(f func() error) error {
	return onOwnThread(func() error {
		if err := netns.Set(n.ns); err != nil {
			return fmt.Errorf("entering a namespace: %w", err)
		}
		return f()
	})
}

// An end is one end of a veth pair: its name, and its address in a network of 256.
type end struct {
	in      *namespace
	name    string
	address net.IP
}

// connect joins two ends.
func connect(a, b end) error {
	pair := netlink.NewVeth(netlink.LinkAttrs{Name: a.name})
	pair.PeerName, pair.PeerNamespace = b.name, netlink.NsFd(b.in.ns)
	if err := a.in.link.LinkAdd(pair); err != nil {
		return fmt.Errorf("making the veth pair %s-%s: %w", a.name, b.name, err)
	}
	for _, e := range []end{a, b} {
		link, err := e.in.link.LinkByName(e.name)
		if err != nil {
			return fmt.Errorf("finding %s: %w", e.name, err)
		}
		address := &netlink.Addr{IPNet: &net.IPNet{IP: e.address, Mask: net.CIDRMask(24, 32)}}
		if err := e.in.link.AddrAdd(link, address); err != nil {
			return fmt.Errorf("giving %s the address %s: %w", e.name, e.address, err)
		}
		if err := e.in.link.LinkSetUp(link); err != nil {
			return fmt.Errorf("setting %s up: %w", e.name, err)
		}
	}
	return nil
}

// route sends what is for the network of to by way of gateway.
func (n *namespace) route(to, gateway net.IP) error {
	network := &net.IPNet{IP: to.Mask(net.CIDRMask(24, 32)), Mask: net.CIDRMask(24, 32)}
	if err := n.link.RouteAdd(&netlink.Route{Dst: network, Gw: gateway}); err != nil {
		return fmt.Errorf("routing %s by %s: %w", network, gateway, err)
	}
	return nil
}

// resolve makes packets for address, which nobody has, go from one end to the other.
func resolve(from, to end, address net.IP) error {
	out, err := from.in.link.LinkByName(from.name)
	if err != nil {
		return fmt.Errorf("finding %s: %w", from.name, err)
	}
	in, err := to.in.link.LinkByName(to.name)
	if err != nil {
		return fmt.Errorf("finding %s: %w", to.name, err)
	}
	err = from.in.link.NeighSet(&netlink.Neigh{
		LinkIndex: out.Attrs().Index, State: netlink.NUD_PERMANENT, IP: address, HardwareAddr: in.Attrs().HardwareAddr,
	})
	if err != nil {
		return fmt.Errorf("resolving %s on %s: %w", address, from.name, err)
	}
	return nil
}

// received is the number of packets that came in at an end.
func (e end) received() (uint64, error) {
	link, err := e.in.link.LinkByName(e.name)
	if err != nil {
		return 0, fmt.Errorf("reading the counters of %s: %w", e.name, err)
	}
	return link.Attrs().Statistics.RxPackets, nil
}
