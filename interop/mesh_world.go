// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"tailscale.com/tailcfg"
)

var exitRoutes = []string{"0.0.0.0/0", "::/0"}

// world is a policy with the nodes that it is about.
type world struct {
	policy string
	users  []worldUser
	nodes  []worldNode // in the order in which they are made: the lowest id wins elections
	probed bool        // routers can be deaf, and are often asked whether they are there
	want   map[string]view
}

type worldUser struct{ Name, Email string }

type worldNode struct {
	name     string
	tags     []string
	user     string
	routes   []string // announced
	approved []string
}

// settled is a world on a server.
type settled struct {
	*Mesh
	world  world
	agents map[string]*Agent
	names  names
}

// settle makes a world and waits until each node sees what it should. Addresses are random:
// of neighbours rules name a common prefix, which each of them then has whole.
func settle(t testing.TB, w world) *settled {
	t.Helper()
	config := Config{"prefixes.allocation": "random"}
	if w.probed {
		maps.Copy(config, probes(probeEvery, probeAnswer))
	}
	m := newMesh(t, MeshOptions{ShortTimers: true, Config: config})
	s := &settled{Mesh: m, world: w, agents: map[string]*Agent{}, names: names{}}
	for _, u := range w.users {
		var made User
		s.call("POST", "/api/v1/user", map[string]any{"name": u.Name, "email": u.Email}, &made)
		s.users[u.Name] = made
	}
	s.SetPolicy(w.policy)
	for _, n := range w.nodes {
		join := s.Join
		if w.probed && len(n.routes) > 0 {
			join = s.JoinEars
		}
		a := join(AgentOptions{Name: n.name, User: n.user, Tags: n.tags, Routes: n.routes})
		s.agents[n.name] = a
		s.Approve(a, n.approved...)
		for _, p := range a.Self().Addresses().All() {
			s.names[n.name] = append(s.names[n.name], p.Addr())
		}
	}
	s.awaitViews()
	return s
}

// awaitViews waits until each node sees what it should.
func (s *settled) awaitViews() {
	s.t.Helper()
	eventually(s.t, meshLimit, "the views", func() error {
		var all []error
		for _, name := range slices.Sorted(maps.Keys(s.agents)) {
			got, err := s.view(s.agents[name])
			if text := got.compare(s.world.want[name]); err == nil && text != "" {
				err = errors.New(text)
			}
			if err != nil {
				all = append(all, fmt.Errorf("%s:\n%w", name, err))
			}
		}
		return errors.Join(all...)
	})
}

// view puts an agent's map in words.
func (s *settled) view(a *Agent) (v view, err error) {
	m := a.Map()
	if m == nil {
		return v, errors.New("no map")
	}
	for _, peer := range m.Peers {
		line, e := s.peer(peer)
		err = errors.Join(err, e)
		v.peers = append(v.peers, line)
	}
	for _, rule := range m.PacketFilterRules.All() {
		line, e := s.names.ruleLine(rule)
		err = errors.Join(err, e)
		v.rules = append(v.rules, line)
	}
	return v, err
}

// peer describes a peer, whose addresses must be those of its node and no others.
func (s *settled) peer(peer tailcfg.NodeView) (string, error) {
	name, _, _ := strings.Cut(peer.Name(), ".")
	var own []netip.Prefix
	for _, addr := range s.names[name] {
		own = append(own, netip.PrefixFrom(addr, addr.BitLen()))
	}
	routes := slices.DeleteFunc(peer.AllowedIPs().AsSlice(), func(p netip.Prefix) bool {
		return slices.Contains(own, p)
	})
	if len(own) != 2 || !slices.Equal(own, peer.Addresses().AsSlice()) ||
		len(routes)+len(own) != peer.AllowedIPs().Len() {
		return "", fmt.Errorf("%s has the addresses %v and AllowedIPs %v, its node has %v", name,
			peer.Addresses(), peer.AllowedIPs(), own)
	}
	return peerLine(name, routes, peer.PrimaryRoutes().AsSlice()), nil
}
