// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shipPeers runs a case for each peer, with the bigger and with the smaller SKI.
func shipPeers(t *testing.T, run func(t *testing.T, p *shipPair)) {
	for _, name := range shipPeerNames(t) {
		for _, bigger := range []bool{true, false} {
			word := map[bool]string{true: "bigger", false: "smaller"}[bigger]
			t.Run(filepath.Base(name)+", its SKI is "+word, func(t *testing.T) {
				t.Parallel()
				needShipPeer(t, name)
				run(t, newShipPair(t, name, "", bigger))
			})
		}
	}
}

// ask makes the peer dial a hub that does not trust it, and waits until the hub asks its user and
// the peer waits for the answer.
func (p *shipPair) ask(t *testing.T) {
	t.Helper()
	mark := p.peer.Log().Mark()
	p.peer.DialTo(p.hub.SKI(), p.hub.Port())
	p.peer.Trust(p.hub.SKI())
	eventually(t, p.soon(), "the hub asks its user", func() error {
		asks := p.hub.Log().State(p.peer.SKI())
		waits := p.peer.Name() == "shipnode"
		// ship-go tells each state from a thread of its own, so the last one told may not be it.
		for _, e := range p.peer.Log().Since(mark, shipState, p.hub.SKI()) {
			waits = waits || e.State == "4" // in progress
		}
		if (asks == "received-pairing-request" || asks == "pending") && waits {
			return nil
		}
		return fmt.Errorf("the hub is in state %q, and does the peer wait: %v", asks, waits)
	})
}

// dialStranger makes the hub dial a peer that does not trust it, and waits until that asks.
func (p *shipPair) dialStranger(t *testing.T) {
	t.Helper()
	mark := p.peer.Log().Mark()
	p.peer.MayWait(true)
	p.hub.Trust(p.peer.SKI())
	p.hub.DialTo(p.peer.SKI(), p.peer.Port())
	awaitState(t, p.peer, mark, p.hub.SKI(), p.soon(), "pending", "3")
}

// staysApart fails when either end connects within the lapse.
func (p *shipPair) staysApart(t *testing.T, lapse time.Duration) {
	t.Helper()
	h, q := p.hub.Log().Mark(), p.peer.Log().Mark()
	holds(t, lapse, "no connection", func() error {
		n := len(p.hub.Log().Since(h, shipConnected, p.peer.SKI()))
		m := len(p.peer.Log().Since(q, shipConnected, p.hub.SKI()))
		if n+m > 0 {
			return fmt.Errorf("the hub connected %d times, the peer %d", n, m)
		}
		return nil
	})
}

func TestShipApproval(t *testing.T) {
	shipPeers(t, func(t *testing.T, p *shipPair) {
		wait := time.Duration(envInt("INTEROP_SHIP_PENDING", 1)) * time.Second
		h, q := p.hub.Log().Mark(), p.peer.Log().Mark()
		p.ask(t)
		p.staysApart(t, wait)
		p.hub.Trust(p.peer.SKI())
		awaitEvent(t, p.hub, h, shipConnected, p.peer.SKI(), p.soon())
		awaitEvent(t, p.peer, q, shipConnected, p.hub.SKI(), p.soon())
		p.exchange(t, 5, 20, 2000)
	})
}

func TestShipApprovalByPeer(t *testing.T) {
	shipPeers(t, func(t *testing.T, p *shipPair) {
		wait := time.Duration(envInt("INTEROP_SHIP_PENDING", 1)) * time.Second
		h, q := p.hub.Log().Mark(), p.peer.Log().Mark()
		p.dialStranger(t)
		p.staysApart(t, wait)
		p.peer.Trust(p.hub.SKI())
		p.awaitTogether(t, h, q)
		p.exchange(t, 5, 20, 2000)
	})
}

func TestShipRefusal(t *testing.T) {
	shipPeers(t, func(t *testing.T, p *shipPair) {
		q := p.peer.Log().Mark()
		p.ask(t)
		p.hub.Refuse(p.peer.SKI())
		eventually(t, 5*time.Second, "the peer hears of it", func() error {
			failed := p.peer.Log().Since(q, "failed", p.hub.SKI())
			if len(failed) > 0 && strings.Contains(failed[0].Text, "aborted, by the peer") {
				return nil
			}
			for _, e := range p.peer.Log().Since(q, shipState, p.hub.SKI()) {
				if e.State == "8" { // ship-go: the remote service denied trust
					return nil
				}
			}
			return fmt.Errorf("it told:\n%s", p.peer.Log().Tail(10))
		})
	})
}

func TestShipRefusalByPeer(t *testing.T) {
	shipPeers(t, func(t *testing.T, p *shipPair) {
		h := p.hub.Log().Mark()
		p.dialStranger(t)
		p.peer.Refuse(p.hub.SKI())
		awaitState(t, p.hub, h, p.peer.SKI(), 5*time.Second, "remote-denied-trust", "failed")
		p.staysApart(t, 4*time.Second) // longer than the first delay
	})
}

// A peer whose user cannot be asked says no at once.
func TestShipNobodyToAsk(t *testing.T) {
	shipPeers(t, func(t *testing.T, p *shipPair) {
		h := p.hub.Log().Mark()
		p.peer.MayWait(false)
		p.hub.Trust(p.peer.SKI())
		p.hub.DialTo(p.peer.SKI(), p.peer.Port())
		awaitState(t, p.hub, h, p.peer.SKI(), p.soon(), "remote-denied-trust")
		p.staysApart(t, 4*time.Second)
	})
}

func TestShipWithdrawal(t *testing.T) {
	shipSides(t, "", func(t *testing.T, p *shipPair, byHub bool) {
		p.join(t, byHub)
		from, to := shipEnd(p.peer), p.hub
		if byHub {
			from, to = p.hub, p.peer
		}
		marks := []int{from.Log().Mark(), to.Log().Mark()}
		from.Untrust(to.SKI())
		awaitEvent(t, from, marks[0], shipDisconnected, to.SKI(), 3*time.Second)
		awaitEvent(t, to, marks[1], shipDisconnected, from.SKI(), 3*time.Second)
		p.staysApart(t, 4*time.Second)
		if n := len(p.hub.Log().Since(0, shipDisconnected, p.peer.SKI())); n != 1 {
			t.Errorf("the hub told %d times that the peer is gone", n)
		}
		if links := len(linksTo(p.hub.Port(), p.peer.Port())); links > 1 {
			t.Errorf("%d connections are left", links)
		}
	})
}

// An end in order keeps the trust: both come together again by themselves.
func TestShipDisconnect(t *testing.T) {
	shipSides(t, "", func(t *testing.T, p *shipPair, byHub bool) {
		p.join(t, byHub)
		h, q := p.hub.Log().Mark(), p.peer.Log().Mark()
		if byHub {
			p.hub.Disconnect(p.peer.SKI())
		} else {
			p.peer.Disconnect(p.hub.SKI())
		}
		awaitEvent(t, p.hub, h, shipDisconnected, p.peer.SKI(), 3*time.Second)
		awaitEvent(t, p.peer, q, shipDisconnected, p.hub.SKI(), 3*time.Second)
		p.awaitReturn(t, h, q)
		p.exchange(t, 5, 20, 2000)
		if n := len(p.hub.Log().Since(h, shipDisconnected, p.peer.SKI())); n != 1 {
			t.Errorf("the hub told %d times that the peer is gone", n)
		}
	})
}

// awaitReturn waits until data flows again. The later ship-go may forget to dial after an end that
// it announced itself: it handles that end twice, and the second time takes back the attempt that
// the first one began. It tries again when it next hears of a peer, so that comes here.
func (p *shipPair) awaitReturn(t *testing.T, mark, peerMark int) {
	t.Helper()
	if p.peer.Name() == "shipgo-b" {
		_, err := seek(p.hub, mark, shipConnected, p.peer.SKI(), 6*time.Second)
		if err != nil && p.peer.at[p.hub.SKI()] != 0 {
			t.Log("the peer has to be told again where we are")
			p.peer.DialTo(p.hub.SKI(), p.hub.Port())
		}
	}
	p.awaitTogether(t, mark, peerMark)
}

func TestShipShutdown(t *testing.T) {
	shipPeers(t, func(t *testing.T, p *shipPair) {
		hub, ok := p.hub.(*ShipHub)
		if !ok {
			t.Skip("needs the hub itself")
		}
		p.join(t, true)
		q := p.peer.Log().Mark()
		began := time.Now()
		if code, err := hub.proc.Stop(syscall.SIGTERM, 5*time.Second); code != 0 || err != nil {
			t.Errorf("the hub stopped with exit code %d: %v", code, err)
		}
		if took := time.Since(began); took > 2500*time.Millisecond {
			t.Errorf("the hub stopped after %v", took)
		}
		awaitEvent(t, p.peer, q, shipDisconnected, hub.SKI(), 2*time.Second)
		hub.Restart()
		awaitEvent(t, p.peer, q, shipConnected, hub.SKI(), shipComesBack)
	})
}

// A folder of state has one hub.
func TestShipDoubleStart(t *testing.T) {
	t.Parallel()
	hub := startShipHub(t, ShipHubOptions{})
	args := append([]string{}, hub.args...)
	for i, arg := range args {
		if arg == "--listen" {
			args[i+1] = fmt.Sprintf("127.0.0.1:%d", freePort(t))
		}
	}
	out, err := run(10*time.Second, nil, args...)
	if err == nil {
		t.Fatalf("a second hub ran on the same folder:\n%s", out)
	}
	if !strings.Contains(err.Error(), hub.Dir) {
		t.Errorf("the complaint does not name the folder: %v", err)
	}
	if err := hub.call("GET", "status", nil, nil); err != nil {
		t.Errorf("the first hub suffers: %v", err)
	}
}
