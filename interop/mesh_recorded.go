// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tailscale.com/tailcfg"
)

// capture is the part of a recorded case that a world takes.
type capture struct {
	Policy   string
	Order    []string
	Topology struct {
		Users []worldUser
		Nodes map[string]struct {
			Tags     []string
			User     string
			Routes   []string `json:"routable_ips"`
			Approved []string `json:"approved_routes"`
		}
	}
	Nodes map[string]struct {
		Self  recordedNode
		Peers []recordedNode
		Rules []tailcfg.FilterRule `json:"packet_filter_rules"`
	}
}

type recordedNode struct {
	Name                                 string
	Addresses, AllowedIPs, PrimaryRoutes []netip.Prefix
}

// recorded reads a recorded case, or skips the test where there are none.
func recorded(t testing.TB, name string) (w world, carried map[string]string) {
	t.Helper()
	dir := cmp.Or(os.Getenv("FAIRLEAD_CAPTURES"), "../../shared/captures")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no recorded cases: %v; FAIRLEAD_CAPTURES names their folder", err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "grant", name+".json"))
	var c capture
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err == nil {
		w, err = c.world()
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return w, c.carried()
}

func (c *capture) world() (w world, err error) {
	w = world{policy: c.Policy, users: c.Topology.Users, want: map[string]view{}}
	all := names{}
	for name, n := range c.Nodes {
		for _, p := range n.Self.Addresses {
			all[name] = append(all[name], p.Addr())
		}
	}
	for _, name := range c.Order {
		n := c.Topology.Nodes[name]
		w.nodes = append(w.nodes, worldNode{name, n.Tags, n.User, n.Routes, n.Approved})
		v := view{}
		for _, peer := range c.Nodes[name].Peers {
			v.peers = append(v.peers, peer.line())
		}
		for _, rule := range c.Nodes[name].Rules {
			line, e := all.ruleLine(rule)
			err = errors.Join(err, e)
			v.rules = append(v.rules, line)
		}
		w.want[name] = v
	}
	return w, err
}

func (n *recordedNode) line() string {
	name, _, _ := strings.Cut(n.Name, ".")
	routes := slices.DeleteFunc(slices.Clone(n.AllowedIPs), func(p netip.Prefix) bool {
		return slices.Contains(n.Addresses, p)
	})
	return peerLine(name, routes, n.PrimaryRoutes)
}

// carried is who carries which subnet.
func (c *capture) carried() map[string]string {
	out := map[string]string{}
	for name, n := range c.Nodes {
		for _, p := range n.Self.PrimaryRoutes {
			out[p.String()] = name
		}
	}
	return out
}
