// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"tailscale.com/ipn/ipnstate"
	"tailscale.com/tailcfg"
)

// Each change of a third node must reach both of the others.
func TestControlChanges(t *testing.T) {
	server := startServer(t, ServerOptions{})
	authKey := server.ReusableKey(t)
	a, b := startPair(t, server, authKey, ClientOptions{}, ClientOptions{Old: true})
	both := func(t *testing.T, name string, check func(*ipnstate.PeerStatus) error) {
		t.Helper()
		a.WaitPeer(t, name, check)
		b.WaitPeer(t, name, check)
	}

	gamma := joinRawNode(t, server, "gamma", authKey)
	id := fmt.Sprint(int64(gamma.Self().ID))
	t.Run("join", func(t *testing.T) {
		both(t, "gamma", func(p *ipnstate.PeerStatus) error {
			if !p.Online || len(p.TailscaleIPs) != 2 {
				return fmt.Errorf("online %v, addresses %v", p.Online, p.TailscaleIPs)
			}
			return nil
		})
	})
	t.Run("hostinfo", func(t *testing.T) {
		gamma.Hostinfo.OS = "plan9"
		update(t, gamma)
		both(t, "gamma", func(p *ipnstate.PeerStatus) error { return equal("OS", p.OS, "plan9") })
	})
	t.Run("endpoint", func(t *testing.T) {
		endpoint := netip.MustParseAddrPort("192.0.2.77:4242")
		update(t, gamma, endpoint)
		err := awaitByAsking(a, 10*time.Second, gamma.Self().ID, hasEndpoint(endpoint))
		if err != nil {
			t.Fatal(err)
		}
	})
	t.Run("rename", func(t *testing.T) {
		server.Rename(t, id, "renamed")
		both(t, "renamed", nil)
		server.Rename(t, id, "gamma")
		both(t, "gamma", nil)
	})
	t.Run("route approval", func(t *testing.T) {
		route := netip.MustParsePrefix("10.77.0.0/24")
		gamma.Hostinfo.RoutableIPs = []netip.Prefix{route}
		update(t, gamma)
		eventually(t, 10*time.Second, "the server lists the route", func() error {
			return equal("routes", fmt.Sprint(server.MustNode(t, "gamma").AvailableRoutes),
				"["+route.String()+"]")
		})
		server.ApproveRoutes(t, id, route.String())
		both(t, "gamma", func(p *ipnstate.PeerStatus) error {
			if p.AllowedIPs == nil || !slices.Contains(p.AllowedIPs.AsSlice(), route) {
				return fmt.Errorf("allowed addresses are %v", p.AllowedIPs)
			}
			return nil
		})
	})
	t.Run("offline and online", func(t *testing.T) { checkPresence(t, gamma, both) })
	t.Run("expiry", func(t *testing.T) {
		server.Expire(t, id)
		both(t, "gamma", func(p *ipnstate.PeerStatus) error {
			if !p.Expired && (p.KeyExpiry == nil || p.KeyExpiry.After(time.Now())) {
				return errors.New("not expired")
			}
			return nil
		})
	})
	t.Run("delete", func(t *testing.T) {
		server.Delete(t, id)
		a.WaitNoPeer(t, "gamma", 30*time.Second)
		b.WaitNoPeer(t, "gamma", 30*time.Second)
	})
}

func checkPresence(t *testing.T, node *RawNode,
	both func(*testing.T, string, func(*ipnstate.PeerStatus) error)) {
	t.Helper()
	online := func(want bool) func(*ipnstate.PeerStatus) error {
		return func(p *ipnstate.PeerStatus) error { return equal("online", p.Online, want) }
	}
	node.session.Close()
	both(t, node.Name, online(false))
	if err := node.Poll(); err != nil {
		t.Fatal(err)
	}
	both(t, node.Name, online(true))
}

// The time from a cause to its arrival in the network map of a stock client.
func TestControlPropagationTime(t *testing.T) {
	server := startServer(t, ServerOptions{})
	authKey := server.ReusableKey(t)
	a := startClient(t, "alpha", ClientOptions{Server: server})
	a.Up(t, authKey)
	gamma := joinRawNode(t, server, "gamma", authKey)
	a.WaitPeer(t, "gamma", nil)
	route := netip.MustParsePrefix("10.88.0.0/24")
	gamma.Hostinfo.RoutableIPs = []netip.Prefix{route}
	update(t, gamma)

	watcher := watch(t, a)
	var all []time.Duration
	kinds := propagationKinds(server, gamma, route)
	total := envInt("INTEROP_CHANGES", 200)
	for i, kind := range kinds {
		var times []time.Duration
		for n := i; n < total; n += len(kinds) {
			times = append(times, measure(t, a, watcher, gamma, kind, n))
		}
		t.Logf("%-9s %s", kind.name, percentiles(times))
		all = append(all, times...)
	}
	t.Logf("all       %s", percentiles(all))
}

// propagation is one kind of change: cause makes it, arrived recognises it.
type propagation struct {
	name    string
	silent  bool // clients do not tell their bus
	cause   func(n int) error
	arrived func(n int) func(*tailcfg.Node) bool
}

func propagationKinds(server *Server, node *RawNode, route netip.Prefix) []propagation {
	id := fmt.Sprint(int64(node.Self().ID))
	endpoint := func(n int) netip.AddrPort {
		return netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(10000+n))
	}
	last := endpoint(0)
	return []propagation{
		{"hostinfo", false, func(n int) error {
			node.Hostinfo.OS = fmt.Sprintf("os%d", n)
			return node.Update(last)
		}, func(n int) func(*tailcfg.Node) bool {
			return func(p *tailcfg.Node) bool {
				return p != nil && p.Hostinfo.Valid() && p.Hostinfo.OS() == fmt.Sprintf("os%d", n)
			}
		}},
		{"endpoint", true, func(n int) error {
			last = endpoint(n)
			return node.Update(last)
		}, func(n int) func(*tailcfg.Node) bool { return hasEndpoint(endpoint(n)) }},
		{"rename", false, func(n int) error {
			return server.renameFast(id, fmt.Sprintf("name%d", n))
		}, func(n int) func(*tailcfg.Node) bool {
			return func(p *tailcfg.Node) bool {
				return p != nil && strings.HasPrefix(p.Name, fmt.Sprintf("name%d.", n))
			}
		}},
		{"route", false, func(n int) error {
			if approve(n) {
				return server.approveFast(id, route.String())
			}
			return server.approveFast(id)
		}, func(n int) func(*tailcfg.Node) bool {
			return func(p *tailcfg.Node) bool {
				return p != nil && len(p.AllowedIPs) > 0 &&
					slices.Contains(p.AllowedIPs, route) == approve(n)
			}
		}},
	}
}

// approve makes the route come and go: n counts in steps of four.
func approve(n int) bool { return n/4%2 == 0 }

func measure(t *testing.T, c *Client, w *Watcher, node *RawNode, kind propagation,
	n int) time.Duration {
	t.Helper()
	began := time.Now()
	if err := kind.cause(n); err != nil {
		t.Fatalf("%s %d: %v", kind.name, n, err)
	}
	var err error
	if kind.silent {
		err = awaitByAsking(c, 10*time.Second, node.Self().ID, kind.arrived(n))
	} else {
		err = w.Await(10*time.Second, node.Self().ID, kind.arrived(n))
	}
	if err != nil {
		t.Fatalf("%s %d: %v", kind.name, n, err)
	}
	return time.Since(began)
}

func percentiles(times []time.Duration) string {
	slices.Sort(times)
	at := func(p int) time.Duration {
		return times[min(len(times)-1, len(times)*p/100)].Round(10 * time.Microsecond)
	}
	return fmt.Sprintf("%d changes, p50 %v, p99 %v, most %v", len(times), at(50), at(99), at(100))
}

func update(t *testing.T, node *RawNode, endpoints ...netip.AddrPort) {
	t.Helper()
	if err := node.Update(endpoints...); err != nil {
		t.Fatal(err)
	}
}

func hasEndpoint(want netip.AddrPort) func(*tailcfg.Node) bool {
	return func(p *tailcfg.Node) bool { return p != nil && slices.Contains(p.Endpoints, want) }
}

func equal[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s is %v, want %v", what, got, want)
	}
	return nil
}
