// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fairlead.test/interop/shipnode"
)

// shipStandIn names a peer that stands in for the hub while the harness itself is tested. Cases
// that need the hub are skipped.
var shipStandIn = os.Getenv("INTEROP_SHIP_STANDIN")

// ShipHub is `fairlead ship run` on a folder of state, driven through its socket.
type ShipHub struct {
	t      testing.TB
	Dir    string
	ski    string
	port   int
	netns  *Netns
	args   []string
	env    []string
	proc   *Proc
	starts int
	http   *http.Client
	log    shipLog
	mux    sync.Mutex // of got
	got    map[string]*shipStream
	ended  chan struct{} // the stream of events, of this start
}

// shipStream is what came of one peer over its last connection.
type shipStream struct {
	opens, count, bytes int
	sum                 hash.Hash
}

func (s *shipStream) open() { *s = shipStream{opens: s.opens + 1, sum: sha256.New()} }

// ShipHubOptions are further arguments of `ship run`; by default it listens on loopback and does
// not look around.
type ShipHubOptions struct {
	Netns *Netns
	Rule  string
	PIN   string
	Args  []string // in place of no discovery
	Env   []string
}

// newShipEnd is the hub under test, or what stands in for it.
func newShipEnd(t testing.TB, rule string) shipEnd {
	t.Helper()
	if shipStandIn != "" {
		dir, _ := shipIdentity(t, true, "")
		return startShipPeer(t, shipStandIn, dir)
	}
	return startShipHub(t, ShipHubOptions{Rule: rule})
}

func startShipHub(t testing.TB, o ShipHubOptions) *ShipHub {
	t.Helper()
	if shipStandIn != "" {
		t.Skip("needs the hub itself")
	}
	h := &ShipHub{t: t, Dir: workDir(t), netns: o.Netns, env: o.Env,
		got: map[string]*shipStream{}}
	t.Cleanup(func() {
		if err := sanitizerReports(h.Dir); err != nil {
			t.Error(err)
		}
	})
	h.port = 4712
	listen := ":4712"
	if o.Netns == nil {
		h.port = freePort(t)
		listen = fmt.Sprintf("127.0.0.1:%d", h.port)
	}
	h.args = []string{serverBin(t), "ship", "run", "--state-dir", filepath.Join(h.Dir, "state"),
		"--listen", listen, "--id", "Interop-Hub-1"}
	if o.Rule != "" {
		h.args = append(h.args, "--rule", o.Rule)
	}
	if o.PIN != "" {
		file := filepath.Join(h.Dir, "pin")
		if err := os.WriteFile(file, []byte(o.PIN+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		h.args = append(h.args, "--pin-file", file)
	}
	if o.Args == nil {
		o.Args = []string{"--mdns", "none"}
	}
	h.args = append(h.args, o.Args...)
	h.http = &http.Client{Timeout: 10 * time.Second, Transport: h.transport()}
	h.start()
	return h
}

func (h *ShipHub) transport() *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(h.Dir, "state", "ship.sock"))
	}}
}

func (h *ShipHub) start() {
	h.t.Helper()
	h.starts++
	name := fmt.Sprintf("hub-%d", h.starts)
	h.proc = startProc(h.t, name, h.Dir, h.netns, append(sanitizerEnv(h.Dir), h.env...),
		h.args...)
	current := h.proc
	h.t.Cleanup(func() {
		if h.proc == current {
			h.finish()
		}
	})
	var status struct{ SKI string }
	err := poll(10*time.Second, func() error {
		if !current.Alive() {
			return nil
		}
		return h.call("GET", "status", nil, &status)
	})
	if err != nil || !current.Alive() {
		h.t.Fatalf("the hub does not run: %v\n%s", err, current.Tail(40))
	}
	h.ski = status.SKI
	h.follow()
}

// finish stops the hub and complains about anything but a clean stop.
func (h *ShipHub) finish() {
	if h.t.Failed() {
		h.t.Logf("the hub (%.6s) told:\n%s", h.ski, h.log.Tail(30))
	}
	if !h.proc.Alive() {
		h.t.Errorf("the hub died on its own\n%s", h.proc.Tail(40))
		return
	}
	if code, err := h.proc.Stop(syscall.SIGTERM, 10*time.Second); err != nil || code != 0 {
		h.t.Errorf("the hub stopped with exit code %d: %v\n%s", code, err, h.proc.Tail(40))
	}
}

// call asks the socket; a status that is no success is an error.
func (h *ShipHub) call(method, path string, in, out any) error {
	var body io.Reader
	switch in := in.(type) {
	case nil:
	case []byte:
		body = bytes.NewReader(in)
	default:
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequest(method, "http://hub/api/v1/ship/"+path, body)
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := h.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 4<<20))
	if err == nil && res.StatusCode >= 300 {
		err = &shipRefusal{res.StatusCode, fmt.Sprintf("%s %s: %s: %s", method, path, res.Status,
			strings.TrimSpace(string(text)))}
	}
	if err == nil && out != nil {
		err = json.Unmarshal(text, out)
	}
	return err
}

// shipRefusal is an answer that is no success.
type shipRefusal struct {
	status int
	text   string
}

func (r *shipRefusal) Error() string { return r.text }

// must calls and ends the case where that fails.
func (h *ShipHub) must(method, path string, in any) {
	h.t.Helper()
	if err := h.call(method, path, in, nil); err != nil {
		h.t.Fatal(err)
	}
}

func (h *ShipHub) device(ski, what string, in any) {
	h.t.Helper()
	h.must("POST", "devices/"+ski+"/"+what, in)
}

// follow reads the stream of events until the hub ends.
func (h *ShipHub) follow() {
	h.t.Helper()
	res, err := (&http.Client{Transport: h.transport()}).Get("http://hub/api/v1/ship/events")
	if err != nil || res.StatusCode != http.StatusOK {
		h.t.Fatalf("the events of the hub: %v %v", err, res)
	}
	ended := make(chan struct{})
	h.ended = ended
	go func() {
		defer close(ended)
		defer res.Body.Close()
		lines := bufio.NewScanner(res.Body)
		lines.Buffer(nil, 8<<20)
		for lines.Scan() {
			h.hear(lines.Bytes())
		}
		h.log.add(shipEvent{At: time.Now(), Kind: shipDeaf, Text: "the stream of events has ended"})
	}()
}

func (h *ShipHub) hear(line []byte) {
	var e struct {
		Event, SKI, State string
		Payload           json.RawMessage
	}
	if json.Unmarshal(line, &e) != nil {
		return
	}
	at := time.Now()
	h.mux.Lock()
	s := h.got[e.SKI]
	if s == nil {
		s = &shipStream{sum: sha256.New()}
		h.got[e.SKI] = s
	}
	switch e.Event {
	case "data":
		s.count++
		s.bytes += len(e.Payload)
		s.sum.Write(e.Payload)
		if len(e.Payload) < 1024 {
			h.log.add(shipEvent{At: at, Kind: shipPayload, SKI: e.SKI, Text: string(e.Payload)})
		}
	case "connected", "replaced":
		s.open()
	}
	h.mux.Unlock()
	if e.Event != "data" {
		h.log.add(shipEvent{At: at, Kind: e.Event, SKI: e.SKI, State: e.State, Text: string(line)})
	}
}

func (h *ShipHub) Name() string  { return "hub" }
func (h *ShipHub) SKI() string   { return h.ski }
func (h *ShipHub) Port() int     { return h.port }
func (h *ShipHub) Pid() int      { return h.proc.cmd.Process.Pid }
func (h *ShipHub) Log() *shipLog { return &h.log }

func (h *ShipHub) Trust(ski string) {
	h.t.Helper()
	h.device(ski, "pair", nil)
}

func (h *ShipHub) Untrust(ski string) {
	h.t.Helper()
	h.must("DELETE", "devices/"+ski, nil)
}

func (h *ShipHub) Refuse(ski string) {
	h.t.Helper()
	h.device(ski, "refuse", nil)
}

func (h *ShipHub) DialTo(ski string, port int) {
	h.t.Helper()
	h.device(ski, "connect", map[string]any{"host": "127.0.0.1", "port": port, "path": "/ship/"})
}

func (h *ShipHub) Disconnect(ski string) {
	h.t.Helper()
	h.device(ski, "disconnect", map[string]any{"hold": false})
}

// Send queues payloads one by one, again after a moment where the queue is full.
func (h *ShipHub) Send(ski string, n, low, high int) shipTally {
	h.t.Helper()
	sum, sent := sha256.New(), shipTally{}
	for i := range n {
		payload := shipnode.Payload(i, shipnode.SizeOf(i, low, high))
		err := poll(30*time.Second, func() error {
			err := h.call("POST", "devices/"+ski+"/send", payload, nil)
			if r, ok := err.(*shipRefusal); ok && r.status != http.StatusServiceUnavailable {
				sent.Error = r.text
				return nil
			}
			return err
		})
		if err != nil {
			sent.Error = err.Error()
		}
		if sent.Error != "" {
			break
		}
		sent.Count++
		sent.Bytes += len(payload)
		sum.Write(payload)
	}
	sent.Sum = hex.EncodeToString(sum.Sum(nil))
	return sent
}

func (h *ShipHub) Got(ski string) (int, shipTally) {
	h.mux.Lock()
	defer h.mux.Unlock()
	s := h.got[ski]
	if s == nil {
		return 0, shipTally{}
	}
	return s.opens, shipTally{Count: s.count, Bytes: s.bytes, Sum: hex.EncodeToString(s.sum.Sum(nil))}
}

// Ends are those of the connection to a peer, as the hub tells them.
func (h *ShipHub) Ends(ski string) (here, there netip.AddrPort, err error) {
	var device struct{ Local, Remote string }
	if err = h.call("GET", "devices/"+ski, nil, &device); err != nil {
		return here, there, err
	}
	here, err = netip.ParseAddrPort(device.Local)
	there, err2 := netip.ParseAddrPort(device.Remote)
	return here, there, errors.Join(err, err2)
}

func (h *ShipHub) Kill() {
	h.proc.Kill()
	<-h.ended
}

func (h *ShipHub) Restart() {
	h.t.Helper()
	h.start()
}
