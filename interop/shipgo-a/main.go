// SPDX-License-Identifier: BSD-3-Clause

// Command shipgo-a is ship-go v0.6.0, led by the words of interop/ship_peer.go.
package main

import (
	"sync/atomic"

	"github.com/enbility/ship-go/api"
	"github.com/enbility/ship-go/hub"
	"github.com/enbility/ship-go/logging"
	"github.com/enbility/ship-go/mdns"

	"fairlead.test/interop/shipnode/drive"
)

// node is a hub of the library, the application that it reports to, and what it finds others by.
type node struct {
	drive.Sessions
	*hub.Hub
	places places
	alone  atomic.Bool // there is no user to ask
}

// places are what the hub finds others by in place of multicast DNS.
type places struct {
	drive.Places
	hub api.MdnsReportInterface
}

func (p *places) Start(hub api.MdnsReportInterface) error { p.hub = hub; return nil }
func (p *places) Shutdown()                               {}
func (p *places) AnnounceMdnsEntry() error                { return nil }
func (p *places) UnannounceMdnsEntry()                    {}
func (p *places) SetAutoAccept(bool)                      {}
func (p *places) RequestMdnsEntries()                     { go p.report(false) }

// report is called at once for what a test says, so that what it says next comes later for the
// hub.
func (p *places) report(changed bool) {
	if p.hub == nil { // not started
		return
	}
	entries := map[string]*api.MdnsEntry{}
	for _, at := range p.All() {
		entries[at.SKI] = &api.MdnsEntry{Name: at.SKI, Ski: at.SKI, Identifier: at.SKI,
			Host: at.Host, Addresses: at.Addresses, Port: at.Port, Path: at.Path}
	}
	p.hub.ReportMdnsEntries(entries, changed)
}

func (n *node) At(ski, host string, port int, path string) {
	n.places.Put(ski, host, port, path)
	n.places.report(true)
}

func (n *node) Gone(ski string) {
	n.places.Remove(ski)
	n.places.report(true)
}

func (n *node) Trust(ski string)      { n.RegisterRemoteSKI(ski) }
func (n *node) Untrust(ski string)    { n.UnregisterRemoteSKI(ski) }
func (n *node) Cancel(ski string)     { n.CancelPairingWithSKI(ski) }
func (n *node) Disconnect(ski string) { n.DisconnectSKI(ski, "") }
func (n *node) MayWait(yes bool)      { n.alone.Store(!yes) }

func (n *node) tell(event, ski string, name string, value any) {
	if !n.Mute {
		drive.Tell(event, map[string]any{"ski": ski, name: value})
	}
}

func (n *node) RemoteSKIConnected(ski string)        { n.tell("known", ski, "by", "SHIP ID") }
func (n *node) RemoteSKIDisconnected(ski string)     { n.tell("disconnected", ski, "by", "hub") }
func (n *node) ServiceShipIDUpdate(ski, id string)   { n.tell("id", ski, "id", id) }
func (n *node) AllowWaitingForTrust(ski string) bool { return !n.alone.Load() }

func (n *node) SetupRemoteDevice(ski string,
	to api.ShipConnectionDataWriterInterface) api.ShipConnectionDataReaderInterface {
	return n.Open(ski, to)
}

func (n *node) VisibleRemoteServicesUpdated(all []api.RemoteService) {
	n.tell("seen", "", "services", all)
}

func (n *node) ServicePairingDetailUpdate(ski string, d *api.ConnectionStateDetail) {
	n.tell("state", ski, "state", d.State())
}

func main() {
	o := drive.ReadOptions()
	n := &node{}
	n.Echo, n.Mute = o.Echo, o.Mute
	if !o.Mute {
		n.Log = &drive.Log{}
		logging.SetLogging(n.Log)
	}
	var finder api.MdnsInterface = &n.places
	if o.Device != "" {
		finder = mdns.NewMDNS(o.Identity.SKI, "Interop", "Node", "Test", o.ID, o.ID, o.Port,
			[]string{o.Device}, mdns.MdnsProviderSelectionGoZeroConfOnly)
	}
	local := api.NewServiceDetails(o.Identity.SKI)
	local.SetShipID(o.ID)
	n.Hub = hub.NewHub(n, finder, o.Port, o.Identity.Cert, local)
	n.SetAutoAccept(o.Auto)
	for _, ski := range o.Trusted {
		n.Trust(ski)
	}
	n.Start()
	if err := o.Listening(); err != nil {
		drive.Fail(err)
	}
	o.Run(n)
	n.Shutdown()
}
