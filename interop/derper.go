// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"crypto/sha256"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tailscale.com/tailcfg"
)

// DerperOptions say how a stock derper is run.
type DerperOptions struct {
	Netns     *Netns
	Addr      string // default 127.0.0.1
	ID        int
	Code      string
	VerifyURL string // admission controller
	CA        *CA    // issues the certificate; else derper makes one, which is pinned
}

// startDerper runs a stock derper with a certificate of its own making and
// returns the region that clients need to use it by its pin.
func startDerper(t testing.TB, o DerperOptions) *tailcfg.DERPRegion {
	t.Helper()
	dir := workDir(t)
	addr := o.Addr
	if addr == "" {
		addr = "127.0.0.1"
	}
	port, stun := 8443, 3479
	if o.Netns == nil {
		port, stun = freePort(t), freePort(t)
	}
	argv := []string{peerBin(t, "derper"), "-c", filepath.Join(dir, "derper.json"),
		"-a", net.JoinHostPort(addr, fmt.Sprint(port)), "-hostname", addr,
		"-certmode", "manual", "-certdir", dir, "-http-port", "-1",
		"-stun-port", fmt.Sprint(stun)}
	if o.VerifyURL != "" {
		argv = append(argv, "-verify-client-url", o.VerifyURL,
			"-verify-client-url-fail-open=false")
	}
	cert := filepath.Join(dir, addr+".crt")
	if o.CA != nil {
		issued, secret := o.CA.Issue(t, dir, addr)
		must(t, "mv", issued, cert)
		must(t, "mv", secret, filepath.Join(dir, addr+".key"))
	}
	p := startProc(t, fmt.Sprintf("derper-%d", o.ID), dir, o.Netns, nil, argv...)
	var pin string
	if o.CA == nil {
		pin = certPin(t, cert)
	}
	region := &tailcfg.DERPRegion{RegionID: o.ID, RegionCode: o.Code, RegionName: o.Code,
		Nodes: []*tailcfg.DERPNode{{Name: fmt.Sprintf("%da", o.ID), RegionID: o.ID,
			HostName: addr, IPv4: addr, STUNPort: stun, DERPPort: port, CertName: pin}}}
	if !p.Alive() {
		t.Fatalf("derper died\n%s", p.Tail(20))
	}
	return region
}

// certPin waits for the certificate that derper makes and computes its pin.
func certPin(t testing.TB, path string) (pin string) {
	t.Helper()
	eventually(t, 20*time.Second, "derper makes its certificate", func() error {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		block, _ := pem.Decode(data)
		if block == nil {
			return fmt.Errorf("%s is no PEM file", path)
		}
		pin = fmt.Sprintf("sha256-raw:%x", sha256.Sum256(block.Bytes))
		return nil
	})
	return pin
}
