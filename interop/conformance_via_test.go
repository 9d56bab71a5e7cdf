// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"testing"
)

// The subnets of the recorded worlds.
const (
	net44 = "10.44.0.0/16"
	net55 = "10.55.0.0/16"
)

var viaRows = []row{
	{"VIA-29 crossed subnets", replayed("via-grant-v29")},
	{"VIA-30 subnets A B, exits B A", recordedExits},
	{"VIA-31 peers together with exits", asWritten(naive{mesh: true,
		nodes: []worldNode{client("client-a", "tag:group-a"), client("client-b", "tag:group-b"),
			router("exit-a", "tag:exit-a", exitRoutes...),
			router("exit-b", "tag:exit-b", exitRoutes...)},
		grants: []string{grantVia("tag:group-a", "autogroup:internet", "tag:exit-a"),
			grantVia("tag:group-b", "autogroup:internet", "tag:exit-b")},
		sees: map[string][]string{"client-a": {"exit-a 0.0.0.0/0 ::/0"},
			"client-b": {"exit-b 0.0.0.0/0 ::/0"},
			"exit-a":   {"exit-b 0.0.0.0/0 ::/0"}, "exit-b": {"exit-a 0.0.0.0/0 ::/0"}},
		lets: map[string][]string{"exit-a": {"client-a -> internet:*"},
			"exit-b": {"client-b -> internet:*"}},
	})},
	{"VIA-33 one via grant and an election", viaElection},
	{"VIA-35 a destination that nobody announces", replayed("via-grant-v35")},
	{"VIA-36 peers, crossed subnets, crossed exits", asWritten(allPairs)},
	{"VIA-37 one prefix, crossed tags", replayed("via-grant-v37")},
	{"VIA-38 elections without via", replayed("via-grant-v38")},
	{"VIA-39 one prefix, crossed members of a pair", replayed("via-grant-v39")},
	{"VIA-40 one steered, one not", replayed("via-grant-v40")},
	{"VIA-41 a pair under via and one without the tag", replayed("via-grant-v41")},
	{"VIA-42 crossed over two pairs", replayed("via-grant-v42")},
	{"VIA-43 partly via, partly elected", asWritten(partly)},
	{"VIA-44 four of one prefix, steered apart", asWritten(naive{mesh: true, nodes: fourWay(),
		grants: []string{grantVia("tag:group-a", net44, "tag:third"),
			grantVia("tag:group-b", net44, "tag:even"), grant("tag:group-c", net44)},
		sees: map[string][]string{"client-a": {"ha3 " + net44}, "client-b": {"ha2 " + net44},
			"client-c": {"ha1 " + net44}, "ha2": {"ha1 " + net44}, "ha3": {"ha1 " + net44},
			"ha4": {"ha1 " + net44}},
		lets: map[string][]string{"ha1": {"client-c -> 10.44.0.0/16:*"},
			"ha2": {"client-b -> 10.44.0.0/16:*", "client-c -> 10.44.0.0/16:*"},
			"ha3": {"client-a -> 10.44.0.0/16:*", "client-c -> 10.44.0.0/16:*"},
			"ha4": {"client-b -> 10.44.0.0/16:*", "client-c -> 10.44.0.0/16:*"}},
	})},
	{"VIA-45 four of one prefix, via and ordinary", asWritten(naive{mesh: true, nodes: fourWay(),
		grants: []string{grantVia("tag:group-a", net44, "tag:third"), grant("tag:group-a", net44),
			grant("tag:group-b", net44)},
		sees: map[string][]string{"client-a": {"ha1 " + net44}, "client-b": {"ha1 " + net44},
			"ha2": {"ha1 " + net44}, "ha3": {"ha1 " + net44}, "ha4": {"ha1 " + net44}},
		lets: map[string][]string{"ha1": bothTo44, "ha2": bothTo44, "ha3": bothTo44,
			"ha4": bothTo44},
	})},
	{"VIA-46 via, ordinary and elections mixed", asWritten(mixed)},
	{"HA-9 a via group passes over an unhealthy member", viaHealth},
}

// bothTo44: the via rule of the third router has the source of the ordinary one and is
// merged with it.
var bothTo44 = []string{"client-a -> 10.44.0.0/16:*", "client-b -> 10.44.0.0/16:*"}

// fourWay is three clients and four routers of one prefix.
func fourWay() []worldNode {
	return []worldNode{client("client-a", "tag:group-a"), client("client-b", "tag:group-b"),
		client("client-c", "tag:group-c"), router("ha1", "tag:ha", net44),
		router("ha2", "tag:ha tag:even", net44), router("ha3", "tag:ha tag:third", net44),
		router("ha4", "tag:ha tag:even", net44)}
}

// pairs is two clients and a pair of routers for each of two prefixes; the second of each
// pair has a tag of its own.
func pairs() []worldNode {
	return []worldNode{client("client-a", "tag:group-a"), client("client-b", "tag:group-b"),
		router("ha-a1", "tag:ha-a", net44), router("ha-a2", "tag:ha-a tag:ha-a2", net44),
		router("ha-b1", "tag:ha-b", net55), router("ha-b2", "tag:ha-b tag:ha-b2", net55)}
}

var allPairs = naive{mesh: true,
	nodes: []worldNode{client("client-a", "tag:group-a"), client("client-b", "tag:group-b"),
		router("router-a", "tag:router-a", net44), router("router-b", "tag:router-b", net55),
		router("exit-a", "tag:exit-a", exitRoutes...),
		router("exit-b", "tag:exit-b", exitRoutes...)},
	grants: []string{grantVia("tag:group-a", net44, "tag:router-a"),
		grantVia("tag:group-a", "autogroup:internet", "tag:exit-b"),
		grantVia("tag:group-b", net55, "tag:router-b"),
		grantVia("tag:group-b", "autogroup:internet", "tag:exit-a")},
	sees: map[string][]string{
		"client-a": {"router-a " + net44, "exit-b 0.0.0.0/0 ::/0"},
		"client-b": {"router-b " + net55, "exit-a 0.0.0.0/0 ::/0"},
		"router-a": {"exit-a 0.0.0.0/0 ::/0", "exit-b 0.0.0.0/0 ::/0"},
		"router-b": {"exit-a 0.0.0.0/0 ::/0", "exit-b 0.0.0.0/0 ::/0"},
		"exit-a":   {"exit-b 0.0.0.0/0 ::/0"}, "exit-b": {"exit-a 0.0.0.0/0 ::/0"}},
	lets: map[string][]string{"router-a": {"client-a -> 10.44.0.0/16:*"},
		"router-b": {"client-b -> 10.55.0.0/16:*"}, "exit-a": {"client-b -> internet:*"},
		"exit-b": {"client-a -> internet:*"}},
}

var partly = naive{mesh: true, nodes: pairs(),
	grants: []string{grantVia("tag:group-a", net44, "tag:ha-a2"), grant("tag:group-b", net44),
		grant("tag:group-a", net55), grant("tag:group-b", net55)},
	sees: map[string][]string{"client-a": {"ha-a2 " + net44, "ha-b1 " + net55},
		"client-b": {"ha-a1 " + net44, "ha-b1 " + net55}, "ha-a2": {"ha-a1 " + net44},
		"ha-b2": {"ha-b1 " + net55}},
	lets: map[string][]string{"ha-a1": {"client-b -> 10.44.0.0/16:*"},
		"ha-a2": {"client-a -> 10.44.0.0/16:*", "client-b -> 10.44.0.0/16:*"},
		"ha-b1": {"client-a -> 10.55.0.0/16:*", "client-b -> 10.55.0.0/16:*"},
		"ha-b2": {"client-a -> 10.55.0.0/16:*", "client-b -> 10.55.0.0/16:*"}},
}

// mixed: A is steered to the second router of one pair and elected in the other, B the
// other way round, C has both kinds of grant for one prefix and none for the other.
var mixed = naive{mesh: true, nodes: append(pairs(), client("client-c", "tag:group-c")),
	grants: []string{grantVia("tag:group-a", net44, "tag:ha-a2"), grant("tag:group-a", net55),
		grantVia("tag:group-b", net55, "tag:ha-b2"), grant("tag:group-b", net44),
		grantVia("tag:group-c", net44, "tag:ha-a2"), grant("tag:group-c", net44)},
	sees: map[string][]string{"client-a": {"ha-a2 " + net44, "ha-b1 " + net55},
		"client-b": {"ha-a1 " + net44, "ha-b2 " + net55}, "client-c": {"ha-a1 " + net44},
		"ha-a2": {"ha-a1 " + net44}, "ha-b2": {"ha-b1 " + net55}},
	lets: map[string][]string{
		"ha-a1": {"client-b -> 10.44.0.0/16:*", "client-c -> 10.44.0.0/16:*"},
		"ha-a2": {"client-a -> 10.44.0.0/16:*", "client-b -> 10.44.0.0/16:*",
			"client-c -> 10.44.0.0/16:*"},
		"ha-b1": {"client-a -> 10.55.0.0/16:*"},
		"ha-b2": {"client-a -> 10.55.0.0/16:*", "client-b -> 10.55.0.0/16:*"}},
}

// replayed compares every view with what the nodes of a recorded case got, and the
// records with who carried what there.
func replayed(name string) func(testing.TB) {
	return func(t testing.TB) {
		w, carried := recorded(t, name)
		s := settle(t, w)
		s.mustCarryAs(carried)
		s.mustAgree()
	}
}

func asWritten(n naive) func(testing.TB) {
	return func(t testing.TB) { settle(t, n.world()).mustAgree() }
}

// recordedExits: in the recorded case no exit route is approved. Then those of both groups
// are, and each client has its own.
func recordedExits(t testing.TB) {
	w, carried := recorded(t, "via-grant-v30")
	s := settle(t, w)
	s.mustCarryAs(carried)
	for client, exit := range map[string]string{"rattata": "pidgeotto", "raticate": "pidgey"} {
		s.Approve(s.agents[exit], exitRoutes...)
		v := s.world.want[client]
		v.peers = append(v.peers, exit+" 0.0.0.0/0 ::/0")
		s.world.want[client] = v
		s.world.want[exit] = view{peers: []string{client},
			rules: []string{client + " -> internet:*"}}
	}
	s.awaitViews()
	s.mustAgree()
}

// viaElection: the group of the grant elects, and elects again when its router goes.
func viaElection(t testing.TB) {
	n := naive{nodes: []worldNode{client("client-a", "tag:group-a"),
		router("ha1", "tag:router", net44), router("ha2", "tag:router", net44)},
		grants: []string{grantVia("tag:group-a", net44, "tag:router")},
		sees: map[string][]string{"client-a": {"ha1 " + net44, "ha2"}, "ha1": {"client-a"},
			"ha2": {"client-a"}},
		lets: map[string][]string{"ha1": {"client-a -> 10.44.0.0/16:*"},
			"ha2": {"client-a -> 10.44.0.0/16:*"}},
	}
	s := settle(t, n.world())
	s.mustAgree()
	s.mustCarryAs(map[string]string{net44: "ha1"})
	s.agents["ha1"].Leave()
	n.sees["client-a"] = []string{"ha1", "ha2 " + net44}
	s.world = n.world()
	s.awaitViews()
	s.mustAgree()
	s.mustCarryAs(map[string]string{net44: "ha2"})
}

// viaHealth: a group prefers its member that answers probes; where none does, it still has
// the first. Who is elected for the others, outside of the group, never changes.
func viaHealth(t testing.TB) {
	n := naive{mesh: true, probed: true,
		nodes: []worldNode{client("client-a", "tag:group-a"), client("client-b", "tag:group-b"),
			router("plain", "tag:plain", net44), router("first", "tag:router", net44),
			router("second", "tag:router", net44)},
		grants: []string{grantVia("tag:group-a", net44, "tag:router"),
			grant("tag:group-b", net44)},
		sees: map[string][]string{"client-a": {"first " + net44},
			"client-b": {"plain " + net44}, "first": {"plain " + net44},
			"second": {"plain " + net44}},
		lets: map[string][]string{"plain": {"client-b -> 10.44.0.0/16:*"},
			"first":  {"client-a -> 10.44.0.0/16:*", "client-b -> 10.44.0.0/16:*"},
			"second": {"client-a -> 10.44.0.0/16:*", "client-b -> 10.44.0.0/16:*"}},
	}
	s := settle(t, n.world())
	steers := func(router string) {
		t.Helper()
		n.sees["client-a"] = []string{router + " " + net44}
		s.world = n.world()
		s.awaitViews()
		s.mustAgree()
		s.mustCarryAs(map[string]string{net44: "plain"})
	}
	steers("first")
	s.Sicken(s.agents["first"])
	steers("second")
	s.Sicken(s.agents["second"])
	steers("first")
	s.agents["second"].Deafen(false)
	s.AwaitUnhealthy(settleLimit, 1)
	steers("second")
}
