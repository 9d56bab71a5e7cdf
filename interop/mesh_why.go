// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// verdict is the part of the answer of `policy why` that a map tells too.
type verdict struct {
	Allowed bool
	Reason  string
	Via     *struct{ Name string }
}

// Why asks the command whether one reaches another. Denied has an exit code of its own.
func (m *Mesh) Why(src, dst string) (v verdict) {
	m.t.Helper()
	text, err := m.CLI("policy", "why", src, dst, "-o", "json")
	if e := json.Unmarshal([]byte(text), &v); e != nil || (err == nil) != v.Allowed {
		m.t.Errorf("policy why %s %s: %v, %v: %s", src, dst, err, e, text)
	}
	return v
}

// mustAgree compares the maps with what `fairlead policy why` and the records say.
func (s *settled) mustAgree() {
	s.t.Helper()
	prefixes := map[string]bool{}
	for _, n := range s.world.nodes {
		for _, p := range n.approved {
			prefixes[p] = prefixes[p] || netip.MustParsePrefix(p).Bits() > 0
		}
	}
	for _, n := range s.world.nodes {
		for _, p := range slices.Sorted(maps.Keys(prefixes)) {
			if prefixes[p] && !slices.Contains(n.approved, p) {
				s.mustAgreeOn(n.name, netip.MustParsePrefix(p).Addr().Next())
			}
		}
	}
}

// mustAgreeOn compares the way from a node to an address behind a router.
func (s *settled) mustAgreeOn(viewer string, dst netip.Addr) {
	s.t.Helper()
	router := s.routerOf(viewer, dst)
	passes := router != "" && s.letsIn(router, viewer, dst)
	v := s.Why(viewer, dst.String()+":443")
	if v.Allowed != passes {
		s.t.Errorf("%s to %v: by the maps through %q, which lets it in: %v; policy why says %+v",
			viewer, dst, router, passes, v)
	} else if passes && (v.Via == nil || v.Via.Name != router) {
		s.t.Errorf("%s to %v goes through %s; policy why says %+v", viewer, dst, router, v.Via)
	}
}

// routerOf is the peer to which a node sends what is for an address.
func (s *settled) routerOf(viewer string, dst netip.Addr) (name string) {
	best := 0
	for _, peer := range s.agents[viewer].Map().Peers {
		for _, p := range peer.AllowedIPs().All() {
			if p.Contains(dst) && p.Bits() > best {
				best = p.Bits()
				name, _, _ = strings.Cut(peer.Name(), ".")
			}
		}
	}
	return name
}

// letsIn tells whether a router's filter lets a node reach an address.
func (s *settled) letsIn(router, src string, dst netip.Addr) bool {
	for _, rule := range s.agents[router].Map().PacketFilterRules.All() {
		if !covers(rule.SrcIPs, s.names[src][0]) {
			continue
		}
		for _, d := range rule.DstPorts {
			if covers([]string{d.IP}, dst) && d.Ports.Contains(443) {
				return true
			}
		}
	}
	return false
}

func covers(texts []string, a netip.Addr) bool {
	s, star, err := addressSet(texts)
	return err == nil && (star || s.Contains(a))
}

// mustCarryAs compares the records with who should carry what.
func (s *settled) mustCarryAs(want map[string]string) {
	s.t.Helper()
	records := s.Records()
	for prefix, name := range want {
		if got := carriers(records, prefix); !slices.Equal(got, []string{name}) {
			s.t.Errorf("%s is carried by %v, not by %s", prefix, got, name)
		}
	}
}
