// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"tailscale.com/derp"
	"tailscale.com/tailcfg"
	"tailscale.com/types/key"
)

// homeRegion is the region of the relay that the server announces.
func homeRegion(t testing.TB, node *RawNode) *tailcfg.DERPRegion {
	t.Helper()
	for _, region := range node.DERPMap().Regions {
		if region.RegionCode == regionCode && len(region.Nodes) > 0 {
			return region
		}
	}
	t.Fatalf("the relay map has no region %q: %s", regionCode, toJSON(node.DERPMap()))
	return nil
}

// The Go relay client against our relay.
func TestRelayClient(t *testing.T) {
	server := startServer(t, ServerOptions{})
	authKey := server.ReusableKey(t)
	one, two := joinRawNode(t, server, "one", authKey), joinRawNode(t, server, "two", authKey)
	region := homeRegion(t, one)
	a, b := dialRelay(t, one.Key, region), dialRelay(t, two.Key, region)
	await[derp.ServerInfoMessage](t, &a.Inbox)
	await[derp.ServerInfoMessage](t, &b.Inbox)

	t.Run("packets of every size", func(t *testing.T) {
		for _, size := range []int{1, 32, 1280, 9000, derp.MaxPacketSize} {
			data := bytes.Repeat([]byte{byte(size)}, size)
			deliver(t, a, &b.Inbox, b.Key.Public(), data)
			deliver(t, b, &a.Inbox, a.Key.Public(), data)
		}
	})
	t.Run("order under load", func(t *testing.T) { checkOrder(t, a, b) })
	t.Run("ping", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := a.Ping(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Run("WebSocket", func(t *testing.T) {
		node := joinRawNode(t, server, "browser", authKey)
		c := dialRelayWebSocket(t, node.Key, region.Nodes[0])
		await[derp.ServerInfoMessage](t, &c.Inbox)
		deliver(t, a, &c.Inbox, node.Key.Public(), []byte("to the browser"))
		if err := c.Send(a.Key.Public(), []byte("from the browser")); err != nil {
			t.Fatal(err)
		}
		if got := await[derp.ReceivedPacket](t, &a.Inbox); string(got.Data) != "from the browser" {
			t.Errorf("got %q", got.Data)
		}
	})
	t.Run("the newer connection of a key gets the packets", func(t *testing.T) {
		checkDuplicate(t, a, b, region)
	})
	t.Run("peer gone", func(t *testing.T) {
		deliver(t, a, &b.Inbox, b.Key.Public(), []byte("so that b hears of a's end"))
		deliver(t, b, &a.Inbox, a.Key.Public(), []byte("and a of b's"))
		b.Close()
		gone := await[derp.PeerGoneMessage](t, &a.Inbox)
		if gone.Peer != b.Key.Public() || gone.Reason != derp.PeerGoneReasonDisconnected {
			t.Errorf("got %+v", gone)
		}
	})
	t.Run("unknown keys are not admitted", func(t *testing.T) {
		if standIn {
			t.Skip("the stand-in's relay admits everyone")
		}
		checkAdmission(t, region)
	})
}

// A window as large as the smallest queue of a relay: nothing need be dropped.
func checkOrder(t *testing.T, a, b *RelayClient) {
	const count, window = 2000, 16
	under := make(chan struct{}, window)
	done := make(chan struct{})
	defer close(done)
	go func() {
		for i := range count {
			select {
			case under <- struct{}{}:
			case <-done:
				return
			}
			if err := a.Send(b.Key.Public(), fmt.Appendf(nil, "packet %d", i)); err != nil {
				return
			}
		}
	}()
	for i := range count {
		packet := await[derp.ReceivedPacket](t, &b.Inbox)
		if want := fmt.Sprintf("packet %d", i); string(packet.Data) != want {
			t.Fatalf("%q, want %q", packet.Data, want)
		}
		<-under
	}
}

// A second connection of a key takes over; the first one stays open, and gets
// the packets again once the second has gone.
func checkDuplicate(t *testing.T, a, b *RelayClient, region *tailcfg.DERPRegion) {
	second := dialRelay(t, b.Key, region)
	await[derp.ServerInfoMessage](t, &second.Inbox)
	deliver(t, a, &second.Inbox, b.Key.Public(), []byte("to the second"))
	if err := b.silent(200 * time.Millisecond); err != nil {
		t.Errorf("the first connection %v", err)
	}
	second.Close()
	eventually(t, 10*time.Second, "the first connection is used again", func() error {
		if err := a.Send(b.Key.Public(), []byte("to the first")); err != nil {
			return err
		}
		if b.silent(300*time.Millisecond) == nil {
			return fmt.Errorf("nothing came")
		}
		return nil
	})
	b.drain()
}

func checkAdmission(t *testing.T, region *tailcfg.DERPRegion) {
	stranger := newRelayClient(key.NewNode(), region)
	defer stranger.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := stranger.Connect(ctx); err != nil {
		return // refused at login
	}
	if message, err := stranger.Recv(); err == nil {
		t.Errorf("a key that no node has was admitted and got a %T", message)
	}
}

// checkNetcheck reads the report that a client made of the relays it knows.
func checkNetcheck(t *testing.T, c *Client) {
	t.Helper()
	var report struct {
		UDP           bool
		PreferredDERP int
		RegionLatency map[string]int64
	}
	eventually(t, 30*time.Second, "netcheck", func() error {
		out, err := c.CLI("netcheck", "--format", "json")
		if err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(out), &report); err != nil {
			return err
		}
		if !report.UDP || report.PreferredDERP != 900 {
			return fmt.Errorf("the report is %s", out)
		}
		return nil
	})
}

// Probe endpoints of the relay, as clients measure it.
func TestRelayProbe(t *testing.T) {
	if standIn {
		t.Skip("the stand-in's relay is elsewhere")
	}
	server := startServer(t, ServerOptions{})
	t.Run("/derp/probe", func(t *testing.T) {
		res, err := http.Get(server.URL + "/derp/probe")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK || res.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s, %v", res.Status, res.Header)
		}
	})
	t.Run("/derp without upgrade", func(t *testing.T) {
		res, err := http.Get(server.URL + "/derp")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusUpgradeRequired {
			t.Errorf("got %s", res.Status)
		}
	})
	t.Run("netcheck finds relay and STUN", func(t *testing.T) {
		c := startClient(t, "alpha", ClientOptions{Server: server})
		c.Up(t, server.ReusableKey(t))
		checkNetcheck(t, c)
	})
}
