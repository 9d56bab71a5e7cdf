// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/types/netmap"
)

const (
	grantLimit = 10 * time.Second
	grantIP    = `{"src":["*"],"dst":["*"],"ip":["*"]}`
	grantDrive = `{"src":["*"],"dst":["*"],
		"app":{"tailscale.com/cap/drive":[{"shares":["*"],"access":"rw"}]}}`
	grantRelay = `{"src":["*"],"dst":["*"],"app":{"tailscale.com/cap/relay":[{}]}}`
	aclSSH     = `"acls":[{"action":"accept","src":["*"],"dst":["*:22"]}]`
)

var (
	driveAndSharer = []tailcfg.PeerCapability{tailcfg.PeerCapabilityTaildrive,
		tailcfg.PeerCapabilityTaildriveSharer}
	relayCaps = []tailcfg.PeerCapability{tailcfg.PeerCapabilityRelay,
		tailcfg.PeerCapabilityRelayTarget}
)

var grantRows = []row{
	{"GRA-1 grants alone", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinSettled(2)
		seen := [2]int{len(agents[0].History()), len(agents[1].History())}
		m.changePolicy(agents, grantsOnly(grantIP), hasPorts)
		for i, a := range agents {
			for _, s := range a.History()[seen[i]:] {
				if !peerIn(s.Map, agents[1-i]).Valid() {
					t.Errorf("%s lost its peer", a.Name)
				}
			}
		}
	}},
	{"GRA-2 drive and relay with companions", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		m.SetPolicy(grantsOnly(grantDrive, grantRelay))
		for _, a := range m.JoinMesh(2) {
			a.Await(grantLimit, "has the rules", hasCapRules(slices.Concat(driveAndSharer, relayCaps)...))
		}
	}},
	{"GRA-3 from ports to ports and capabilities", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		m.SetPolicy(grantsOnly(grantIP))
		agents := m.JoinMesh(2)
		for _, a := range agents {
			a.Await(grantLimit, "has a filter", hasPorts)
			if got := capRules(a.Map()); len(got) > 0 {
				t.Errorf("%s has %v", a.Name, got)
			}
		}
		m.SetPolicy(grantsOnly(grantIP, grantDrive))
		for _, a := range agents {
			a.Await(grantLimit, "has both", hasPorts)
			a.Await(grantLimit, "has both", hasCapRules(driveAndSharer...))
		}
	}},
	{"GRA-4 two users apart", twoUsers},
	{"GRA-5 an ACL beside a drive grant", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		m.SetPolicy("{" + aclSSH + "," + grantsOnly(grantDrive)[1:])
		for _, a := range m.JoinMesh(2) {
			a.Await(grantLimit, "has both", hasCapRules(driveAndSharer...))
			a.Await(grantLimit, "has both", func(nm *netmap.NetworkMap) error {
				for _, rule := range nm.PacketFilterRules.All() {
					for _, dst := range rule.DstPorts {
						if (dst.Ports == tailcfg.PortRange{First: 22, Last: 22}) {
							return nil
						}
					}
				}
				return fmt.Errorf("no rule is about port 22: %v", nm.PacketFilterRules)
			})
		}
	}},
	{"GRA-6 two groups, one prefix, two routers", asWritten(naive{
		nodes: []worldNode{client("client-a", "tag:group-a"), client("client-b", "tag:group-b"),
			router("router-a", "tag:router-a", net44), router("router-b", "tag:router-b", net44)},
		grants: []string{grantVia("tag:group-a", net44, "tag:router-a"),
			grantVia("tag:group-b", net44, "tag:router-b")},
		sees: map[string][]string{"client-a": {"router-a " + net44},
			"client-b": {"router-b " + net44}, "router-a": {"client-a"},
			"router-b": {"client-b"}},
		lets: map[string][]string{"router-a": {"client-a -> 10.44.0.0/16:*"},
			"router-b": {"client-b -> 10.44.0.0/16:*"}},
	})},
	{"GRA-7 the router's filter names the prefix", func(t testing.TB) {
		mustName(t, steered(t, net44, net44), net44)
	}},
	{"GRA-8 a broader destination stays as written", func(t testing.TB) {
		mustName(t, steered(t, "10.0.0.0/8", net44), "10.0.0.0/8")
	}},
	{"GRA-9 no default route in the filter of an exit", func(t testing.TB) {
		texts := dstTexts(steered(t, "autogroup:internet", exitRoutes...).Map())
		if len(texts) == 0 {
			t.Error("its filter is empty")
		}
		for _, text := range texts {
			if text == "*" || strings.HasSuffix(text, "/0") {
				t.Errorf("its filter names %s", text)
			}
		}
	}},
	{"GRA-10 the client sees both at the exit", func(t testing.TB) {
		steered(t, "autogroup:internet", exitRoutes...)
	}},
}

func grantsOnly(grants ...string) string {
	return `{"grants":[` + strings.Join(grants, ",") + `]}`
}

// hasPorts passes when some rule of the filter is about ports.
func hasPorts(m *netmap.NetworkMap) error {
	if len(dstTexts(m)) == 0 {
		return fmt.Errorf("the filter opens nothing: %v", m.PacketFilterRules)
	}
	return nil
}

// dstTexts are the destinations in a filter as they are written there.
func dstTexts(m *netmap.NetworkMap) (out []string) {
	for _, rule := range m.PacketFilterRules.All() {
		for _, dst := range rule.DstPorts {
			out = append(out, dst.IP)
		}
	}
	return out
}

// capRules are the capabilities that a filter grants.
func capRules(m *netmap.NetworkMap) (out []tailcfg.PeerCapability) {
	for _, rule := range m.PacketFilterRules.All() {
		for _, grant := range rule.CapGrant {
			for c := range grant.CapMap {
				out = append(out, c)
			}
		}
	}
	return out
}

func hasCapRules(want ...tailcfg.PeerCapability) mapCheck {
	return func(m *netmap.NetworkMap) error {
		got := capRules(m)
		for _, c := range want {
			if !slices.Contains(got, c) {
				return fmt.Errorf("no rule grants %s; there are %v", c, got)
			}
		}
		return nil
	}
}

func twoUsers(t testing.TB) {
	m := newMesh(t, MeshOptions{})
	m.User("alice")
	m.User("bob")
	m.SetPolicy(grantsOnly(`{"src":["alice@"],"dst":["alice@"],"ip":["*"]}`,
		`{"src":["bob@"],"dst":["bob@"],"ip":["*"]}`))
	var agents []*Agent
	for i := range 4 {
		agents = append(agents, m.Join(AgentOptions{User: []string{"alice", "bob"}[i%2]}))
	}
	for i, a := range agents {
		a.AwaitPeers(agents[(i+2)%4])
		a.awaitCount(grantLimit, 1)
	}
}

// steered is the router of a world in which one client is steered to it, settled: the
// client sees the routes there.
func steered(t testing.TB, dst string, routes ...string) *Agent {
	t.Helper()
	rule := dst
	if dst == "autogroup:internet" {
		rule = "internet"
	}
	s := settle(t, naive{
		nodes:  []worldNode{client("client", "tag:client"), router("router", "tag:router", routes...)},
		grants: []string{grantVia("tag:client", dst, "tag:router")},
		sees: map[string][]string{"client": {"router " + strings.Join(routes, " ")},
			"router": {"client"}},
		lets: map[string][]string{"router": {"client -> " + rule + ":*"}},
	}.world())
	s.mustAgree()
	return s.agents["router"]
}

func mustName(t testing.TB, router *Agent, want string) {
	t.Helper()
	if got := dstTexts(router.Map()); !slices.Equal(got, []string{want}) {
		t.Errorf("the filter names %v, not %s", got, want)
	}
}
