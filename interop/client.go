// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tailscale.com/client/local"
	"tailscale.com/ipn/ipnstate"
)

// Kind is the way in which a stock client is run.
type Kind int

const (
	Userspace Kind = iota // tailscaled without a device, reached by SOCKS5
	TUN                   // tailscaled with a TUN device in a namespace
	Embedded              // a program that carries tsnet
)

// ClientOptions say which stock client is run and how.
type ClientOptions struct {
	Kind      Kind
	Old       bool   // the oldest release that we admit
	Netns     *Netns // where it runs; needed for TUN
	RelayOnly bool   // never use direct paths
	CA        *CA    // trusted beside the system's authorities
	AuthKey   string // needed for Embedded, which logs in by itself
	Server    *Server
}

// Client is one running stock client.
type Client struct {
	Name    string
	Options ClientOptions
	dir     string
	socks   string
	udpPort int // Embedded: the one port on which it takes UDP
	cli     string
	env     []string
	proc    *Proc
	starts  int
	local   *local.Client
}

// startClient starts a stock client; it is logged in by Up.
func startClient(t testing.TB, name string, o ClientOptions) *Client {
	t.Helper()
	c := &Client{Name: name, Options: o, dir: workDir(t), cli: peerBin(t, "tailscale")}
	if o.Old {
		c.cli = peerBin(t, "old/tailscale")
	}
	c.env = []string{"TS_NO_LOGS_NO_SUPPORT=true", "TS_DISABLE_PORTMAPPER=1",
		"TS_DEBUG_FIREWALL_MODE=auto", "HOME=" + c.dir, "XDG_CACHE_HOME=" + c.dir}
	if o.RelayOnly {
		c.env = append(c.env, "TS_DEBUG_ALWAYS_USE_DERP=1")
	}
	if o.Kind == Embedded {
		c.udpPort = freePort(t)
		c.env = append(c.env, fmt.Sprintf("TSNODE_UDP_PORT=%d", c.udpPort))
	}
	if o.CA != nil {
		c.env = append(c.env, "SSL_CERT_FILE="+o.CA.File)
	}
	c.local = &local.Client{Socket: c.socket(), UseSocketOnly: true}
	if o.Kind != TUN {
		c.socks = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	}
	c.Start(t)
	return c
}

func (c *Client) socket() string { return filepath.Join(c.dir, "sock") }

// Start starts the daemon on its existing state.
func (c *Client) Start(t testing.TB) {
	t.Helper()
	c.starts++
	name := fmt.Sprintf("%s-%d", c.Name, c.starts)
	c.proc = startProc(t, name, c.dir, c.Options.Netns, c.env, c.argv(t)...)
	eventually(t, 20*time.Second, c.Name+" answers on its socket", func() error {
		if !c.proc.Alive() {
			t.Fatalf("%s died\n%s", c.Name, c.proc.Tail(20))
		}
		_, err := c.Status()
		return err
	})
}

func (c *Client) argv(t testing.TB) []string {
	if c.Options.Kind == Embedded {
		return []string{peerBin(t, "tsnode"), "-dir", c.dir, "-socket", c.socket(),
			"-socks", c.socks, "-hostname", c.Name, "-control", c.Options.Server.URL,
			"-authkey", c.Options.AuthKey}
	}
	daemon := "tailscaled"
	if c.Options.Old {
		daemon = "old/tailscaled"
	}
	argv := []string{peerBin(t, daemon), "--statedir", c.dir, "--state",
		filepath.Join(c.dir, "state"), "--socket", c.socket(), "--port", "0",
		"--no-logs-no-support"}
	if c.Options.Kind == TUN {
		return append(argv, "--tun", "tailscale0")
	}
	return append(argv, "--tun", "userspace-networking", "--socks5-server", c.socks)
}

// Stop ends the daemon in good order, keeping its state.
func (c *Client) Stop() { c.proc.Stop(syscall.SIGTERM, 5*time.Second) }

// CLI runs the tailscale command of the client's own release.
func (c *Client) CLI(args ...string) (string, error) {
	return run(60*time.Second, c.env, append([]string{c.cli, "--socket", c.socket()}, args...)...)
}

// Up logs in with a key and waits until the client runs.
func (c *Client) Up(t testing.TB, key string, more ...string) {
	t.Helper()
	if c.Options.Kind != Embedded {
		if _, err := c.TryUp(key, more...); err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
	}
	c.WaitState(t, "Running")
}

// TryUp is `tailscale up` with a key; it may fail.
func (c *Client) TryUp(key string, more ...string) (string, error) {
	args := []string{"up", "--login-server", c.Options.Server.URL, "--hostname", c.Name,
		"--auth-key", key}
	if !slices.Contains(more, "--timeout") {
		args = append(args, "--timeout", "30s")
	}
	return c.CLI(append(args, more...)...)
}

// Status asks the daemon for its state and its peers.
func (c *Client) Status() (*ipnstate.Status, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return c.local.Status(ctx)
}

// WaitState waits for a backend state such as Running or NeedsLogin.
func (c *Client) WaitState(t testing.TB, want string) {
	t.Helper()
	eventually(t, 60*time.Second, c.Name+" becomes "+want, func() error {
		status, err := c.Status()
		if err == nil && status.BackendState != want {
			err = fmt.Errorf("state is %s", status.BackendState)
		}
		if err == nil && want == "Running" && len(status.TailscaleIPs) == 0 {
			err = errors.New("no address yet")
		}
		return err
	})
}

// IPs returns the addresses that the server gave, IPv4 first.
func (c *Client) IPs(t testing.TB) []netip.Addr {
	t.Helper()
	status, err := c.Status()
	if err != nil {
		t.Fatal(err)
	}
	if len(status.TailscaleIPs) != 2 {
		t.Fatalf("%s has the addresses %v, want one of each family", c.Name,
			status.TailscaleIPs)
	}
	return status.TailscaleIPs
}

// Peer finds a peer in the client's status by the first label of its name.
func (c *Client) Peer(name string) (*ipnstate.PeerStatus, error) {
	status, err := c.Status()
	if err != nil {
		return nil, err
	}
	for _, peer := range status.Peer {
		if label, _, _ := strings.Cut(peer.DNSName, "."); label == name {
			return peer, nil
		}
	}
	return nil, fmt.Errorf("%s sees no peer %q", c.Name, name)
}

// WaitPeer waits until the client sees the peer as check wants it.
func (c *Client) WaitPeer(t testing.TB, name string, check func(*ipnstate.PeerStatus) error) {
	t.Helper()
	eventually(t, 30*time.Second, fmt.Sprintf("%s sees %s", c.Name, name), func() error {
		peer, err := c.Peer(name)
		if err == nil && check != nil {
			err = check(peer)
		}
		return err
	})
}

// WaitNoPeer waits until the peer is gone from the client's map.
func (c *Client) WaitNoPeer(t testing.TB, name string, limit time.Duration) {
	t.Helper()
	eventually(t, limit, fmt.Sprintf("%s loses %s", c.Name, name), func() error {
		status, err := c.Status()
		if err != nil {
			return err
		}
		for _, peer := range status.Peer {
			if label, _, _ := strings.Cut(peer.DNSName, "."); label == name {
				return errors.New("still there")
			}
		}
		return nil
	})
}

// Ping is `tailscale ping`; want is Direct or Relayed and says which path the
// last answer has to take.
func (c *Client) Ping(t testing.TB, target string, want Path) {
	t.Helper()
	args := []string{"ping", "--timeout", "2s", "-c", "20"}
	if want == Relayed {
		args = []string{"ping", "--timeout", "2s", "-c", "1", "--until-direct=false"}
	}
	var out string
	eventually(t, 60*time.Second, fmt.Sprintf("%s pings %s", c.Name, target), func() error {
		var err error
		out, err = c.CLI(append(args, target)...)
		return err
	})
	lines := strings.Split(strings.TrimSpace(out), "\n")
	relayed := strings.Contains(lines[len(lines)-1], "via DERP(")
	if relayed != (want == Relayed) {
		t.Fatalf("%s pings %s: want the path %s, got\n%s", c.Name, target, want, out)
	}
}

// Path is the way that packets take between two clients.
type Path string

const (
	Direct  Path = "direct"
	Relayed Path = "relayed"
)
