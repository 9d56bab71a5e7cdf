// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// startPair starts two clients and logs both in with one reusable key.
func startPair(t *testing.T, server *Server, key string, a, b ClientOptions) (ca, cb *Client) {
	t.Helper()
	a.Server, b.Server, a.AuthKey, b.AuthKey = server, server, key, key
	ca, cb = startClient(t, "alpha", a), startClient(t, "beta", b)
	ca.Up(t, key)
	cb.Up(t, key)
	ca.WaitPeer(t, "beta", nil)
	cb.WaitPeer(t, "alpha", nil)
	return ca, cb
}

// checkPair is what any two clients must be able to do over the given path.
func checkPair(t *testing.T, a, b *Client, path Path) {
	t.Run("ping both ways", func(t *testing.T) {
		a.Ping(t, b.IPs(t)[0].String(), path)
		b.Ping(t, a.IPs(t)[0].String(), path)
	})
	t.Run("ping by IPv6", func(t *testing.T) { a.Ping(t, b.IPs(t)[1].String(), path) })
	t.Run("names resolve", func(t *testing.T) { checkNames(t, a, b, path) })
	t.Run("TCP both ways, equal hashes", func(t *testing.T) { transferTCP(t, a, b, bulkSize()) })
	t.Run("UDP both ways, equal hashes", func(t *testing.T) { transferUDP(t, a, b, bulkSize()) })
	t.Run("the path held", func(t *testing.T) {
		a.Ping(t, b.IPs(t)[0].String(), path)
		b.Ping(t, a.IPs(t)[0].String(), path)
	})
}

// checkNames resolves b's name at a in each way that a has.
func checkNames(t *testing.T, a, b *Client, path Path) {
	t.Helper()
	full := b.Name + "." + baseDomain
	a.Ping(t, b.Name, path)
	// The oldest client has no resolver of its own where it has no device.
	if !a.Options.Old || a.Options.Kind == TUN {
		out, err := a.CLI("dns", "query", full+".")
		if err != nil || !strings.Contains(out, b.IPs(t)[0].String()) {
			t.Errorf("dns query %s: %v\n%s", full, err, out)
		}
	}
	if a.Options.Kind == TUN {
		checkQuad100(t, a, b, full)
	} else {
		connect(t, a, b, full)
	}
}

// checkQuad100 asks the resolver that the client put at 100.100.100.100.
func checkQuad100(t *testing.T, a, b *Client, name string) {
	t.Helper()
	resolver := &net.Resolver{PreferGo: true,
		Dial: func(context.Context, string, string) (c net.Conn, err error) {
			err = a.Options.Netns.Do(func() error {
				c, err = net.Dial("udp", "100.100.100.100:53")
				return err
			})
			return c, err
		}}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	got, err := resolver.LookupHost(ctx, name+".")
	if err != nil || len(got) == 0 {
		t.Fatalf("%s: %v", name, err)
	}
	// Clients answer AAAA only for peers without IPv4.
	if ip := b.IPs(t)[0]; !strings.Contains(fmt.Sprint(got), ip.String()) {
		t.Errorf("%s resolves to %v without %v", name, got, ip)
	}
}

// toJSON is for messages of failed tests.
func toJSON(v any) string {
	data, _ := json.Marshal(v)
	return string(data)
}
