// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tailscale.com/tailcfg"
)

func TestRelayUserspace(t *testing.T) {
	server := startServer(t, ServerOptions{})
	a, b := startPair(t, server, server.ReusableKey(t), ClientOptions{RelayOnly: true},
		ClientOptions{RelayOnly: true})
	checkPair(t, a, b, Relayed)
}

// The oldest client knows no pins, so the relay needs a certificate that the
// client's system trusts.
func TestRelayOldest(t *testing.T) {
	ca := newCA(t)
	server := startServer(t, ServerOptions{CA: ca})
	a, b := startPair(t, server, server.ReusableKey(t),
		ClientOptions{RelayOnly: true, Old: true, CA: ca}, ClientOptions{RelayOnly: true, CA: ca})
	checkPair(t, a, b, Relayed)
}

func TestRelayTsnet(t *testing.T) {
	server := startServer(t, ServerOptions{})
	a, b := startPair(t, server, server.ReusableKey(t),
		ClientOptions{Kind: Embedded, RelayOnly: true}, ClientOptions{RelayOnly: true})
	checkPair(t, a, b, Relayed)
}

// A network that passes no UDP at all: nothing but the relay is left.
func TestRelayBlockedUDP(t *testing.T) {
	requireNetns(t, true)
	net := newTopology(t, true)
	net.Router.DropForwardedUDP(t)
	server := startServer(t, ServerOptions{Netns: net.Server, Addr: net.Addr})
	a, b := startPair(t, server, server.ReusableKey(t), ClientOptions{Kind: TUN, Netns: net.Left},
		ClientOptions{Kind: TUN, Netns: net.Right})
	checkPair(t, a, b, Relayed)
}

// Two clients with different homes: our relay and a stock derper, which asks
// the server whom to admit.
func TestRelaySecondRegion(t *testing.T) {
	port := freePort(t)
	verify := fmt.Sprintf("http://127.0.0.1:%d/verify", port)
	region := startDerper(t, DerperOptions{ID: 901, Code: "second", VerifyURL: verify})
	server := startServer(t, ServerOptions{Port: port, Regions: []*tailcfg.DERPRegion{region}})
	a, b := startPair(t, server, server.ReusableKey(t), ClientOptions{RelayOnly: true},
		ClientOptions{RelayOnly: true})
	setHome(t, a, b, "901", "second")
	setHome(t, b, a, "900", regionCode)
	t.Run("each home is used", func(t *testing.T) {
		pingVia(t, a, b, regionCode)
		pingVia(t, b, a, "second")
	})
	checkPair(t, a, b, Relayed)
	t.Run("derper refuses strangers", func(t *testing.T) { checkAdmission(t, region) })
}

// setHome moves a client's home and waits until the other one has heard of it.
func setHome(t *testing.T, c, other *Client, id, code string) {
	t.Helper()
	if _, err := c.CLI("debug", "force-prefer-derp", id); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CLI("debug", "restun"); err != nil {
		t.Fatal(err)
	}
	eventually(t, 60*time.Second, fmt.Sprintf("%s sees the home of %s", other.Name, c.Name), func() error {
		peer, err := other.Peer(c.Name)
		if err != nil {
			return err
		}
		return equal("home", peer.Relay, code)
	})
}

// pingVia pings until the answer came by the region.
func pingVia(t *testing.T, a, b *Client, code string) {
	t.Helper()
	eventually(t, 60*time.Second, fmt.Sprintf("%s pings %s via %s", a.Name, b.Name, code), func() error {
		out, err := a.CLI("ping", "-c", "1", "--timeout", "3s", "--until-direct=false",
			b.IPs(t)[0].String())
		if err == nil && !strings.Contains(out, "via DERP("+code+")") {
			err = fmt.Errorf("got %s", out)
		}
		return err
	})
}
