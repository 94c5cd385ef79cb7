// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"errors"
	"fmt"
	"net/netip"
)

// Config is what a NAT is made of. A zero field takes the default, if it has one.
type Config struct {
	// Outside is the pool of outer addresses, IPv4, IPv6 or both. A zone always
	// has the same one of each family (paired pooling, RFC 4787 REQ-2).
	Outside []netip.Addr
	// Shards is a power of two from 1 to 64; 1 by default.
	Shards int
	// MaxSessions limits the sessions of all zones together; 262,144 by default.
	MaxSessions int
	// MaxSessionsPerZone limits those of each; a quarter of MaxSessions by
	// default.
	MaxSessionsPerZone int
	// PortMin and PortMax are the first and the last port given out to sessions;
	// 1024 and 65535 by default. Privileged inner ports have the privileged outer
	// ones besides (RFC 4787 REQ-3).
	PortMin, PortMax uint16
	// EndpointIndependentFiltering lets anybody on the outside send to a mapped
	// port, rather than only whom the inside has sent to (RFC 4787 §5).
	EndpointIndependentFiltering bool
	// MaxFragments limits the packets whose fragments are followed; 4096 by
	// default. No zone takes more than a sixteenth.
	MaxFragments int
	// HeldFragments limits the fragments that wait for a first one; 256 by
	// default. No zone takes more than a sixteenth.
	HeldFragments int
	Timeouts      Timeouts
}

const (
	maxShards   = 64
	maxSessions = 1 << 26
)

// complete fills in the defaults and checks the rest.
func (c *Config) complete() error {
	c.Shards = orDefault(c.Shards, 1)
	c.MaxSessions = orDefault(c.MaxSessions, 1<<18)
	c.MaxSessionsPerZone = orDefault(c.MaxSessionsPerZone, max(1, c.MaxSessions/4))
	c.PortMin = orDefault(c.PortMin, firstUserPort)
	c.PortMax = orDefault(c.PortMax, 65535)
	c.MaxFragments = orDefault(c.MaxFragments, 4096)
	c.HeldFragments = orDefault(c.HeldFragments, 256)
	switch {
	case c.Shards < 1 || c.Shards > maxShards || c.Shards&(c.Shards-1) != 0:
		return fmt.Errorf("nat: %d shards: give a power of two from 1 to %d", c.Shards, maxShards)
	case c.MaxSessions < 1 || c.MaxSessions > maxSessions:
		return fmt.Errorf("nat: limit of %d sessions: give one from 1 to %d", c.MaxSessions, maxSessions)
	case c.MaxSessionsPerZone < 1:
		return fmt.Errorf("nat: limit of %d sessions a zone: give one of at least 1", c.MaxSessionsPerZone)
	case c.PortMin < firstUserPort || c.PortMax < c.PortMin:
		return fmt.Errorf("nat: ports from %d to %d: give a range within %d to 65535", c.PortMin, c.PortMax, firstUserPort)
	case c.MaxFragments < perZoneShare || c.MaxFragments > 1<<20:
		return fmt.Errorf("nat: limit of %d fragmented packets: give one from %d to %d", c.MaxFragments, perZoneShare, 1<<20)
	case c.HeldFragments < perZoneShare || c.HeldFragments > 1<<20:
		return fmt.Errorf("nat: limit of %d held fragments: give one from %d to %d", c.HeldFragments, perZoneShare, 1<<20)
	}
	return c.checkOutside()
}

func (c *Config) checkOutside() error {
	if len(c.Outside) == 0 {
		return errors.New("nat: no outside address: give at least one")
	}
	seen := map[netip.Addr]bool{}
	for _, a := range c.Outside {
		switch {
		case !a.IsValid() || a.Zone() != "" || martian(a):
			return fmt.Errorf("nat: outside address %v: give a unicast address without zone", a)
		case seen[a]:
			return fmt.Errorf("nat: outside address %v is given twice: remove one", a)
		}
		seen[a] = true
	}
	return nil
}

func orDefault[T int | uint16](v, other T) T {
	if v == 0 {
		return other
	}
	return v
}
