// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tailscale.com/tailcfg"
)

// HasAttr tells whether the client's own node carries the attribute.
func (c *Client) HasAttr(name string) (bool, error) {
	status, err := c.Status()
	if err != nil || status.Self == nil {
		return false, err
	}
	return status.Self.CapMap.Contains(tailcfg.NodeCapability(name)), nil
}

// WaitAttr waits until the attribute has come, or is gone.
func (c *Client) WaitAttr(t testing.TB, name string, want bool) {
	t.Helper()
	eventually(t, 30*time.Second, fmt.Sprintf("%s has %s: %v", c.Name, name, want), func() error {
		has, err := c.HasAttr(name)
		if err == nil && has != want {
			err = fmt.Errorf("it is %v", has)
		}
		return err
	})
}

// PeerNames lists the nodes that the client sees, in order.
func (c *Client) PeerNames(t testing.TB) []string {
	t.Helper()
	status, err := c.Status()
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, peer := range status.Peer {
		label, _, _ := strings.Cut(peer.DNSName, ".")
		names = append(names, label)
	}
	slices.Sort(names)
	return names
}

// Capabilities are what the owner of the address may do at this client, as
// `tailscale whois` tells.
func (c *Client) Capabilities(t testing.TB, addr netip.Addr) tailcfg.PeerCapMap {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	who, err := c.local.WhoIs(ctx, addr.String())
	if err != nil {
		t.Fatalf("%s: whois %v: %v", c.Name, addr, err)
	}
	return who.CapMap
}

// SSHRules are the rules in the client's network map.
func (c *Client) SSHRules(t testing.TB) []*tailcfg.SSHRule {
	t.Helper()
	var netmap struct{ SSHPolicy *tailcfg.SSHPolicy }
	text, err := c.CLI("debug", "netmap")
	if err == nil {
		err = json.Unmarshal([]byte(text), &netmap)
	}
	if err != nil {
		t.Fatalf("%s: netmap: %v", c.Name, err)
	}
	if netmap.SSHPolicy == nil {
		return nil
	}
	return netmap.SSHPolicy.Rules
}

// Frames counts what the server has told the client since it started, keep
// alives apart.
func (c *Client) Frames(t testing.TB) int {
	t.Helper()
	return c.metric(t, "controlclient_map_response_map")
}

// Polls counts the sessions that the client has asked for since it started.
func (c *Client) Polls(t testing.TB) int {
	t.Helper()
	return c.metric(t, "controlclient_map_requests_poll")
}

func (c *Client) metric(t testing.TB, name string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	data, err := c.local.DaemonMetrics(ctx)
	if err != nil {
		t.Fatalf("%s: metrics: %v", c.Name, err)
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			n, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("%s does not count %s", c.Name, name)
	return 0
}
