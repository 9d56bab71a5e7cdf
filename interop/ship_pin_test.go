// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"os"
	"testing"
	"time"

	"fairlead.test/interop/shipnode"
)

const shipTestPIN = "12AB34CD56EF"

// Two hubs, one of which asks for a PIN; the user of the other one gives it.
func TestShipPIN(t *testing.T) {
	t.Parallel()
	asks := startShipHub(t, ShipHubOptions{PIN: shipTestPIN})
	gives := startShipHub(t, ShipHubOptions{})
	a, b := asks.Log().Mark(), gives.Log().Mark()
	asks.Trust(gives.SKI())
	gives.Trust(asks.SKI())
	gives.DialTo(asks.SKI(), asks.Port())
	awaitEvent(t, gives, b, "pinWanted", asks.SKI(), 5*time.Second)
	gives.device(asks.SKI(), "pin", map[string]string{"pin": shipTestPIN})
	awaitEvent(t, asks, a, shipConnected, gives.SKI(), 5*time.Second)
	awaitEvent(t, gives, b, shipConnected, asks.SKI(), 5*time.Second)
	sent := gives.Send(asks.SKI(), 10, 20, 2000)
	eventually(t, 5*time.Second, "payloads come", func() error {
		_, got := asks.Got(gives.SKI())
		if !got.equal(sent) {
			return os.ErrNotExist
		}
		return nil
	})
}

// A wrong PIN is told as such; from the third on no more are looked at for a while, and a new
// connection does not end that.
func TestShipWrongPIN(t *testing.T) {
	t.Parallel()
	hub := startShipHub(t, ShipHubOptions{PIN: shipTestPIN})
	s := newShipScript(t, hub)
	l := shipUntilPIN(s)
	for i := range 3 {
		l.Control(`{"connectionPinInput":{"pin":"00000000"}}`)
		m, err := l.Receive(3 * time.Second)
		if err != nil || string(m.Plain) != `{"connectionPinError":{"error":1}}` {
			t.Fatalf("wrong PIN %d: the hub says %v, %v", i+1, m, err)
		}
	}
	expectBusy(t, l)
	l.Control(`{"connectionPinInput":{"pin":"` + shipTestPIN + `"}}`)
	expectBusy(t, l)
	if n := len(hub.Log().Since(0, shipConnected, s.id.SKI)); n > 0 {
		t.Error("a PIN was taken within the penalty")
	}
	l.Close()
	again := newShipScript(t, hub)
	again.id = s.id
	l = shipUntilPINState(again, "busy")
	if os.Getenv("FULL") == "" {
		return
	}
	m, err := l.Receive(30 * time.Second)
	if err != nil || m.Text("inputPermission") != "ok" {
		t.Fatalf("after the penalty the hub says %v, %v", m, err)
	}
	l.Control(`{"connectionPinInput":{"pin":"` + shipTestPIN + `"}}`)
	if m, err := l.Receive(3 * time.Second); err != nil || m.Text("pinState") != "pinOk" {
		t.Errorf("to the right PIN the hub says %v, %v", m, err)
	}
}

func expectBusy(t *testing.T, l *shipnode.Link) {
	t.Helper()
	m, err := l.Receive(3 * time.Second)
	if err != nil || m.Text("inputPermission") != "busy" {
		t.Fatalf("the hub says %v, %v in place of busy", m, err)
	}
}

func shipUntilPIN(s *shipScript) *shipnode.Link {
	s.t.Helper()
	return shipUntilPINState(s, "ok")
}

// shipUntilPINState goes on until the hub has said that it requires a PIN, and whether now.
func shipUntilPINState(s *shipScript, permission string) *shipnode.Link {
	s.t.Helper()
	l := s.dial()
	reached := false
	g := &shipnode.Greeting{ID: "Script-1", Phase: func(phase string) { reached = phase == "pin" }}
	// Without a PIN to give the handshake ends where one is asked for.
	if err := l.Handshake(g); err == nil || !reached {
		s.t.Fatalf("the hub does not ask for a PIN: %v", err)
	}
	if l.PINAsked != "required "+permission {
		s.t.Fatalf("the hub asks: %s", l.PINAsked)
	}
	return l
}
