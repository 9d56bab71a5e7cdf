// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tailscale.com/control/tsp"
	"tailscale.com/tailcfg"
	"tailscale.com/types/key"
)

// RawNode is a node without a data plane, on the Go control client of the
// current release: it says exactly what a test wants said, when it wants it.
type RawNode struct {
	Name     string
	Key      key.NodePrivate
	Disco    key.DiscoPrivate
	Hostinfo *tailcfg.Hostinfo
	server   *Server
	client   *tsp.Client
	session  *tsp.MapSession

	mu    sync.Mutex
	first *tailcfg.MapResponse
	self  *tailcfg.Node
	ended error
}

// newRawNode makes a node that is not registered yet.
func newRawNode(server *Server, name string) (*RawNode, error) {
	client, err := tsp.NewClient(tsp.ClientOpts{ServerURL: server.URL,
		MachineKey: key.NewMachine()})
	if err != nil {
		return nil, err
	}
	return &RawNode{Name: name, Key: key.NewNode(), Disco: key.NewDisco(), server: server,
		client: client, Hostinfo: &tailcfg.Hostinfo{Hostname: name, OS: "linux",
			BackendLogID: strings.Repeat("ab", 32), IPNVersion: "1.102.5"}}, nil
}

// joinRawNode registers a node by key, opens its map session, and waits for
// the first map.
func joinRawNode(t testing.TB, server *Server, name, authKey string) *RawNode {
	t.Helper()
	n, err := newRawNode(server, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	eventually(t, 20*time.Second, name+" registers", func() error { return n.Register(authKey) })
	if err := n.Poll(); err != nil {
		t.Fatalf("%s: map: %v", name, err)
	}
	return n
}

// Register registers by pre-auth key.
func (n *RawNode) Register(authKey string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	res, err := n.client.Register(ctx, tsp.RegisterOpts{NodeKey: n.Key, AuthKey: authKey,
		Hostinfo: n.Hostinfo.Clone()})
	if err == nil && !res.MachineAuthorized {
		err = fmt.Errorf("not authorized, login page %q", res.AuthURL)
	}
	return err
}

// Poll opens the streaming session, waits for its first map and goes on
// reading it in the background.
func (n *RawNode) Poll() error {
	ctx := context.Background()
	session, err := n.client.Map(ctx, tsp.MapOpts{NodeKey: n.Key, Stream: true,
		Hostinfo: n.Hostinfo.Clone()})
	if err != nil {
		return err
	}
	timer := time.AfterFunc(15*time.Second, func() { session.Close() })
	first, err := session.Next()
	timer.Stop()
	if err != nil {
		session.Close()
		return err
	}
	if first.Node == nil {
		session.Close()
		return errors.New("the first frame of the session has no Node")
	}
	n.session, n.first, n.self = session, first, first.Node
	go n.read(session)
	return nil
}

func (n *RawNode) read(session *tsp.MapSession) {
	for {
		res, err := session.Next()
		n.mu.Lock()
		if err != nil {
			n.ended = err
			n.mu.Unlock()
			return
		}
		if res.Node != nil {
			n.self = res.Node
		}
		n.mu.Unlock()
	}
}

// Self is the node as the server last described it.
func (n *RawNode) Self() *tailcfg.Node {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.self
}

// DERPMap is the relay map of the first answer.
func (n *RawNode) DERPMap() *tailcfg.DERPMap { return n.first.DERPMap }

// Update sends hostinfo, endpoints and disco key as clients do: in a lite
// update beside the streaming session.
func (n *RawNode) Update(endpoints ...netip.AddrPort) error {
	types := slices.Repeat([]tailcfg.EndpointType{tailcfg.EndpointLocal}, len(endpoints))
	body, err := json.Marshal(tailcfg.MapRequest{
		Version: tailcfg.CurrentCapabilityVersion, NodeKey: n.Key.Public(),
		DiscoKey: n.Disco.Public(), Hostinfo: n.Hostinfo, Endpoints: endpoints,
		EndpointTypes: types, OmitPeers: true, Compress: "zstd"})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	url := strings.Replace(n.server.URL, "http:", "https:", 1) + "/machine/map"
	req, err := http.NewRequestWithContext(ctx, "POST", url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	res, err := n.session.NoiseRoundTrip(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(res.Body, 4096))
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("lite update: %s: %s", res.Status, text)
	}
	return nil
}

// Close ends the session and the connection.
func (n *RawNode) Close() {
	if n.session != nil {
		n.session.Close()
	}
	n.client.Close()
}
