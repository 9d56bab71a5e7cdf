// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"fmt"
	"net/netip"
	"testing"
)

const (
	officeNet  = "10.50.0.0/24"
	printerIP  = "10.50.0.5"
	markerAttr = "example.com/attr/step-"
)

// office is a network under a policy: alice with the two nodes alpha and delta,
// bob with beta, and two routers to one subnet, each with a printer of its own
// behind the same address, which says by its name which router led there.
type office struct {
	star                           *Star
	ca                             *CA
	server                         *Server
	alpha, beta, delta, east, west *Client
	flows                          []Flow
	steps                          int
}

func (o *office) clients() []*Client {
	return []*Client{o.alpha, o.beta, o.delta, o.east, o.west}
}

// newOffice starts everything under a policy that allows all; with old, beta is
// of the oldest release.
func newOffice(t testing.TB, policy string, old bool) *office {
	t.Helper()
	requireNetns(t, false)
	o := &office{star: newStar(t)}
	if old {
		o.ca = newCA(t) // without one the oldest client has no relay
	}
	o.server = startServer(t, ServerOptions{Netns: o.star.Hub, Addr: o.star.Addr, CA: o.ca,
		Config: Config{"policy.mode": "database"}})
	o.server.SetPolicy(t, o.text(policy, ""))
	alice, bob := o.server.CreateUser(t, "alice"), o.server.CreateUser(t, "bob")
	o.alpha = o.join(t, "alpha", false, o.server.CreateKey(t, alice, KeyOptions{}))
	o.beta = o.join(t, "beta", old, o.server.CreateKey(t, bob, KeyOptions{}))
	o.delta = o.join(t, "delta", false, o.server.CreateKey(t, alice, KeyOptions{}))
	o.east, o.west = o.joinRouter(t, "east"), o.joinRouter(t, "west")
	o.listFlows(t)
	return o
}

func (o *office) join(t testing.TB, name string, old bool, key Key, more ...string) *Client {
	t.Helper()
	c := startClient(t, name, ClientOptions{Server: o.server, Netns: o.star.Leaf(t, name),
		Old: old, CA: o.ca})
	c.Up(t, key.Key, append(more, "--accept-routes")...)
	serveName(t, c.Options.Netns, name, 22, 80, 443)
	return c
}

func (o *office) joinRouter(t testing.TB, name string) *Client {
	t.Helper()
	key := o.server.CreateKey(t, User{}, KeyOptions{Tags: "tag:" + name})
	c := o.join(t, name, false, key, "--advertise-routes", officeNet)
	c.Options.Netns.Ip(t, "addr", "add", printerIP+"/32", "dev", "lo")
	return c
}

// listFlows fills the matrix: what is tried and asked after each change.
func (o *office) listFlows(t testing.TB) {
	t.Helper()
	add := func(src *Client, dst string, addr netip.Addr, proto string, ports ...int) {
		// Without a device, the oldest client takes no answer by UDP unless a
		// rule lets it in: it does not remember that it has asked.
		if proto == "udp" && src.Options.Old {
			return
		}
		for _, port := range ports {
			o.flows = append(o.flows, Flow{src, dst, addr, proto, port})
		}
	}
	for _, src := range o.clients() {
		for _, dst := range o.clients() {
			if src == dst {
				continue
			}
			ips := dst.IPs(t)
			add(src, dst.Name, ips[0], "tcp", 22, 80, 443)
			add(src, dst.Name, ips[1], "tcp", 443)
			add(src, dst.Name, ips[0], "udp", 80)
			add(src, dst.Name, ips[0], "icmp", 0)
		}
	}
	printer := netip.MustParseAddr(printerIP)
	for _, src := range []*Client{o.alpha, o.beta, o.delta} {
		add(src, "printer", printer, "tcp", 80, 443)
		add(src, "printer", printer, "udp", 80)
	}
}

// text is a whole policy. Its attribute, new each time, shows at a client that
// the policy has arrived.
func (o *office) text(body, attrs string) string {
	return fmt.Sprintf(`{
	"tagOwners": {"tag:east": ["alice@"], "tag:west": ["alice@"]},
	"autoApprovers": {"routes": {%q: ["tag:east", "tag:west"]}},
	"nodeAttrs": [{"target": ["*"], "attr": [%q]}, %s],
	%s
}`, officeNet, o.marker(), attrs, body)
}

func (o *office) marker() string { return fmt.Sprint(markerAttr, o.steps) }

// change sets a policy and waits until all have it.
func (o *office) change(t testing.TB, body string) {
	t.Helper()
	o.steps++
	o.server.SetPolicy(t, o.text(body, ""))
	for _, c := range o.clients() {
		c.WaitAttr(t, o.marker(), true)
	}
}

func (o *office) frames(t testing.TB) map[*Client]int {
	t.Helper()
	out := map[*Client]int{}
	for _, c := range o.clients() {
		out[c] = c.Frames(t)
	}
	return out
}

func (o *office) checkFrames(t testing.TB, before, want map[*Client]int) {
	t.Helper()
	for _, c := range o.clients() {
		if got := c.Frames(t) - before[c]; got != want[c] {
			t.Errorf("%s was told something %d times, want %d", c.Name, got, want[c])
		}
	}
}
