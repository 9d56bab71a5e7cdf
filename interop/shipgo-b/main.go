// SPDX-License-Identifier: BSD-3-Clause

// Command shipgo-b is ship-go of July 2026, led by the words of interop/ship_peer.go.
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

func (p *places) Start(_ api.PairingMode, hub api.MdnsReportInterface) error {
	p.hub = hub
	return nil
}

func (p *places) Shutdown()                                  {}
func (p *places) AnnounceMdnsEntry() error                   { return nil }
func (p *places) UnannounceMdnsEntry()                       {}
func (p *places) SetAutoAccept(bool)                         {}
func (p *places) RequestMdnsEntries()                        { go p.report(false) }
func (p *places) DeviceBrand() string                        { return "Interop" }
func (p *places) DeviceModel() string                        { return "Node" }
func (p *places) DeviceSerial() string                       { return "" }
func (p *places) DeviceType() string                         { return "Test" }
func (p *places) DeviceCategories() []api.DeviceCategoryType { return nil }

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

// is names a peer by its SKI alone.
func is(ski string) api.ServiceIdentity { return api.NewServiceIdentity(ski, "", "") }

func (n *node) Trust(ski string)      { n.RegisterRemoteService(is(ski)) }
func (n *node) Untrust(ski string)    { n.UnregisterRemoteService(is(ski)) }
func (n *node) Cancel(ski string)     { n.CancelPairing(is(ski)) }
func (n *node) Disconnect(ski string) { n.DisconnectService(is(ski), "") }
func (n *node) MayWait(yes bool)      { n.alone.Store(!yes) }

func (n *node) tell(event, ski string, name string, value any) {
	if !n.Mute {
		drive.Tell(event, map[string]any{"ski": ski, name: value})
	}
}

func (n *node) RemoteServiceConnected(who api.ServiceIdentity) {
	n.tell("known", who.SKI, "by", "state")
}

func (n *node) RemoteServiceDisconnected(who api.ServiceIdentity) {
	n.tell("disconnected", who.SKI, "by", "hub")
}

func (n *node) ServiceUpdated(who api.ServiceIdentity) { n.tell("id", who.SKI, "id", who.ShipID) }

func (n *node) AllowWaitingForTrust(api.ServiceIdentity) bool { return !n.alone.Load() }

func (n *node) SetupRemoteService(who api.ServiceIdentity,
	to api.ShipConnectionDataWriterInterface) api.ShipConnectionDataReaderInterface {
	return n.Open(who.SKI, to)
}

func (n *node) VisibleRemoteMdnsServicesUpdated(all []api.RemoteMdnsService) {
	n.tell("seen", "", "services", all)
}

func (n *node) ServicePairingDetailUpdate(who api.ServiceIdentity, d *api.ConnectionStateDetail) {
	n.tell("state", who.SKI, "state", d.State())
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
		finder = mdns.NewMDNS(o.Identity.SKI, "Interop", "Node", "Test", "", nil, o.ID, o.ID, o.Port,
			[]string{o.Device}, mdns.MdnsProviderSelectionGoZeroConfOnly)
	}
	local, err := api.NewServiceDetails(o.Identity.SKI, "", o.ID)
	if err == nil {
		n.Hub, err = hub.NewHub(n, finder, o.Port, o.Identity.Cert, local, nil, nil)
	}
	if err != nil {
		drive.Fail(err)
	}
	if len(o.Trusted) > 0 { // it is to serve all of these
		n.SetMaxConnections(len(o.Trusted) + 10)
	}
	n.SetAutoAccept(o.Auto)
	for _, ski := range o.Trusted {
		n.Trust(ski)
	}
	if err = n.Start(); err == nil {
		err = o.Listening()
	}
	if err != nil {
		drive.Fail(err)
	}
	o.Run(n)
	n.Shutdown()
}
