// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"tailscale.com/tailcfg"
)

const checkOwn = `{"acls":[{"action":"accept","src":["*"],"dst":["*:*"]}],
	"ssh":[{"action":"check","src":["autogroup:member"],"dst":["autogroup:self"],
		"users":["autogroup:nonroot"]}]}`

var sshRows = []row{
	{"SSH-A a lost session under an active check", lostCheck},
}

// lostCheck: the server forgets a check, as it does with a restart, while the destination
// waits for the word on it.
func lostCheck(t testing.TB) {
	m := newMesh(t, MeshOptions{})
	m.SetPolicy(checkOwn)
	agents := m.JoinMesh(2)
	src, dst := agents[0], agents[1]
	start := fmt.Sprintf("/machine/ssh/action/%d/to/%d?local_user=me", src.ID(), dst.ID())
	lost := dst.mustDelegate(start)
	m.Kill()
	m.Start(t)
	for _, a := range agents {
		a.Reconnect()
		a.AwaitMap()
	}
	fresh := dst.mustDelegate(lost)
	if a, b := authID(lost), authID(fresh); a == "" || b == "" || a == b {
		t.Fatalf("the check %q became %q", a, b)
	}
	m.call("POST", "/api/v1/auth/approve", map[string]any{"authId": authID(fresh)}, nil)
	if action := dst.sshAction(fresh); !action.Accept {
		t.Errorf("after the approval: %+v", action)
	}
	if action := dst.sshAction(start); !action.Accept {
		t.Errorf("within the period: %+v", action)
	}
}

// sshAction asks what to do with an SSH connection.
func (a *Agent) sshAction(pathQuery string) (action tailcfg.SSHAction) {
	a.t.Helper()
	status, body, err := a.Ask("GET", pathQuery)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d: %s", status, body)
	}
	if err == nil {
		err = json.Unmarshal([]byte(body), &action)
	}
	if err != nil {
		a.t.Fatalf("%s: %s: %v", a.Name, pathQuery, err)
	}
	return action
}

// mustDelegate asks and gives what is to be asked next.
func (a *Agent) mustDelegate(pathQuery string) string {
	a.t.Helper()
	action := a.sshAction(pathQuery)
	next, err := url.Parse(action.HoldAndDelegate)
	if err != nil || action.HoldAndDelegate == "" || action.Accept || action.Reject {
		a.t.Fatalf("%s: %s: %+v delegates nothing: %v", a.Name, pathQuery, action, err)
	}
	return next.RequestURI()
}

// authID is the check that a delegation names.
func authID(pathQuery string) string {
	u, err := url.Parse(pathQuery)
	if err != nil {
		return ""
	}
	return u.Query().Get("auth_id")
}
