// SPDX-License-Identifier: MIT OR Apache-2.0

package linuxnat

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// listen opens a UDP socket in a namespace.
func listen(t *testing.T, n *namespace, port int) *net.UDPConn {
	t.Helper()
	var conn *net.UDPConn
	err := n.run(func() (err error) {
		conn, err = net.ListenUDP("udp4", &net.UDPAddr{Port: port})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestOnePacket sends one packet down each path and its answer back, and looks at both addresses.
func TestOnePacket(t *testing.T) {
	r := newRig(t)
	for name, p := range r.paths {
		t.Run(name, func(t *testing.T) {
			const port = 7007
			client, server := listen(t, p.client, 0), listen(t, p.arrival.in, port)
			to := &net.UDPAddr{IP: p.arrival.address, Port: port}
			if _, err := client.WriteToUDP([]byte("there"), to); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 100)
			n, from, err := server.ReadFromUDP(buf)
			if err != nil {
				t.Fatal(err)
			}
			if string(buf[:n]) != "there" || !from.IP.Equal(p.source) {
				t.Fatalf("the server got %q from %s, want \"there\" from %s", buf[:n], from, p.source)
			}
			if _, err := server.WriteToUDP([]byte("back"), from); err != nil {
				t.Fatal(err)
			}
			n, from, err = client.ReadFromUDP(buf)
			if err != nil {
				t.Fatal(err)
			}
			if string(buf[:n]) != "back" || from.String() != to.String() {
				t.Fatalf("the client got %q from %s, want \"back\" from %s", buf[:n], from, to)
			}
		})
	}
}

// TestAllArrives sends more flows and packets than a batch has, down each path, and counts them at the server.
func TestAllArrives(t *testing.T) {
	r := newRig(t)
	for name, p := range r.paths {
		for _, flows := range []int{1, 63, 128, 300} {
			s := p.open(t, flows)
			err := onOwnThread(func() error {
				_, err := p.measure(s, 1001)
				return err
			})
			if err != nil {
				t.Errorf("%s, %d flows: %v", name, flows, err)
			}
		}
	}
}

// TestNothingIsLeft looks at this process and at the host after a rig has come and gone.
func TestNothingIsLeft(t *testing.T) {
	// Threads of earlier tests end a little after what ran on them.
	before, links := openNamespaces(t), hostLinks(t)
	for range 50 {
		time.Sleep(100 * time.Millisecond)
		now := openNamespaces(t)
		if slices.Equal(before, now) {
			break
		}
		before = now
	}
	t.Run("rig", func(t *testing.T) {
		r := newRig(t)
		if got := openNamespaces(t); len(got) != len(before)+len(r.namespaces) {
			t.Errorf("%d namespaces are open while the rig stands, want %d", len(got), len(before)+len(r.namespaces))
		}
	})
	// Threads end a little after what ran on them.
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		after := openNamespaces(t)
		if slices.Equal(before, after) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("namespaces in use: %v, before %v", after, before)
		}
	}
	if after := hostLinks(t); !slices.Equal(links, after) {
		t.Errorf("the host's links are %v, before %v", after, links)
	}
}

// openNamespaces lists the network namespaces, such as net:[4026531833], that a thread of this process is in or that
// one of its descriptors holds.
func openNamespaces(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"/proc/self/fd/*", "/proc/self/task/*/ns/net"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			// What is gone since it was listed is in use no more.
			if target, err := os.Readlink(path); err == nil && strings.HasPrefix(target, "net:") {
				all = append(all, target)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// hostLinks lists the network interfaces of the namespace that the process started in.
func hostLinks(t *testing.T) []string {
	t.Helper()
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, i := range interfaces {
		names = append(names, i.Name)
	}
	return names
}
