// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tailscale.com/tailcfg"
)

const (
	baseDomain = "tail.test"
	regionCode = "home"
)

// ServerOptions say how a server under test is set up; the zero value is a
// server with relay on loopback, plain HTTP.
type ServerOptions struct {
	Netns   *Netns                // run inside this namespace
	Addr    string                // address to listen on, default 127.0.0.1
	Port    int                   // default any free one
	CA      *CA                   // serve TLS with a certificate of this authority
	NoRelay bool                  // leave the embedded relay out
	Regions []*tailcfg.DERPRegion // further relay regions
	Config  Config                // added to the configuration, wins
}

// Server is one server under test with its folder of state.
type Server struct {
	URL    string
	Dir    string
	Socket string
	proc   *Proc
	bin    string
	netns  *Netns
	http   *http.Client
	starts int
}

// startServer writes a configuration, starts the server and waits until it is
// healthy. At the end of the test it must stop by SIGTERM with exit code 0.
func startServer(t testing.TB, o ServerOptions) *Server {
	t.Helper()
	s := &Server{bin: serverBin(t), Dir: workDir(t), netns: o.Netns}
	t.Cleanup(func() {
		if err := sanitizerReports(s.Dir); err != nil {
			t.Error(err)
		}
	})
	s.Socket = filepath.Join(s.Dir, "admin.sock")
	addr := o.Addr
	if addr == "" {
		addr = "127.0.0.1"
	}
	port, stun := 8080, 3478
	if o.Netns == nil {
		port, stun = cmp.Or(o.Port, freePort(t)), freePort(t)
	}
	host := netip.AddrPortFrom(netip.MustParseAddr(addr), uint16(port)).String()
	s.URL = "http://" + host
	if o.CA != nil {
		s.URL = "https://" + host
	}
	s.http = s.httpClient(o.CA)
	config := s.config(t, o, addr, host, stun)
	if standIn && !o.NoRelay {
		config = s.standInRelay(t, o, addr, config)
	}
	maps.Copy(config, o.Config)
	path := filepath.Join(s.Dir, "config.yaml")
	if err := os.WriteFile(path, []byte(config.YAML()), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Start(t)
	return s
}

func (s *Server) config(t testing.TB, o ServerOptions, addr, host string, stun int) Config {
	file := func(name string) string { return filepath.Join(s.Dir, name) }
	c := Config{
		"server_url":                        s.URL,
		"listen_addr":                       host,
		"noise.private_key_path":            file("noise.key"),
		"prefixes.v4":                       "100.64.0.0/10",
		"prefixes.v6":                       "fd7a:115c:a1e0::/48",
		"database.type":                     "sqlite",
		"database.sqlite.path":              file("db.sqlite"),
		"dns.magic_dns":                     true,
		"dns.base_domain":                   baseDomain,
		"dns.override_local_dns":            false,
		"dns.nameservers.global":            []string{},
		"unix_socket":                       s.Socket,
		"disable_check_updates":             true,
		"logtail.enabled":                   false,
		"log.level":                         "debug",
		"derp.urls":                         []string{},
		"derp.auto_update_enabled":          false,
		"derp.server.enabled":               !o.NoRelay,
		"derp.server.region_id":             900,
		"derp.server.region_code":           regionCode,
		"derp.server.region_name":           "Home",
		"derp.server.private_key_path":      file("relay.key"),
		"derp.server.stun_listen_addr":      net.JoinHostPort(addr, fmt.Sprint(stun)),
		"derp.server.ipv4":                  addr,
		"node.ephemeral.inactivity_timeout": "30m",
	}
	if o.CA != nil {
		c["tls_cert_path"], c["tls_key_path"] = o.CA.Issue(t, s.Dir, addr)
	}
	var paths []string
	for _, region := range o.Regions {
		path := file(fmt.Sprintf("region-%d.yaml", region.RegionID))
		if err := os.WriteFile(path, []byte(regionYAML(region)), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	if len(paths) > 0 {
		c["derp.paths"] = paths
	}
	return c
}

// standInRelay gives headscale, whose own relay needs a public certificate, a
// derper in place of the embedded one.
func (s *Server) standInRelay(t testing.TB, o ServerOptions, addr string, c Config) Config {
	region := startDerper(t, DerperOptions{Netns: o.Netns, Addr: addr, ID: 900, Code: regionCode,
		CA: o.CA})
	path := filepath.Join(s.Dir, "stand-in.yaml")
	if err := os.WriteFile(path, []byte(regionYAML(region)), 0o600); err != nil {
		t.Fatal(err)
	}
	paths, _ := c["derp.paths"].([]string)
	c["derp.paths"] = append(paths, path)
	c["derp.server.enabled"] = false
	return c
}

func (s *Server) httpClient(ca *CA) *http.Client {
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, addr string) (c net.Conn, err error) {
			if s.netns == nil {
				return new(net.Dialer).DialContext(ctx, network, addr)
			}
			err = s.netns.Do(func() error {
				c, err = new(net.Dialer).DialContext(ctx, network, addr)
				return err
			})
			return c, err
		},
	}
	if ca != nil {
		transport.TLSClientConfig = ca.ClientConfig()
	}
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

// Start starts the process on the existing state and waits for /health.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	s.starts++
	name := fmt.Sprintf("server-%d", s.starts)
	config := filepath.Join(s.Dir, "config.yaml")
	s.proc = startProc(t, name, s.Dir, s.netns, sanitizerEnv(s.Dir), s.bin, "serve", "-c", config)
	current := s.proc
	t.Cleanup(func() {
		if s.proc == current {
			s.finish(t)
		}
	})
	err := poll(20*time.Second, func() error {
		if !s.proc.Alive() {
			return nil
		}
		_, err := s.Get("/health")
		return err
	})
	if err != nil || !s.proc.Alive() {
		t.Fatalf("the server did not become healthy: %v\n%s", err, s.proc.Tail(40))
	}
}

// Kill ends the server as a power cut would.
func (s *Server) Kill() { s.proc.Kill() }

// Reload makes the server read its settings and its policy file again.
func (s *Server) Reload(t testing.TB) {
	t.Helper()
	if err := s.proc.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

// Get fetches a path of the public listener; any status but 200 is an error.
func (s *Server) Get(path string) (string, error) {
	res, err := s.http.Get(s.URL + path)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", path, res.Status, strings.TrimSpace(string(body)))
	}
	return string(body), err
}

// finish stops the server and complains about anything but a clean stop.
func (s *Server) finish(t testing.TB) {
	if !s.proc.Alive() {
		t.Errorf("the server died on its own\n%s", s.proc.Tail(40))
		return
	}
	code, err := s.proc.Stop(syscall.SIGTERM, 10*time.Second)
	if err != nil {
		t.Errorf("stop: %v", err)
	} else if code != 0 {
		t.Errorf("the server stopped with exit code %d\n%s", code, s.proc.Tail(40))
	}
}
