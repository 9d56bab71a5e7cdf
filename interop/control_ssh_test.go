// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sshPolicy lets a user's nodes into each other as root after a check; the
// comment makes texts differ that mean the same.
func sshPolicy(comment string) string {
	return `{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}],
	"ssh": [{"action": "check", "src": ["autogroup:member"], "dst": ["autogroup:self"],
	"users": ["root"]}]} // ` + comment + "\n"
}

func setPolicy(t *testing.T, server *Server, text string) {
	t.Helper()
	path := filepath.Join(server.Dir, "policy.hujson")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	server.cli(t, nil, "policy", "set", "--force", path)
}

// ssh runs a command on b by the stock client's own SSH server, and tells what
// it printed or why it failed.
func ssh(a, b *Client, addr, command string) <-chan error {
	ended := make(chan error, 1)
	proxy := fmt.Sprintf("%s --socket %s nc %%h %%p", a.cli, a.socket())
	go func() {
		out, err := run(60*time.Second, a.env, "ssh", "-F", "none", "-T",
			"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
			"-o", "PreferredAuthentications=none", "-o", "ProxyCommand="+proxy,
			"root@"+addr, command)
		if err == nil && strings.TrimSpace(out) != "let in" {
			err = fmt.Errorf("printed %q", out)
		}
		ended <- err
	}()
	return ended
}

// waitingCheck is the id of the SSH connection that waits for approval.
func waitingCheck(t *testing.T, server *Server) (id string) {
	t.Helper()
	var waiting []struct{ AuthID, Kind, Hostname, Destination string }
	eventually(t, 30*time.Second, "an SSH connection that waits", func() error {
		server.cli(t, &waiting, "auth", "pending")
		for _, p := range waiting {
			if p.Kind == "ssh" && p.Hostname == "alpha" && p.Destination == "beta" {
				id = p.AuthID
				return nil
			}
		}
		return fmt.Errorf("waiting: %s", toJSON(waiting))
	})
	return id
}

func TestControlSSHCheck(t *testing.T) {
	t.Parallel()
	if standIn {
		t.Skip("the stand-in has no such commands")
	}
	if _, err := exec.LookPath("ssh"); err != nil || os.Geteuid() != 0 {
		t.Skip("needs the ssh command, and root to run a shell for")
	}
	server := startServer(t, ServerOptions{Config: Config{"policy.mode": "database"}})
	setPolicy(t, server, sshPolicy("first"))
	a, b := startPair(t, server, server.ReusableKey(t), ClientOptions{}, ClientOptions{})
	if _, err := b.CLI("set", "--ssh"); err != nil {
		t.Fatal(err)
	}
	addr := b.IPs(t)[0].String()
	a.Ping(t, addr, Direct)
	t.Run("approved", func(t *testing.T) {
		ended := ssh(a, b, addr, "echo let in")
		id := waitingCheck(t, server)
		if page, err := server.Get("/auth/" + id); err != nil || !strings.Contains(page, id) {
			t.Errorf("the page: %v\n%s", err, page)
		}
		select {
		case err := <-ended:
			t.Fatalf("ended before anybody approved: %v", err)
		default:
		}
		server.cli(t, nil, "auth", "approve", id)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	})
	t.Run("approved a moment ago", func(t *testing.T) {
		if err := <-ssh(a, b, addr, "echo let in"); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("another policy, rejected", func(t *testing.T) {
		setPolicy(t, server, sshPolicy("second"))
		ended := ssh(a, b, addr, "echo let in")
		server.cli(t, nil, "auth", "reject", waitingCheck(t, server))
		if err := <-ended; err == nil || !strings.Contains(err.Error(), "refused by an administrator") {
			t.Fatalf("after a rejection: %v", err)
		}
	})
}
