// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"fairlead.test/interop/shipnode"
)

// show makes a client or server show a certificate whatever the other side asks for.
func show(config *tls.Config, id *shipnode.Identity) {
	config.Certificates = nil
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return &id.Cert, nil
	}
	config.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return &id.Cert, nil
	}
}

// shipBadPeer spoils the settings of a peer; ski is that of the key that it then has.
type shipBadPeer struct {
	ski   string
	spoil func(*tls.Config)
}

// shipBadPeers are ways to be no peer of SHIP; victim is trusted by the hub.
func shipBadPeers(t *testing.T, victim string) map[string]shipBadPeer {
	with := func(id *shipnode.Identity) shipBadPeer {
		return shipBadPeer{id.SKI, func(c *tls.Config) { show(c, id) }}
	}
	flawed := func(f shipnode.Flaws) shipBadPeer { return with(shipNewIdentity(t, f)) }
	mangled := func(f func([]byte) []byte) shipBadPeer {
		return with(shipNewIdentity(t, shipnode.Flaws{CN: "Mangled"}).Mangled(f))
	}
	ski, err := hex.DecodeString(victim)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]shipBadPeer{
		"SKI of another":       flawed(shipnode.Flaws{CN: "Forged", SKI: ski}),
		"SKI of 19 bytes":      flawed(shipnode.Flaws{CN: "Short", SKI: ski[:19]}),
		"SKI of 21 bytes":      flawed(shipnode.Flaws{CN: "Long", SKI: append(ski[:20:20], 0)}),
		"no SKI":               flawed(shipnode.Flaws{CN: "Without", NoSKI: true}),
		"RSA":                  flawed(shipnode.Flaws{CN: "RSA", RSA: true}),
		"certificate cut off":  mangled(func(der []byte) []byte { return der[:len(der)/2] }),
		"certificate of zeros": mangled(func([]byte) []byte { return shipnode.Padded(60_000) }),
		"certificate with a key that is no point": mangled(func(der []byte) []byte {
			at := bytes.Index(der, []byte{0x03, 0x42, 0x00, 0x04})
			der[at+10] ^= 0xff
			return der
		}),
		"TLS 1.1": {victim, func(c *tls.Config) {
			c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
			c.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		}},
		"none of the suites": {victim, func(c *tls.Config) {
			c.MaxVersion = tls.VersionTLS12
			c.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}
		}},
	}
}

// A client that is no peer hears an alert of TLS before any byte of HTTP.
func TestShipBadClients(t *testing.T) {
	t.Parallel()
	hub := startShipHub(t, ShipHubOptions{})
	victim := newShipScript(t, hub)
	bad := shipBadPeers(t, victim.id.SKI)
	bad["no certificate"] = shipBadPeer{"", func(c *tls.Config) { c.Certificates = nil }}
	for name, peer := range bad {
		t.Run(name, func(t *testing.T) {
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				config := shipnode.TLSConfig(victim.id)
				config.MaxVersion = version
				peer.spoil(config)
				l, err := shipnode.Dial(victim.addr(), "/ship/", "", config)
				if err == nil {
					l.Close()
					t.Fatalf("%s got in", tls.VersionName(version))
				}
				if !strings.Contains(err.Error(), "remote error: tls:") &&
					!strings.Contains(err.Error(), "connection reset") {
					t.Errorf("%s: no alert: %v", tls.VersionName(version), err)
				}
			}
		})
	}
	wellAfter(t, hub)
}

// A server that is not the peer that was dialled hears an alert, and not one byte of HTTP.
func TestShipBadServers(t *testing.T) {
	t.Parallel()
	hub := startShipHub(t, ShipHubOptions{})
	wanted := shipNewIdentity(t, shipnode.Flaws{CN: "Wanted"})
	other := shipNewIdentity(t, shipnode.Flaws{CN: "Other"})
	bad := shipBadPeers(t, wanted.SKI)
	bad["another peer"] = shipBadPeer{wanted.SKI, func(c *tls.Config) { show(c, other) }}
	bad["another peer that says it is this one"] = shipBadPeer{wanted.SKI, bad["SKI of another"].spoil}
	for name, peer := range bad {
		t.Run(name, func(t *testing.T) {
			config := shipnode.TLSConfig(wanted)
			peer.spoil(config)
			server := newShipServer(t, config)
			mark := hub.Log().Mark()
			hub.Trust(peer.ski)
			hub.DialTo(peer.ski, server.port)
			select {
			case h := <-server.heard:
				if h.err == nil || len(h.bytes) > 0 {
					t.Errorf("the hub went on: %q", h.bytes)
				}
			case <-time.After(8 * time.Second):
				t.Error("the hub did not dial")
			}
			awaitState(t, hub, mark, peer.ski, 5*time.Second, "error")
			hub.Untrust(peer.ski)
		})
	}
}

// TLS 1.2 with the suite that every node has to have, in both roles.
func TestShipMandatorySuite(t *testing.T) {
	t.Parallel()
	hub := startShipHub(t, ShipHubOptions{})
	s := newShipScript(t, hub)
	config := shipnode.TLSConfig(s.id)
	config.MaxVersion = tls.VersionTLS12
	config.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256}
	l, err := shipnode.Dial(s.addr(), "/ship/", hub.SKI(), config)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	server := newShipServer(t, config)
	hub.DialTo(s.id.SKI, server.port)
	h := <-server.heard
	if !bytes.HasPrefix(h.bytes, []byte("GET /ship/ HTTP/1.1\r\n")) {
		t.Errorf("the hub said %q, %v", h.bytes, h.err)
	}
}
