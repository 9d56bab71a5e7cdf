// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/types/netmap"
)

const (
	attribute   = "conformance-attribute"
	forAll      = `{"nodeAttrs":[{"target":["*"],"attr":["` + attribute + `"]}]}`
	forAlice    = `{"nodeAttrs":[{"target":["alice@"],"attr":["` + attribute + `"]}]}`
	suggestAll  = `{"nodeAttrs":[{"target":["*"],"attr":["suggest-exit-node"]}]}`
	attrLimit   = 10 * time.Second
	emptyPolicy = `{}`
)

var baseline = []tailcfg.NodeCapability{tailcfg.CapabilityAdmin, tailcfg.CapabilitySSH,
	tailcfg.CapabilityFileSharing, tailcfg.NodeAttrDefaultAutoUpdate}

var attributeRows = []row{
	{"NAT-1 for all it reaches self alone", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		m.SetPolicy(forAll)
		for _, a := range m.JoinMesh(2) {
			a.awaitCaps(attribute)
			a.mustShowNoCaps()
		}
	}},
	{"NAT-2 for one user it stays with that user", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		m.User("alice")
		m.SetPolicy(forAlice)
		alice, bob := m.Join(AgentOptions{User: "alice"}), m.Join(AgentOptions{User: "bob"})
		m.awaitMesh(alice, bob)
		alice.awaitCaps(attribute)
		bob.awaitCaps(baseline...)
		bob.awaitNoCaps(attribute)
	}},
	{"NAT-3 a removed entry revokes it", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		m.SetPolicy(forAll)
		a := m.Join(AgentOptions{})
		a.awaitCaps(attribute)
		m.SetPolicy(emptyPolicy)
		a.awaitNoCaps(attribute)
	}},
	{"NAT-4 the baseline", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		m.Join(AgentOptions{}).awaitCaps(baseline...)
		m.Join(AgentOptions{Tags: []string{"tag:a"}}).awaitCaps(baseline...)
	}},
	{"NAT-5 file sharing switched off", func(t testing.TB) {
		m := newMesh(t, MeshOptions{Config: Config{"taildrop.enabled": false}})
		a := m.Join(AgentOptions{})
		a.awaitCaps(slices.DeleteFunc(slices.Clone(baseline), func(c tailcfg.NodeCapability) bool {
			return c == tailcfg.CapabilityFileSharing
		})...)
		a.awaitNoCaps(tailcfg.CapabilityFileSharing)
	}},
	{"NAT-6 attributes add to the baseline", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		a := m.Join(AgentOptions{})
		m.SetPolicy(forAll)
		a.awaitCaps(append(slices.Clone(baseline), attribute)...)
	}},
	{"NAT-7 the same policy again keeps them", samePolicyAgain},
	{"NAT-8 suggest-exit-node at the exit node alone", suggestedExit},
}

// lacks are the capabilities that a node has not.
func lacks(n tailcfg.NodeView, caps ...tailcfg.NodeCapability) (out []tailcfg.NodeCapability) {
	for _, c := range caps {
		if !n.CapMap().Contains(c) {
			out = append(out, c)
		}
	}
	return out
}

// awaitCaps waits until the agent has all these capabilities.
func (a *Agent) awaitCaps(caps ...tailcfg.NodeCapability) {
	a.t.Helper()
	a.Await(attrLimit, "has its capabilities", func(m *netmap.NetworkMap) error {
		if missing := lacks(m.SelfNode, caps...); len(missing) > 0 {
			return fmt.Errorf("it lacks %v", missing)
		}
		return nil
	})
}

// awaitNoCaps waits until the agent has none of these capabilities.
func (a *Agent) awaitNoCaps(caps ...tailcfg.NodeCapability) {
	a.t.Helper()
	a.Await(attrLimit, "has them not", func(m *netmap.NetworkMap) error {
		if missing := lacks(m.SelfNode, caps...); len(missing) < len(caps) {
			return fmt.Errorf("of %v it lacks only %v", caps, missing)
		}
		return nil
	})
}

// mustShowNoCaps fails when the agent knows a capability of a peer.
func (a *Agent) mustShowNoCaps() {
	a.t.Helper()
	for _, peer := range a.Map().Peers {
		if peer.CapMap().Len() != 0 {
			a.t.Errorf("%s has %v as capabilities of %s", a.Name, peer.CapMap(), peer.Name())
		}
	}
}

// samePolicyAgain: a rule more tells when the second writing of the attribute has arrived.
func samePolicyAgain(t testing.TB) {
	m := newMesh(t, MeshOptions{})
	a := m.Join(AgentOptions{})
	m.SetPolicy(forAll)
	a.awaitCaps(attribute)
	seen := len(a.History())
	m.SetPolicy(forAll)
	m.SetPolicy(`{"acls":[{"action":"accept","src":["*"],"dst":["*:22"]}],` + forAll[1:])
	a.Await(attrLimit, "has the rule", func(nm *netmap.NetworkMap) error {
		for _, rule := range nm.PacketFilterRules.All() {
			if len(rule.DstPorts) > 0 && rule.DstPorts[0].Ports.First == 22 {
				return nil
			}
		}
		return fmt.Errorf("its filter is %v", nm.PacketFilterRules)
	})
	for _, s := range a.History()[seen:] {
		if missing := lacks(s.Map.SelfNode, append(slices.Clone(baseline), attribute)...); len(
			missing) > 0 {
			t.Errorf("a map lacks %v", missing)
		}
	}
}

func suggestedExit(t testing.TB) {
	m := newMesh(t, MeshOptions{})
	m.SetPolicy(suggestAll)
	exit := m.Join(AgentOptions{Name: "exit", Routes: exitRoutes})
	plain, viewer := m.Join(AgentOptions{Name: "plain"}), m.Join(AgentOptions{Name: "viewer"})
	m.Approve(exit, exitRoutes...)
	viewer.AwaitPeer(attrLimit, exit, "is suggested", func(n tailcfg.NodeView) bool {
		return len(lacks(n, tailcfg.NodeAttrSuggestExitNode)) == 0
	})
	viewer.AwaitPeer(attrLimit, plain, "is there", func(n tailcfg.NodeView) bool { return true })
	if peer := viewer.Peer(plain); peer.CapMap().Len() != 0 {
		t.Errorf("the capabilities of an ordinary peer are %v", peer.CapMap())
	}
	if n := viewer.Peer(exit).CapMap().Len(); n != 1 {
		t.Errorf("the exit node has %d capabilities for its peers", n)
	}
	m.Approve(exit)
	viewer.AwaitPeer(attrLimit, exit, "is suggested no more", func(n tailcfg.NodeView) bool {
		return n.CapMap().Len() == 0
	})
}
