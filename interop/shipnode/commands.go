// SPDX-License-Identifier: BSD-3-Clause

package shipnode

import "errors"

// ErrNotConnected is the answer of what needs a connection.
var ErrNotConnected = errors.New("not connected")

// SKI names the node.
func (n *Node) SKI() string { return n.o.Identity.SKI }

// Addr is where it listens.
func (n *Node) Addr() string { return n.listen.Addr().String() }

// At says where a peer is; it is dialled as soon as it is trusted.
func (n *Node) At(ski, addr string) {
	n.mux.Lock()
	n.of(ski).addr = addr
	n.mux.Unlock()
	n.dial(ski)
}

// Trust trusts a peer, also one that waits for it.
func (n *Node) Trust(ski string) {
	n.mux.Lock()
	p := n.of(ski)
	p.trusted = true
	decide(p, true)
	n.mux.Unlock()
	n.dial(ski)
}

// decide passes a user's word on, in place of one that nobody waited for; n.mux is held.
func decide(p *peer, yes bool) {
	select {
	case <-p.decided:
	default:
	}
	p.decided <- yes
}

// Untrust ends the trust in a peer and its connection.
func (n *Node) Untrust(ski string) {
	n.mux.Lock()
	p := n.of(ski)
	p.trusted = false
	l, open := p.link, p.open
	if !open {
		decide(p, false)
	}
	n.mux.Unlock()
	if l != nil && open {
		l.Send(TypeEnd, `{"connectionClose":[{"phase":"announce"},{"maxTime":500},`+
			`{"reason":"removedConnection"}]}`)
	}
}

// MayWait says whether a user could still decide; at first one can.
func (n *Node) MayWait(yes bool) {
	n.mux.Lock()
	n.alone = !yes
	n.mux.Unlock()
}

// Disconnect ends a connection in order; the trust stays.
func (n *Node) Disconnect(ski string) error {
	n.mux.Lock()
	l := n.of(ski).link
	n.mux.Unlock()
	if l == nil {
		return ErrNotConnected
	}
	return l.Farewell()
}

// Send sends count payloads of sizes from low to high, and says what they were.
func (n *Node) Send(ski string, count, low, high int) (sent Tally, err error) {
	n.mux.Lock()
	p := n.of(ski)
	l, open := p.link, p.open
	n.mux.Unlock()
	if l == nil || !open {
		return sent, ErrNotConnected
	}
	for i := range count {
		payload := Payload(i, SizeOf(i, low, high))
		if err = l.Data(payload); err != nil {
			return sent, err
		}
		sent.Add(payload)
	}
	return sent, nil
}

// SizeOf spreads sizes over a range, in an order that repeats.
func SizeOf(i, low, high int) int { return low + i*7919%(high-low+1) }

// Got is how often a connection to the peer opened, and what came over the last one.
func (n *Node) Got(ski string) (opens int, got Tally) {
	n.mux.Lock()
	defer n.mux.Unlock()
	p := n.of(ski)
	return p.opens, p.got.Copy()
}

// Stop ends all connections in order and listens no more.
func (n *Node) Stop() {
	n.listen.Close()
	n.mux.Lock()
	n.over = true
	var links []*Link
	for _, p := range n.peers {
		if p.link != nil {
			links = append(links, p.link)
		}
	}
	n.mux.Unlock()
	for _, l := range links {
		l.Farewell()
	}
}
