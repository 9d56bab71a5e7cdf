// SPDX-License-Identifier: BSD-3-Clause

// Command tsnode is a small program that carries tsnet, as users write them. It
// joins a tailnet, hands incoming TCP and UDP to the same port on loopback,
// offers SOCKS5 for the way out, and serves the local API on a unix socket so
// that the stock tailscale command can look inside.
package main

import (
	"context"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"tailscale.com/net/socks5"
	"tailscale.com/tsnet"
)

func main() {
	dir := flag.String("dir", "", "folder of state")
	socket := flag.String("socket", "", "unix socket of the local API")
	socks := flag.String("socks", "", "address of the SOCKS5 proxy")
	hostname := flag.String("hostname", "", "name of the node")
	control := flag.String("control", "", "URL of the control server")
	authKey := flag.String("authkey", "", "key to log in with")
	flag.Parse()

	server := &tsnet.Server{Dir: *dir, Hostname: *hostname, ControlURL: *control,
		AuthKey: *authKey, Logf: log.Printf}
	if err := server.Start(); err != nil {
		log.Fatal(err)
	}
	server.RegisterFallbackTCPHandler(func(_, dst netip.AddrPort) (func(net.Conn), bool) {
		return func(conn net.Conn) { forward(conn, "tcp", dst.Port()) }, true
	})
	go serveSOCKS(server, *socks)
	go serveLocalAPI(server, *socket)
	go serveUDP(server)

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
	server.Close()
}

func serveSOCKS(server *tsnet.Server, addr string) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		log.Fatal(err)
	}
	proxy := &socks5.Server{Logf: log.Printf, Dialer: server.Dial}
	log.Fatal(proxy.Serve(l))
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// serveLocalAPI passes the local API on; whoever may open the socket may use it.
func serveLocalAPI(server *tsnet.Server, path string) {
	lc, err := server.LocalClient()
	if err != nil {
		log.Fatal(err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		log.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite:       func(r *httputil.ProxyRequest) { r.Out.URL.Scheme = "http" },
		Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			r.RequestURI = ""
			r.URL.Host = "local-tailscaled.sock"
			return lc.DoLocalRequest(r)
		}),
	}
	log.Fatal(http.Serve(l, proxy))
}

// serveUDP listens on the one UDP port that the environment names, if any, and
// hands every flow to the same port on loopback.
func serveUDP(server *tsnet.Server) {
	port, err := strconv.Atoi(os.Getenv("TSNODE_UDP_PORT"))
	if err != nil {
		return
	}
	if _, err := server.Up(context.Background()); err != nil {
		log.Fatal(err)
	}
	ip4, _ := server.TailscaleIPs()
	outside, err := server.ListenPacket("udp", netip.AddrPortFrom(ip4, uint16(port)).String())
	if err != nil {
		log.Fatal(err)
	}
	relayUDP(outside, port)
}

func relayUDP(outside net.PacketConn, port int) {
	flows := map[string]net.Conn{}
	buf := make([]byte, 65536)
	for {
		n, from, err := outside.ReadFrom(buf)
		if err != nil {
			return
		}
		inside := flows[from.String()]
		if inside == nil {
			inside, err = net.Dial("udp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
			if err != nil {
				log.Print(err)
				continue
			}
			flows[from.String()] = inside
			go answerUDP(outside, from, inside)
		}
		inside.Write(buf[:n])
	}
}

func answerUDP(outside net.PacketConn, to net.Addr, inside net.Conn) {
	buf := make([]byte, 65536)
	for {
		n, err := inside.Read(buf)
		if err != nil {
			continue
		}
		outside.WriteTo(buf[:n], to)
	}
}

func forward(conn net.Conn, network string, port uint16) {
	defer conn.Close()
	inside, err := net.Dial(network, net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
	if err != nil {
		log.Print(err)
		return
	}
	defer inside.Close()
	go func() {
		io.Copy(inside, conn)
		inside.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(conn, inside)
}
