// SPDX-License-Identifier: MIT OR Apache-2.0

package linuxnat

import (
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// A path is one way from the client to the server, in networks for benchmarks (RFC 2544 appendix C.2.2).
type path struct {
	name   string
	client *namespace
	// arrival is the server's end.
	arrival end
	// source is the address from which the server sees packets come.
	source net.IP
	// sink is an address behind the server's end at which packets are dropped.
	sink net.IP
}

// A rig is the namespaces and the ways through them.
type rig struct {
	namespaces []*namespace
	paths      map[string]*path
}

// newRig makes a rig that ends with the test or benchmark. It skips it if the host lacks what is needed.
func newRig(tb testing.TB) *rig {
	tb.Helper()
	r := &rig{paths: map[string]*path{}}
	err := r.build()
	if err != nil {
		err = errors.Join(err, r.close())
	}
	switch {
	case errors.Is(err, unix.EPERM):
		tb.Skipf("needs root: %v", err)
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.ENOENT):
		tb.Skipf("needs a kernel with CONFIG_VETH, CONFIG_NF_TABLES, CONFIG_NFT_NAT and CONFIG_NFT_MASQ, or their modules loaded: %v", err)
	case err != nil:
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := r.close(); err != nil {
			tb.Error(err)
		}
	})
	return r
}

func (r *rig) close() error {
	var errs []error
	for _, n := range r.namespaces {
		errs = append(errs, n.close())
	}
	return errors.Join(errs...)
}

func (r *rig) build() error {
	var made [4]*namespace
	for i, forward := range []bool{false, false, true, true} {
		n, err := newNamespace(forward)
		if err != nil {
			return err
		}
		made[i], r.namespaces = n, append(r.namespaces, n)
	}
	client, server, router, masquerading := made[0], made[1], made[2], made[3]

	from, to := end{client, "direct", net.IPv4(198, 18, 0, 1)}, end{server, "direct", net.IPv4(198, 18, 0, 2)}
	if err := connect(from, to); err != nil {
		return err
	}
	if err := r.add("direct", from, from, to, from.address); err != nil {
		return err
	}
	if err := r.buildRouted("route", 1, client, router, server); err != nil {
		return err
	}
	if err := r.buildRouted("masquerade", 2, client, masquerading, server); err != nil {
		return err
	}
	return masquerade(masquerading, "outside")
}

// buildRouted makes a path through a router, in the networks 198.18.n.0/24 and 198.19.n.0/24. The server gets no route
// back if its answers are to go to the router itself.
func (r *rig) buildRouted(name string, n byte, client, router, server *namespace) error {
	from, inside := end{client, name, net.IPv4(198, 18, n, 1)}, end{router, "inside", net.IPv4(198, 18, n, 254)}
	outside, to := end{router, "outside", net.IPv4(198, 19, n, 254)}, end{server, name, net.IPv4(198, 19, n, 1)}
	if err := errors.Join(connect(from, inside), connect(outside, to)); err != nil {
		return err
	}
	if err := client.route(to.address, inside.address); err != nil {
		return err
	}
	if name == "masquerade" {
		return r.add(name, from, outside, to, outside.address)
	}
	if err := server.route(from.address, outside.address); err != nil {
		return err
	}
	return r.add(name, from, outside, to, from.address)
}

// add keeps a path whose last hop is from end last to end to.
func (r *rig) add(name string, from, last, to end, source net.IP) error {
	sink := net.IPv4(to.address[12], to.address[13], to.address[14], 99)
	if err := resolve(last, to, sink); err != nil {
		return err
	}
	r.paths[name] = &path{name: name, client: from.in, arrival: to, source: source, sink: sink}
	return nil
}

// masquerade gives packets that leave a namespace by an interface that interface's address:
//
//	table ip nat { chain postrouting { type nat hook postrouting priority srcnat; oifname "…" masquerade } }
func masquerade(n *namespace, out string) error {
	conn, err := nftables.New(nftables.WithNetNSFd(int(n.ns)))
	if err != nil {
		return fmt.Errorf("opening nf_tables: %w", err)
	}
	var name [unix.IFNAMSIZ]byte
	copy(name[:], out)
	table := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "nat"})
	chain := conn.AddChain(&nftables.Chain{
		Name: "postrouting", Table: table, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource,
	})
	conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: name[:]},
		&expr.Masq{},
	}})
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("adding the masquerade rule: %w", err)
	}
	return nil
}
