// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"
	"tailscale.com/derp"
	"tailscale.com/derp/derphttp"
	"tailscale.com/net/netmon"
	"tailscale.com/net/wsconn"
	"tailscale.com/tailcfg"
	"tailscale.com/types/key"
	"tailscale.com/types/logger"
)

// RelayClient is the Go relay client of the current release on one region; what
// arrives is read in the background.
type RelayClient struct {
	*derphttp.Client
	Key key.NodePrivate
	Inbox
}

// Inbox holds what arrived from a relay.
type Inbox struct {
	messages chan derp.ReceivedMessage
}

// dialRelay connects a node to a region, whose certificate it checks as stock
// clients do.
func dialRelay(t testing.TB, private key.NodePrivate, region *tailcfg.DERPRegion) *RelayClient {
	t.Helper()
	client := newRelayClient(private, region)
	c := &RelayClient{Client: client, Key: private, Inbox: newInbox()}
	t.Cleanup(func() { client.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := client.Connect(ctx); err != nil {
		t.Fatalf("connect to the relay: %v", err)
	}
	go c.read(client.Recv)
	return c
}

func newRelayClient(private key.NodePrivate, region *tailcfg.DERPRegion) *derphttp.Client {
	return derphttp.NewRegionClient(private, logger.Discard, netmon.NewStatic(),
		func() *tailcfg.DERPRegion { return region })
}

func newInbox() Inbox { return Inbox{messages: make(chan derp.ReceivedMessage, 1024)} }

func (b *Inbox) read(receive func() (derp.ReceivedMessage, error)) {
	defer close(b.messages)
	for {
		message, err := receive()
		if err != nil {
			return
		}
		if packet, ok := message.(derp.ReceivedPacket); ok {
			packet.Data = append([]byte(nil), packet.Data...)
			message = packet
		}
		b.messages <- message
	}
}

// await returns the next message of type M, passing over others.
func await[M derp.ReceivedMessage](t testing.TB, b *Inbox) M {
	t.Helper()
	var none M
	limit := time.After(10 * time.Second)
	for {
		select {
		case message, open := <-b.messages:
			if !open {
				t.Fatalf("the connection ended before a %T came", none)
			}
			if wanted, ok := message.(M); ok {
				return wanted
			}
		case <-limit:
			t.Fatalf("no %T came", none)
		}
	}
}

// silent tells whether no packet comes for a while.
func (b *Inbox) silent(while time.Duration) error {
	limit := time.After(while)
	for {
		select {
		case message := <-b.messages:
			if packet, ok := message.(derp.ReceivedPacket); ok {
				return fmt.Errorf("got %q from %v", packet.Data, packet.Source)
			}
		case <-limit:
			return nil
		}
	}
}

// drain throws away what comes until nothing has come for a while.
func (b *Inbox) drain() {
	for b.silent(150*time.Millisecond) != nil {
	}
}

// deliver sends a packet and waits until it has arrived unchanged.
func deliver(t testing.TB, from *RelayClient, to *Inbox, dst key.NodePublic, data []byte) {
	t.Helper()
	if err := from.Send(dst, data); err != nil {
		t.Fatal(err)
	}
	packet := await[derp.ReceivedPacket](t, to)
	if string(packet.Data) != string(data) || packet.Source != from.Key.Public() {
		t.Fatalf("sent %d bytes as %v, got %d as %v", len(data), from.Key.Public(),
			len(packet.Data), packet.Source)
	}
}

// SocketClient is a relay client over WebSocket, as in browsers.
type SocketClient struct {
	*derp.Client
	Inbox
}

func dialRelayWebSocket(t testing.TB, private key.NodePrivate, node *tailcfg.DERPNode) *SocketClient {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	url := fmt.Sprintf("wss://%s/derp", net.JoinHostPort(node.HostName, fmt.Sprint(node.DERPPort)))
	// Browsers check no pin; the certificate itself is checked by dialRelay.
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	conn, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		Subprotocols: []string{"derp"}, HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatalf("WebSocket: %v", err)
	}
	if conn.Subprotocol() != "derp" {
		t.Errorf("the sub-protocol is %q", conn.Subprotocol())
	}
	stream := wsconn.NetConn(context.Background(), conn, websocket.MessageBinary, url)
	t.Cleanup(func() { stream.Close() })
	both := bufio.NewReadWriter(bufio.NewReader(stream), bufio.NewWriter(stream))
	client, err := derp.NewClient(private, stream, both, logger.Discard)
	if err != nil {
		t.Fatalf("relay login over WebSocket: %v", err)
	}
	c := &SocketClient{Client: client, Inbox: newInbox()}
	go c.read(client.Recv)
	return c
}
