// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"
)

// Listen opens a TCP listener that peers reach at the returned tailnet address.
// A client without a device hands incoming connections to loopback.
func (c *Client) Listen(t testing.TB) (l net.Listener, at netip.AddrPort) {
	t.Helper()
	err := c.inPlace(func(bind netip.Addr) (err error) {
		l, err = net.Listen("tcp", netip.AddrPortFrom(bind, 0).String())
		return err
	}, c.IPs(t)[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	port := l.Addr().(*net.TCPAddr).AddrPort().Port()
	return l, netip.AddrPortFrom(c.IPs(t)[0], port)
}

// ListenUDP is Listen for UDP.
func (c *Client) ListenUDP(t testing.TB) (p net.PacketConn, at netip.AddrPort) {
	t.Helper()
	err := c.inPlace(func(bind netip.Addr) (err error) {
		at := netip.AddrPortFrom(bind, uint16(c.udpPort))
		p, err = net.ListenPacket("udp", at.String())
		return err
	}, c.IPs(t)[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	port := p.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	return p, netip.AddrPortFrom(c.IPs(t)[0], port)
}

// inPlace runs f where the client's own sockets have to be opened, with the
// address to bind.
func (c *Client) inPlace(f func(bind netip.Addr) error, own netip.Addr) error {
	if c.Options.Kind == TUN {
		return c.Options.Netns.Do(func() error { return f(own) })
	}
	loopback := netip.MustParseAddr("127.0.0.1")
	if c.Options.Netns != nil {
		return c.Options.Netns.Do(func() error { return f(loopback) })
	}
	return f(loopback)
}

// Dial opens a TCP connection to a tailnet address, or, through SOCKS5, to a
// name that the client resolves itself.
func (c *Client) Dial(target string) (net.Conn, error) {
	return c.DialBefore(time.Now().Add(20*time.Second), target)
}

// DialBefore is Dial with a deadline.
func (c *Client) DialBefore(deadline time.Time, target string) (conn net.Conn, err error) {
	err = c.inPlace(func(netip.Addr) error {
		if c.Options.Kind == TUN {
			conn, err = net.DialTimeout("tcp", target, time.Until(deadline))
		} else {
			conn, err = socksDial(c.socks, target, deadline)
		}
		return err
	}, netip.Addr{})
	return conn, err
}

// DialUDP opens a UDP flow to a tailnet address.
func (c *Client) DialUDP(target netip.AddrPort) (conn net.Conn, err error) {
	err = c.inPlace(func(netip.Addr) error {
		if c.Options.Kind == TUN {
			conn, err = net.Dial("udp", target.String())
		} else {
			conn, err = socksAssociate(c.socks, target)
		}
		return err
	}, netip.Addr{})
	return conn, err
}

// connect makes one TCP connection from a to b and returns its two ends. The
// target is b's address, or a name for it.
func connect(t testing.TB, a, b *Client, name string) (dialed, accepted net.Conn) {
	t.Helper()
	l, at := b.Listen(t)
	target := at.String()
	if name != "" {
		target = net.JoinHostPort(name, fmt.Sprint(at.Port()))
	}
	type result struct {
		conn net.Conn
		err  error
	}
	got := make(chan result, 1)
	go func() {
		conn, err := l.Accept()
		got <- result{conn, err}
	}()
	eventually(t, 30*time.Second, fmt.Sprintf("%s dials %s", a.Name, target), func() (err error) {
		dialed, err = a.Dial(target)
		return err
	})
	t.Cleanup(func() { dialed.Close() })
	select {
	case r := <-got:
		if r.err != nil {
			t.Fatal(r.err)
		}
		t.Cleanup(func() { r.conn.Close() })
		return dialed, r.conn
	case <-time.After(15 * time.Second):
		t.Fatalf("%s never saw the connection of %s", b.Name, a.Name)
	}
	return nil, nil
}

// socksDial opens a TCP connection through a SOCKS5 proxy.
func socksDial(proxy, target string, deadline time.Time) (net.Conn, error) {
	host, port, err := net.SplitHostPort(target)
	if err != nil {
		return nil, err
	}
	conn, _, err := socksRequest(proxy, 1, host, port, deadline)
	return conn, err
}

// socksRequest speaks RFC 1928 up to the reply and returns the bound address.
func socksRequest(proxy string, command byte, host, port string,
	deadline time.Time) (net.Conn, netip.AddrPort, error) {
	var none netip.AddrPort
	number, err := net.LookupPort("tcp", port)
	if err != nil {
		return nil, none, err
	}
	conn, err := net.DialTimeout("tcp", proxy, 5*time.Second)
	if err != nil {
		return nil, none, err
	}
	conn.SetDeadline(deadline)
	bound, err := socksHandshake(conn, command, host, uint16(number))
	if err != nil {
		conn.Close()
		return nil, none, err
	}
	conn.SetDeadline(time.Time{})
	return conn, bound, nil
}

func socksHandshake(conn net.Conn, command byte, host string, port uint16) (netip.AddrPort, error) {
	var none netip.AddrPort
	if _, err := conn.Write([]byte{5, 1, 0}); err != nil {
		return none, err
	}
	var hello [2]byte
	if err := readFull(conn, hello[:]); err != nil {
		return none, err
	}
	if hello != [2]byte{5, 0} {
		return none, fmt.Errorf("socks: method %v refused", hello)
	}
	request := append([]byte{5, command, 0}, socksAddress(host, port)...)
	if _, err := conn.Write(request); err != nil {
		return none, err
	}
	var head [4]byte
	if err := readFull(conn, head[:]); err != nil {
		return none, err
	}
	if head[1] != 0 {
		return none, fmt.Errorf("socks: reply %d", head[1])
	}
	size := map[byte]int{1: 4, 4: 16}[head[3]]
	if size == 0 {
		return none, fmt.Errorf("socks: address type %d", head[3])
	}
	rest := make([]byte, size+2)
	if err := readFull(conn, rest); err != nil {
		return none, err
	}
	addr, _ := netip.AddrFromSlice(rest[:size])
	return netip.AddrPortFrom(addr, uint16(rest[size])<<8|uint16(rest[size+1])), nil
}

func socksAddress(host string, port uint16) []byte {
	var out []byte
	if addr, err := netip.ParseAddr(host); err != nil {
		out = append([]byte{3, byte(len(host))}, host...)
	} else if addr.Is4() {
		out = append([]byte{1}, addr.AsSlice()...)
	} else {
		out = append([]byte{4}, addr.AsSlice()...)
	}
	return append(out, byte(port>>8), byte(port))
}

// socksUDP is a UDP flow through a SOCKS5 association.
type socksUDP struct {
	net.Conn
	control net.Conn
	head    []byte
}

func socksAssociate(proxy string, target netip.AddrPort) (net.Conn, error) {
	soon := time.Now().Add(20 * time.Second)
	control, bound, err := socksRequest(proxy, 3, "0.0.0.0", "0", soon)
	if err != nil {
		return nil, err
	}
	udp, err := net.Dial("udp", bound.String())
	if err != nil {
		control.Close()
		return nil, err
	}
	head := append([]byte{0, 0, 0}, socksAddress(target.Addr().String(), target.Port())...)
	return &socksUDP{Conn: udp, control: control, head: head}, nil
}

func (s *socksUDP) Write(p []byte) (int, error) {
	if _, err := s.Conn.Write(append(s.head[:len(s.head):len(s.head)], p...)); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (s *socksUDP) Read(p []byte) (int, error) {
	buf := make([]byte, len(p)+len(s.head))
	n, err := s.Conn.Read(buf)
	if err != nil {
		return 0, err
	}
	if n < len(s.head) {
		return 0, errors.New("socks: short datagram")
	}
	return copy(p, buf[len(s.head):n]), nil
}

func (s *socksUDP) Close() error {
	s.control.Close()
	return s.Conn.Close()
}

func readFull(conn net.Conn, p []byte) error {
	for len(p) > 0 {
		n, err := conn.Read(p)
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}
