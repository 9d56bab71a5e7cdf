// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// Exit codes of commands, see docs/cli.md.
const (
	exitRefused = 4
	exitCheck   = 8
)

// exitCode is that of the command that failed with err; 0 for none, -1 where no
// command has ended by itself.
func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		return -1
	}
	return 0
}

// Verdict is what `policy why` says of one way.
type Verdict struct {
	Allowed bool   `json:"allowed"`
	Reason  string `json:"reason"`
	Via     *struct {
		Name string `json:"name"`
	} `json:"via"`
}

// Router is the name of the router that the way goes through, or empty.
func (v *Verdict) Router() string {
	if v.Via == nil {
		return ""
	}
	return v.Via.Name
}

// Revision is one entry of the history of policies.
type Revision struct {
	Rev  json.Number `json:"rev"`
	Hash string      `json:"hash"`
}

// TrySetPolicy is `policy set`; it may be refused.
func (s *Server) TrySetPolicy(t testing.TB, text string) error {
	t.Helper()
	_, err := s.CLI("policy", "set", "--force", s.policyFile(t, text))
	return err
}

// SetPolicy is TrySetPolicy for a policy that has to be taken.
func (s *Server) SetPolicy(t testing.TB, text string) {
	t.Helper()
	if err := s.TrySetPolicy(t, text); err != nil {
		t.Fatalf("policy set: %v\n%s", err, text)
	}
}

// ToldAnew lists the nodes to which the server would have something to say if
// the policy came into force.
func (s *Server) ToldAnew(t testing.TB, text string) (names []string) {
	t.Helper()
	var diff struct {
		Nodes []struct {
			Nodes []struct {
				Name string `json:"name"`
			} `json:"nodes"`
		} `json:"nodes"`
	}
	s.cli(t, &diff, "policy", "diff", s.policyFile(t, text))
	for _, group := range diff.Nodes {
		for _, node := range group.Nodes {
			names = append(names, node.Name)
		}
	}
	return names
}

// WhoCan lists the nodes that the policy lets reach dst, in order.
func (s *Server) WhoCan(t testing.TB, dst, proto string) []string {
	t.Helper()
	var answer struct {
		Entries []struct {
			Nodes []struct {
				Name string `json:"name"`
			} `json:"nodes"`
		} `json:"entries"`
	}
	s.cli(t, &answer, "policy", "who-can", dst, "--proto", proto)
	names := []string{}
	for _, entry := range answer.Entries {
		for _, node := range entry.Nodes {
			names = append(names, node.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (s *Server) policyFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(s.Dir, "policy.hujson")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// History lists the policies that were ever in force.
func (s *Server) History(t testing.TB) (all []Revision) {
	t.Helper()
	s.cli(t, &all, "policy", "history")
	return all
}

// Why asks whether the policy lets src reach dst, which may carry a port.
func (s *Server) Why(src, dst, proto string) (v Verdict, err error) {
	text, err := s.CLI("policy", "why", src, dst, "--proto", proto, "-o", "json")
	denied := exitCode(err) == exitCheck
	if err != nil && !denied {
		return v, err
	}
	if err := decodeAdmin([]byte(text), &v); err != nil {
		return v, err
	}
	if v.Allowed == denied {
		return v, fmt.Errorf("policy why %s %s: exit code %d, yet it says %s", src, dst,
			exitCode(err), text)
	}
	return v, nil
}
