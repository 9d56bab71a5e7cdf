// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tailscale.com/ipn/ipnstate"
	"tailscale.com/tailcfg"
)

const (
	filesCap  = "example.com/cap/files"
	extraAttr = "example.com/attr/extra"
)

// policyStep is one policy and what has to follow from it.
type policyStep struct {
	name   string
	policy string
	passes func(f Flow) bool
	router func(src string) string // to the printer
	peers  map[string]string       // of each node; nil: not looked at
	check  func(t *testing.T, o *office)
}

func TestControlPolicy(t *testing.T) { checkPolicies(t, false) }

func TestControlPolicyOldest(t *testing.T) { checkPolicies(t, true) }

// checkPolicies changes the policy under running clients. After each change
// `policy why`, the traffic and the table of steps must say the same.
func checkPolicies(t *testing.T, old bool) {
	requirePolicies(t)
	o := newOffice(t, officeSteps[0].policy, old)
	for _, step := range officeSteps {
		t.Run(step.name, func(t *testing.T) { o.take(t, step) })
	}
	t.Run("refused policies change nothing", o.checkRefused)
	t.Run("only the node concerned is told", o.checkQuiet)
}

// requirePolicies skips the test where the stand-in lacks what it asks.
func requirePolicies(t *testing.T) {
	t.Helper()
	if standIn {
		t.Skip("headscale does not say why")
	}
}

func (o *office) take(t *testing.T, step policyStep) {
	o.change(t, step.policy)
	if step.peers != nil {
		o.checkPeers(t, step.peers)
	}
	if step.check != nil {
		step.check(t, o)
	}
	o.checkWhoCan(t, step)
	o.checkFlows(t, step)
}

func (o *office) checkPeers(t *testing.T, want map[string]string) {
	t.Helper()
	for _, c := range o.clients() {
		if got := strings.Join(c.PeerNames(t), " "); got != want[c.Name] {
			t.Errorf("%s sees [%s], want [%s]", c.Name, got, want[c.Name])
		}
	}
}

// checkWhoCan asks the question from the other end.
func (o *office) checkWhoCan(t *testing.T, step policyStep) {
	t.Helper()
	for _, dst := range o.clients() {
		want := []string{}
		at := dst.IPs(t)[0]
		for _, src := range o.clients() {
			if src != dst && step.passes(Flow{src, dst.Name, at, "tcp", 443}) {
				want = append(want, src.Name)
			}
		}
		slices.Sort(want)
		got := o.server.WhoCan(t, netip.AddrPortFrom(at, 443).String(), "tcp")
		if !slices.Equal(got, want) {
			t.Errorf("who-can %s:443 lists %v, want %v", dst.Name, got, want)
		}
	}
}

// checkFlows tries the whole matrix at once.
func (o *office) checkFlows(t *testing.T, step policyStep) {
	t.Helper()
	began, passed := time.Now(), 0
	var group sync.WaitGroup
	for _, f := range o.flows {
		verdict := o.judge(t, step, f)
		if verdict.Allowed {
			passed++
		}
		answerer := f.Dst
		if f.Dst == "printer" {
			answerer = verdict.Router()
		}
		group.Go(func() { checkFlow(t, f, verdict, answerer) })
	}
	group.Wait()
	t.Logf("%d ways, %d allowed, asked and tried in %v", len(o.flows), passed,
		time.Since(began).Round(10*time.Millisecond))
}

// judge asks `policy why` and compares it with what the step expects.
func (o *office) judge(t *testing.T, step policyStep, f Flow) Verdict {
	t.Helper()
	verdict, err := o.server.Why(f.Src.Name, f.Target(), f.Proto)
	if err != nil {
		t.Errorf("%v: %v", f, err)
	} else if verdict.Allowed != step.passes(f) {
		t.Errorf("%v: why says allowed=%v (%s), the case wants the opposite", f,
			verdict.Allowed, verdict.Reason)
	} else if verdict.Allowed && f.Dst == "printer" &&
		verdict.Router() != step.router(f.Src.Name) {
		t.Errorf("%v: why leads through %q, the case wants %q", f, verdict.Router(),
			step.router(f.Src.Name))
	}
	return verdict
}

func everything(Flow) bool { return true }

func nothing(Flow) bool { return false }

func isAlices(name string) bool { return name == "alpha" || name == "delta" }

func throughEast(string) string { return "east" }

var officeSteps = []policyStep{
	{name: "everything", passes: everything, router: throughEast,
		policy: `"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}]`},
	{name: "one port", router: throughEast,
		policy: `"acls": [{"action": "accept", "proto": "tcp", "src": ["*"], "dst": ["*:443"]}]`,
		passes: func(f Flow) bool { return f.Port == 443 || f.Proto == "icmp" }},
	{name: "grants with a capability", policy: `"grants": [
		{"src": ["alice@"], "dst": ["bob@"], "ip": ["tcp:80"],
		 "app": {"` + filesCap + `": [{"dir": "/srv"}]}},
		{"src": ["bob@"], "dst": ["alice@"], "ip": ["udp:80"]}]`,
		passes: func(f Flow) bool {
			if isAlices(f.Src.Name) && f.Dst == "beta" {
				return f.Proto == "tcp" && f.Port == 80 || f.Proto == "icmp"
			}
			return f.Src.Name == "beta" && isAlices(f.Dst) && f.Proto != "tcp"
		},
		peers: map[string]string{"alpha": "beta", "beta": "alpha delta", "delta": "beta"},
		check: checkCapability},
	{name: "self", peers: map[string]string{"alpha": "delta", "delta": "alpha"},
		policy: `"acls": [{"action": "accept", "src": ["autogroup:member"],
		 "dst": ["autogroup:self:*"]}]`,
		passes: func(f Flow) bool { return isAlices(f.Src.Name) && isAlices(f.Dst) },
		check:  checkNoCapability},
	viaStep("via", "east", "west"),
	viaStep("via the other way round", "west", "east"),
	{name: "SSH rules", policy: `"grants": [
		{"src": ["alice@"], "dst": ["tag:east"], "ip": ["tcp:22"]},
		{"src": ["autogroup:member"], "dst": ["autogroup:self"], "ip": ["tcp:22"]}],
	"ssh": [
		{"action": "accept", "src": ["alice@"], "dst": ["autogroup:self"], "users": ["root"]},
		{"action": "check", "src": ["alice@"], "dst": ["tag:east"],
		 "users": ["autogroup:nonroot"]}]`,
		peers: map[string]string{"alpha": "delta east", "delta": "alpha east",
			"east": "alpha delta"},
		passes: func(f Flow) bool {
			return isAlices(f.Src.Name) && (isAlices(f.Dst) || f.Dst == "east") &&
				(f.Port == 22 || f.Proto == "icmp")
		},
		check: checkSSHRules},
	{name: "nothing", policy: `"acls": []`, passes: nothing, peers: map[string]string{},
		check: checkNoSSHRules},
	{name: "everything again", policy: `"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}]`,
		passes: everything, router: throughEast},
}

// viaStep steers alice through one router and bob through the other.
func viaStep(name, alices, bobs string) policyStep {
	policy := fmt.Sprintf(`"grants": [
		{"src": ["alice@"], "dst": [%[1]q], "ip": ["tcp:80"], "via": ["tag:%[2]s"]},
		{"src": ["bob@"], "dst": [%[1]q], "ip": ["tcp:80"], "via": ["tag:%[3]s"]}]`,
		officeNet, alices, bobs)
	return policyStep{name: name, policy: policy,
		passes: func(f Flow) bool {
			return f.Dst == "printer" && f.Proto == "tcp" && f.Port == 80
		},
		router: func(src string) string {
			if isAlices(src) {
				return alices
			}
			return bobs
		},
		peers: map[string]string{"alpha": alices, "delta": alices, "beta": bobs,
			alices: "alpha delta", bobs: "beta"},
		check: func(t *testing.T, o *office) {
			route := netip.MustParsePrefix(officeNet)
			o.alpha.WaitPeer(t, alices, hasRoute(route))
			o.beta.WaitPeer(t, bobs, hasRoute(route))
		}}
}

func hasRoute(route netip.Prefix) func(*ipnstate.PeerStatus) error {
	return func(p *ipnstate.PeerStatus) error {
		if p.AllowedIPs == nil || !slices.Contains(p.AllowedIPs.AsSlice(), route) {
			return fmt.Errorf("allowed addresses are %v", p.AllowedIPs)
		}
		return nil
	}
}

// The capability is alice's at bob's node, and nobody's elsewhere.
func checkCapability(t *testing.T, o *office) {
	t.Helper()
	for _, ip := range slices.Concat(o.alpha.IPs(t), o.delta.IPs(t)) {
		got := toJSON(o.beta.Capabilities(t, ip)[filesCap])
		if want := `[{"dir":"/srv"}]`; got != want {
			t.Errorf("at beta %v has the capability %s, want %s", ip, got, want)
		}
	}
	if o.alpha.Capabilities(t, o.beta.IPs(t)[0]).HasCapability(filesCap) {
		t.Error("at alpha, beta has a capability that was given the other way")
	}
}

func checkNoCapability(t *testing.T, o *office) {
	t.Helper()
	if o.alpha.Capabilities(t, o.delta.IPs(t)[0]).HasCapability(filesCap) {
		t.Error("a capability outlived its policy")
	}
}

func checkSSHRules(t *testing.T, o *office) {
	t.Helper()
	from := fmt.Sprint(slices.Sorted(slices.Values(append(texts(o.alpha.IPs(t)),
		texts(o.delta.IPs(t))...))))
	for _, c := range o.clients() {
		rules := c.SSHRules(t)
		switch c {
		case o.beta, o.west:
			if len(rules) != 0 {
				t.Errorf("%s has SSH rules that are not for it: %s", c.Name, toJSON(rules))
			}
			continue
		}
		if len(rules) != 1 || principals(rules[0]) != from {
			t.Errorf("%s has the SSH rules %s, want one from %s", c.Name, toJSON(rules), from)
			continue
		}
		checkSSHRule(t, c.Name, rules[0], c == o.east)
	}
}

func checkSSHRule(t *testing.T, name string, rule *tailcfg.SSHRule, asks bool) {
	t.Helper()
	want, accept := `{"root":"root"}`, true
	if asks {
		want, accept = `{"*":"=","root":""}`, false
	}
	if got := toJSON(rule.SSHUsers); got != want {
		t.Errorf("%s: the SSH users are %s, want %s", name, got, want)
	}
	if rule.Action.Accept != accept || (rule.Action.HoldAndDelegate != "") != asks {
		t.Errorf("%s: the SSH action is %s", name, toJSON(rule.Action))
	}
}

func checkNoSSHRules(t *testing.T, o *office) {
	t.Helper()
	for _, c := range o.clients() {
		if rules := c.SSHRules(t); len(rules) != 0 {
			t.Errorf("%s keeps SSH rules that no policy has: %s", c.Name, toJSON(rules))
		}
	}
}

func principals(rule *tailcfg.SSHRule) string {
	var out []string
	for _, p := range rule.Principals {
		out = append(out, p.NodeIP)
	}
	slices.Sort(out)
	return fmt.Sprint(out)
}

func texts(ips []netip.Addr) (out []string) {
	for _, ip := range ips {
		out = append(out, ip.String())
	}
	return out
}

// Texts that are not valid, and texts whose tests fail, change nothing anywhere.
func (o *office) checkRefused(t *testing.T) {
	step := officeSteps[1]
	o.change(t, step.policy)
	o.refuse(t)
	o.checkFlows(t, step)
	frames := o.frames(t)
	o.refuse(t)
	o.change(t, step.policy)
	o.checkFrames(t, frames, map[*Client]int{o.alpha: 1, o.beta: 1, o.delta: 1, o.east: 1,
		o.west: 1})
}

func (o *office) refuse(t *testing.T) {
	t.Helper()
	history := fmt.Sprint(o.server.History(t))
	for _, refused := range []struct {
		what string
		code int
		body string
	}{
		{"unknown group", exitRefused,
			`"grants": [{"src": ["group:none"], "dst": ["*"], "ip": ["*"]}]`},
		{"syntax", exitRefused, `"grants": [}`},
		{"failing tests", exitCheck, `"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}],
			"tests": [{"src": "alice@", "deny": ["bob@:80"]}]`},
		{"failing SSH tests", exitCheck, `"acls": [],
			"sshTests": [{"src": "alice@", "dst": ["tag:east"], "accept": ["root"]}]`},
	} {
		err := o.server.TrySetPolicy(t, o.text(refused.body, ""))
		if code := exitCode(err); code != refused.code {
			t.Errorf("%s: policy set ends with %d, want %d: %v", refused.what, code,
				refused.code, err)
		}
	}
	if after := fmt.Sprint(o.server.History(t)); after != history {
		t.Errorf("the history was %s and is %s", history, after)
	}
}

// What concerns alpha alone is told to alpha alone, in one frame.
func (o *office) checkQuiet(t *testing.T) {
	body := officeSteps[1].policy
	o.change(t, body)
	frames := o.frames(t)
	attrs := fmt.Sprintf(`{"target": [%q], "attr": [%q]}`, o.alpha.IPs(t)[0], extraAttr)
	policy := o.text(body, attrs)
	if told := fmt.Sprint(o.server.ToldAnew(t, policy)); told != "[alpha]" {
		t.Errorf("the server would tell %s, want alpha", told)
	}
	o.server.SetPolicy(t, policy)
	o.alpha.WaitAttr(t, extraAttr, true)
	o.server.SetPolicy(t, o.text(body, ""))
	o.alpha.WaitAttr(t, extraAttr, false)
	// One that all are told: what was sent before it has arrived before it.
	o.change(t, body)
	o.checkFrames(t, frames, map[*Client]int{o.alpha: 3, o.beta: 1, o.delta: 1, o.east: 1,
		o.west: 1})
}

// A policy in a file is read again on SIGHUP; one that is wrong changes nothing.
func TestControlPolicyFile(t *testing.T) {
	requirePolicies(t)
	path := filepath.Join(workDir(t), "policy.hujson")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{}`)
	server := startServer(t, ServerOptions{Config: Config{"policy.mode": "file",
		"policy.path": path}})
	a, b := startPair(t, server, server.ReusableKey(t), ClientOptions{}, ClientOptions{})
	ports := [2]int{b.serveName(t), b.serveName(t)}
	for _, open := range ports {
		marker := fmt.Sprint(markerAttr, open)
		write(fmt.Sprintf(`{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:%d"]}],
			"nodeAttrs": [{"target": ["*"], "attr": [%q]}]}`, open, marker))
		server.Reload(t)
		a.WaitAttr(t, marker, true)
		b.WaitAttr(t, marker, true)
		checkPorts(t, server, a, b, ports, open)
	}
	write(`{"acls": [{"action": "accept", "src": ["group:none"], "dst": ["*:*"]}]}`)
	server.Reload(t)
	eventually(t, 10*time.Second, "the server says what is wrong", func() error {
		if !strings.Contains(server.proc.Tail(200), "the policy stays as it was") {
			return errors.New("it does not")
		}
		return nil
	})
	checkPorts(t, server, a, b, ports, ports[1])
}

// checkPorts asks and tries which of b's ports a reaches: the open one alone.
func checkPorts(t *testing.T, server *Server, a, b *Client, ports [2]int, open int) {
	t.Helper()
	var group sync.WaitGroup
	for _, port := range ports {
		f := Flow{a, b.Name, b.IPs(t)[0], "tcp", port}
		verdict, err := server.Why(a.Name, f.Target(), f.Proto)
		if err != nil || verdict.Allowed != (port == open) {
			t.Errorf("%v: why says %+v, %v; open is %d", f, verdict, err, open)
		}
		group.Go(func() { checkFlow(t, f, verdict, b.Name) })
	}
	group.Wait()
}
