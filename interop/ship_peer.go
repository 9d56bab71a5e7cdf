// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// ShipPeer is a peer of the hub: a program around some SHIP library that is called as
//
//	PROGRAM -dir DIR -port PORT -id SHIPID [-echo] [-auto]
//
// with cert.pem and key.pem in DIR. It listens on PORT, tells each of its library's callbacks as
// a JSON object on one line of standard output, {"ev":EVENT,"t":UNIX_NS,"ski":SKI,...}, and takes
// commands, one a line, on standard input; after "end", or when that is closed, it ends.
//
//	ready                     it listens; "ski" is its own
//	connected, disconnected   data flows to and from a peer, or no longer does
//	state                     "state" is one of the library's own; its meaning differs
//	dial                      it is about to dial; told by those that choose the moment themselves
//	sent, got                 the answers to these commands: "count", "bytes", "sum", "opens"
//
//	at SKI HOST PORT PATH     its discovery reports this peer there; gone SKI takes that back
//	trust SKI, untrust SKI    register, unregister; cancel SKI refuses one that waits
//	disconnect SKI            ends the connection, the trust stays
//	wait 0|1                  whether a user could still decide
//	send SKI N LOW HIGH       payloads 0 to N-1 of shipnode.Payload, as big as SizeOf says
//	got SKI                   how often a connection opened, and what came over the last one
//
// "sum" is SHA-256 over the plain payloads one after the other, in hex.
type ShipPeer struct {
	t       testing.TB
	name    string
	ski     string
	port    int
	dir     string
	argv    []string
	log     shipLog
	mux     sync.Mutex // of commands that have an answer
	proc    *exec.Cmd
	stdin   io.WriteCloser
	ended   chan struct{}
	killed  bool // by us
	trusted map[string]bool
	at      map[string]int
	wait    bool
}

// startShipPeer starts one of shipPeerNames with the identity in dir.
func startShipPeer(t testing.TB, name, dir string, args ...string) *ShipPeer {
	t.Helper()
	return startShipPeerIn(t, nil, name, dir, args...)
}

// startShipPeerIn starts it on a host of its own; "-mdns INTERFACE" makes it look around there.
func startShipPeerIn(t testing.TB, host *Netns, name, dir string, args ...string) *ShipPeer {
	t.Helper()
	p := &ShipPeer{t: t, name: filepath.Base(name), dir: dir, port: freePort(t),
		trusted: map[string]bool{}, at: map[string]int{}}
	p.argv = append([]string{peerBin(t, name), "-dir", dir, "-port", strconv.Itoa(p.port),
		"-id", "Interop-" + p.name}, args...)
	if host != nil {
		p.argv = host.Wrap(p.argv)
	}
	p.start()
	t.Cleanup(p.stop)
	return p
}

func (p *ShipPeer) start() {
	p.t.Helper()
	mark := p.log.Mark()
	p.proc = exec.Command(p.argv[0], p.argv[1:]...)
	// What the program's library logs; a race that its detector finds is in it too.
	errs, err := os.OpenFile(filepath.Join(p.dir, p.name+".log"),
		os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		p.t.Fatal(err)
	}
	defer errs.Close()
	p.proc.Stderr = errs
	p.proc.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := p.proc.StdoutPipe()
	if err == nil {
		p.stdin, err = p.proc.StdinPipe()
	}
	if err == nil {
		err = p.proc.Start()
	}
	if err != nil {
		p.t.Fatalf("start %s: %v", p.name, err)
	}
	p.ended, p.killed = make(chan struct{}), false
	go p.read(out, p.proc, p.ended)
	p.ski = awaitEvent(p.t, p, mark, "ready", "", 10*time.Second).SKI
}

func (p *ShipPeer) read(out io.Reader, proc *exec.Cmd, ended chan struct{}) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct {
			Ev, SKI, Sum, Error string
			T                   int64
			Count, Bytes, Opens int
			State               any
		}
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue
		}
		p.log.add(shipEvent{At: time.Unix(0, e.T), Kind: e.Ev, SKI: e.SKI,
			State: fmt.Sprint(e.State), Text: lines.Text(), Opens: e.Opens,
			Tally: shipTally{e.Count, e.Bytes, e.Sum, e.Error}})
	}
	proc.Wait()
	close(ended)
}

// refusesTwins is whether a ship-go last refused us as a double connection.
func (p *ShipPeer) refusesTwins() bool {
	text, _ := os.ReadFile(filepath.Join(p.dir, p.name+".log"))
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Contains(strings.Join(lines[max(0, len(lines)-4):], " "),
		"closing incoming double connection")
}

func (p *ShipPeer) stop() {
	if p.t.Failed() {
		p.t.Logf("%s (%.6s) told:\n%s", p.name, p.ski, p.log.Tail(30))
		text, _ := os.ReadFile(filepath.Join(p.dir, p.name+".log"))
		p.t.Logf("its library logged at last:\n%s", text[max(0, len(text)-6000):])
	}
	if p.hasEnded() && !p.killed {
		text, _ := os.ReadFile(filepath.Join(p.dir, p.name+".log"))
		at := max(0, bytes.Index(text, []byte("panic:")))
		p.t.Errorf("%s ended by itself: %.3000s", p.name, text[at:])
	}
	p.stdin.Close()
	select {
	case <-p.ended:
	case <-time.After(8 * time.Second):
		p.Kill()
	}
}

func (p *ShipPeer) say(format string, args ...any) {
	fmt.Fprintf(p.stdin, format+"\n", args...)
}

// ask says a command and waits for its answer; a peer that ended has none.
func (p *ShipPeer) ask(limit time.Duration, kind, ski, format string, args ...any) (e shipEvent) {
	p.t.Helper()
	p.mux.Lock()
	defer p.mux.Unlock()
	mark := p.log.Mark()
	p.say(format, args...)
	err := poll(limit, func() (err error) {
		if e, err = seek(p, mark, kind, ski, 0); err != nil && p.hasEnded() {
			e.Tally.Error, err = "the peer has ended", nil
		}
		return err
	})
	if err != nil {
		p.t.Error(err)
	}
	return e
}

func (p *ShipPeer) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// shipCrash is a way of ship-go 0.6.0 to end: it writes to a connection while that is closed. It
// was mended in later ones.
const shipCrash = "panic: send on closed channel"

// crashed is whether the peer ended by itself in a known way.
func (p *ShipPeer) crashed() bool {
	text, _ := os.ReadFile(filepath.Join(p.dir, p.name+".log"))
	return p.hasEnded() && p.name == "shipgo-a" && strings.Contains(string(text), shipCrash)
}

func (p *ShipPeer) Name() string  { return p.name }
func (p *ShipPeer) SKI() string   { return p.ski }
func (p *ShipPeer) Port() int     { return p.port }
func (p *ShipPeer) Pid() int      { return p.proc.Process.Pid }
func (p *ShipPeer) Log() *shipLog { return &p.log }

func (p *ShipPeer) Trust(ski string) {
	p.trusted[ski] = true
	p.say("trust %s", ski)
}

func (p *ShipPeer) Untrust(ski string) {
	delete(p.trusted, ski)
	p.say("untrust %s", ski)
}

func (p *ShipPeer) Refuse(ski string) { p.say("cancel %s", ski) }

func (p *ShipPeer) DialTo(ski string, port int) {
	p.at[ski] = port
	p.say("at %s 127.0.0.1 %d /ship/", ski, port)
}

// Forget makes the peer not know where another is.
func (p *ShipPeer) Forget(ski string) {
	delete(p.at, ski)
	p.say("gone %s", ski)
}

// MayWait says whether a user could still decide.
func (p *ShipPeer) MayWait(yes bool) {
	p.wait = yes
	p.say("wait %d", map[bool]int{true: 1}[yes])
}

func (p *ShipPeer) Disconnect(ski string) { p.say("disconnect %s", ski) }

func (p *ShipPeer) Send(ski string, n, low, high int) shipTally {
	p.t.Helper()
	limit := 120*time.Second + time.Duration(n)*50*time.Millisecond
	return p.ask(limit, shipSent, ski, "send %s %d %d %d", ski, n, low, high).Tally
}

func (p *ShipPeer) Got(ski string) (int, shipTally) {
	p.t.Helper()
	e := p.ask(120*time.Second, shipGot, ski, "got %s", ski)
	return e.Opens, e.Tally
}

func (p *ShipPeer) Kill() {
	p.killed = true
	p.proc.Process.Kill()
	<-p.ended
}

func (p *ShipPeer) Restart() {
	p.t.Helper()
	p.start()
	for ski := range p.trusted {
		p.say("trust %s", ski)
	}
	for ski, port := range p.at {
		p.say("at %s 127.0.0.1 %d /ship/", ski, port)
	}
}
