// SPDX-License-Identifier: BSD-3-Clause

package shipnode

import (
	"cmp"
	"fmt"
	"time"
)

// Greeting is what one side brings into a handshake.
type Greeting struct {
	ID      string
	PIN     string         // given if asked for
	Trusted bool           // begin ready
	Decided <-chan bool    // a user's word, for a hello that is pending
	Phase   func(p string) // "pending", "ready", "pin", "open": reached; may be nil
	Alone   bool           // nobody can be asked: a hello that would be pending is aborted
	Wait    time.Duration  // for the peer in hello, default 60 s
}

// step bounds every phase but hello.
const step = 10 * time.Second

const (
	helloReady   = `{"connectionHello":{"phase":"ready","waiting":60000}}`
	helloPending = `{"connectionHello":{"phase":"pending","waiting":60000}}`
	helloAborted = `{"connectionHello":{"phase":"aborted"}}`
	pinNone      = `{"connectionPinState":{"pinState":"none"}}`
)

func protocolText(kind string) string {
	return `{"messageProtocolHandshake":{"handshakeType":"` + kind +
		`","version":{"major":1,"minor":0},"formats":{"format":["JSON-UTF8"]}}}`
}

// Handshake goes from the first message to the exchange of data. An aborted hello is an Aborted.
func (l *Link) Handshake(g *Greeting) error {
	if err := l.begin(); err != nil {
		return err
	}
	if err := l.hello(g); err != nil {
		return err
	}
	if err := l.protocol(); err != nil {
		return err
	}
	g.reach("pin")
	if err := l.pin(g); err != nil {
		return err
	}
	g.reach("open")
	return l.Control(`{"accessMethodsRequest":{}}`)
}

func (g *Greeting) reach(phase string) {
	if g.Phase != nil {
		g.Phase(phase)
	}
}

// Aborted says which side ended a hello.
type Aborted struct{ ByPeer bool }

func (a Aborted) Error() string { return fmt.Sprintf("hello aborted, by the peer: %v", a.ByPeer) }

func (l *Link) begin() error {
	if l.Client {
		if err := l.Send(TypeInit, "\x00"); err != nil {
			return err
		}
	}
	m, err := l.Receive(step)
	if err == nil && m.Kind != TypeInit {
		err = fmt.Errorf("%v in place of the beginning", m)
	}
	if err == nil && !l.Client {
		err = l.Send(TypeInit, "\x00")
	}
	return err
}

// expect reads one message of that root.
func (l *Link) expect(root string) (Message, error) {
	m, err := l.Receive(step)
	for err == nil && m.Root == "connectionHello" { // a late one
		m, err = l.Receive(step)
	}
	if err == nil && m.Root != root {
		err = fmt.Errorf("%v in place of %s", m, root)
	}
	return m, err
}

func (l *Link) hello(g *Greeting) error {
	ready, peerReady := g.Trusted || l.Client, false
	say := func() error {
		if ready {
			g.reach("ready")
			return l.Control(helloReady)
		}
		g.reach("pending")
		return l.Control(helloPending)
	}
	if err := say(); err != nil {
		return err
	}
	if !ready && g.Alone {
		return l.abort()
	}
	wait := time.NewTimer(cmp.Or(g.Wait, 60*time.Second))
	defer wait.Stop()
	for !ready || !peerReady {
		var err error
		select {
		case h := <-l.messages():
			if h.err != nil {
				return h.err
			}
			peerReady, err = l.helloSaid(h.m, peerReady, say)
		case yes := <-g.Decided:
			if !yes {
				return l.abort()
			}
			if !ready { // a second word of ready would end the patience of some peers
				ready = true
				err = say()
			}
		case <-wait.C:
			return l.abort()
		}
		if err != nil {
			return err
		}
	}
	g.reach("trusted")
	return nil
}

func (l *Link) abort() error {
	l.Control(helloAborted)
	l.Receive(time.Second)
	l.WriteClose(4452, "Node rejected by application")
	return Aborted{}
}

// helloSaid answers one hello of the peer; whether the peer is ready.
func (l *Link) helloSaid(m Message, was bool, say func() error) (bool, error) {
	if m.Root != "connectionHello" {
		return was, fmt.Errorf("%v in place of a hello", m)
	}
	var longer bool
	m.Get("prolongationRequest", &longer)
	switch m.Text("phase") {
	case "ready":
		return true, nil
	case "pending":
		if longer {
			return was, say()
		}
		return was, nil
	case "aborted":
		return was, Aborted{ByPeer: true}
	}
	return was, fmt.Errorf("a hello with the phase %q", m.Text("phase"))
}

func (l *Link) protocol() error {
	if l.Client {
		if err := l.Control(protocolText("announceMax")); err != nil {
			return err
		}
		if err := l.expectProtocol("select"); err != nil {
			return err
		}
		return l.Control(protocolText("select"))
	}
	if err := l.expectProtocol("announceMax"); err != nil {
		return err
	}
	if err := l.Control(protocolText("select")); err != nil {
		return err
	}
	return l.expectProtocol("select")
}

func (l *Link) expectProtocol(kind string) error {
	m, err := l.expect("messageProtocolHandshake")
	if err == nil && m.Text("handshakeType") != kind {
		err = fmt.Errorf("%v in place of %s", m, kind)
	}
	return err
}

// pin asks for none, and gives ours where the peer asks.
func (l *Link) pin(g *Greeting) error {
	if err := l.Control(pinNone); err != nil {
		return err
	}
	m, err := l.expect("connectionPinState")
	if err != nil {
		return err
	}
	l.PINAsked = m.Text("pinState") + " " + m.Text("inputPermission")
	switch state := m.Text("pinState"); state {
	case "none", "pinOk":
		return nil
	case "optional":
		if g.PIN == "" {
			return nil
		}
	case "required":
		if g.PIN == "" {
			return fmt.Errorf("the peer wants a PIN")
		}
	default:
		return fmt.Errorf("a PIN state of %q", state)
	}
	if err := l.Control(`{"connectionPinInput":{"pin":"` + g.PIN + `"}}`); err != nil {
		return err
	}
	m, err = l.Receive(step)
	if err == nil && m.Text("pinState") != "pinOk" {
		err = fmt.Errorf("%v in place of pinOk", m)
	}
	return err
}
