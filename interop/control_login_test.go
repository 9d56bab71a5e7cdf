// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"tailscale.com/ipn/ipnstate"
)

var authIDForm = regexp.MustCompile(`hskey-authreq-[A-Za-z0-9_-]{24}`)

// loginPage starts an interactive login and returns the page that it prints.
func loginPage(t *testing.T, c *Client, more ...string) string {
	t.Helper()
	args := append([]string{"up", "--login-server", c.Options.Server.URL, "--hostname", c.Name,
		"--timeout", "60s"}, more...)
	ended := make(chan error, 1)
	go func() {
		_, err := c.CLI(args...)
		ended <- err
	}()
	t.Cleanup(func() {
		if err := <-ended; err != nil && !t.Failed() {
			t.Errorf("tailscale up: %v", err)
		}
	})
	var page string
	eventually(t, 30*time.Second, "a login page", func() error {
		status, err := c.Status()
		if err == nil && status.AuthURL == "" {
			err = fmt.Errorf("state %s without a page", status.BackendState)
		}
		if err == nil {
			page = status.AuthURL
		}
		return err
	})
	return page
}

// approve opens the page as a browser would and runs the command it shows.
func approvePage(t *testing.T, server *Server, page, user string) {
	t.Helper()
	u, err := url.Parse(page)
	if err != nil || !strings.HasPrefix(page, server.URL+"/register/") {
		t.Fatalf("odd login page %q: %v", page, err)
	}
	body, err := server.Get(u.Path)
	if err != nil {
		t.Fatal(err)
	}
	id := authIDForm.FindString(body)
	if id == "" || !strings.Contains(page, id) || !strings.Contains(body, "auth register") {
		t.Fatalf("the page %s shows no command to run:\n%s", page, body)
	}
	server.cli(t, nil, "auth", "register", "--user", user, "--auth-id", id)
}

func TestControlInteractiveLogin(t *testing.T) {
	t.Parallel()
	server := startServer(t, ServerOptions{})
	server.CreateUser(t, "alice")
	c := startClient(t, "walker", ClientOptions{Server: server})
	approvePage(t, server, loginPage(t, c), "alice")
	c.WaitState(t, "Running")
	node := server.MustNode(t, "walker")
	if node.User == nil || node.User.Name != "alice" || !node.Has(c.IPs(t)[0]) {
		t.Errorf("the server has %s", toJSON(node))
	}
}

func TestControlLogout(t *testing.T) {
	t.Parallel()
	server := startServer(t, ServerOptions{})
	key := server.ReusableKey(t)
	a, b := startPair(t, server, key, ClientOptions{}, ClientOptions{})
	before := b.IPs(t)
	id := server.MustNode(t, "beta").ID
	t.Run("logout needs a new login", func(t *testing.T) {
		if _, err := b.CLI("logout"); err != nil {
			t.Fatal(err)
		}
		b.WaitState(t, "NeedsLogin")
		a.WaitPeer(t, "beta", expired)
	})
	t.Run("login again keeps node and addresses", func(t *testing.T) {
		b.Up(t, key)
		if got := server.MustNode(t, "beta"); got.ID != id || fmt.Sprint(b.IPs(t)) != fmt.Sprint(before) {
			t.Errorf("node %s with %v became node %s with %v", id, before, got.ID, b.IPs(t))
		}
		a.WaitPeer(t, "beta", alive)
		a.Ping(t, "beta", Direct)
	})
}

func expired(p *ipnstate.PeerStatus) error {
	if !p.Expired && (p.KeyExpiry == nil || p.KeyExpiry.After(time.Now())) {
		return errors.New("not expired")
	}
	return nil
}

func alive(p *ipnstate.PeerStatus) error {
	if expired(p) == nil || !p.Online {
		return fmt.Errorf("expired %v (%v), online %v", p.Expired, p.KeyExpiry, p.Online)
	}
	return nil
}

func TestControlExpiry(t *testing.T) {
	t.Parallel()
	for name, old := range map[string]bool{"current client": false, "oldest client": true} {
		t.Run(name, func(t *testing.T) {
			server := startServer(t, ServerOptions{})
			key := server.ReusableKey(t)
			a, b := startPair(t, server, key, ClientOptions{}, ClientOptions{Old: old})
			before, node := b.IPs(t), server.MustNode(t, "beta")
			server.Expire(t, node.ID)
			b.WaitState(t, "NeedsLogin")
			a.WaitPeer(t, "beta", expired)
			b.Up(t, key, "--force-reauth")
			after := server.MustNode(t, "beta")
			if after.ID != node.ID || fmt.Sprint(b.IPs(t)) != fmt.Sprint(before) {
				t.Errorf("node %s with %v became node %s with %v", node.ID, before, after.ID,
					b.IPs(t))
			}
			a.WaitPeer(t, "beta", alive)
			a.Ping(t, "beta", Direct)
		})
	}
}

func TestControlEphemeral(t *testing.T) {
	t.Parallel()
	server := startServer(t, ServerOptions{Config: Config{
		"node.ephemeral.inactivity_timeout": "66s"}})
	user := server.CreateUser(t, "alice")
	lasting := server.CreateKey(t, user, KeyOptions{Reusable: true})
	passing := server.CreateKey(t, user, KeyOptions{Reusable: true, Ephemeral: true})
	a := startClient(t, "alpha", ClientOptions{Server: server})
	a.Up(t, lasting.Key)
	b := startClient(t, "beta", ClientOptions{Server: server})
	b.Up(t, passing.Key)
	a.WaitPeer(t, "beta", nil)
	t.Run("logout removes it at once", func(t *testing.T) {
		if _, err := b.CLI("logout"); err != nil {
			t.Fatal(err)
		}
		a.WaitNoPeer(t, "beta", 10*time.Second)
	})
	t.Run("idleness removes it", func(t *testing.T) {
		b.Up(t, passing.Key)
		a.WaitPeer(t, "beta", nil)
		// A hard end: an ephemeral client that stops in good order logs out.
		b.proc.Kill()
		a.WaitNoPeer(t, "beta", 120*time.Second)
		if node, err := server.Node(t, "beta"); err == nil {
			t.Errorf("the server still has %s", toJSON(node))
		}
		server.MustNode(t, "alpha")
	})
}

func TestControlKeys(t *testing.T) {
	t.Parallel()
	server := startServer(t, ServerOptions{})
	user := server.CreateUser(t, "alice")
	t.Run("a tagged key yields a tagged node", func(t *testing.T) {
		key := server.CreateKey(t, user, KeyOptions{Tags: "tag:web"})
		c := startClient(t, "tagged", ClientOptions{Server: server})
		c.Up(t, key.Key)
		if node := server.MustNode(t, "tagged"); fmt.Sprint(node.Tags) != "[tag:web]" {
			t.Errorf("the server has %s", toJSON(node))
		}
		status, err := c.Status()
		if err != nil || status.Self.Tags == nil || fmt.Sprint(status.Self.Tags.AsSlice()) != "[tag:web]" {
			t.Errorf("the client has the tags %v: %v", status.Self.Tags, err)
		}
	})
	t.Run("a single-use key is refused the second time", func(t *testing.T) {
		key := server.CreateKey(t, user, KeyOptions{})
		startClient(t, "first", ClientOptions{Server: server}).Up(t, key.Key)
		refusedLogin(t, server, key.Key)
		second := startClient(t, "second", ClientOptions{Server: server})
		if out, err := second.TryUp(key.Key, "--timeout", "5s"); err == nil {
			t.Errorf("the second login passed: %s", out)
		}
		if node, err := server.Node(t, "second"); err == nil {
			t.Errorf("the server made %s", toJSON(node))
		}
	})
	t.Run("an expired key is refused", func(t *testing.T) {
		// It is over before the command that makes it can tell.
		key := server.CreateKey(t, user, KeyOptions{Reusable: true, Expiration: "1ns"})
		refusedLogin(t, server, key.Key)
	})
	t.Run("an unknown key is refused", func(t *testing.T) {
		key := server.CreateKey(t, user, KeyOptions{Reusable: true})
		last := "0"
		if strings.HasSuffix(key.Key, last) {
			last = "1"
		}
		refusedLogin(t, server, key.Key[:len(key.Key)-1]+last)
	})
}

func refusedLogin(t *testing.T, server *Server, key string) {
	t.Helper()
	node, err := newRawNode(server, "intruder")
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	if err := node.Register(key); err == nil {
		t.Error("the login passed")
	} else {
		t.Logf("refused: %v", err)
	}
	if node, err := server.Node(t, "intruder"); err == nil {
		t.Errorf("the server made %s", toJSON(node))
	}
}
