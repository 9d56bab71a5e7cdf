// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// pong is the answer of the admin API to a ping.
type pong struct {
	NodeID   string  `json:"nodeId"`
	Answered bool    `json:"answered"`
	Seconds  float64 `json:"seconds"`
}

// Ping asks a node, by whatever names it, whether it is there.
func (m *Mesh) Ping(target string, limit time.Duration) (p pong, err error) {
	path := fmt.Sprintf("/api/v1/node/%s/ping?timeout=%v", url.PathEscape(target), limit)
	return p, m.API("POST", path, nil, &p)
}

// number is the agent's node id as the admin API writes it.
func (a *Agent) number() string { return strconv.FormatInt(int64(a.ID()), 10) }

// mustAnswer pings a node and fails unless this agent answers in time.
func (m *Mesh) mustAnswer(target string, a *Agent) {
	m.t.Helper()
	p, err := m.Ping(target, 9*time.Second)
	if err != nil || !p.Answered || p.NodeID != a.number() {
		m.t.Errorf("ping of %s: %+v, %v", target, p, err)
	}
}

var pingRows = []row{
	{"PNG-A a round trip", pinged(func(m *Mesh, a *Agent) {
		began := time.Now()
		m.mustAnswer(a.number(), a)
		if took := time.Since(began); took > 10*time.Second {
			m.t.Errorf("it took %v", took)
		}
		if len(a.Heard()) != 1 {
			m.t.Errorf("the node heard %v", a.Heard())
		}
	})},
	{"PNG-A a round trip that the debug page asks for", pinged(func(m *Mesh, a *Agent) {
		for _, target := range []string{a.number(), a.Name, m.Record(a).IPAddresses[0]} {
			var p pong
			err := m.Debug("ping?timeout=9s&node="+url.QueryEscape(target), &p)
			if err != nil || !p.Answered || p.NodeID != a.number() {
				m.t.Errorf("ping of %s: %+v, %v", target, p, err)
			}
		}
		if n := len(a.Heard()); n != 3 {
			m.t.Errorf("the node heard %d pings", n)
		}
		a.Deafen(true)
		var p pong
		if err := m.Debug("ping?timeout=1s&node="+a.number(), &p); err != nil || p.Answered {
			m.t.Errorf("of a deaf node: %+v, %v", p, err)
		}
	})},
	{"PNG-B a disconnected node says nothing", pinged(func(m *Mesh, a *Agent) {
		const wait = 3 * time.Second
		a.Leave()
		began := time.Now()
		p, err := m.Ping(a.number(), wait)
		if err != nil || p.Answered || time.Since(began) < wait {
			m.t.Errorf("%+v, %v after %v", p, err, time.Since(began))
		}
		m.AwaitMetric(meshLimit, "fairlead_pings_waiting", 0)
	})},
	{"PNG-C two at once", pinged(func(m *Mesh, a *Agent) {
		each([]*Agent{a, a}, func(int, *Agent) { m.mustAnswer(a.number(), a) })
		if heard := a.Heard(); len(heard) != 2 || heard[0] == heard[1] {
			m.t.Errorf("the node heard %v", heard)
		}
	})},
	{"PNG-D by host name", pinged(func(m *Mesh, a *Agent) {
		m.RenameTo(a, "other-name")
		for _, target := range append(m.Record(a).IPAddresses, a.Name, "other-name") {
			m.mustAnswer(target, a)
		}
		if _, err := m.Ping("nobody", time.Second); err == nil {
			m.t.Error("a node that does not exist was pinged")
		}
	})},
	{"PNG-E the callback takes HEAD alone", pinged(otherMethods)},
}

func pinged(test func(*Mesh, *Agent)) func(testing.TB) {
	return func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		test(m, m.JoinEars(AgentOptions{Name: "pinged"}))
	}
}

// otherMethods tries all of them on a ping that waits, and then answers it.
func otherMethods(m *Mesh, a *Agent) {
	a.Deafen(true)
	answer := make(chan pong, 1)
	go func() {
		p, err := m.Ping(a.number(), 9*time.Second)
		if err != nil {
			m.t.Errorf("ping: %v", err)
		}
		answer <- p
	}()
	callback := a.AwaitHeard(0)
	callback = callback[strings.Index(callback, pingPath):]
	for _, method := range []string{"GET", "POST", "PUT"} {
		a.mustAnswerStatus(method, callback, http.StatusMethodNotAllowed)
	}
	a.Deafen(false)
	a.mustAnswerStatus("HEAD", pingPath, http.StatusBadRequest)
	a.mustAnswerStatus("HEAD", pingPath+"?id=0123456789abcdef", http.StatusNotFound)
	a.mustAnswerStatus("HEAD", callback, http.StatusOK)
	a.mustAnswerStatus("HEAD", callback, http.StatusNotFound)
	if p := <-answer; !p.Answered {
		m.t.Errorf("the ping ended as %+v", p)
	}
}

// mustAnswerStatus asks inside Noise and compares the status.
func (a *Agent) mustAnswerStatus(method, path string, want int) {
	a.t.Helper()
	status, body, err := a.Ask(method, path)
	if err != nil || status != want {
		a.t.Errorf("%s %s: %d, not %d: %q, %v", method, path, status, want, body, err)
	}
}
