// SPDX-License-Identifier: BSD-3-Clause

package shipnode

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"hash"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"
)

// Rule says which of two connections to one peer stays.
type Rule string

const (
	// Initiator keeps the one that the node with the bigger SKI dialled.
	Initiator Rule = "initiator"
	// Recent keeps the newer one, as either side sees it.
	Recent Rule = "recent"
)

// Options of a node; ID and Identity are required.
type Options struct {
	ID       string
	Identity *Identity
	PIN      string
	Rule     Rule
	Echo     bool // send every payload back
	Auto     bool // trust whoever comes
	Tell     func(event string, fields map[string]any)
}

// Node is a small hub: it listens, dials, and keeps one connection for each peer.
type Node struct {
	o      Options
	tls    *tls.Config
	listen net.Listener
	mux    sync.Mutex
	peers  map[string]*peer
	alone  bool // no user to ask
	over   bool
}

// peer is all that a node knows of another.
type peer struct {
	ski     string
	trusted bool
	addr    string // where to dial, "" is nowhere
	dialing bool
	link    *Link
	open    bool
	decided chan bool
	opens   int
	got     Tally
}

// Tally is what came, or went, over one connection.
type Tally struct {
	Count, Bytes int
	sum          hash.Hash
	text         string // the sum of a copy
}

// Add counts a payload.
func (t *Tally) Add(payload []byte) {
	if t.sum == nil {
		t.sum = sha256.New()
	}
	t.Count++
	t.Bytes += len(payload)
	t.sum.Write(payload)
}

// Sum is the hash of all payloads in their order.
func (t *Tally) Sum() string {
	if t.text != "" {
		return t.text
	}
	if t.sum == nil {
		t.sum = sha256.New()
	}
	return hex.EncodeToString(t.sum.Sum(nil))
}

// Copy is the tally as it is now; nothing can be added to it.
func (t *Tally) Copy() Tally {
	return Tally{Count: t.Count, Bytes: t.Bytes, text: t.Sum()}
}

// Payload makes number i of a series: about size bytes, at least 20. Numbers, lists and empty
// values are in it as soon as there is room.
func Payload(i, size int) []byte {
	short := fmt.Sprintf(`{"datagram":{"n":%d}}`, i)
	long := fmt.Sprintf(`{"datagram":{"n":%d,"list":[{"a":1,"b":2.50},{"a":2}],"t":"`, i)
	if pad := size - len(long) - len(`"}}`); pad > 0 {
		return []byte(long + strings.Repeat("x", pad) + `"}}`)
	}
	return []byte(short)
}

// Start listens on addr.
func Start(addr string, o Options) (*Node, error) {
	if o.Tell == nil {
		o.Tell = func(string, map[string]any) {}
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	n := &Node{o: o, tls: TLSConfig(o.Identity), listen: l, peers: map[string]*peer{}}
	go n.serve()
	return n, nil
}

func (n *Node) serve() {
	for {
		c, err := n.listen.Accept()
		if err != nil {
			return
		}
		go func() {
			l, err := AcceptOver(tls.Server(c, n.tls))
			if err != nil {
				n.o.Tell("refused", map[string]any{"error": err.Error()})
				c.Close()
				return
			}
			n.run(l)
		}()
	}
}

// of gives the record of a peer; n.mux is held.
func (n *Node) of(ski string) *peer {
	p := n.peers[ski]
	if p == nil {
		p = &peer{ski: ski, trusted: n.o.Auto, decided: make(chan bool, 1)}
		n.peers[ski] = p
	}
	return p
}

// keep decides between a new connection and the one there is, and installs the winner.
func (n *Node) keep(l *Link) bool {
	n.mux.Lock()
	p := n.of(l.PeerSKI)
	old := p.link
	wins := true
	if old != nil && n.o.Rule == Initiator {
		wins = l.Client == (n.o.Identity.SKI > l.PeerSKI)
	}
	wins = wins && !n.over
	if wins {
		p.link, p.open = l, false
	}
	n.mux.Unlock()
	switch {
	case !wins:
		l.WriteClose(1000, "double connection")
		l.Close()
	case old != nil:
		old.WriteClose(4001, "double connection")
		old.Close()
	}
	return wins
}

// run owns a connection to its end.
func (n *Node) run(l *Link) {
	if !n.keep(l) {
		return
	}
	err := n.talk(l)
	l.Close()
	n.mux.Lock()
	p := n.of(l.PeerSKI)
	ours, open := p.link == l, p.open
	if ours {
		p.link, p.open = nil, false
	}
	n.mux.Unlock()
	if !ours {
		return
	}
	if open {
		n.o.Tell("disconnected", map[string]any{"ski": l.PeerSKI, "error": Describe(err)})
	} else {
		n.o.Tell("failed", map[string]any{"ski": l.PeerSKI, "error": Describe(err)})
	}
	n.dial(l.PeerSKI)
}

func (n *Node) talk(l *Link) error {
	n.mux.Lock()
	p := n.of(l.PeerSKI)
	g := &Greeting{ID: n.o.ID, PIN: n.o.PIN, Trusted: p.trusted, Decided: p.decided,
		Alone: n.alone}
	n.mux.Unlock()
	g.Phase = func(phase string) { n.phase(l, p, phase) }
	if err := l.Handshake(g); err != nil {
		return err
	}
	return l.Run(Exchange{
		ID: n.o.ID,
		PeerID: func(id string) {
			n.o.Tell("id", map[string]any{"ski": p.ski, "id": id})
		},
		Payload:  func(plain []byte) { n.payload(l, p, plain) },
		Complete: func() { n.o.Tell("state", map[string]any{"ski": p.ski, "state": "completed"}) },
	})
}

func (n *Node) phase(l *Link, p *peer, phase string) {
	n.mux.Lock()
	current := p.link == l
	if current && phase == "open" {
		p.open = true
		p.opens++
		p.got = Tally{}
	}
	n.mux.Unlock()
	if !current {
		return
	}
	if phase == "open" {
		n.o.Tell("connected", map[string]any{"ski": p.ski})
	} else {
		n.o.Tell("state", map[string]any{"ski": p.ski, "state": phase})
	}
}

func (n *Node) payload(l *Link, p *peer, plain []byte) {
	if n.o.Echo {
		l.Data(plain)
		return
	}
	n.mux.Lock()
	defer n.mux.Unlock()
	if p.link == l {
		p.got.Add(plain)
	}
}

// dial begins to try to reach a peer, unless it is no longer wanted or that is under way.
func (n *Node) dial(ski string) {
	n.mux.Lock()
	p := n.of(ski)
	begin := n.wanted(p) && !p.dialing
	p.dialing = p.dialing || begin
	n.mux.Unlock()
	if begin {
		go n.attempt(p, 0)
	}
}

func (n *Node) wanted(p *peer) bool {
	return p.trusted && p.addr != "" && p.link == nil && !n.over
}

// attempt dials after delays that grow as those of SHIP do, tenfold faster; the first at once.
func (n *Node) attempt(p *peer, failures int) {
	ranges := [][2]int{{0, 1}, {0, 300}, {300, 1000}, {1000, 2000}}
	r := ranges[min(failures, len(ranges)-1)]
	time.Sleep(time.Duration(r[0]+rand.IntN(r[1]-r[0])) * time.Millisecond)
	n.mux.Lock()
	if !n.wanted(p) {
		p.dialing = false
		n.mux.Unlock()
		return
	}
	addr := p.addr
	n.mux.Unlock()
	l, err := Dial(addr, "/ship/", p.ski, n.tls)
	if err != nil {
		n.o.Tell("failed", map[string]any{"ski": p.ski, "error": err.Error()})
		n.attempt(p, failures+1)
		return
	}
	n.mux.Lock()
	p.dialing = false
	n.mux.Unlock()
	n.run(l)
}
