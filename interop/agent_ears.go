// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"tailscale.com/control/controlclient"
	"tailscale.com/control/ts2021"
	"tailscale.com/control/tsp"
)

// ears are those of an agent that can be deaf: it lives on, but leaves the pings
// unanswered that it gets on its map stream. A stock client answers by itself and
// has no switch for that, so the answer is held back on its way into Noise.
type ears struct {
	mu    sync.Mutex
	deaf  bool
	heard []string // what each ping wanted asked
}

const pingPath = "/machine/ping-response"

// Deafen makes an agent with ears deaf, or lets it hear again.
func (a *Agent) Deafen(deaf bool) {
	a.ears.mu.Lock()
	defer a.ears.mu.Unlock()
	a.ears.deaf = deaf
}

// IsDeaf tells whether the agent leaves pings unanswered.
func (a *Agent) IsDeaf() bool {
	a.ears.mu.Lock()
	defer a.ears.mu.Unlock()
	return a.ears.deaf
}

// Heard are the addresses in the pings that an agent with ears got so far.
func (a *Agent) Heard() []string {
	a.ears.mu.Lock()
	defer a.ears.mu.Unlock()
	return a.ears.heard[:len(a.ears.heard):len(a.ears.heard)]
}

// hear notes a ping and tells whether it is answered.
func (e *ears) hear(u *url.URL) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, u.String())
	return !e.deaf
}

// muffled is the way into Noise through the ears.
type muffled struct {
	*ts2021.Client
	ears *ears
}

func (m muffled) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == pingPath && r.Method == http.MethodHead && !m.ears.hear(r.URL) {
		return nil, errors.New("the agent is deaf")
	}
	return m.Client.Transport.RoundTrip(r)
}

// listen puts the ears of the agent, if it has some, into a new line.
func (l *agentLine) listen(options *controlclient.Options) error {
	if l.agent.ears == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	server, err := tsp.DiscoverServerKey(ctx, l.agent.url)
	if err != nil {
		return err
	}
	l.noise, err = ts2021.NewClient(ts2021.ClientOpts{ServerURL: l.agent.url,
		PrivKey: l.agent.machine, ServerPubKey: server, Dialer: l.dialer, Logf: options.Logf})
	if err != nil {
		return err
	}
	options.NoiseTestClient = &http.Client{Transport: muffled{l.noise, l.agent.ears}}
	return nil
}

// Ask sends a request inside Noise, beside the newest session.
func (a *Agent) Ask(method, pathQuery string) (status int, body string, err error) {
	err = a.onLine(func(l *agentLine) error {
		ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
		defer cancel()
		target := strings.Replace(a.url, "http:", "https:", 1) + pathQuery
		r, err := http.NewRequestWithContext(ctx, method, target, nil)
		if err != nil {
			return err
		}
		res, err := l.direct.DoNoiseRequest(r)
		if err != nil {
			return err
		}
		status, body, err = readAll(res)
		return err
	})
	return status, body, err
}
