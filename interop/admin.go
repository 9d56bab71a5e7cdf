// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// User, Key and Node are the parts of the admin objects that the tests read.
type User struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type Key struct {
	ID   string `json:"id"`
	Key  string `json:"key"`
	Used bool   `json:"used"`
}

type Node struct {
	ID              string   `json:"id"`
	MachineKey      string   `json:"machineKey"`
	NodeKey         string   `json:"nodeKey"`
	IPAddresses     []string `json:"ipAddresses"`
	Name            string   `json:"name"`
	GivenName       string   `json:"givenName"`
	Online          bool     `json:"online"`
	Expiry          string   `json:"expiry"`
	RegisterMethod  string   `json:"registerMethod"`
	ApprovedRoutes  []string `json:"approvedRoutes"`
	AvailableRoutes []string `json:"availableRoutes"`
	SubnetRoutes    []string `json:"subnetRoutes"`
	Tags            []string `json:"tags"`
	User            *User    `json:"user"`
}

// Has tells whether the node owns the address.
func (n *Node) Has(ip netip.Addr) bool {
	for _, text := range n.IPAddresses {
		if text == ip.String() {
			return true
		}
	}
	return false
}

// KeyOptions are the flags of `preauthkeys create`.
type KeyOptions struct {
	Reusable, Ephemeral bool
	Tags                string
	Expiration          string
}

// CLI runs an admin command and returns its standard output.
func (s *Server) CLI(args ...string) (string, error) {
	argv := []string{s.bin, "-c", filepath.Join(s.Dir, "config.yaml")}
	return run(20*time.Second, sanitizerEnv(s.Dir), append(argv, args...)...)
}

// cli runs an admin command with JSON output into out (which may be nil).
func (s *Server) cli(t testing.TB, out any, args ...string) {
	t.Helper()
	text, err := s.CLI(append(args, "-o", "json")...)
	if err == nil && out != nil {
		err = decodeAdmin([]byte(text), out)
	}
	if err != nil {
		t.Fatalf("%s: %v", strings.Join(args, " "), err)
	}
}

func (s *Server) CreateUser(t testing.TB, name string) (u User) {
	t.Helper()
	s.cli(t, &u, "users", "create", name)
	return u
}

func (s *Server) CreateKey(t testing.TB, u User, o KeyOptions) (k Key) {
	t.Helper()
	args := []string{"preauthkeys", "create", "-e", "24h"}
	if o.Expiration != "" {
		args[3] = o.Expiration
	}
	if o.Tags != "" {
		args = append(args, "--tags", o.Tags)
	} else {
		args = append(args, "--user", u.ID)
	}
	if o.Reusable {
		args = append(args, "--reusable")
	}
	if o.Ephemeral {
		args = append(args, "--ephemeral")
	}
	s.cli(t, &k, args...)
	if !strings.HasPrefix(k.Key, "hskey-auth-") {
		t.Fatalf("odd pre-auth key %q", k.Key)
	}
	return k
}

// ReusableKey makes a user and a reusable key of it.
func (s *Server) ReusableKey(t testing.TB) string {
	t.Helper()
	return s.CreateKey(t, s.CreateUser(t, "alice"), KeyOptions{Reusable: true}).Key
}

func (s *Server) Nodes(t testing.TB) (nodes []Node) {
	t.Helper()
	s.cli(t, &nodes, "nodes", "list")
	return nodes
}

// Node finds a node by host name or given name.
func (s *Server) Node(t testing.TB, name string) (Node, error) {
	t.Helper()
	for _, n := range s.Nodes(t) {
		if n.Name == name || n.GivenName == name {
			return n, nil
		}
	}
	return Node{}, fmt.Errorf("the server knows no node %q", name)
}

// MustNode is Node for a node that has to be there.
func (s *Server) MustNode(t testing.TB, name string) Node {
	t.Helper()
	n, err := s.Node(t, name)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (s *Server) Rename(t testing.TB, id, name string) {
	t.Helper()
	s.cli(t, nil, "nodes", "rename", "-i", id, name)
}

func (s *Server) Expire(t testing.TB, id string) {
	t.Helper()
	s.cli(t, nil, "nodes", "expire", "-i", id)
}

func (s *Server) Delete(t testing.TB, id string) {
	t.Helper()
	s.cli(t, nil, "nodes", "delete", "-i", id, "--force")
}

func (s *Server) ApproveRoutes(t testing.TB, id, routes string) {
	t.Helper()
	s.cli(t, nil, "nodes", "approve-routes", "-i", id, "-r", routes)
}

// API calls the admin API over the unix socket.
func (s *Server) API(method, path string, body, out any) error {
	var payload io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return err
		}
		payload = bytes.NewReader(data)
	}
	req, err := http.NewRequest(method, "http://admin"+path, payload)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", s.Socket)
		}}}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, data)
	}
	if out == nil {
		return nil
	}
	return decodeAdmin(data, out)
}

// renameFast renames by the API, without the start of a command in the way.
func (s *Server) renameFast(id, name string) error {
	if standIn {
		_, err := s.CLI("nodes", "rename", "-i", id, name)
		return err
	}
	return s.API("POST", "/api/v1/node/"+id+"/rename/"+name, nil, nil)
}

// approveFast sets the approved routes by the API.
func (s *Server) approveFast(id string, routes ...string) error {
	if standIn {
		_, err := s.CLI("nodes", "approve-routes", "-i", id, "-r", strings.Join(routes, ","))
		return err
	}
	body := map[string]any{"routes": append([]string{}, routes...)}
	return s.API("POST", "/api/v1/node/"+id+"/approve_routes", body, nil)
}

// decodeAdmin decodes an admin answer: it takes off a single wrapping object
// such as {"user":…}, turns snake_case keys into camelCase and numeric ids into
// strings, so that the same tests read the command's and the API's forms.
func decodeAdmin(data []byte, out any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		return fmt.Errorf("%w in %.200q", err, data)
	}
	if wrap, ok := tree.(map[string]any); ok && len(wrap) == 1 {
		for _, inner := range wrap {
			switch inner.(type) {
			case map[string]any, []any:
				tree = inner
			}
		}
	}
	again, err := json.Marshal(normalise(tree))
	if err != nil {
		return err
	}
	return json.Unmarshal(again, out)
}

func normalise(tree any) any {
	switch value := tree.(type) {
	case map[string]any:
		renamed := make(map[string]any, len(value))
		for key, inner := range value {
			if number, ok := inner.(json.Number); ok && key == "id" {
				inner = number.String()
			}
			if key == "expiry" || key == "register_method" || key == "registerMethod" {
				inner = flatten(inner)
			}
			renamed[camel(key)] = normalise(inner)
		}
		return renamed
	case []any:
		for i := range value {
			value[i] = normalise(value[i])
		}
	}
	return tree
}

// flatten keeps text and makes text of anything else.
func flatten(value any) any {
	switch value.(type) {
	case nil, string:
		return value
	}
	return fmt.Sprint(value)
}

func camel(key string) string {
	parts := strings.Split(key, "_")
	for i := 1; i < len(parts); i++ {
		if parts[i] != "" {
			parts[i] = strings.ToUpper(parts[i][:1]) + parts[i][1:]
		}
	}
	return strings.Join(parts, "")
}
