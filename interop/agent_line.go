// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"context"
	"fmt"
	"time"

	"tailscale.com/control/controlclient"
	"tailscale.com/control/ts2021"
	"tailscale.com/net/netmon"
	"tailscale.com/net/tsdial"
	"tailscale.com/types/key"
	"tailscale.com/types/logger"
	"tailscale.com/util/eventbus"
)

// agentLine is one control client with its connection. It carries one session
// at a time and stays open between two, as that of a stock node does.
type agentLine struct {
	agent  *Agent
	direct *controlclient.Direct
	dialer *tsdial.Dialer
	bus    *eventbus.Bus
	noise  *ts2021.Client // of an agent with ears
	ready  bool           // it knows the server's key
}

func (a *Agent) newLine() (*agentLine, error) {
	l := &agentLine{agent: a, bus: eventbus.New(), dialer: tsdial.NewDialer(netmon.NewStatic())}
	l.dialer.Logf = logger.Discard
	l.dialer.SetBus(l.bus)
	a.mu.Lock()
	options := controlclient.Options{Persist: *a.persist.AsStruct(), ServerURL: a.url,
		AuthKey: a.authKey, Hostinfo: a.hostinfo.Clone(), Dialer: l.dialer, Bus: l.bus,
		Logf: logger.Discard, GetMachinePrivateKey: func() (key.MachinePrivate, error) {
			return a.machine, nil
		}}
	a.mu.Unlock()
	err := l.listen(&options)
	if err == nil {
		l.direct, err = controlclient.NewDirect(options)
	}
	if err != nil {
		l.bus.Close()
		return nil, err
	}
	return l, nil
}

func (l *agentLine) close() {
	l.direct.Close()
	if l.noise != nil {
		l.noise.Close()
	}
	l.dialer.Close()
	l.bus.Close()
}

// onLine lends the line of the newest session, or the one for the next.
func (a *Agent) onLine(use func(*agentLine) error) error {
	if s := a.newest(); s != nil {
		return use(s.line)
	}
	a.mu.Lock()
	line := a.spare
	a.mu.Unlock()
	if line == nil {
		var err error
		if line, err = a.newLine(); err != nil {
			return err
		}
		a.setSpare(line)
	}
	return use(line)
}

// login registers; with a node key that the server knows it changes nothing.
func (l *agentLine) login() error {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	l.describe()
	page, err := l.direct.TryLogin(ctx, 0)
	if err == nil && page != "" {
		err = fmt.Errorf("not authorized, login page %q", page)
	}
	if err == nil {
		l.ready = true
		l.keep()
	}
	return err
}

func (l *agentLine) logout() error {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	err := l.direct.TryLogout(ctx)
	l.keep()
	return err
}

// keep remembers the keys that a registration gave or took.
func (l *agentLine) keep() {
	l.agent.mu.Lock()
	defer l.agent.mu.Unlock()
	l.agent.persist = l.direct.GetPersist()
}

// poll streams maps to the session; a new line registers first, as a stock
// node does when it starts.
func (l *agentLine) poll(ctx context.Context, s *agentSession) error {
	if !l.ready {
		if err := l.login(); err != nil {
			return err
		}
	}
	l.describe()
	return l.direct.PollNetMap(ctx, s)
}

// update tells the server what changed, beside the session.
func (l *agentLine) update() error {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	l.describe()
	return l.direct.SendUpdate(ctx)
}

// describe gives the control client what the agent says of itself.
func (l *agentLine) describe() {
	a := l.agent
	a.mu.Lock()
	defer a.mu.Unlock()
	l.direct.SetHostinfo(a.hostinfo)
	l.direct.SetNetInfo(a.hostinfo.NetInfo)
	l.direct.SetEndpoints(a.endpoints)
	l.direct.SetDiscoPublicKey(a.disco)
}
