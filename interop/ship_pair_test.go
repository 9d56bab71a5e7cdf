// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

// shipPair is the hub and a peer of it.
type shipPair struct {
	hub  shipEnd
	peer *ShipPeer
}

// newShipPair starts both; the peer's SKI is bigger or smaller than the hub's.
func newShipPair(t testing.TB, name, rule string, bigger bool, args ...string) *shipPair {
	t.Helper()
	hub := newShipEnd(t, rule)
	dir, _ := shipIdentity(t, bigger, hub.SKI())
	return &shipPair{hub, startShipPeer(t, name, dir, args...)}
}

// shipComesBack is the longest that two ends which trust each other may stay apart: a first delay
// of 3 s, and once more, since ship-go may miss our first words, in either role, and then waits for
// them for 10 s or closes, before the second delay of up to 10 s.
const shipComesBack = 30 * time.Second

// soon is how long a handshake may take until both are where they should be.
func (p *shipPair) soon() time.Duration {
	if p.peer.Name() == "shipnode" {
		return 5 * time.Second
	}
	return shipComesBack
}

// awaitTogether waits until data flows at both. A ship-go that lost our first words may keep the dead
// connection in its table for good: it files a connection only after the handshake has begun, which
// may have ended by then. It then refuses us as a double connection if its SKI is the bigger one, and
// does not dial, until it is started again. So it is here, once, and only if it said just that.
func (p *shipPair) awaitTogether(t testing.TB, h, q int) {
	t.Helper()
	_, err := seek(p.hub, h, shipConnected, p.peer.SKI(), shipComesBack)
	if err != nil && p.peer.refusesTwins() {
		t.Log("the peer holds on to a connection that is gone, and is started again")
		p.peer.Kill()
		p.peer.Restart()
	}
	awaitEvent(t, p.hub, h, shipConnected, p.peer.SKI(), shipComesBack)
	awaitEvent(t, p.peer, q, shipConnected, p.hub.SKI(), shipComesBack)
}

// join makes both trust each other, and one of them dial; it waits until data flows.
func (p *shipPair) join(t testing.TB, hubDials bool) {
	t.Helper()
	h, q := p.hub.Log().Mark(), p.peer.Log().Mark()
	if hubDials {
		p.peer.Trust(p.hub.SKI())
		p.peer.Got(p.hub.SKI()) // commands are done in order: it trusts before it is dialled
		p.hub.Trust(p.peer.SKI())
		p.hub.DialTo(p.peer.SKI(), p.peer.Port())
	} else {
		p.hub.Trust(p.peer.SKI())
		p.peer.DialTo(p.hub.SKI(), p.hub.Port())
		p.peer.Trust(p.hub.SKI())
	}
	p.awaitTogether(t, h, q)
}

// exchange sends payloads both ways, one direction after the other, and compares.
func (p *shipPair) exchange(t testing.TB, n, low, high int) {
	t.Helper()
	ends := []shipEnd{p.hub, p.peer}
	for i, from := range ends {
		to := ends[1-i]
		_, before := to.Got(from.SKI())
		sent := from.Send(to.SKI(), n, low, high)
		if sent.Count != n || sent.Error != "" {
			t.Fatalf("%s sent %d of %d: %s", from.Name(), sent.Count, n, sent.Error)
		}
		eventually(t, 60*time.Second, "all that "+from.Name()+" sent has come", func() error {
			_, got := to.Got(from.SKI())
			if before.Count == 0 && got.equal(sent) || before.Count > 0 && got.Count == before.Count+n {
				return nil
			}
			return fmt.Errorf("sent %+v, came %+v", sent, got)
		})
	}
}

// sides runs a case for each peer, with the hub as client and as server, and with the bigger and
// the smaller SKI.
func shipSides(t *testing.T, rule string, run func(t *testing.T, p *shipPair, hubDials bool)) {
	for _, name := range shipPeerNames(t) {
		for _, hubDials := range []bool{true, false} {
			for _, bigger := range []bool{true, false} {
				title := fmt.Sprintf("%s, %s, %s", filepath.Base(name), map[bool]string{true: "we dial",
					false: "it dials"}[hubDials], map[bool]string{true: "its SKI is bigger",
					false: "its SKI is smaller"}[bigger])
				t.Run(title, func(t *testing.T) {
					t.Parallel()
					needShipPeer(t, name)
					run(t, newShipPair(t, name, rule, bigger), hubDials)
				})
			}
		}
	}
}

func TestShipPair(t *testing.T) {
	shipSides(t, "", func(t *testing.T, p *shipPair, hubDials bool) {
		mark := p.hub.Log().Mark()
		p.join(t, hubDials)
		first := awaitEvent(t, p.hub, mark, shipState, p.peer.SKI(), time.Second)
		last := awaitEvent(t, p.hub, mark, shipConnected, p.peer.SKI(), time.Second)
		awaitState(t, p.hub, mark, p.peer.SKI(), 2*time.Second, "completed", "7")
		awaitState(t, p.peer, 0, p.hub.SKI(), 2*time.Second, "completed", "7")
		if took := last.At.Sub(first.At); took > time.Second {
			t.Logf("paired after %v, the hub told:\n%s", took, p.hub.Log().Tail(20))
			if p.peer.Name() == "shipnode" { // others may have missed our first word
				t.Error("that is too late")
			}
		}
		p.exchange(t, envInt("INTEROP_SHIP_MESSAGES", 60), 20, 90_000)
	})
}

func TestShipReconnect(t *testing.T) {
	shipSides(t, "", func(t *testing.T, p *shipPair, hubDials bool) {
		p.join(t, hubDials)
		for _, victim := range []shipEnd{p.peer, p.hub} {
			other := shipEnd(p.peer)
			if victim == other {
				other = p.hub
			}
			mark, again := other.Log().Mark(), victim.Log().Mark()
			victim.Kill()
			awaitEvent(t, other, mark, shipDisconnected, victim.SKI(), 5*time.Second)
			victim.Restart()
			awaitEvent(t, other, mark, shipConnected, victim.SKI(), shipComesBack)
			awaitEvent(t, victim, again, shipConnected, other.SKI(), shipComesBack)
			if n := len(other.Log().Since(mark, shipDisconnected, victim.SKI())); n != 1 && other == p.hub {
				t.Errorf("the hub told %d times that the peer is gone", n)
			}
			p.exchange(t, 20, 20, 2000)
		}
	})
}
