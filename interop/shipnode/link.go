// SPDX-License-Identifier: BSD-3-Clause

package shipnode

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// The first byte of a message.
const (
	TypeInit    = 0
	TypeControl = 1
	TypeData    = 2
	TypeEnd     = 3
)

// Suites are those of SHIP that Go has.
var Suites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}

// TLSConfig is the settings of a node in both roles; who the peer is gets judged after it.
func TLSConfig(id *Identity) *tls.Config {
	return &tls.Config{
		Certificates:       []tls.Certificate{id.Cert},
		ClientAuth:         tls.RequireAnyClientCert,
		InsecureSkipVerify: true,
		MinVersion:         tls.VersionTLS12,
		CipherSuites:       Suites,
	}
}

// Link is one connection that carries SHIP messages.
type Link struct {
	*WS
	PeerSKI  string
	Client   bool
	PINAsked string // by the peer: its state and permission
	once     sync.Once
	heard    chan heard
}

type heard struct {
	m   Message
	err error
}

// errSlow is the absence of a message in its time.
var errSlow = errors.New("no message in time")

// Dial connects, and upgrades with the sub-protocol of SHIP. want "" takes any peer.
func Dial(addr, path, want string, config *tls.Config) (*Link, error) {
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: 5 * time.Second}, Config: config}
	c, err := d.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	l, err := DialOver(c.(*tls.Conn), addr, path)
	if err == nil && want != "" && l.PeerSKI != want {
		err = fmt.Errorf("%s is %s, not %s", addr, l.PeerSKI, want)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return l, nil
}

// DialOver does what follows TLS.
func DialOver(c *tls.Conn, addr, path string) (*Link, error) {
	c.SetDeadline(time.Now().Add(5 * time.Second))
	ski, err := peerOf(c)
	if err != nil {
		return nil, err
	}
	ws, err := Upgrade(c, addr, path, "ship")
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Time{})
	return &Link{WS: ws, PeerSKI: ski, Client: true}, nil
}

// AcceptOver is the server's half, on a stream whose handshake has not begun.
func AcceptOver(c *tls.Conn) (*Link, error) {
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if err := c.Handshake(); err != nil {
		return nil, err
	}
	ski, err := peerOf(c)
	if err != nil {
		return nil, err
	}
	ws, err := Accept(c)
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Time{})
	return &Link{WS: ws, PeerSKI: ski}, nil
}

func peerOf(c *tls.Conn) (string, error) {
	certs := c.ConnectionState().PeerCertificates
	if len(certs) == 0 {
		return "", errors.New("the peer shows no certificate")
	}
	return SKIOf(certs[0].Raw)
}

// Send sends one message.
func (l *Link) Send(kind byte, value string) error {
	return l.WriteFrame(true, OpBinary, append([]byte{kind}, value...))
}

// Control sends a control message given in plain form.
func (l *Link) Control(plain string) error {
	wire, err := ToWire([]byte(plain))
	if err != nil {
		return err
	}
	return l.Send(TypeControl, string(wire))
}

// Data sends a payload given in plain form.
func (l *Link) Data(payload []byte) error {
	message, err := DataMessage(payload)
	if err != nil {
		return err
	}
	return l.WriteFrame(true, OpBinary, message)
}

// Message is what a peer said: its kind, the root's name and what stands under it, in plain form.
type Message struct {
	Kind  byte
	Root  string
	Plain []byte // with the root
	Value json.RawMessage
}

func (m Message) String() string { return fmt.Sprintf("%d %.200s", m.Kind, m.Plain) }

// Get reads a member of the message's object into out; false: it has none, or of another type.
func (m Message) Get(name string, out any) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(m.Value, &members) != nil || members[name] == nil {
		return false
	}
	return json.Unmarshal(members[name], out) == nil
}

// Text is a member that is text, or "".
func (m Message) Text(name string) (text string) {
	m.Get(name, &text)
	return text
}

// Messages gives what the peer says, and the end as the last.
func (l *Link) messages() <-chan heard {
	l.once.Do(func() {
		l.heard = make(chan heard, 64)
		go func() {
			for {
				raw, err := l.ReadMessage()
				h := heard{err: err}
				if err == nil {
					h.m, h.err = decode(raw)
				}
				l.heard <- h
				if h.err != nil {
					close(l.heard)
					return
				}
			}
		}()
	})
	return l.heard
}

// Receive reads the next message, which has to come within the limit.
func (l *Link) Receive(limit time.Duration) (Message, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case h, ok := <-l.messages():
		if !ok {
			return Message{}, &Closed{Code: 1006, Reason: "read past the end"}
		}
		return h.m, h.err
	case <-timer.C:
		return Message{}, errSlow
	}
}

func decode(raw []byte) (Message, error) {
	if len(raw) < 2 {
		return Message{}, fmt.Errorf("a message of %d bytes", len(raw))
	}
	m := Message{Kind: raw[0]}
	if m.Kind == TypeInit {
		if len(raw) != 2 || raw[1] != 0 {
			return m, fmt.Errorf("a beginning of %x", raw)
		}
		return m, nil
	}
	var root map[string]json.RawMessage
	plain, err := ToPlain(raw[1:])
	if err == nil {
		m.Plain = plain
		err = json.Unmarshal(plain, &root)
	}
	if err == nil && len(root) != 1 {
		err = fmt.Errorf("%d roots in %.80s", len(root), plain)
	}
	for name, value := range root {
		m.Root, m.Value = name, value
	}
	return m, err
}
