// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"fairlead.test/interop/shipnode"
)

const envelope = `{"data":[{"header":[{"protocolId":"ee1.0"}]},{"payload":`

func dataText(value string) []byte { return append([]byte{shipnode.TypeData}, value...) }

// raw is a frame as a client sends it: masked, with a mask of zeros.
func raw(head byte, payload []byte) []byte {
	frame := []byte{head, 0x80}
	switch n := len(payload); {
	case n < 126:
		frame[1] |= byte(n)
	case n < 1<<16:
		frame[1] |= 126
		frame = binary.BigEndian.AppendUint16(frame, uint16(n))
	default:
		frame[1] |= 127
		frame = binary.BigEndian.AppendUint64(frame, uint64(n))
	}
	return append(append(frame, 0, 0, 0, 0), payload...)
}

// What devices are known to send is read for what it means.
func TestShipForms(t *testing.T) {
	t.Parallel()
	binaryFrame := func(value string) func(*shipnode.Link) error {
		return func(l *shipnode.Link) error {
			return l.WriteFrame(true, shipnode.OpBinary, dataText(value))
		}
	}
	one := `{"datagram":{"a":1}}`
	cases := map[string]struct {
		send func(*shipnode.Link) error
		want []string
	}{
		"wire": {binaryFrame(envelope + `{"datagram":[{"a":1}]}}]}`), []string{one}},
		"white space": {binaryFrame("{ \"data\" : [\n\t{ \"header\": [ " +
			"{\"protocolId\": \"ee1.0\"} ] },\r\n" +
			" {\"payload\" : { \"datagram\" : [ { \"a\" : 1 } ] } } ] }"), []string{one}},
		"a trailing zero": {binaryFrame(envelope + `{"datagram":[{"a":1}]}}]}` + "\x00"), []string{one}},
		"plain": {binaryFrame(`{"data":{"header":{"protocolId":"ee1.0"},"payload":` + one + `}}`),
			[]string{one}},
		"text that looks like syntax": {
			binaryFrame(envelope + `{"datagram":[{"t":"[{x},{y}] [] }]"},{"u":"\\\"[{"}]}}]}`),
			[]string{`{"datagram":{"t":"[{x},{y}] [] }]","u":"\\\"[{"}}`}},
		"numbers": {binaryFrame(envelope +
			`{"datagram":[{"a":2.50},{"b":-1.5e+30},{"c":12345678901234567890}]}}]}`),
			[]string{`{"datagram":{"a":2.50,"b":-1.5e+30,"c":12345678901234567890}}`}},
		"nested lists": {binaryFrame(envelope +
			`{"datagram":[{"l":[[{"x":1},{"y":2}],[{"x":3}]]},{"s":[1,2]},{"e":[]}]}}]}`),
			[]string{`{"datagram":{"l":[{"x":1,"y":2},{"x":3}],"s":[1,2],"e":{}}}`}},
		"UTF-8": {binaryFrame(envelope + `{"datagram":[{"t":"Wärme \u20ac 🔌"}]}}]}`),
			[]string{`{"datagram":{"t":"Wärme \u20ac 🔌"}}`}},
		"unknown members": {binaryFrame(`{"data":[{"header":[{"protocolId":"ee1.0"},{"x":1}]},` +
			`{"new":[{"y":[]}]},{"payload":{"datagram":[{"a":1}]}}]}`), []string{one}},
		"an extension": {binaryFrame(envelope + `{"datagram":[{"a":1}]}},` +
			`{"extension":[{"extensionId":"e"},{"string":"s"}]}]}`), []string{one}},
		"fragments with a ping between": {func(l *shipnode.Link) error {
			text := dataText(envelope + `{"datagram":[{"a":1}]}}]}`)
			return errors.Join(l.WriteFrame(false, shipnode.OpBinary, text[:5]),
				l.WriteFrame(true, shipnode.OpPing, []byte("between")),
				l.WriteFrame(false, shipnode.OpContinue, text[5:9]),
				l.WriteFrame(true, shipnode.OpContinue, text[9:]))
		}, []string{one}},
		"three in one record": {func(l *shipnode.Link) error {
			frame := raw(0x82, dataText(envelope+`{"datagram":[{"a":1}]}}]}`))
			return l.WriteRaw(append(append(append([]byte{}, frame...), frame...), frame...))
		}, []string{one, one, one}},
		"byte by byte": {func(l *shipnode.Link) (err error) {
			for _, b := range raw(0x82, dataText(envelope+`{"datagram":[{"a":1}]}}]}`)) {
				err = errors.Join(err, l.WriteRaw([]byte{b}))
			}
			return err
		}, []string{one}},
	}
	hub := startShipHub(t, ShipHubOptions{})
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newShipScript(t, hub)
			defer hub.Untrust(s.id.SKI)
			l := s.open()
			defer l.Close()
			mark := hub.Log().Mark()
			if err := c.send(l); err != nil {
				t.Fatal(err)
			}
			s.delivers(mark, c.want...)
			s.works(l, name)
		})
	}
}

// What does not belong into the exchange of data is answered or passed over.
func TestShipChatter(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ send, answer string }{
		"access methods asked again": {`{"accessMethodsRequest":{}}`, "accessMethods"},
		"access methods not asked for": {
			`{"accessMethods":{"id":"Script-1","dns":"wss://x:1/","dnsSd_mDns":{}}}`, ""},
		"an unknown message": {`{"connectionNews":{"x":[1]}}`, ""},
		"a hello":            {`{"connectionHello":{"phase":"ready","waiting":60000}}`, ""},
	}
	hub := startShipHub(t, ShipHubOptions{})
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newShipScript(t, hub)
			defer hub.Untrust(s.id.SKI)
			l := s.open()
			defer l.Close()
			if err := l.Control(c.send); err != nil {
				t.Fatal(err)
			}
			if c.answer != "" {
				if m, err := l.Receive(3 * time.Second); err != nil || m.Root != c.answer {
					t.Errorf("the hub answers %v, %v", m, err)
				}
			}
			s.works(l, name)
		})
	}
}

// What no peer may send ends its connection and nothing else.
func TestShipViolations(t *testing.T) {
	t.Parallel()
	whole := func(op byte, payload string) func(*shipnode.Link) error {
		return func(l *shipnode.Link) error { return l.WriteFrame(true, op, []byte(payload)) }
	}
	bytesOf := func(frame ...byte) func(*shipnode.Link) error {
		return func(l *shipnode.Link) error { return l.WriteRaw(frame) }
	}
	cases := map[string]struct {
		send func(*shipnode.Link) error
		code int
	}{
		"a message of one byte":      {whole(shipnode.OpBinary, "\x01"), 0},
		"an empty message":           {whole(shipnode.OpBinary, ""), 0},
		"an unknown type":            {whole(shipnode.OpBinary, "\x09{}"), 0},
		"a text frame":               {whole(shipnode.OpText, `{"data":[]}`), 0},
		"a frame without a mask":     {bytesOf(0x82, 2, 0, 0), 0},
		"a reserved bit":             {bytesOf(0xc2, 0x82, 0, 0, 0, 0, 0, 0), 0},
		"an unknown frame":           {bytesOf(0x83, 0x80, 0, 0, 0, 0), 0},
		"a ping in pieces":           {bytesOf(0x09, 0x80, 0, 0, 0, 0), 0},
		"a long ping":                {whole(shipnode.OpPing, strings.Repeat("x", 126)), 0},
		"a continuation of nothing":  {bytesOf(0x80, 0x81, 0, 0, 0, 0, 1), 0},
		"a frame of an exabyte":      {bytesOf(0x82, 0xff, 0x0f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 1009},
		"a message of two megabytes": {whole(shipnode.OpBinary, "\x02"+strings.Repeat(" ", 2<<20)), 1009},
		"endless pieces of a message": {func(l *shipnode.Link) (err error) {
			piece := []byte(strings.Repeat("[", 60_000))
			err = l.WriteFrame(false, shipnode.OpBinary, append([]byte{2}, piece...))
			for range 40 {
				if err != nil {
					return nil // it was closed on the way, as it should be
				}
				err = l.WriteFrame(false, shipnode.OpContinue, piece)
			}
			return nil
		}, 1009},
	}
	hub := startShipHub(t, ShipHubOptions{})
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newShipScript(t, hub)
			defer hub.Untrust(s.id.SKI)
			l := s.open()
			defer l.Close()
			if err := c.send(l); err != nil && c.code == 0 {
				t.Fatal(err)
			}
			s.ends(l, 4*time.Second, c.code)
		})
	}
	wellAfter(t, hub)
}

// JSON made to hurt: nothing of it is delivered, and the hub goes on.
func TestShipJSONBombs(t *testing.T) {
	t.Parallel()
	deep := func(open, shut string, n int) string {
		return strings.Repeat(open, n) + "1" + strings.Repeat(shut, n)
	}
	cases := map[string]string{
		"100,000 lists in each other":   deep("[", "]", 100_000),
		"100,000 objects in each other": deep(`[{"a":`, "}]", 100_000),
		"a list that never ends":        strings.Repeat("[", 500_000),
		"an object that never ends":     strings.Repeat(`{"a":`, 100_000),
		"text that never ends":          `[{"a":"` + strings.Repeat("x", 900_000),
		"broken UTF-8":                  "[{\"a\":\"\xff\xfe\"}]",
		"a control byte":                "[{\"a\":\"\x01\"}]",
		"half a surrogate":              `[{"a":"\ud800`,
	}
	hub := startShipHub(t, ShipHubOptions{})
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			s := newShipScript(t, hub)
			defer hub.Untrust(s.id.SKI)
			l := s.open()
			defer l.Close()
			mark := hub.Log().Mark()
			if err := l.Send(shipnode.TypeData, envelope+`{"datagram":`+text+"}}]}"); err != nil {
				t.Fatal(err)
			}
			l.Control(`{"accessMethodsRequest":{}}`) // an answer or the end shows it was read
			l.Receive(4 * time.Second)
			if n := len(hub.Log().Since(mark, shipPayload, s.id.SKI)); n > 0 {
				t.Errorf("%d payloads came of it", n)
			}
		})
	}
	wellAfter(t, hub)
}

func TestShipHandshakeForms(t *testing.T) {
	t.Parallel()
	hub := startShipHub(t, ShipHubOptions{})
	t.Run("a version above ours is answered with 1.0", func(t *testing.T) {
		s := newShipScript(t, hub)
		l := s.dial()
		shipHello(t, l)
		l.Send(shipnode.TypeControl, `{"messageProtocolHandshake":[{"handshakeType":"announceMax"},`+
			`{"version":[{"major":1},{"minor":1}]},{"formats":[{"format":["JSON-UTF8","JSON-UTF16"]}]}]}`)
		m, err := l.Receive(3 * time.Second)
		const want = `{"messageProtocolHandshake":{"handshakeType":"select",` +
			`"version":{"major":1,"minor":0},"formats":{"format":["JSON-UTF8"]}}}`
		if err != nil || string(m.Plain) != want {
			t.Errorf("the hub says %v, %v", m, err)
		}
	})
	t.Run("a hello with members of a later version", func(t *testing.T) {
		s := newShipScript(t, hub)
		l := s.dial()
		shipBegin(t, l)
		l.Send(shipnode.TypeControl, `{"connectionHello":[{"phase":"ready"},{"waiting":60000},`+
			`{"keyMaterialState":[{"version":1}]}]}`)
		l.Send(shipnode.TypeControl, `{"messageProtocolHandshake":[{"handshakeType":"announceMax"},`+
			`{"version":[{"major":1},{"minor":0}]},{"formats":[{"format":["JSON-UTF8"]}]}]}`)
		if m, err := l.Receive(3 * time.Second); err != nil || m.Text("handshakeType") != "select" {
			t.Errorf("the hub says %v, %v", m, err)
		}
	})
	t.Run("no common format", func(t *testing.T) {
		s := newShipScript(t, hub)
		l := s.dial()
		shipHello(t, l)
		l.Send(shipnode.TypeControl, `{"messageProtocolHandshake":[{"handshakeType":"announceMax"},`+
			`{"version":[{"major":1},{"minor":0}]},{"formats":[{"format":["XML"]}]}]}`)
		m, err := l.Receive(3 * time.Second)
		if err != nil || string(m.Plain) != `{"messageProtocolHandshakeError":{"error":3}}` {
			t.Errorf("the hub says %v, %v", m, err)
		}
		s.ends(l, 3*time.Second, 0)
	})
	t.Run("a beginning that is none is answered before the end", func(t *testing.T) {
		s := newShipScript(t, hub)
		l := s.dial()
		l.Send(shipnode.TypeInit, "\x01")
		if m, err := l.Receive(3 * time.Second); err != nil || m.Kind != shipnode.TypeInit {
			t.Errorf("the hub says %v, %v", m, err)
		}
		s.ends(l, 3*time.Second, 0)
	})
	t.Run("a hello with an unknown phase is aborted", func(t *testing.T) {
		s := newShipScript(t, hub)
		l := s.dial()
		shipBegin(t, l)
		l.Send(shipnode.TypeControl, `{"connectionHello":[{"phase":"maybe"}]}`)
		m, err := l.Receive(3 * time.Second)
		if err != nil || m.Text("phase") != "aborted" {
			t.Errorf("the hub says %v, %v", m, err)
		}
		s.ends(l, 4*time.Second, 4452)
	})
	t.Run("data before its time waits", func(t *testing.T) {
		s := newShipScript(t, hub)
		l := s.dial()
		mark := hub.Log().Mark()
		early := `{"datagram":{"early":1}}`
		g := &shipnode.Greeting{ID: "Script-1", Phase: func(phase string) {
			if phase == "pin" {
				l.Data([]byte(early))
			}
		}}
		if err := l.Handshake(g); err != nil {
			t.Fatal(err)
		}
		s.access(l)
		s.delivers(mark, early)
	})
	t.Run("a peer that offers no sub-protocol gets 400", func(t *testing.T) {
		s := newShipScript(t, hub)
		config := shipnode.TLSConfig(s.id)
		c, err := tls.Dial("tcp", s.addr(), config)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, err = shipnode.Upgrade(c, s.addr(), "/ship/", "")
		if err == nil || !strings.Contains(err.Error(), "400") {
			t.Errorf("the hub answers with %v", err)
		}
	})
	wellAfter(t, hub)
}

// shipBegin goes from the first message to the hub's hello.
func shipBegin(t *testing.T, l *shipnode.Link) {
	t.Helper()
	l.Send(shipnode.TypeInit, "\x00")
	for i, want := range []string{"", "connectionHello"} {
		if m, err := l.Receive(3 * time.Second); err != nil || m.Root != want {
			t.Fatalf("message %d of the hub is %v, %v", i, m, err)
		}
	}
}

func shipHello(t *testing.T, l *shipnode.Link) {
	t.Helper()
	shipBegin(t, l)
	l.Control(`{"connectionHello":{"phase":"ready","waiting":60000}}`)
}
